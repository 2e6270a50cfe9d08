"""`affectspace extract`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features import FeatureStore


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["extract", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    time = np.arange(12_000) / 16_000
    for k in range(3):
        voice = sum(np.sin(2 * np.pi * n * (100 + 50 * k) * time) / n for n in range(1, 9))
        soundfile.write(tmp_path / f"{k}.wav", 0.1 * voice, 16_000)
    (tmp_path / "3.wav").write_bytes(b"")
    frame = pd.DataFrame({"name": ["a", "b", "c", "d"], "file": [f"{k}.wav" for k in range(4)]})
    frame.to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def table(sounds: Path) -> tuple[object, ...]:
    return "table", sounds / "index.csv", "--columns", "id=name,audio=file", "--media", sounds


def test_sounds_end_to_end(sounds: Path) -> None:
    command = (*table(sounds), "--modality", "audio")
    text = run(*command, "--out", sounds / "store")
    for part in ("3 vectors computed", "1 row could not be read:", "audio:functionals"):
        assert part in text
    assert "  1  the file is empty (0 bytes): d (3.wav)" in text
    text = run(*command, "--out", sounds / "store")
    assert "0 vectors computed; 3 existed, 0 rows have no audio" in text
    assert "1 row could not be read, 1 of them in an earlier run (--force tries again):" in text
    assert "d (3.wav)" in text
    again = json.loads(run(*command, "--out", sounds / "store", "--json"))
    assert (again["made"], again["kept"], again["failed"], again["failed_before"]) == (0, 3, 0, 1)
    assert again["failures"] == [{"id": "d", "file": "3.wav", "reason": "the file is empty (0 bytes)"}]
    store = FeatureStore(sounds / "store")
    vectors, present = store.read(["a", "b", "c", "d"])
    assert present.tolist() == [True, True, True, False]
    pitch = vectors[:3, store.columns.index("pitch_median")]
    np.testing.assert_allclose(np.diff(pitch), 12 * np.log2([150 / 100, 200 / 150]), atol=0.3)


def test_vectors_and_mistakes(sounds: Path) -> None:
    pd.DataFrame({"id": ["a", "b"], "smile": [1.0, 2.0]}).to_csv(sounds / "units.csv", index=False)
    base = table(sounds)
    text = run(*base, "--modality", "units", "--vectors", sounds / "units.csv", "--out", sounds / "units")
    assert "2 vectors computed" in text
    assert "2 rows have no units" in text
    assert "2 vectors" in run(*base, "--modality", "[/red]", "--vectors", sounds / "units.csv", "--out", sounds / "red")
    for extra, error, message in (
        (("--modality", "units"), ConfigError, "modality 'units' has no default backbone"),
        (("--modality", "text"), DataError, "has no text: its column text is empty"),
        (("--modality", "audio", "--set", "longest"), ConfigError, "write it as KEY=VALUE"),
        (("--modality", "audio", "--set", "device=cpu"), ConfigError, "--set device: .*; use --device"),
        (("--modality", "audio", "--device", "nope"), ConfigError, "--device nope: choose auto, cpu"),
        (
            ("--modality", "audio", "--set", "colour=3"),
            ConfigError,
            "has no setting 'colour'; its settings are longest",
        ),
        (("--modality", "audio", "--backbone", "nope"), ConfigError, "speech encoder 'nope' cannot be loaded"),
    ):
        with pytest.raises(error, match=message):
            run(*base, *extra, "--out", sounds / "other")
    with pytest.raises(RunError, match="features of another backbone"):
        run(*base, "--modality", "audio", "--out", sounds / "units")


def test_options_of_another_modality_and_what_is_no_run(sounds: Path) -> None:
    base = ("table", sounds / "index.csv", "--columns", "id=name,video=file", "--media", sounds)
    for extra, message in (
        (("--modality", "audio", "--video-backbone", sounds), "--video-backbone belongs to --modality video; this is"),
        (
            ("--modality", "audio", "--lexicon", "n=norms.tsv"),
            "--lexicon belongs to --modality words or text; this is --modality audio",
        ),
        (
            ("--modality", "video", "--video-backbone", sounds),
            "--video-backbone: .* is not a run of affectspace: it lacks config.yaml and run.json.* any other encoder of "
            "pictures or clips with --backbone",
        ),
        (
            ("--modality", "video", "--video-backbone", "gone"),
            "--video-backbone: gone .* it is not a folder.* LeVAsa run",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            run(*base, *extra, "--out", sounds / "other")


def test_recordings_below_the_folder_are_told(sounds: Path) -> None:
    actor = sounds / "high" / "Audio_Speech" / "Actor_01"
    actor.mkdir(parents=True)
    for k in range(3):
        (sounds / f"{k}.wav").rename(actor / f"03-01-0{k + 1}-01-01-01-01.wav")
    text = run("ravdess", sounds / "high", "--modality", "audio", "--out", sounds / "store")
    assert "ravdess: kept 3 rows" in text
    assert "ravdess: files were read from subfolders: Audio_Speech (3)" in text
    text = run("ravdess", actor.parent, "--modality", "audio", "--out", sounds / "store")
    assert "below the one" not in text


def test_texts_that_were_cut_are_read(sounds: Path, tiny_text: Path) -> None:
    long = "good day " * 100
    rows = {"id": [f"t{k}" for k in range(9)], "text": [long, long, *["  "] * 7]}
    pd.DataFrame(rows).to_csv(sounds / "texts.csv", index=False)
    text = run("table", sounds / "texts.csv", "--backbone", tiny_text, "--out", sounds / "texts")
    lines = text.splitlines()
    assert "7 rows could not be read:" in lines
    assert "  7  the text is empty: t2, t3, t4, t5, t6 and 2 more" in lines
    assert f"  all of them with their reasons: {sounds / 'texts' / 'index.parquet'}" in lines
    read = lines.index("remarks on rows that were read:")
    assert lines[read + 1] == "  2  a text of more than 32 tokens, cut"
    assert read > lines.index("7 rows could not be read:")
    again = run("table", sounds / "texts.csv", "--backbone", tiny_text, "--out", sounds / "texts")
    assert "2 existed" in again
    assert "7 rows could not be read, 7 of them in an earlier run" in again


def test_words_and_engines(sounds: Path) -> None:
    pd.DataFrame({"id": ["a", "b"], "text": ["a bad day", "fine"]}).to_csv(sounds / "texts.csv", index=False)
    (sounds / "norms.tsv").write_text("bad\t.1\t.5\t.5\nday\t.6\t.4\t.5\n")
    (sounds / "own.csv").write_text("w,p\nbad,1\nday,6\n")
    base = ("table", sounds / "texts.csv", "--modality", "words")
    own = f"lexicons={{own: {{path: {sounds / 'own.csv'}, columns: {{term: w, valence: p}}, scale: sam}}}}"
    assert "2 vectors computed" in run(*base, "--set", own, "--out", sounds / "own")
    text = run(*base, "--lexicon", f"norms={sounds / 'norms.tsv'}", "--out", sounds / "words")
    assert "2 vectors computed" in text
    assert "words:lexicon, 13 dimensions" in text
    assert (
        FeatureStore(sounds / "words").backbone["recipe"]["settings"]["lexicons"]["norms"]["path"].endswith("norms.tsv")
    )
    for extra, message in (
        ((), "name at least one lexicon: --lexicon glasgow=norms.csv"),
        (("--lexicon", "norms.tsv"), "--lexicon 'norms.tsv': write it as NAME=FILE"),
        (("--lexicon", "n=a", "--lexicon", "n=b"), "n is set twice"),
        (
            ("--lexicon", f"own={sounds / 'own.csv'}"),
            r"first line, 'w, p', is none of .* name its columns with --set 'lexicons=",
        ),
        (("--lexicon", "n=gone.tsv"), "the lexicon n cannot be read at gone.tsv"),
        (("--lexicon", f"n={sounds / 'norms.tsv'}", "--engine", "spark"), "--engine 'spark'; choose local or ray"),
        (("--lexicon", f"n={sounds / 'norms.tsv'}", "--actors", "2"), "--actors and --address belong to --engine ray"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(*base, *extra, "--out", sounds / "other")


@pytest.mark.slow
def test_a_local_ray_cluster_for_the_time(sounds: Path) -> None:
    pytest.importorskip("ray")
    command = (*table(sounds), "--modality", "audio")
    run(*command, "--out", sounds / "alone")
    facts = json.loads(run(*command, "--out", sounds / "ray", "--engine", "ray", "--actors", 1, "--json"))
    assert (facts["made"], facts["failed"]) == (3, 1)
    first, second = (next((sounds / name).glob("shard-*")).read_bytes() for name in ("alone", "ray"))
    assert first == second
