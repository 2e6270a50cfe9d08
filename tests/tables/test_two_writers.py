"""Two commands with one output: one of them writes the table, the other one says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from affectspace.files import locked_output

TEXT = "emotion\n" + "joy\nfear\nanger\n" * 15_000
WORDS = "said\n" + "a good day\nnothing bad at all\n" * 20_000


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "affectspace", *map(str, arguments)]


@pytest.fixture(params=["annotate", "lexicon"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> list[object]:
    """The arguments of a command, without --out."""
    if request.param == "annotate":
        (tmp_path / "t.csv").write_text(TEXT)
        return ["annotate", "sample", tmp_path / "t.csv"]
    (tmp_path / "t.csv").write_text(WORDS)
    (tmp_path / "words.csv").write_text("word,v,a,d\ngood,0.8,0.1,0.2\nbad,-0.7,0.2,-0.1\n")
    return [
        "lexicon",
        "score",
        tmp_path / "t.csv",
        "--text",
        "said",
        "--lexicon",
        tmp_path / "words.csv",
        "--columns",
        "term=word,valence=v,arousal=a,dominance=d",
    ]


def test_two_commands_with_one_output(job: list[object], tmp_path: Path) -> None:
    subprocess.run(command(*job, "--out", tmp_path / "alone.csv"), check=True, capture_output=True)
    out = tmp_path / "out.csv"
    both = [subprocess.Popen(command(*job, "--out", out), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    [refused] = [error for process, error in zip(both, errors, strict=True) if process.returncode]
    assert "another process is writing this" in refused or "exists already; use --force" in refused
    assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name[0] == "." or path.suffix == ".partial"]


def test_a_table_that_is_being_written_stays_as_it_is(job: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("older")
    with locked_output(out):
        done = subprocess.run(command(*job, "--out", out, "--force"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{out}: another process is writing this; wait until it has finished, or choose another --out" in done.stderr
    assert out.read_text() == "older"
