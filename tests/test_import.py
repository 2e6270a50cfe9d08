"""What importing costs: the package and its command line load no heavy library."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from affectspace.cli import COMMANDS, app

HEAVY = ("torch", "pandas", "sklearn", "scipy", "matplotlib", "PIL")


def imported_by(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules a fresh Python imports for a piece of code."""
    code = f"import sys\n{code}\nprint(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    "module", ["affectspace", "affectspace.affect", "affectspace.cli", "affectspace.models.manifold.config"]
)
def test_nothing_heavy_is_imported(module: str) -> None:
    assert imported_by(f"import {module}", HEAVY) == []


def test_no_command_imports_another_one_or_a_heavy_library() -> None:
    commands = tuple(f"affectspace.cli.{module}" for module, _ in COMMANDS.values())
    code = "from affectspace.cli import load_command; load_command('predict')"
    assert imported_by(code, (*commands, *HEAVY)) == ["affectspace.cli.predict"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed_and_has_help(command: str) -> None:
    assert f"\n  {command} " in CliRunner().invoke(app, ["--help"]).output
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f" {command} " in shown.output.splitlines()[0]


def test_a_command_that_does_not_exist_is_corrected() -> None:
    shown = CliRunner().invoke(app, ["predikt"])
    assert shown.exit_code == 2
    assert "No such command 'predikt'. Did you mean 'predict'?" in shown.output


def test_public_names_load_and_unknown_ones_say_what_there_is() -> None:
    import affectspace

    assert affectspace.AnnotationTransfer.__name__ == "AnnotationTransfer"
    assert set(dir(affectspace)) >= {"AnnotationTransfer", "Levasa", "load", "read_corpus"}
    with pytest.raises(AttributeError, match="attribute Levassa"):
        _ = affectspace.Levassa
