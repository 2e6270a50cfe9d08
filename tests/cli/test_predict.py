"""`affectspace predict`: one input, folders, tables, trajectories, and everything that can be wrong with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from affectspace.affect import AXES
from affectspace.cli import app
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.prediction import Prediction, Predictor

from ..prediction.conftest import RATE, _backbones, make_run, tone  # noqa: F401

MakeRun = Callable[..., Path]
SMALL = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}


def run(*arguments: object) -> Result:
    """The result; what the user can put right is raised, as `main` gets it."""
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def text_run(make_run: MakeRun) -> Path:  # noqa: F811
    return make_run("text", "audio", **SMALL)


def test_a_sentence(text_run: Path) -> None:
    result = run("--run", text_run, "--text", "What a [bold] day :smile:")
    assert result.exit_code == 0
    expected = Predictor.of_run(text_run).predict(text="What a [bold] day :smile:")
    lines = result.stdout.splitlines()
    assert lines[1].split()[:3] == ["valence", f"{expected.valence:+.2f}", f"±{expected.deviation.valence:.2f}"]
    assert f"emotion    {expected.emotion} {expected.probability:.2f}" in result.stdout
    assert "from       text" in result.stdout
    assert "labels     transferred from emotions in training: proxies, not ratings" in result.stdout
    assert "●" in lines[1]
    data = answer("--run", text_run, "--text", "What a [bold] day :smile:")
    assert data["run"] == str(text_run)
    assert data["labels"] == ["transferred"]
    assert data["failures"] == []
    [one] = data["predictions"]
    assert one["valence"] == {
        "mean": pytest.approx(expected.valence, abs=1e-4), "deviation": pytest.approx(expected.deviation.valence, abs=1e-4),
    }  # fmt: skip
    assert list(one["by_modality"]) == ["text"]
    assert one["emotion"] == expected.emotion


def test_one_moment_of_several_kinds(text_run: Path, tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 1.0)
    [both] = answer("--run", text_run, "hello", sound, "--together")["predictions"]
    assert both["id"] == str(sound)
    assert list(both["by_modality"]) == ["text", "audio"]
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    [again] = answer("--run", text_run, tmp_path / "a.txt", sound, "--together")["predictions"]
    assert again["valence"] == both["valence"]
    assert "text" in run("--run", text_run, "hello", sound, "--together").stdout.splitlines()[0]
    with pytest.raises(DataError, match=r"b\.wav: one sample takes one input of kind audio.* without --together"):
        run("--run", text_run, sound, tone(tmp_path / "b.wav", 1.0), "--together")
    apart = answer("--run", text_run, "hello", sound)["predictions"]
    assert [list(one["by_modality"]) for one in apart] == [["text"], ["audio"]]
    assert [one["id"] for one in apart] == ["hello", str(sound)]


def test_a_folder(text_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    tone(folder / "b.wav", 1.0)
    (folder / "a.txt").write_text("a text", encoding="utf-8")
    (folder / "deep" / "c.txt").write_bytes("umlaut \xe4".encode("latin-1"))
    (folder / "d.wav").touch()
    (folder / "e.xyz").touch()
    (folder / ".hidden.txt").write_text("not looked at")
    Image.new("RGB", (4, 4)).save(folder / "f.png")
    out = tmp_path / "out.parquet"
    result = run("--run", text_run, folder, "--out", out)
    assert result.exit_code == 0
    assert "2 of 4 have no prediction:" in result.stderr
    assert f"{folder / 'd.wav'}: the file is empty (0 bytes)" in result.stderr
    assert "not a text in UTF-8 (byte 7); save it as UTF-8" in result.stderr
    assert "skipped: 1 .xyz" in result.stderr
    assert "skipped: 1 .png" in result.stderr
    assert f"wrote {out}" in result.stdout
    table = pd.read_parquet(out)
    assert table["id"].tolist() == ["a.txt", "b.wav", "d.wav", "deep/c.txt"]
    assert table["valence"].notna().tolist() == [True, True, False, False]
    assert table["modalities"].tolist()[:2] == ["text", "audio"]
    data = answer("--run", text_run, folder)
    assert [one["id"] for one in data["predictions"]] == ["a.txt", "b.wav"]
    assert [one["id"] for one in data["failures"]] == ["d.wav", "deep/c.txt"]


def test_a_table_keeps_its_rows_and_gets_columns(text_run: Path, tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 1.0)
    (tmp_path / "t.csv").write_text(
        'id,said,file,n\nx,hello,a.wav,007\ny,,a.wav,1\nz,"a, b",,2\nw,,,3\nv,hm,gone.wav,4\n'
    )
    out = tmp_path / "out.csv"
    columns = ("--text-column", "said", "--audio-column", "file", "--id-column", "id")
    result = run("--run", text_run, tmp_path / "t.csv", *columns, "--out", out)
    assert result.exit_code == 0
    table = pd.read_csv(out, dtype={"n": str})
    assert table.columns[:4].tolist() == ["id", "said", "file", "n"]
    assert table["n"].tolist() == ["007", "1", "2", "3", "4"]
    assert table["modalities"].tolist()[:3] == ["text+audio", "audio", "text"]
    assert table["reason"].tolist()[3] == "its cells are empty"
    assert table["reason"].tolist()[4] == f"{tmp_path / 'gone.wav'}: there is no such file"
    assert table["valence"].notna().tolist() == [True, True, True, False, False]
    assert "w: its cells are empty" in result.stderr
    assert "2 of 5 have no prediction:" in result.stderr
    expected = Predictor.of_run(text_run).predict(text="a, b")
    assert table["arousal"][2] == pytest.approx(expected.arousal, abs=1e-4)
    with pytest.raises(RunError, match=r"out\.csv exists already; use --force to replace it"):
        run("--run", text_run, tmp_path / "t.csv", *columns, "--out", out)
    assert run("--run", text_run, tmp_path / "t.csv", *columns, "--out", out, "--force").exit_code == 0
    with pytest.raises(DataError, match=r"already has columns .*; give the new ones other names with --prefix"):
        run("--run", text_run, out, *columns, "--out", tmp_path / "again.csv")
    run("--run", text_run, out, *columns, "--out", tmp_path / "again.csv", "--prefix", "new_")
    assert "new_valence" in pd.read_csv(tmp_path / "again.csv")


def test_a_parquet_table_with_cuts(text_run: Path, tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 4.0)
    frame = pd.DataFrame({"file": ["a.wav"] * 3, "from": [0.0, 1.0, np.nan], "to": [1.0, 3.0, np.nan]})
    frame.to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "out.parquet"
    run(
        "--run", text_run, tmp_path / "t.parquet", "--audio-column", "file", "--start-column", "from", "--end-column", "to",
        "--out", out,
    )  # fmt: skip
    predictor, table = Predictor.of_run(text_run), pd.read_parquet(out)
    for row, (start, end) in enumerate([(0.0, 1.0), (1.0, 3.0), (None, None)]):
        expected = predictor.predict(audio=tmp_path / "a.wav", start=start, end=end)
        assert table["valence"][row] == pytest.approx(expected.valence, abs=1e-4)


def test_many_rows_are_shown_in_part(text_run: Path, tmp_path: Path) -> None:
    pd.DataFrame({"text": ["good", ""] * 30}).to_csv(tmp_path / "t.csv", index=False)
    result = run("--run", text_run, tmp_path / "t.csv", "--text-column", "text")
    assert "row 1 " in result.stdout
    assert "more; --out writes all of them" in result.stdout
    assert "30 of 60 have no prediction:" in result.stderr
    assert "and 10 more" in result.stderr
    assert len(answer("--run", text_run, tmp_path / "t.csv", "--text-column", "text")["predictions"]) == 30


def test_ready_made_vectors(make_run: MakeRun, tmp_path: Path) -> None:  # noqa: F811
    facts = {"units": {"name": "units:vectors", "modality": "units", "settings": {}, "columns": ["a", "b", "c", "d"]}}
    folder = make_run("units", facts=facts, **SMALL)
    frame = pd.DataFrame({"id": ["x.mp4", "y.mp4"], "d": [4.0, 0.4], "c": [3.0, 0.3], "a": [1.0, 0.1], "b": [2.0, 0.2]})
    frame.to_csv(tmp_path / "units.csv", index=False)
    data = answer("--run", folder, "--vectors", f"units={tmp_path / 'units.csv'}")
    assert [one["id"] for one in data["predictions"]] == ["x.mp4", "y.mp4"]
    expected = Predictor.of_run(folder).predict(vectors={"units": np.array([1.0, 2, 3, 4])})
    assert data["predictions"][0]["valence"]["mean"] == pytest.approx(expected.valence, abs=1e-4)
    pd.DataFrame({"name": ["y", "x", "q"]}).to_csv(tmp_path / "t.csv", index=False)
    rows = answer(
        "--run", folder, tmp_path / "t.csv", "--id-column", "name", "--vectors", f"units={tmp_path / 'units.csv'}"
    )
    assert [one["id"] for one in rows["predictions"]] == ["y", "x"]
    assert rows["predictions"][1]["valence"] == data["predictions"][0]["valence"]
    assert rows["failures"] == [
        {"id": "q", "reason": "no ready-made vector has its id or file name, and its cells are empty"}
    ]
    frame.drop(columns="b").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(DataError, match=r"its columns are not those that the run was trained on .it lacks 'b'"):
        run("--run", folder, "--vectors", f"units={tmp_path / 'less.csv'}")
    with pytest.raises(DataError, match=r"nowhere\.csv: there is no such file"):
        run("--run", folder, "--vectors", "units=nowhere.csv")
    with pytest.raises(ConfigError, match="write it as MODALITY=FILE"):
        run("--run", folder, "--vectors", "units.csv")


def test_vectors_are_matched_with_rows_as_in_extract(make_run: MakeRun, tmp_path: Path) -> None:  # noqa: F811
    facts = {"units": {"name": "units:vectors", "columns": list("abcd")}}
    folder = make_run("units", facts=facts, **SMALL)
    for ids, keys, predicted in (
        (["A/001", "B/001"], ["B/001"], ["B/001"]),
        (["A/001", "B/001"], ["001"], []),
        (["s.1", "s.2", "s.3"], ["s.2"], ["s.2"]),
        (["001", "1", "1e5"], ["1", "1E5", "clips/001.wav"], ["001", "1"]),
        (["x/a.wav", "x/b.wav"], ["y/b.mp4"], ["x/b.wav"]),
    ):
        pd.DataFrame({"id": keys, **dict.fromkeys("abcd", 1.0)}).to_csv(tmp_path / "units.csv", index=False)
        pd.DataFrame({"name": ids}).to_csv(tmp_path / "t.csv", index=False)
        call = (
            "--run",
            folder,
            tmp_path / "t.csv",
            "--id-column",
            "name",
            "--vectors",
            f"units={tmp_path / 'units.csv'}",
        )
        result = run(*call, "--json")
        assert [one["id"] for one in json.loads(result.stdout)["predictions"]] == predicted
    assert "1 rows get the vector of the same file name in another folder" in run(*call).output


def test_sequences_are_pooled_as_in_the_training(make_run: MakeRun, tmp_path: Path) -> None:  # noqa: F811
    folder = make_run("units", facts={"units": {"name": "units:vectors", "settings": {"pool": "max"}}}, **SMALL)
    sequences = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    np.savez(tmp_path / "units.npz", x=sequences, files=["a", "b"])
    data = answer("--run", folder, "--vectors", f"units={tmp_path / 'units.npz'}")
    expected = Predictor.of_run(folder).predict(vectors={"units": sequences[1].max(axis=0)})
    assert data["predictions"][1]["valence"]["mean"] == pytest.approx(expected.valence, abs=1e-4)


def test_vectors_that_fail_are_named_and_a_foreign_modality_is_refused_once(
    make_run: MakeRun,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = make_run("units", facts={"units": {"name": "units:vectors", "columns": list("abcd")}}, **SMALL)
    units = tmp_path / "units.csv"
    units.write_text("id,a,b,c,d\nu,1,2,,4\nx,1,2,3,4\ni,1,inf,3,4\n")  # names that occur in every reason
    result = run("--run", folder, "--vectors", f"units={units}")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-3:] == [
        "2 of 3 have no prediction:",
        "  u: the vector of units has missing or infinite numbers",
        "  i: the vector of units has missing or infinite numbers",
    ]
    units.write_text("id,a,b,c,d\nu,1,2,,4\n")
    assert "  u: the vector of units has missing" in run("--run", folder, "--vectors", f"units={units}").stderr
    units.write_text("id,a,b,c,d\nu,1,2,3,4\n,1,2,3,4\n")
    with pytest.raises(DataError, match=r"units\.csv: row 2 has no id .1 such rows.; name it, or remove it"):
        run("--run", folder, "--vectors", f"units={units}")
    with pytest.raises(
        ConfigError, match=r"--vectors 'voice=.*': .* accepts no vectors of 'voice'; it reads .* of units"
    ):
        run("--run", folder, "--vectors", f"voice={units}")


def test_a_trajectory(text_run: Path, tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 12.0)
    out, figure = tmp_path / "out.csv", tmp_path / "t.png"
    result = run("--run", text_run, sound, "--window", 4, "--step", 2, "--out", out, "--figure", figure)
    assert "5 windows of 4 s" in result.stdout
    assert "1 window of 1 sentence\n" in run("--run", text_run, "--text", "A day.", "--window", 1).stdout
    with pytest.raises(ConfigError, match=r"window 0\.01: the shortest window is 0\.1 s"):
        run("--run", text_run, sound, "--window", 0.01)
    assert "inside the home base" in result.stdout
    table = pd.read_csv(out)
    assert table["start"].tolist() == [0, 2, 4, 6, 8]
    assert set(table["id"]) == {str(sound)}
    with Image.open(figure) as picture:
        assert picture.width > 500
    data = answer("--run", text_run, sound, "--window", 4, "--step", 2)
    [trajectory] = data["trajectories"]
    assert [one["axis"] for one in trajectory["dynamics"]] == ["valence", "arousal", "dominance"]
    assert [one["start"] for one in trajectory["windows"]] == [0, 2, 4, 6, 8]
    assert trajectory["whole"]["valence"]["mean"] == pytest.approx(table["valence"].mean(), abs=1e-3)
    assert data["predictions"][0]["valence"] == trajectory["whole"]["valence"]


def test_a_long_file_is_followed_without_being_asked(text_run: Path, tmp_path: Path) -> None:
    assert "windows of 4 s" in run("--run", text_run, tone(tmp_path / "long.wav", 70.0)).stdout
    assert "windows of 3 sentences" in run("--run", text_run, "--text", "It was a good day. " * 120).stdout


def test_trajectories_of_a_folder(text_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    tone(folder / "a.wav", 6.0)
    (folder / "b.wav").touch()
    (folder / "c.txt").write_text("One is good. Two is bad. Three is odd. Four is more.", encoding="utf-8")
    result = run("--run", text_run, folder, "--window", 2, "--step", 1, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0
    assert "b.wav: the file is empty" in result.stderr
    table = pd.read_csv(tmp_path / "out.csv")
    assert table.groupby("id").size().to_dict() == {"a.wav": 5, "c.txt": 3}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--text", ""), "text: the text is empty"),
        (("--text", "what?"), "it asks something"),
        (("silent.wav",), "silent.wav: the sound is silent"),
        (("noise.wav",), "noise.wav: not a sound that can be read"),
        (("a.png",), "has no modality that reads image; it reads text, audio, video"),
        (("silent.wav", "--window", "1", "--step", "1"), "silent.wav: the sound is silent"),
        (("--text", " ", "--window", "1"), "the text is empty"),
        (("bad",), "1.wav: the file is empty (0 bytes)"),
    ],
)
def test_nothing_worked(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.wav").touch()
    soundfile.write("silent.wav", np.zeros(3 * RATE), RATE)
    Path("noise.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    Image.new("RGB", (8, 8)).save("a.png")
    result = run("--run", text_run, *arguments, "--out", "out.csv")
    assert result.exit_code == 1
    assert reason in result.stderr
    assert "wrote" not in result.stdout
    failed = CliRunner().invoke(app, ["predict", "--run", str(text_run), *arguments, "--json"])
    assert failed.exit_code == 1
    data = json.loads(failed.stdout)
    assert data["predictions"] == []
    assert reason.removeprefix("text: ") in data["failures"][0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), ConfigError, "nothing to predict: give a text, a file, a folder or a table"),
        (("--csv", "t.csv"), ConfigError, "--csv is not needed any more: affectspace predict --run RUN t.csv"),
        (("--file", "a.wav"), ConfigError, "--file is not needed any more: affectspace predict --run RUN a.wav"),
        (("t.csv",), ConfigError, "t.csv: name the column to predict with --text-column, .*; it has said, file"),
        (("t.csv", "--text-column", "sadi"), DataError, "has no column 'sadi'; it has said, file"),
        (("t.csv", "--image-column", "file"), DataError, "--image-column: .* reads no image; it reads text"),
        (("absent.csv", "--text-column", "a"), DataError, "absent.csv: there is no such file"),
        (("t.csv", "--text-column", "said", "--window", "3"), ConfigError, "--window, --step and --figure need texts"),
        (("t.csv", "--text-column", "said", "--out", "x.parquet"), DataError, "the same kind as the input"),
        (("a.xyz",), DataError, r"a\.xyz: unknown type of file, \.xyz; known types: \.txt"),
        (("their.txt",), DataError, r"their\.txt: there is no such file or folder; --text predicts it as a text"),
        (("ther.csv",), DataError, r"ther\.csv: there is no such file or folder; did you mean there\.csv\?"),
        (("no/where",), DataError, "no/where: there is no such file or folder"),
        (("https://a.b/c.wav",), DataError, "nothing is downloaded"),
        (("a", "--audio-column", "x"), ConfigError, "--text-column and the other columns, .* need a table as input"),
        (("a", "--crop"), ConfigError, "has a model on features; --crop and --no-crop are for"),
        (("empty",), DataError, "empty has no file that .* reads .* it is empty"),
        (("a", "empty", "--together"), ConfigError, "--together needs texts and files; empty holds many samples"),
        (("a", "b", "--together"), DataError, "b: one sample takes one input of kind text"),
        (("a", "--model", "text"), ConfigError, "--run and --model are different models"),
        (("--text", "a", "--out", "there.csv"), RunError, "there.csv exists already; use --force to replace it"),
        (("--text", "a", "--out", "x.json"), DataError, r"x\.json: predictions are written as \.csv or \.parquet"),
        (("--text", "a", "--device", "gpu7"), ConfigError, "--device gpu7: choose auto, cpu, cuda"),
        (("--text", "a", "--backbone", "text"), ConfigError, "--backbone 'text': write it as MODALITY=LOCATION"),
        (("--text", "a", "--backbone", "voice=x"), RunError, "has no modality 'voice'; it has text, audio"),
        (("--text", "a", "--backbone", "text=no/where"), RunError, "modality text: .* cannot run here: .*no/where"),
        (("--text", "a. b.", "--window", "1", "--step", "2"), ConfigError, "at most the window"),
        (("--text", "a. b.", "--window", "1.5"), ConfigError, "whole numbers of sentences"),
        (("empty", "--figure", "a.png"), ConfigError, "--figure needs one input"),
        (("--text", "a", "--figure", "a.gif"), ConfigError, r"a figure is written as \.png or \.svg"),
        (("empty", "--vectors", "a=b"), ConfigError, "not with a folder"),
    ],
)
def test_refusals(
    text_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    error: type,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("there.csv").touch()
    Path("a.xyz").touch()
    Path("t.csv").write_text("said,file\nhello,a.wav\n")
    with pytest.raises(error, match=message):
        run("--run", text_run, *arguments)
    assert sorted(path.name for path in tmp_path.glob("*.partial")) == []


def test_one_failing_input_is_one_line_with_its_name(text_run: Path, tmp_path: Path) -> None:
    assert (
        run("--run", text_run, "--text", "", "-o", tmp_path / "out.csv").stderr
        == "affectspace: text: the text is empty\n"
    )


def test_runs_are_not_inputs(text_run: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"is a run, not an input; predict with it: affectspace predict --run .*text-aud"
    ):
        run(text_run, "--text", "a")  # the form of earlier versions
    with pytest.raises(DataError, match=r"it has the run .*manifold-text-audio, for --run"):
        run("--run", text_run, tmp_path)
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    (text_run / "log.txt").write_text("a file of the run", encoding="utf-8")
    assert [one["id"] for one in answer("--run", text_run, tmp_path)["predictions"]] == ["a.txt"]
    with pytest.raises(ConfigError, match="--vectors needs a run of your own: --run RUN"):
        run("a", "--vectors", "units=a.csv")


def test_any_mix_of_inputs(text_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    sound = tone(folder / "a.wav", 1.0)
    table = tmp_path / "t.csv"
    table.write_text("said,n\nhello,1\n,2\n")
    out = tmp_path / "out.csv"
    result = run("--run", text_run, "hello", table, folder, "--text-column", "said", "--text", "a/b", "--out", out)
    written = pd.read_csv(out)
    assert written["id"].tolist() == ["hello", f"{table}: row 1", f"{table}: row 2", str(sound), "a/b"]
    assert written["modalities"].tolist() == ["text", "text", np.nan, "audio", "text"]
    assert written.columns.tolist()[1:] == [
        "valence", "arousal", "dominance", "valence_sd", "arousal_sd", "dominance_sd", "emotion", "probability", "modalities",
        "notes", "reason", "licence",
    ]  # fmt: skip
    assert written["valence"][0] == written["valence"][1] == round(written["valence"][0], 4)
    assert written["licence"][0] == "none"  # of the backbone
    assert "licence    none" in result.stdout
    run("--run", text_run, "hello", "--out", out, "--details", "--force")
    assert {"text_valence", "audio_arousal_sd"} <= set(pd.read_csv(out).columns)


def test_the_wrong_run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    made = make_run("audio", **SMALL)
    for place, path in (("", tmp_path), ("", made / "model" / "config.json"), (" is a file;", made / "run.json")):
        with pytest.raises(RunError, match=rf"is not a run of affectspace.*{place}.* did you mean {made}\?"):
            run("--run", path, "a")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        RunError, match=r"manifold-audoi is not a run of .* it is not a folder; did you mean manifold-audio\?"
    ):
        run("--run", "manifold-audoi", "a")
    (made / "run.json").unlink()
    with pytest.raises(RunError, match="is not a run of affectspace"):
        run("--run", tmp_path, "--text", "a")
    with pytest.raises(RunError, match="its training has not finished"):
        run("--run", make_run("text", state="training", **SMALL), "--text", "a")


def test_an_unfinished_table_is_not_left_behind(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame({"text": ["good"] * 5}).to_csv(tmp_path / "t.csv", index=False)

    def stop(*given: object, **options: object) -> list[Prediction]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict_many", stop)
    result = run("--run", text_run, tmp_path / "t.csv", "--text-column", "text", "--out", tmp_path / "out.csv")
    assert result.exit_code == 130
    assert not list(tmp_path.glob("out*"))


def test_names_are_cut_where_they_say_least() -> None:
    from affectspace.cli.prediction_screen import shortened

    assert shortened("voice.wav", 12) == "voice.wav"
    assert shortened("/data/people/anna/voice.wav", 12) == "voice.wav"
    assert shortened("/data/a-rather-long-name.wav", 12) == "...-name.wav"
    assert shortened("I said either/or. It is fine", 12) == "I said ei..."


def test_predictions_on_another_scale_with_other_names(text_run: Path, tmp_path: Path) -> None:
    pd.DataFrame({"t": ["hello", "a day?", "so it is"]}).to_csv(tmp_path / "t.csv", index=False)
    call = ["--run", text_run, tmp_path / "t.csv", "--text-column", "t", "--details"]
    own = ["--answer-scale", "1:7", "--answer-columns", "arousal=act,valence=val"]
    run(*call, "--out", tmp_path / "canonical.csv")
    run(*call, *own, "--out", tmp_path / "own.csv")
    before, after = pd.read_csv(tmp_path / "canonical.csv"), pd.read_csv(tmp_path / "own.csv")
    columns = ["act", "val", "act_sd", "val_sd", "emotion", "probability", "modalities", "text_act", "text_val"]
    assert list(after.columns)[1:10] == columns
    assert not [name for name in after if "dominance" in name or "valence" in name]
    np.testing.assert_allclose(after["val"], 4 + 3 * before["valence"], atol=3e-4)
    np.testing.assert_allclose(after["text_act_sd"], 3 * before["text_arousal_sd"], atol=3e-4)
    [one], [native] = (answer("--run", text_run, "--text", "hello", *options)["predictions"] for options in ([], own))
    assert native["val"]["mean"] == pytest.approx(4 + 3 * one["valence"]["mean"], abs=3e-4)
    assert list(native)[:2] == ["id", "act"]
    lines = run("--run", text_run, "--text", "hello", *own).stdout.splitlines()
    assert lines[0].split() == ["1", "7"]
    assert lines[1].split()[:2] == ["act", f"{4 + 3 * one['arousal']['mean']:.2f}"]
    run("--run", text_run, "--text", "One. Two. Three. Four.", "--window", 2, *own, "--out", tmp_path / "windows.csv")
    assert list(pd.read_csv(tmp_path / "windows.csv").columns)[:5] == ["id", "start", "end", "text", "act"]


@pytest.mark.parametrize("axes", [("valence", "arousal"), ("arousal",), ("dominance", "valence")])
def test_an_axis_that_the_run_does_not_predict_is_refused(
    text_run: Path, axes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "axes", axes)
    absent = [axis for axis in AXES if axis not in axes]
    refused = f"does not predict {' and '.join(absent)}; it predicts {', '.join(axes)}"
    columns = [f"{axis}={axis[0]}" for axis in AXES]
    with pytest.raises(ConfigError, match=refused):
        run("--run", text_run, "--text", "hello", "--answer-columns", ",".join(columns))
    assert run("--run", text_run, "--text", "hello", "--answer-columns", f"{axes[0]}=x").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--calibrate-scale", "1:7"), "--calibrate-scale needs a classifier"),
        (("--answer-scale", "7:1"), "low must be below high"),
        (("--answer-scale", "mosi"), "is of sentiment, which is not predicted"),
        (("--answer-columns", "anger=a"), "'anger' is no axis"),
        (("--answer-columns", "valence=a,arousal=a"), "two axes would have the same column"),
        (("--device", "banana"), "--device banana: choose auto, cpu, cuda"),
        (("--device", "cuda:77"), "device 'cuda:77' is not available here"),
        (("--part", "test"), "give it with --run, without inputs"),
        (("--vectors", "text=gone.npz"), "gone.npz: there is no such file"),
    ],
)
def test_impossible_options_fail_before_a_model_is_opened(
    text_run: Path, options: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "of_run", lambda *_, **__: pytest.fail("the run was opened"))
    with pytest.raises((ConfigError, DataError), match=message):
        run("--run", text_run, "--text", "hello", *options)


def test_broken_files_and_tables_fail_before_a_model_is_opened(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "of_run", lambda *_, **__: pytest.fail("the run was opened"))
    (tmp_path / "empty.wav").touch()
    (tmp_path / "t.csv").write_text("said\nhello\n")
    with pytest.raises(DataError, match=r"empty\.wav: the file is empty"):
        run("--run", text_run, tmp_path / "empty.wav")
    with pytest.raises(DataError, match="has no column 'text'; it has said"):
        run("--run", text_run, tmp_path / "t.csv", "--text-column", "text")
    with pytest.raises(DataError, match=r"--media .*gone: there is no such folder"):
        run("--run", text_run, tmp_path / "t.csv", "--text-column", "said", "--media", tmp_path / "gone")


def test_a_note_names_its_rows(text_run: Path) -> None:
    long = "word " * 90
    assert f"a text that was cut ({long[:30]}" in " ".join(
        run("--run", text_run, "--text", long, "--text", "hi").stdout.split()
    )


def test_a_file_of_an_unknown_type_costs_only_itself(text_run: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.xyz"
    odd.write_bytes(b"\x00\x01\x02\x03")
    ended = CliRunner().invoke(app, ["predict", "--run", str(text_run), "good day", str(odd), "--json"])
    assert ended.exit_code == 0, ended.output
    shown = json.loads(ended.stdout)
    assert len(shown["predictions"]) == 1
    assert "unknown type of file, .xyz" in shown["failures"][0]["reason"]


def test_a_json_of_objects_is_a_table_where_a_column_is_named(text_run: Path, tmp_path: Path) -> None:
    rows = [{"id": "a", "said": "good day"}, {"id": "b", "said": "bad day"}]
    outputs = []
    for name, content in (("t.json", json.dumps(rows)), ("t.jsonl", "\n".join(map(json.dumps, rows)))):
        (tmp_path / name).write_text(content)
        ended = CliRunner().invoke(
            app, ["predict", "--run", str(text_run), str(tmp_path / name), "--text-column", "said", "--json"]
        )
        assert ended.exit_code == 0, ended.output
        outputs.append([row["valence"] for row in json.loads(ended.stdout)["predictions"]])
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 2
