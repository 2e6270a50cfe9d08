"""`affectspace steer` as a user runs it: what it prints and writes, and one line that names the remedy for all bad input."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from affectspace.training.runs import Run

Call = Callable[..., tuple[int, str, str]]
TEXT = "The dog is good."


@pytest.fixture(autouse=True)
def _without_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content is not measured."""
    monkeypatch.setattr("affectspace.features.backbones.text.has_minilm", lambda: False)


def quick(call: Call, run: Path, *more: object) -> str:
    """Standard output of a call that works."""
    code, out, err = call("steer", run, "--longest", 6, "--candidates", 2, *more)
    assert code == 0, err
    return out


def test_a_table_a_sentence(call: Call, steering_run: Run) -> None:
    out = quick(call, steering_run.folder, "--text", TEXT, "--text", "A garden.", "--valence", "-1:1:1")
    assert TEXT in out
    assert "sd of the corpus" in out
    assert out.count("V-1.00") == out.count("V+1.00") == 2
    assert out.count("encoder") == 2


def test_json_has_every_key(call: Call, steering_run: Run) -> None:
    out = quick(call, steering_run.folder, "--text", TEXT, "--valence", "-1,1", "--arousal", "0.5", "--json")
    [found] = json.loads(out)
    assert list(found) == ["seed", "seed_affect", "clipped", "steps"]
    assert found["seed"] == TEXT
    assert set(found["seed_affect"]) == {"valence", "arousal", "dominance"}
    assert isinstance(found["clipped"], int)
    assert [step["target"] for step in found["steps"]] == [
        {"valence": value, "arousal": 0.5, "dominance": None} for value in (-1.0, 1.0)
    ]
    for step in found["steps"]:
        assert list(step) == ["target", "text", "encoder", "content"]
        assert isinstance(step["text"], str)
        assert all(isinstance(value, float) for value in step["encoder"].values())
        assert step["content"] is None  # MiniLM is not there


def test_the_same_seed_writes_the_same(call: Call, steering_run: Run) -> None:
    def written(*more: object) -> str:
        return quick(call, steering_run.folder, "--text", TEXT, "--valence", "2", "--json", *more)

    assert written() == written("--seed", "0")
    assert written() != written("--seed", "7")
    assert written("--temperature", "0") == written("--temperature", "0", "--seed", "3")


