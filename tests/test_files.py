"""Files written whole or not at all, and what a full disk says."""

from pathlib import Path

import pytest

from affectspace.errors import RunError
from affectspace.files import write_atomic


def fails_with(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 153984 vs 153872"),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_one_clear_line_and_leaves_nothing_half_written(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "last.ckpt"
    path.write_text("older")

    def write(partial: Path) -> None:
        partial.write_text("half")
        fails_with(error)

    with pytest.raises(RunError, match="free some space or choose another place"):
        write_atomic(path, write)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a bug"):
        write_atomic(tmp_path / "a", lambda partial: fails_with(ValueError("a bug")))
