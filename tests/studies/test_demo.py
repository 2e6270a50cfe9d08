"""The demonstration: which example is message, what the page and the screen show, and the whole path in small."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from affectspace.cli.demo import table_of, table_of_shipped
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.evaluation.results import Result, Results
from affectspace.files import write_text
from affectspace.prediction import VAD, Failure, Prediction, Sample
from affectspace.studies.demo.demonstrate import DemoBudget, Demonstration, demonstrate
from affectspace.studies.demo.held_out_example import (
    MODALITIES,
    ShippedPrediction,
    SubsetPrediction,
    held_out_example,
    predict_shipped,
)
from affectspace.studies.demo.page import make_page
from affectspace.studies.demo.verdict import missed_axes, names_of, verdict, why
from affectspace.studies.levasa.plan import Budget as FaceBudget
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.plan import quick_budget
from affectspace.synthetic.speakers import make_speakers
from affectspace.training.runs import Run

SMALL: dict[str, Any] = {"n": 6, "people": 2, "turns": 2, "size": 32, "workers": 1}
TINY_FACES = ("model.width=4", "model.image_size=32", "model.hidden=[16]", "fit.batch_size=16", "fit.accelerator=cpu")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    make_speakers(folder, **SMALL)
    return folder


def make_run(folder: Path, people: Path, test: tuple[str, ...]) -> Run:
    """A run's record of its split, in which these people are the test part."""
    corpus = make_speakers(people, **SMALL)
    rows = [f"{row.id},{row.person},{'test' if row.person in test else 'train'}" for row in corpus.table.itertuples()]
    write_text(folder / "split.csv", "\n".join(["id,person,part", *rows]) + "\n")
    return Run(folder)


