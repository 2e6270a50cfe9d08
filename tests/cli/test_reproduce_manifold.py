"""`affectspace reproduce manifold`: what it offers, and one line where something is missing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["reproduce", "manifold", *arguments], catch_exceptions=False)
    return result.output


def test_help_names_every_corpus() -> None:
    summary = run("--help")
    for word in ("--data", "--emobank", "--vreg", "--iemocap", "--mosei", "--features", "--only", "--table", "--quick"):
        assert word in summary


def test_an_experiment_that_is_none_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="--only text_axis: there is no such experiment; choose from text_axes, zero_shot_text"
    ):
        run("--out", str(tmp_path / "study"), "--only", "text_axis")
    assert not (tmp_path / "study").exists()


def test_a_corpus_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--only zero_shot_audio needs RAVDESS, Berlin EmoDB: pass the corpus"):
        run("--out", str(tmp_path / "study"), "--data", str(tmp_path), "--only", "zero_shot_audio")


@pytest.mark.parametrize("option", ["--data", "--emobank", "--lexicon"])
def test_a_folder_that_does_not_exist_is_refused_at_once(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match="nowhere: there is no such f"):
        run("--out", str(tmp_path / "study"), option, str(tmp_path / "nowhere"))
    assert not (tmp_path / "study").exists()
