"""`affectspace corpus list|describe|make`."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app, main
from affectspace.errors import ConfigError, DataError


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["corpus", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "index.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "emotion", "valence", "arousal", "width", "height", "[odd]"])
        for i in range(30):
            writer.writerow([f"p{i % 5}", ("joy", "sad")[i % 2], i / 30, -i / 30, 40 + i, 60, "[x]"])
    return path


def test_list() -> None:
    assert "IMFDB_final/<actor>/<movie>" in run("list")
    listed = json.loads(run("list", "--json"))
    assert {"imfdb", "afew_va", "affectnet", "iemocap", "mosi", "mosei", "ch_sims", "emobank", "meld"} < set(listed)
    assert {"ravdess", "emodb", "cremad", "vreg", "table", "faces", "speakers"} < set(listed)


def test_describe(index: Path) -> None:
    text = run("describe", "table", index, "--columns", "person=who", "--where", "min(width, height) >= 48")
    text = " ".join(text.split())
    for part in ("22 rows, 5 people", "happiness", "valence", "shorter side", "[odd]", "where min(width, height) >= 48",
                 "train and test share 4 people", "licence"):  # fmt: skip
        assert part in text
    described = json.loads(run("describe", "table", index, "--columns", "person=who", "--json"))
    assert described["rows"] == 30
    assert described["splits"]["person"]["shared"] == {}


@pytest.mark.parametrize("command", ["corpus describe", "extract", "adapt", "annotate label", "annotate fit"])
def test_impossible_scales_fail_before_anything_is_read(tmp_path: Path, command: str) -> None:
    table = ["text"] if command == "adapt" else [] if command.startswith("annotate") else ["table"]
    call = [*command.split(), *table, str(tmp_path / "gone.csv"), "--scale"]
    if command != "corpus describe":
        call = [*call[:-1], "--out", str(tmp_path / "out.csv"), "--scale"]
    for scale, axes, message in (
        ("7:1", "valence", "low must be below high"),
        ("1:7", "banana", "'banana' is no axis"),
    ):
        result = CliRunner().invoke(app, [*call, scale, "--axes", axes])
        assert isinstance(result.exception, ConfigError)
        assert message in str(result.exception)


def test_describe_errors(index: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="uses the unknown column 'size'"):
        run("describe", "table", index, "--where", "size > 3")
    with pytest.raises(ConfigError, match="is not OURS=THEIRS"):
        run("describe", "table", index, "--columns", "who")
    with pytest.raises(DataError, match="there is no such file or folder"):
        run("describe", "imfdb", tmp_path / "gone")


def test_make_faces_and_describe_them(tmp_path: Path) -> None:
    out = tmp_path / "faces"
    assert "12 faces of 4 people" in run("make", "faces", out, "--n", 12, "--people", 4, "--size", 32)
    assert json.loads(run("describe", "faces", out, "--json"))["rows"] == 12
    assert "12 rows, 4 people" in run("describe", "faces", out)


def test_what_the_user_can_put_right_exits_with_2(tmp_path: Path, index: Path, monkeypatch, capsys) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.csv").write_text("mine")
    few = ("--n", "4", "--people", "2", "--size", "16")
    for arguments, message in (
        (("corpus", "make", "faces", str(tmp_path / "mine"), "--force", *few), "(nothing was changed)"),
        (("corpus", "make", "faces", str(index), *few), "drawn faces cannot be written to this folder"),
        (("corpus", "make", "faces", str(index / "below"), *few), "Not a directory; choose another place"),
        (("corpus", "describe", "table", str(index), "--where", "valence / 0 > 1"), "valence: 0 .. 0.966667"),
        (("annotate", "sample", str(index), "--prefix", "p_", "--out", str(index / "x.csv")), "Not a directory"),
    ):
        monkeypatch.setattr("sys.argv", ["affectspace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        outputs = capsys.readouterr().err
        assert ended.value.code == 2, outputs
        assert message in outputs
    assert [path.read_text() for path in (tmp_path / "mine").iterdir()] == ["mine"]


def test_help_keeps_its_brackets(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "-> [valence, arousal]" in " ".join(run("make", "faces", "--help").split())


def test_make_faces_from_levels(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({f"00{clip}_0000{i}": [clip, -i] for clip in (1, 2, 3) for i in range(2)}))
    assert "6 faces of 3 people" in run("make", "faces", tmp_path / "out", "--level-labels", labels, "--size", 32)
    with pytest.raises(DataError):
        run("make", "faces", tmp_path / "out2", "--level-labels", tmp_path / "gone.json")


def test_more_people_than_faces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"number of people \(40\) is larger than the number of faces \(3\)"):
        CliRunner().invoke(app, ["corpus", "make", "faces", str(tmp_path / "out"), "--n", "3"], catch_exceptions=False)
