"""Files are written completely or not at all, by one process at a time; a full disk is an error with a remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from affectspace.errors import RunError
from affectspace.files import (
    answered,
    is_written,
    locked_folder,
    locked_output,
    partial_path,
    remove_partials,
    text_of,
    write_atomic,
    write_text,
)


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


def test_a_place_that_is_read_only_is_named_in_whatever_words(tmp_path: Path) -> None:
    for error in (OSError(30, "Read-only file system"), ValueError("I/O error: Read-only (os error 30) at path x")):
        with pytest.raises(RunError, match=r"cannot write .*a: Read-only file system; choose another place"):
            write_atomic(tmp_path / "a", lambda partial, error=error: fails_with(error))


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


def test_a_folder_is_renamed_like_a_file(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        partial.mkdir()
        (partial / "a").write_text("a")

    write_atomic(tmp_path / "folder", write)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/a"]


WRITER = """
import sys
from pathlib import Path
from affectspace.files import write_text

for number in range(100):
    write_text(Path(sys.argv[1]), sys.argv[2] * 2000)
"""


def test_many_processes_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "shared.txt"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "abc"]
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            assert path.read_text() in {letter * 2000 for letter in "abc"}
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_partial_files_are_new_short_and_known(tmp_path: Path) -> None:
    names = {partial_path(tmp_path / ("ü" * 120)) for _ in range(20)}
    assert len(names) == 20
    for path in names:
        path.touch()  # the system takes it
    (tmp_path / "download.partial").touch()
    remove_partials(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["download.partial"]


def test_a_locked_output_is_refused_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with locked_output(path):
        with pytest.raises(RunError, match=r"out\.csv: another process is writing this; wait .* another --out"):
            locked_output(path).__enter__()
        with locked_output(tmp_path / "other.csv"):
            pass
    with locked_output(path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_is_locked_for_one(tmp_path: Path) -> None:
    busy = pytest.raises(RunError, match="another process is training in this folder")
    with locked_folder(tmp_path / "run", "training"), busy:
        locked_folder(tmp_path / "run", "training").__enter__()
    with locked_folder(tmp_path / "run", "training"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/run: Not a directory; choose another place"):
        locked_folder(tmp_path / "file" / "run", "training").__enter__()


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dead").symlink_to("nowhere")
    (tmp_path / "file").touch()
    with os.scandir(tmp_path) as entries:
        assert [entry.name for entry in entries if answered(entry.is_file)] == ["file"]


def test_a_pipe_is_no_text_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe or device, not a file"):
        text_of(tmp_path / "pipe")
    (tmp_path / "file").write_text("é", encoding="utf-8")
    assert text_of(tmp_path / "file") == "é"
