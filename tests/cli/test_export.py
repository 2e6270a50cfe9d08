"""`affectspace export`: what it needs."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError, RunError

from ..prediction.conftest import _backbones, make_run  # noqa: F401

MakeRun = Callable[..., Path]
SMALL = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}


def test_a_package_that_is_missing_is_named(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    run = make_run("text", "audio", **SMALL)
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = CliRunner().invoke(app, ["export", str(run), "--out", str(tmp_path / "m.onnx")])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception) == "the export needs onnx: pip install 'affectspace[onnx]'"


def test_a_folder_instead_of_a_file_is_refused(make_run: MakeRun, tmp_path: Path) -> None:  # noqa: F811
    result = CliRunner().invoke(app, ["export", str(make_run("text", **SMALL)), "-o", str(tmp_path)])
    assert isinstance(result.exception, RunError)
    assert str(result.exception) == f"{tmp_path} is a folder; give a file, such as model.onnx"