def test_a_file_and_a_table(call: Call, steering_run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("﻿A garden.\n\n  My house is fine.  \n", encoding="utf-8")
    out = tmp_path / "new" / "out.csv"
    asked = ("--file", tmp_path / "in.txt", "--text", TEXT, "--dominance", "-1,1", "--out", out)
    quick(call, steering_run.folder, *asked)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == [s for s in (TEXT, "A garden.", "My house is fine.") for _ in range(2)]
    assert list(rows[0]) == [
        "seed", "step", "target_dominance", "encoder_valence", "encoder_arousal", "encoder_dominance", "content", "text",
    ]  # fmt: skip
    before = out.read_bytes()
    code, _, err = call("steer", steering_run.folder, *asked)
    assert (code, before) == (2, out.read_bytes())
    assert "exists already; use --force to replace it" in err
    quick(call, steering_run.folder, *asked, "--force")


def test_a_path_through_the_cube(call: Call, steering_run: Run) -> None:
    out = quick(call, steering_run.folder, "--text", TEXT, "--path", "-1,0,0;1,1,0", "--steps", 3, "--json")
    [found] = json.loads(out)
    assert [list(step["target"].values()) for step in found["steps"]] == [[-1, 0, 0], [0, 0.5, 0], [1, 1, 0]]


def test_more_than_was_trained_on_is_said(call: Call, steering_run: Run) -> None:
    # this run's calibration found no response: a slope of .1 is assumed, and 4 sd become 40
    code, _, err = call("steer", steering_run.folder, "--text", TEXT, "--valence", "4", "--longest", 4)
    assert code == 0
    assert "1 target exceeds what the projector was trained on" in err


ONE = ("--text", TEXT)
V = ("--valence", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (V, "there is no sentence; use --text, or --file"),
        (("--text", "", *V), "text 1 is empty; give a sentence"),
        ((*ONE, "--text", " \t ", *V), "text 2 is empty"),
        (("--text", "word " * 60, *V), "split it into sentences"),
        (("--text", "caf\udce9", *V), r"text 1 .*udce9.*bytes that are not text; save it as UTF-8"),
        (ONE, "there is no target; give --valence, --arousal, --dominance, or --path"),
        ((*ONE, "--valence", ""), "--valence '': write low:high:step"),
        ((*ONE, "--valence", "high"), "--valence 'high': write low:high:step"),
        ((*ONE, "--valence", "1:2"), "--valence '1:2': write"),
        ((*ONE, "--valence", "1:2:0"), "--valence '1:2:0': write"),
        ((*ONE, "--valence", "2:-2:1"), "steps of 1 do not lead from 2 to -2"),
        ((*ONE, "--valence", "0:1:1e-9"), "1000000001 steps; give at most 100"),
        ((*ONE, "--valence", "0:4:1e-320"), "steps; give at most 100"),
        ((*ONE, "--valence", "nan"), "--valence 'nan': write"),
        ((*ONE, "--arousal", "1,inf"), "--arousal '1,inf': write"),
        ((*ONE, "--valence", "1,2", "--arousal", "1,2,3"), r"different numbers of steps \(valence 2, arousal 3\)"),
        ((*ONE, "--valence", "5"), "valence 5: targets must lie within 4 standard deviations"),
        ((*ONE, "--dominance", "-4.5"), "dominance -4.5: targets must lie within 4 standard deviations"),
        ((*ONE, "--valence", "1.5", "--units", "canonical"), r"valence 1.5: canonical values must lie on \[-1, 1\]"),
        ((*ONE, "--valence", "2.5", "--units", "canonical", "--relative"), r"lie on \[-2, 2\]"),
        ((*ONE, *V, "--units", "percent"), "unknown units 'percent'; use sd or canonical"),
        ((*ONE, "--path", "1,0"), "--path '1,0': write corners v,a,d"),
        ((*ONE, "--path", "1,0,0"), "a path has two or more corners"),
        ((*ONE, "--path", "1,0,x;0,0,0"), "write corners v,a,d"),
        ((*ONE, "--path", "1,0,nan;0,0,0"), r"nan is outside \[-4, 4\]"),
        ((*ONE, "--path", "1,0,0;1,0,0"), "two or more corners that differ"),
        ((*ONE, "--path", "1e308,0,0;-1e308,0,0"), r"1e\+308 is outside \[-4, 4\]"),
        ((*ONE, "--path", "1,0,0;0,0,0", "--steps", "1"), "--steps 1: give 2 to 100"),
        ((*ONE, "--path", "1,0,0;0,0,0", *V), "--path and --valence both give targets; use one of them"),
        ((*ONE, *V, "--candidates", "-1"), "candidates -1: give 1 to 64"),
        ((*ONE, *V, "--candidates", "65"), "candidates 65: give 1 to 64"),
        ((*ONE, *V, "--temperature", "-1"), "--temperature -1.0: .*greater than or equal to 0"),
        ((*ONE, *V, "--temperature", "nan"), "--temperature nan: "),
        ((*ONE, *V, "--guidance", "nan"), "--guidance nan: "),
        ((*ONE, *V, "--guidance", "21"), "--guidance 21.0: .*less than or equal to 20"),
        ((*ONE, *V, "--longest", "0"), "--longest 0: .*greater than or equal to 1"),
        ((*ONE, *V, "--longest", "1000"), r"exceed the 256 tokens .*; set longest to at most \d+"),
        ((*ONE, *V, "--device", "abacus"), "--device abacus: choose auto, cpu"),
        ((*ONE, *V, "--backbone", "text"), "--backbone 'text': write it as MODALITY=LOCATION"),
        ((*ONE, *V, "--backbone", "sound=here"), "encoder has no modality 'sound'; it has text"),
        ((*ONE, *V, "--language-model", "no/such/model"), "language model 'no/such/model' cannot be loaded"),
        ((*ONE, *V, "--out", "table.parquet"), "--out table.parquet: .*csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(call: Call, steering_run: Run, arguments: tuple[str, ...], message: str) -> None:
    check_refused(call, ("steer", steering_run.folder, *arguments), message)


def check_refused(call: Call, arguments: tuple[object, ...], message: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr."""
    import re

    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    messages = [line for line in err.splitlines() if line.startswith("affectspace: ")]
    assert len(messages) == 1, err
    assert err.endswith(messages[0] + "\n"), err
    assert "Traceback" not in err
    assert re.search(message, messages[0]), messages[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "in.txt: cannot be read: No such file"),
        (b"", "in.txt contains no sentence; write one per line"),
        (b"\xef\xbb\xbf \n\n", "in.txt contains no sentence"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", r"in.txt: not a text in UTF-8 \(byte 0\); save it as UTF-8"),
        (b"A dog.\n\x00\x01\x02\x00\n", "text 2 .*bytes that are not text"),
        (b"A dog.\n" + b"word " * 60 + b"\nA cat.", "text 2 .*split it into sentences"),
    ],
)
def test_files_that_hold_no_sentences(
    call: Call, steering_run: Run, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "in.txt").write_bytes(content)
    check_refused(call, ("steer", steering_run.folder, "--file", tmp_path / "in.txt", *V), message)
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_is_no_file(call: Call, steering_run: Run, tmp_path: Path) -> None:
    check_refused(call, ("steer", steering_run.folder, "--file", tmp_path, *V), "cannot be read: Is a directory")
    check_refused(call, ("steer", steering_run.folder, *ONE, *V, "--out", tmp_path), "the table is written as CSV")
    (tmp_path / "out.csv").mkdir()
    check_refused(
        call,
        ("steer", steering_run.folder, *ONE, *V, "--longest", 4, "--force", "--out", tmp_path / "out.csv"),
        "cannot write .*out.csv: Is a directory; choose another place",
    )


def test_runs_that_do_not_steer(
    call: Call, steering_run: Run, text_run: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    asked = (*ONE, *V)
    check_refused(call, ("steer", tmp_path / "gone", *asked), "gone is not a run of affectspace: it is not a folder")
    check_refused(call, ("steer", tmp_path, *asked), "lacks config.yaml and run.json")
    check_refused(
        call, ("steer", text_run, *asked), "a model of kind manifold, which steers no language model; .*train"
    )
    other = ("--language-model", make_model(seed=9))
    check_refused(call, ("steer", steering_run.folder, *asked, *other), "trained on other weights .*--language-model")
    copy = shutil.copytree(steering_run.folder, tmp_path / "copy")
    for path in ("run.json", "calibration.json", "mask.json", "encoder/run.json"):
        for damaged in (b"{", b"[]", b"\xff\xfe", b'{"axes": [], "words": 5}'):
            kept = (copy / path).read_bytes()
            (copy / path).write_bytes(damaged)
            check_refused(call, ("steer", copy, *asked), "damaged|lacks|train")
            (copy / path).write_bytes(kept)
    shutil.rmtree(copy / "encoder" / "model")
    check_refused(call, ("steer", copy, *asked), "model is missing")
    Run(copy).record(state="training")
    check_refused(call, ("steer", copy, *asked), "its training has not finished; run the same train command again")


@pytest.mark.parametrize("damage", ["cut", "noise", "gone", "part", "shape", "config"])
def test_a_language_model_whose_files_are_damaged(
    call: Call, steering_run: Run, tiny_qwen: Path, tmp_path: Path, damage: str
) -> None:
    folder = shutil.copytree(tiny_qwen, tmp_path / "model")
    weights = folder / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:2000])
    elif damage == "noise":
        weights.write_bytes(b"\x00" * 100)
    elif damage == "gone":
        weights.unlink()
    elif damage == "part":
        some = load_file(weights)
        some.pop("model.layers.1.mlp.up_proj.weight")
        save_file(some, weights, {"format": "pt"})
    elif damage == "shape":
        config = (folder / "config.json").read_text()
        (folder / "config.json").write_text(config.replace('"intermediate_size": 32', '"intermediate_size": 48'))
    else:
        (folder / "config.json").write_text("{")
    check_refused(
        call, ("steer", steering_run.folder, *ONE, *V, "--language-model", folder), "language model .* cannot be loaded"
    )
