"""How a command stops: Ctrl-C says what is left and what the same command does next, and the system's refusals are one line."""

import sys
from pathlib import Path
from typing import Any

import pytest

from affectspace import cli
from affectspace.annotation import tables as annotation_tables


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run the whole program; return its status and what it prints on stderr."""
    monkeypatch.setattr(sys, "argv", ["affectspace", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0), capsys.readouterr().err


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text("emotion\njoy\nfear\n")
    return path


def raising(error: BaseException) -> Any:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    return stop


def test_an_interrupted_command_that_begins_again(
    names: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(annotation_tables, "_levels", raising(KeyboardInterrupt()))
    out = names.with_name("out.csv")
    status, error = run(monkeypatch, capsys, "annotate", "sample", names, "--levels", "--out", out)
    assert (status, error) == (130, "affectspace: interrupted; the same command begins from the start\n")
    assert [path.name for path in names.parent.iterdir()] == ["names.csv"]


def test_an_interrupt_after_the_last_row_says_that_the_output_is_complete(
    names: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from affectspace.cli import annotate

    monkeypatch.setattr(annotate, "_show", raising(KeyboardInterrupt()))
    out = names.with_name("out.csv")
    status, error = run(monkeypatch, capsys, "annotate", "sample", names, "--out", out)
    assert (status, error) == (130, f"affectspace: interrupted after {out} was written completely\n")
    assert len(out.read_text().splitlines()) == 3


def test_an_interrupted_command_that_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from affectspace.training import configuration

    monkeypatch.setattr(configuration, "read_config", raising(KeyboardInterrupt()))
    status, error = run(monkeypatch, capsys, "train", "any.yaml", "--out", tmp_path / "run")
    assert (status, error) == (130, "affectspace: interrupted; run the same command again to continue\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(36, "File name too long", "x" * 300), "File name too long"),
        (PermissionError(13, "Permission denied", "/proc/x"), "/proc/x: Permission denied"),
        (MemoryError(), "there is not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "use fewer rows, a smaller batch"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    error: Exception, message: str, names: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(annotation_tables, "_levels", raising(error))
    out = names.with_name("out.csv")
    status, printed = run(monkeypatch, capsys, "annotate", "sample", names, "--levels", "--out", out)
    assert status == 2
    assert message in printed
    assert printed.startswith("affectspace: ")
    assert printed.count("\n") == 1


def test_an_error_of_ours_keeps_its_traceback(
    names: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(annotation_tables, "_levels", raising(RuntimeError("a bug")))
    monkeypatch.setattr(sys, "argv", ["affectspace", "annotate", "sample", str(names), "--levels", "--out", "out.csv"])
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main()