def test_the_example_is_a_held_out_one_with_all_parts(people: Path, tmp_path: Path) -> None:
    corpus = make_speakers(people, **SMALL)
    tested = corpus.table["person"].iloc[0]
    example = held_out_example(make_run(tmp_path, people, (tested,)), corpus)
    assert example.person == tested
    assert example.sample.kinds == MODALITIES
    rows = corpus.table[corpus.table["person"] == tested]
    rows = rows[rows["emotion"] == "happiness"] if (rows["emotion"] == "happiness").any() else rows
    strength = (rows[["valence", "arousal", "dominance"]] ** 2).sum(axis=1)
    assert sum(value**2 for value in example.truth) == pytest.approx(sorted(strength)[len(strength) // 2])
    assert example.only(("audio",)).kinds == ("audio",)
    assert example.only(("text", "video")).kinds == ("text", "video")
    with pytest.raises(DataError, match="has no test row of"):
        held_out_example(make_run(tmp_path, people, ()), corpus)


def made_up(out: Path, people: Path) -> Demonstration:
    """A demonstration whose predictions and measurements are numbers of ours."""
    corpus = make_speakers(people, **SMALL)
    example = held_out_example(
        make_run(out / "people" / "runs" / "mine", people, (corpus.table["person"].iloc[0],)), corpus
    )
    probe = {"experiment": "probes", "model": "continuous", "latent": "va", "metric": "uar"}
    faces, speakers = Results([Result(**probe, value=0.625, low=0.5, high=0.75, n=40, protocol="strict")]), Results()
    subset = {"experiment": "trimodal", "task": "subsets", "metric": "r"}
    for place, parts in enumerate(subsets(MODALITIES)):
        shown = "all" if len(parts) == len(MODALITIES) else ", ".join(parts)
        for target in ("valence", "arousal", "dominance", "mean"):
            speakers.add(Result(**subset, model="manifold", modality=shown, target=target, value=place / 10, n=9))
        speakers.add(Result(**subset, model="mvae", modality=shown, target="mean", value=0.9, n=9))
    for name, results in (("faces", faces), ("people", speakers)):
        results.write(out / name / "metrics.json")
    predictions = [
        SubsetPrediction(
            parts, Prediction(VAD(0.1 * place, -0.2, 0.3), VAD(0.2, 0.3, 0.4), {}, "joy", 0.5, {"joy": 0.5})
        )
        for place, parts in enumerate(subsets(MODALITIES))
    ]
    first, second = (out / name / "report.html" for name in ("faces", "people"))
    no_dominance = Prediction(VAD(0.4, 0.1), VAD(0.5, 0.5), {}, "joy", 0.5, {"joy": 0.5}, ("no face was found",))
    shipped = [
        ShippedPrediction("voice", ("audio",), Failure("no voice was found")),
        ShippedPrediction("face", ("video",), no_dominance),
    ]
    return Demonstration(out / "report.html", first, second, out / "people/runs/mine", example, predictions, shipped)


def test_the_page_links_both_reports_and_tells_every_subset(people: Path, tmp_path: Path) -> None:
    done = made_up(tmp_path / "demo", people)
    links = {"faces": done.faces, "people": done.people} | dict.fromkeys(("run", "face run", "recordings"), done.run)
    examples = [(done.example, done.predictions)] * 2
    page = make_page(done.report.parent, links, examples, done.shipped, None, {"wall seconds": 61})
    text = page.write(done.report).read_text("utf-8")
    assert 'href="faces/report.html"' in text
    assert 'href="people/report.html"' in text
    for parts in subsets(MODALITIES):
        assert text.count(f">{names_of(parts)}<") >= 2, parts  # of the example, and of all examples
    assert "Where the model is wrong, and why" in text
    assert "Nobody here is real" in page.sentences[-1]
    assert "62 of 100 cases" in page.sentences[0]  # from the results
    assert "The models that ship, on the same recordings" in text
    assert "no voice was found" in text
    assert "0.625" in text
    assert {path.stem for path in (tmp_path / "demo" / "figures").glob("*.png")} == {
        "example", "example_map", "mistake", "mistake_map",
    }  # fmt: skip


def predicted(*means: float, given: tuple[str, ...] = MODALITIES, deviation: float = 0.1) -> SubsetPrediction:
    return SubsetPrediction(given, Prediction(VAD(*means), VAD(*(deviation,) * 3), {}, "anger", 0.5, {"anger": 0.5}))


def test_a_wrong_prediction_says_what_misled_it(people: Path, tmp_path: Path) -> None:
    corpus = make_speakers(people, **SMALL)
    found = held_out_example(make_run(tmp_path, people, (corpus.table["person"].iloc[0],)), corpus)
    example = replace(found, truth=VAD(0.6, 0.5, 0.4), emotion="happiness")
    right = predicted(0.55, 0.45, 0.35)
    assert verdict(example, right.prediction).startswith("**Right")
    assert why(example, [right]) == []
    wrong = [
        predicted(0.58, 0.5, 0.4, given=("text",)),
        predicted(-0.7, 0.5, 0.4, given=("audio",)),
        predicted(0.5, 0.5, 0.4, given=("video",)),
        predicted(0.2, 0.5, 0.4),
    ]
    assert missed_axes(example, wrong[-1].prediction) == ["valence"]
    text = verdict(example, wrong[-1].prediction)
    assert text.startswith("**Wrong in valence.** From everything, the model reads valence +0.20 (true +0.60)")
    assert text.endswith("The nearest emotion is anger, and the truth is happiness.")
    reasons = why(example, wrong)
    assert reasons[0].startswith("Why: the voice misleads. Alone it gives valence −0.70; the text alone gives +0.58")
    assert reasons[1].startswith("The side is right and the strength is not")
    assert reasons[2] == "The truth is 4.0 standard deviations away: the model was too sure."
    same = [
        *(predicted(-0.1, 0.5, 0.4, given=(name,), deviation=0.9) for name in MODALITIES),
        predicted(-0.2, 0.5, 0.4, deviation=0.9),
    ]
    reasons = why(example, same)
    assert "all miss the valence" in reasons[0]
    assert reasons[-1].endswith("the stated uncertainty covers that.")


def test_the_screen_shows_every_subset_against_the_truth(people: Path, tmp_path: Path) -> None:
    done = made_up(tmp_path / "demo", people)
    screen = io.StringIO()
    Console(file=screen, width=100).print(table_of(done))
    lines = [line.strip() for line in screen.getvalue().splitlines() if line.strip()]
    assert any(line.startswith("text + voice + face") and "+0.60 ± 0.20" in line for line in lines)
    assert lines[-1].startswith("truth")
    assert f"{done.example.truth.valence:+.2f}" in lines[-1]
    screen = io.StringIO()
    Console(file=screen, width=120).print(table_of_shipped(done))
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines() if line.strip()]
    assert lines[-2] == "voice voice - - - no voice was found"
    assert lines[-1] == "face face +0.40 ± 0.50 +0.10 ± 0.50 - no face was found"


def test_models_that_ship_read_their_recording(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_speakers(people, **SMALL)
    example = held_out_example(make_run(tmp_path, people, (corpus.table["person"].iloc[0],)), corpus)
    asked = []

    class Fake:
        def __init__(self, name: str) -> None:
            self.name = name

        def predict_many(self, samples: list[Sample]) -> list[Failure]:
            asked.append((self.name, samples[0].kinds))
            return [Failure("no")]

    def pretrained(name: str) -> Fake:
        if name == "face":
            raise ConfigError("dlib is missing")
        return Fake(name)

    named = [("text", ("text",)), ("text-large", ("text",)), ("voice", ("audio",)), ("face", ("video",))]
    models = [SimpleNamespace(name=name, modalities=modalities) for name, modalities in named]
    monkeypatch.setattr("affectspace.studies.demo.held_out_example.shipped_models", lambda: models)
    monkeypatch.setattr("affectspace.prediction.Predictor.pretrained", pretrained)
    answers = {answer.model: answer.outcome for answer in predict_shipped(example)}
    assert asked == [("text", ("text",)), ("voice", ("audio",)), ("any", MODALITIES)]
    assert answers["face"] == Failure("dlib is missing")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the probes' libraries may warn on so few rows
def test_the_whole_path_in_small(tmp_path: Path) -> None:
    budget = DemoBudget(
        images=140, people=14,
        faces=FaceBudget(
            epochs=1, seeds=(0,), paper_epochs=0, curve_weights=(), overrides=TINY_FACES, workers=1,
            without=("discrete", "class_means", "seven_way", "notebook"),
        ),
        speakers=quick_budget(epochs_factor=0.07, limit=None, permutations=20, utterances=96, workers=1),
    )  # fmt: skip
    out, outputs = tmp_path / "demo", []
    done = demonstrate(out, budget=budget, progress=lambda *one: outputs.append(one[2]))
    assert [one.modalities for one in done.predictions] == list(subsets(MODALITIES))
    assert len({one.prediction.mean for one in done.predictions}) == len(done.predictions)
    assert done.faces.is_file()
    assert done.people.is_file()
    assert {path.name for path in (out / "faces" / "runs").iterdir()} == {
        "vanilla-seed0", "continuous-seed0", "permuted-seed0", "cnn-seed0",
    }  # fmt: skip
    assert {text[:7] for text in outputs} == {"1 of 3,", "2 of 3,", "3 of 3:"}
    part = json.loads((done.run / "run.json").read_text())
    assert part["state"] == "finished"
    finished = {path: path.stat().st_mtime for path in out.glob("*/runs/*/run.json")}

    again = demonstrate(out, budget=budget)  # as after an interruption: what is done is not done again
    assert {path: path.stat().st_mtime for path in out.glob("*/runs/*/run.json")} == finished
    assert again.example.id == done.example.id
    assert [one.prediction.mean for one in again.predictions] == [one.prediction.mean for one in done.predictions]

    with pytest.raises(RunError, match="with other settings"):
        demonstrate(out, budget=budget.model_copy(update={"images": 150}))
