"""`affectspace demo`: what it refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(ConfigError, match="out is a file; give a folder"):
        CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")], catch_exceptions=False)
