"""`affectspace evaluate` of a projector's run and `reproduce manifold --table 5`, on tiny models and a tiny EmoBank."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError
from affectspace.evaluation.results import Results
from affectspace.features.backbone import make_backbone
from affectspace.progress import silent
from affectspace.steering import Sampling, Steerer
from affectspace.steering.ranking import ContentSimilarity
from affectspace.studies.manifold.corpora import Folders
from affectspace.studies.steering import study
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.studies.steering.study import reproduce_steering
from affectspace.training.runs import Run, open_run
from tests.steering.conftest import write_run

Call = Callable[..., tuple[int, str, str]]
PLAN = SteeringPlan(
    sentences=3, other_sentences=0, tuning_sentences=2, targets=(-2.0, 0.0, 2.0), candidates=1, strengths=(1.0,),
    depths=(0.5,), contrast_sentences=8, sampling=Sampling(longest=5), sheet_sentences=1,
)  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, steerer: Steerer) -> None:
    """A tiny plan, and content measured by letters instead of MiniLM."""
    monkeypatch.setattr("affectspace.studies.steering.plan.quick_plan", lambda: PLAN)
    monkeypatch.setattr("affectspace.studies.steering.study.quick_plan", lambda: PLAN)
    letters = steerer.similarity
    assert isinstance(letters, ContentSimilarity)
    monkeypatch.setattr(ContentSimilarity, "load", lambda name="minilm", device="cpu": letters)


def check_refused(call: Call, arguments: tuple[object, ...], message: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr."""
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    messages = [line for line in err.splitlines() if line.startswith("affectspace: ")]
    assert len(messages) == 1, err
    assert err.endswith(messages[0] + "\n"), err
    assert re.search(message, messages[0]), messages[0]


