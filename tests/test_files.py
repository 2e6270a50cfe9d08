"""Files are written completely or not at all, and a full disk is an error with a remedy."""

from pathlib import Path

import pytest

from affectspace.errors import RunError
from affectspace.files import is_written, write_atomic, write_text


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
def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "last.ckpt"
    path.write_text("older")

    def write(partial: Path) -> None:
        partial.write_text("half")
        fails_with(error)

    with pytest.raises(RunError, match="free some space or choose another place"):
        write_atomic(path, write)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a bug"):
        write_atomic(tmp_path / "a", lambda partial: fails_with(ValueError("a bug")))


def test_only_files_with_content_are_written(tmp_path: Path) -> None:
    assert not is_written(tmp_path / "a")
    (tmp_path / "a").touch()
    assert not is_written(tmp_path / "a")
    write_text(tmp_path / "below" / "a", "é")
    assert is_written(tmp_path / "below" / "a")
    assert (tmp_path / "below" / "a").read_bytes() == "é".encode()
