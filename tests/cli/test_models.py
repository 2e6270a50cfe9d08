"""`affectspace models`: the list, JSON, and cards; predictions with models that ship."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError

from ..prediction.conftest import _backbones, make_run, tone  # noqa: F401
from ..prediction.test_pretrained import shipped  # noqa: F401


def test_the_list_and_a_card(shipped: Path) -> None:  # noqa: F811
    output = CliRunner().invoke(app, ["models"]).stdout
    assert "voice: a voice" in output
    assert "  reads      audio, video" in output
    assert "  licence    CC BY-NC-SA 4.0 (voice may not be used commercially)" in output
    assert "  scores     d (3 rows, 1 seed): r 0.500" in output
    assert output.splitlines()[-1].startswith("any, the default: text, voice, face, whichever reads the input")
    data = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [model["name"] for model in data] == ["text", "voice", "face"]
    assert data[1]["kinds"] == ["audio", "video"]
    assert CliRunner().invoke(app, ["models", "card", "text"]).stdout == "# The card\n"
    assert isinstance(CliRunner().invoke(app, ["models", "card", "none"]).exception, ConfigError)


@pytest.mark.parametrize(("word", "command"), [("voice", "models card voice"), ("nosuch", "models card NAME")])
def test_another_word_is_answered_with_the_names_of_the_models(shipped: Path, word: str, command: str) -> None:  # noqa: F811
    error = CliRunner().invoke(app, ["models", word]).exception
    assert isinstance(error, ConfigError)
    assert f"no command '{word}'; `affectspace {command}`" in str(error)
    assert str(error).endswith("text, voice, face")


def test_predictions_say_once_what_their_licence_forbids(shipped: Path, tmp_path: Path) -> None:  # noqa: F811
    sounds = [str(tone(tmp_path / f"{name}.wav", 1.0)) for name in "ab"]
    result = CliRunner().invoke(app, ["predict", *sounds, "hello"])
    assert result.stderr.count("note: voice may not be used commercially\n") == 1
    assert "licence    CC BY-NC-SA 4.0" in result.stdout
    data = json.loads(CliRunner().invoke(app, ["predict", "hello", "--json"]).stdout)
    assert (data["model"], data["licence"], data["notices"]) == ("any", "CC BY-SA 4.0", [])
    assert data["predictions"][0]["licence"] == "CC BY-SA 4.0"
    data = json.loads(CliRunner().invoke(app, ["predict", "hello", sounds[0], "--together", "--json"]).stdout)
    assert data["licence"] == "CC BY-NC-SA 4.0"
    with pytest.raises(ConfigError, match="no model 'none'"):
        raise CliRunner().invoke(app, ["predict", "hello", "--model", "none"]).exception  # type: ignore[misc]
