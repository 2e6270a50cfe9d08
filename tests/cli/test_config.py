"""`affectspace config`: the examples are listed and printed, and each of them is read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.cli.config import examples
from affectspace.errors import ConfigError


def test_examples_are_listed_and_printed() -> None:
    listed = json.loads(CliRunner().invoke(app, ["config", "list", "--json"]).stdout)
    names = {path.stem for path in (Path(__file__).parents[2] / "configs").glob("*.yaml")}
    assert {row["name"] for row in listed} == names == set(examples())
    assert all(row["summary"] for row in listed)
    text = CliRunner().invoke(app, ["config", "list"]).stdout
    assert "manifold_emobank  The affective manifold on sentences with ratings." in text
    for name in ("levasa", "levasa.yaml"):
        shown = CliRunner().invoke(app, ["config", "show", name])
        assert shown.stdout == examples()["levasa"].read_text(encoding="utf-8")


def test_an_unknown_example_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"there is no example 'nope'; choose from .*levasa, "):
        CliRunner().invoke(app, ["config", "show", "nope"], catch_exceptions=False)