@pytest.fixture
def run_copy(steering_run: Run, rows: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A projector's run; the encoder's rows are there without their corpus."""
    monkeypatch.setattr(Run, "dataset", lambda run, reads, progress: rows)
    return shutil.copytree(steering_run.folder, tmp_path / "run")


@pytest.fixture
def vader(tmp_path: Path) -> Path:
    path = tmp_path / "vader_lexicon.txt"
    rows = {"awful": -3.0, "sad": -1.8, "dull": -0.9, "fine": 0.9, "good": 1.8, "lovely": 3.0}
    path.write_text("".join(f"{word}\t{value}\t0.5\t[1, 2]\n" for word, value in rows.items()))
    return path


@pytest.mark.usefixtures("small")
def test_evaluate_a_projectors_run(call: Call, run_copy: Path, vader: Path) -> None:
    asked = ("steer", "evaluate", run_copy, "--judge", f"vader={vader}", "--sentences", 4, "--quick")
    code, out, err = call(*asked)
    assert code == 0, err
    assert "valence, steered_one, vader, valence, spearman" in out
    assert "primary: Spearman of target and measured valence (higher is better)" in out
    assert f"report: {run_copy / 'report.html'}" in out
    metrics = json.loads((run_copy / "metrics.json").read_text())
    results = Results.read(run_copy / "metrics.json")
    named = {"experiment": "steering", "task": "valence", "model": "steered_one", "metric": "spearman"}
    assert results.get(**named, target="valence", modality="ridge").n == 4
    check_refused(call, asked, "was evaluated already: open .*report.html, or use --force")
    code, out, err = call(*asked, "--force", "--json")
    assert code == 0, err
    assert json.loads(out) == metrics  # the same texts, which were kept


@pytest.mark.usefixtures("small")
def test_what_evaluate_refuses(
    call: Call, run_copy: Path, text_run: Path, vader: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    for judge in ("vader", "vader=", f"={vader}", f"my judge={vader}", "vader=no/such/file.txt", f"vader={tmp_path}"):
        message = r"--judge .*: write (it as )?NAME=FILE"
        check_refused(call, ("steer", "evaluate", run_copy, "--judge", judge), message)
    for judges in ([f"ridge={vader}"], [f"a={vader}", f"a={vader}"]):
        given = [part for judge in judges for part in ("--judge", judge)]
        check_refused(
            call,
            ("steer", "evaluate", run_copy, *given),
            "there is a judge ridge already; give this one another name|a is set twice",
        )
    for content in (b"", b"\x89PNG\x00\xff", b"neither words nor numbers\n"):
        (tmp_path / "damaged.txt").write_bytes(content)
        check_refused(
            call, ("steer", "evaluate", run_copy, "--quick", "--judge", f"x={tmp_path / 'damaged.txt'}"), r"damaged.txt"
        )
    other = make_model(seed=8)
    check_refused(
        call, ("steer", "evaluate", run_copy, "--language-model", other), "trained on other weights .*--language-model"
    )
    check_refused(call, ("steer", "evaluate", run_copy, "--device", "abacus"), "--device abacus: choose auto, cpu")
    check_refused(
        call, ("steer", "evaluate", run_copy, "--backbone", "sound=x"), "encoder has no modality 'sound'; it has text"
    )
    check_refused(
        call, ("steer", "evaluate", text_run), "has a model of kind manifold, not projector; evaluate it with"
    )
    check_refused(
        call, ("steer", "evaluate", tmp_path / "gone"), "gone is not a run of affectspace: it is not a folder"
    )
    code, out, err = call("steer", "evaluate", run_copy, "--sentences", 1)
    assert (code, out) == (2, "")
    assert "--sentences" in err
    Run(run_copy).record(state="training")
    check_refused(
        call, ("steer", "evaluate", run_copy), "its training has not finished; run the same train command again"
    )
    assert not (run_copy / "report.html").exists()


def test_evaluate_says_where_the_encoders_rows_are_gone(call: Call, steering_run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(steering_run.folder, tmp_path / "run")
    config = (copy / "config.yaml").read_text()
    config = re.sub(r"^run: .*$", f"run: {tmp_path / 'moved'}", config, flags=re.MULTILINE)
    (copy / "config.yaml").write_text(config)
    Run(copy).record(places={})  # or it is found again by its content
    check_refused(
        call,
        ("steer", "evaluate", copy, "--quick"),
        "is evaluated on the held-out sentences of .*moved is not a run of affectspace",
    )


# reproduce manifold --table 5


@pytest.fixture
def emobank(rows: Dataset, tmp_path: Path) -> Path:
    """The tiny sentences in EmoBank's official layout."""
    folder = tmp_path / "emobank"
    folder.mkdir()
    parts = {"train": "train", "validation": "dev", "test": "test"}
    native = np.round(3 + 2 * rows.table[list(AXES)].to_numpy(), 2)
    with (folder / "emobank.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "split", "V", "A", "D", "text"])
        for row, (part, text) in enumerate(zip(rows.table["part"], rows.table["text"], strict=True)):
            table.writerow([f"doc{row % 9}_{row}_{row + 5}", parts[part], *native[row], text])
    return folder


@pytest.fixture
def tiny(small: None, tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study with a tiny language model and letters for MiniLM."""
    monkeypatch.setitem(study.PROJECTOR, "language_model", {"name": str(tiny_qwen)})

    def letters(modality: str, *rest: Any, **named: Any) -> Any:
        assert modality == "text"
        return make_backbone("text", "letters")

    monkeypatch.setattr("affectspace.studies.manifold.preparation.make_backbone", letters)


def places_of(out: Path, emobank: Path) -> Folders:
    return Folders(corpora={"emobank": emobank}, features=out / "features", out=out)


@pytest.mark.usefixtures("tiny")
def test_the_study_from_a_corpus_to_a_report(
    emobank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_qwen: Path
) -> None:
    out = tmp_path / "study"
    report = reproduce_steering(out, places_of(out, emobank), quick=True, threads=1)
    assert report == out / "projector" / "report.html"
    page = report.read_text(encoding="utf-8")
    assert "Table 5: steering a frozen language model" in page
    results = Results.read(out / "projector" / "metrics.json")
    assert results.filter(experiment="steering", model="steered_one", metric="spearman", modality="ridge")
    projector, encoder = open_run(out / "projector"), open_run(out / "encoder")
    assert projector.projector_config.language_model.name == str(tiny_qwen)
    assert projector.facts["unchanged"] is True
    assert encoder.feature_config.data.lexicon is None  # so that lexicons can judge
    assert (out / "projector" / "calibration.json").is_file()
    assert json.loads((out / "study.json").read_text()) == {"experiment": "steering", "quick": True}

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("something was trained, extracted or sampled again")

    for name in ("study.fit", "study.fit_projector", "prompting.sample"):
        monkeypatch.setattr(f"affectspace.studies.steering.{name}", refuse)
    monkeypatch.setattr("affectspace.studies.manifold.preparation.extract", refuse)
    before = (out / "projector" / "metrics.json").read_bytes()
    assert reproduce_steering(out, places_of(out, emobank), quick=True, threads=1) == report
    assert (out / "projector" / "metrics.json").read_bytes() == before
    with pytest.raises(RunError, match="with other settings"):
        reproduce_steering(out, places_of(out, emobank), quick=False)


@pytest.mark.usefixtures("tiny")
def test_the_papers_setting_on_the_encoder_of_a_finished_run(
    emobank: Path, tmp_path: Path, call: Call, make_model: Callable[..., Path]
) -> None:
    encoder, other = tmp_path / "encoder", make_model(seed=3)
    folders = places_of(tmp_path, emobank)
    study._train_encoder(encoder, folders, True, silent)
    out = tmp_path / "paper"
    table = ("reproduce", "manifold", "--table", "5", "--quick", "--workers", 1)
    asked = (*table, "--run", encoder, "--language-model", other, "--mode", "reconstruction", "--private", "on")
    code, _, err = call(*asked, "--out", out)
    assert code == 0, err
    projector = open_run(out / "projector")
    assert projector.projector_config.model.mode == "reconstruction"
    assert projector.projector_config.language_model.name == str(other)
    assert Steerer.of_run(out / "projector", content=None).projector.config.private == 32
    assert not (out / "projector" / "mask.json").exists()
    assert not (out / "projector" / "calibration.json").exists()
    page = (out / "projector" / "report.html").read_text(encoding="utf-8")
    assert "that learned from emobank" in page
    assert "and 32 private codes" in page
    assert "All methods write one text for each step" in page
    assert "valence on [-1, 1] as well" in page
    facts = json.loads((out / "study.json").read_text())
    assert facts == {
        "experiment": "steering", "quick": True, "run": str(encoder), "language_model": str(other), "private": True,
        "mode": "reconstruction",
    }  # fmt: skip
    elsewhere = ("--out", tmp_path / "elsewhere")
    sound = write_run(tmp_path / "sound", modality="audio")
    for options, message in (
        (("--mode", "rewriting", "--private", "on"), "the private latent is for the mode reconstruction"),
        (("--mode", "dreaming"), "unknown mode 'dreaming'; choose rewriting or reconstruction"),
        (("--private", "maybe"), "--private maybe: choose on or off"),
        (("--run", sound), "sound has the modalities audio, of which none reads text"),
        (("--run", tmp_path / "gone"), "gone is not a run of affectspace"),
        (("--run", encoder, "--language-model", "no/such"), "language model 'no/such'"),
    ):
        check_refused(call, (*table, *options, *elsewhere), message)
    check_refused(call, (*table[:2], "--run", encoder, *elsewhere), "--run is for the steering of --table 5")
    assert not (tmp_path / "elsewhere").exists()


def test_without_emobank_the_remedy_is_named(tmp_path: Path, call: Call) -> None:
    out = tmp_path / "study"
    with pytest.raises(ConfigError, match="--table 5 steers EmoBank's sentences: name --data, or --emobank"):
        reproduce_steering(out, Folders(features=out / "features", out=out), quick=True)
    asked = ("reproduce", "manifold", "--table", "5", "--out", out)
    check_refused(call, asked, "name --data, or --emobank")
    check_refused(call, (*asked, "--data", tmp_path), "name --data, or --emobank")
    assert not out.exists()
    check_refused(
        call,
        (*asked, "--emobank", tmp_path / "gone"),
        "gone: there is no such folder",
    )


@pytest.mark.parametrize(
    "option", [("--seeds", 2), ("--ablation-seeds", 0), ("--only", "text_axes"), ("--set", "fit.batch_size=8")]
)
def test_what_is_not_for_table_5(call: Call, tmp_path: Path, option: tuple[str, object]) -> None:
    asked = ("reproduce", "manifold", "--table", "5", "--out", tmp_path / "study", *option)
    check_refused(call, asked, f"{option[0]} has no effect with --table 5, .*affectspace train configs/steering.yaml")
    assert not (tmp_path / "study").exists()
