"""Folders of synthetic corpora: finished ones are read, interrupted ones continue, and nothing else is overwritten."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from affectspace.corpora import Corpus, read_corpus
from affectspace.errors import DataError, RunError
from affectspace.files import partial_path
from affectspace.synthetic.faces import make_faces
from affectspace.synthetic.speakers import make_speakers

Make = Callable[..., Corpus]
KINDS = {"faces": "drawn faces", "speakers": "synthetic speakers"}


@pytest.fixture(params=list(KINDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(name: str) -> Make:
    def small(out: Path, n: int = 6, **options: object) -> Corpus:
        if name == "faces":
            return make_faces(out, n=n, people=2, size=16, **options)  # type: ignore[arg-type]
        return make_speakers(out, n=n, people=2, turns=2, modalities=("text", "audio"), **options)  # type: ignore[arg-type]

    return small


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_corpus_is_only_read(tmp_path: Path, name: str, make: Make) -> None:
    made = make(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert make(tmp_path).table.equals(made.table)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert "state" not in json.loads((tmp_path / "corpus.json").read_text())
    message = rf"holds {KINDS[name]} with other settings \(seed.*\); .* force=True \(--force\)"
    with pytest.raises(DataError, match=message):
        make(tmp_path, seed=1)
    assert len(make(tmp_path, n=4, force=True)) == 4


def test_an_interrupted_corpus_continues(tmp_path: Path, name: str, make: Make) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    make(whole)
    killed.mkdir()
    about = json.loads((whole / "corpus.json").read_text())
    (killed / "corpus.json").write_text(json.dumps(about | {"state": "making"}))
    partial_path(killed / "index.csv").write_bytes(b"half")
    with pytest.raises(DataError, match=f"are not finished; .*`affectspace corpus make {name} .* same options"):
        read_corpus(name, killed)
    make(killed)
    assert contents(killed) == contents(whole)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "files",
    [
        {"index.csv": "mine", "faces.zip": "mine"},
        {"notes.txt": ""},
        {"corpus.json": '{"kind": "run"}', "index.csv": "mine"},
        {"corpus.json": "[]"},
        {"corpus.json": "{", "notes.txt": ""},
    ],
)
def test_other_files_are_not_touched(tmp_path: Path, name: str, make: Make, files: dict[str, str], force: bool) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    before = contents(tmp_path)
    message = rf"is not empty and does not hold {KINDS[name]}; .*\(nothing was changed\)"
    with pytest.raises(DataError, match=message):
        make(tmp_path, force=force)
    assert contents(tmp_path) == before


def test_folders_that_cannot_be_written(tmp_path: Path, name: str, make: Make) -> None:
    (tmp_path / "file").write_text("mine")
    message = rf"file: {KINDS[name]} cannot be written to this folder \(Not a directory\); choose another"
    with pytest.raises(RunError, match=message):
        make(tmp_path / "file")
    for out in (tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(RunError, match=f"{KINDS[name]} cannot be written"):
            make(out)
    if Path("/proc").is_dir():
        with pytest.raises(RunError, match=r"cannot write /proc/made/corpus\.json"):
            make(Path("/proc/made"))
    assert (tmp_path / "file").read_text() == "mine"


def test_damaged_folders_are_refused(tmp_path: Path, name: str, make: Make) -> None:
    make(tmp_path)
    index, about = tmp_path / "index.csv", tmp_path / "corpus.json"
    good = index.read_text()
    for text, message in (
        (good.replace("arousal", "anger", 1), "no column 'arousal'"),
        ("".join(good.splitlines(keepends=True)[:-1]), r"5 rows, but corpus\.json states 6"),
        ("", r"index\.csv: cannot be read: it is empty"),
    ):
        index.write_text(text)
        with pytest.raises(DataError, match=message):
            read_corpus(name, tmp_path)
    index.write_text(good)
    for text, message in (('{"kind": "run"}', f"does not describe {KINDS[name]}"), ("{", "the JSON breaks off")):
        about.write_text(text)
        with pytest.raises(DataError, match=message):
            read_corpus(name, tmp_path)


def test_missing_files_are_counted(tmp_path: Path) -> None:
    faces, speakers = tmp_path / "faces", tmp_path / "speakers"
    make_faces(faces, n=4, people=2, size=16)
    index = faces / "index.csv"
    index.write_text(index.read_text().replace("p000/", "q/"))
    with pytest.raises(DataError, match=r"2 image files in index.csv are missing, the first is 'q/"):
        read_corpus("faces", faces)
    pd.read_csv(index).to_csv(index, index=False)
    (faces / "faces.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match="neither a folder nor a readable zip"):
        read_corpus("faces", faces)
    make_speakers(speakers, n=4, people=2, modalities=("text", "audio"))
    next(speakers.rglob("*.wav")).unlink()
    with pytest.raises(DataError, match=r"1 audio files in index\.csv are missing, the first is"):
        read_corpus("speakers", speakers)
