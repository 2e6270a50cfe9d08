"""Input that a run was not trained for: a wide prediction with a note, and less weight beside other models."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.models.training_rows import FeatureSpace
from affectspace.prediction import Predictor
from affectspace.prediction.readers import CombinedReader, Expert, TrainingCorpus, training_corpora
from affectspace.prediction.result import VAD, Estimate, Prediction, named
from affectspace.prediction.sample import Sample
from affectspace.prediction.trajectory import MOST_WINDOWS, sentences, windows_of
from tests.prediction.conftest import WIDTHS
from tests.prediction.small_runs import SMALL, load

MakeRun = Callable[..., Path]


def known_rows(run: Path) -> None:
    """Give a run training rows, so that it knows distances."""
    model: Any = load(run)
    rows = {name: torch.randn(200, width, generator=torch.Generator().manual_seed(0)) for name, width in WIDTHS.items()}
    model.statistics.prepare({name: FeatureSpace.of(rows[name]) for name in model.config.modalities})
    model.save_pretrained(run / "model")


def test_a_vector_far_from_the_training_rows_is_wide_and_noted(make_run: MakeRun) -> None:
    run = make_run("text", "audio", **SMALL)
    known_rows(run)
    predictor = Predictor.of_run(run)
    near, far = (predictor.predict(vectors={"audio": np.full(3, value, np.float32)}) for value in (0.3, 60.0))
    assert not near.unlike
    assert far.unlike
    assert far.notes[0] == "the audio is unlike the training data: the prediction is wide and near the average"
    assert far.to_dict()["unlike"] is True
    assert all(wide > narrow for wide, narrow in zip(far.deviation, near.deviation, strict=True))


def test_a_text_in_another_language_is_wide_and_noted(make_run: MakeRun) -> None:
    run = make_run("text", **SMALL)
    plain = Predictor.of_run(run).predict("Ich bin so traurig.")
    assert not plain.unlike  # nothing says that the run was trained on English
    facts = (run / "run.json").read_text()
    (run / "run.json").write_text(facts.replace('"licence": "free"', '"licence": "free", "reader": "emobank"'))
    predictor = Predictor.of_run(run)
    assert not predictor.predict("I am so sad.").unlike
    german = predictor.predict("Ich bin so traurig.")
    assert german.unlike
    assert german.notes[0] == "the text is not in English, which the model was trained on: the prediction is wide"
    assert german.mean == pytest.approx(plain.mean)
    labels: Any = load(run).spread.numpy()
    for wide, narrow in ((german, plain), (german.by_modality["text"], plain.by_modality["text"])):
        assert wide.deviation == pytest.approx(np.hypot(narrow.deviation, labels).tolist(), rel=1e-4)
    assert predictor.predict("12345").notes[0] == "the text has no words: the prediction is wide"


def prediction(valence: float, deviation: float, **fields: Any) -> Prediction:
    point, width = VAD(valence, 0.0, 0.0), VAD(deviation, 0.3, 0.3)
    part = Estimate(point, width)
    return Prediction(point, width, {"face": part}, "anger", 0.6, {"anger": 0.6, "fear": 0.4}, **fields)


class Fixed:
    """A reader that predicts the same for every sample."""

    label_kinds, trained_on, vectors, columns, reads_boxes = (), (), (), {}, False

    def __init__(self, outcome: Prediction) -> None:
        self.outcome = outcome

    def read(self, samples: Any) -> list[Any]:
        return [self.outcome] * len(samples)


def test_unlike_input_does_not_count_beside_other_input() -> None:
    face, noise = prediction(0.8, 0.3), replace(prediction(-1.0, 0.3), unlike=True, notes=("strange",))
    noise = replace(noise, by_modality={"audio": noise})

    def read(*outcomes: Prediction) -> Any:
        names = ["face", "voice"][: len(outcomes)]
        experts: Any = [
            Expert(name, ("video",), ("video",), lambda outcome=outcome: Fixed(outcome), licence)  # type: ignore[misc]
            for name, outcome, licence in zip(names, outcomes, ("MIT", "CC BY-NC-SA 4.0"), strict=False)
        ]
        return CombinedReader(experts, []).read([Sample(video=Path("clip.mp4"))])[0]

    both = read(face, noise)
    assert both.mean == face.mean
    assert both.deviation == pytest.approx(face.deviation)
    assert both.unlike
    assert both.modalities == ("face",)
    assert both.notes == ("voice left out: its input is unlike its training data",)
    assert both.licence == "CC BY-NC-SA 4.0"
    strange = read(noise, noise)
    assert strange.valence == pytest.approx(-1.0)
    assert strange.notes == ("the product of the models face and voice", "strange")


def test_no_name_below_the_threshold() -> None:
    assert named({"anger": 0.31, "fear": 0.2}) == ("anger", 0.31)
    assert named({"anger": 0.29, "fear": 0.28}) == (None, 0.29)


def test_what_a_run_was_trained_on() -> None:
    facts = {
        "corpora": {
            "people": {"reader": "speakers", "rows": {"train": 200}, "label_kind": ["rated"]},
            "mine": {"reader": "table", "label_kind": []},
        }
    }
    corpora = training_corpora(facts)
    assert corpora == (
        TrainingCorpus("people", 200, ("rated",), True, True),
        TrainingCorpus("mine", None, (), False, False),
    )
    assert list(map(str, corpora)) == ["people (200 synthetic and rated rows)", "mine (labelled rows)"]
    assert training_corpora({}) == ()


def test_a_very_long_text_has_a_bounded_number_of_windows() -> None:
    unit, number, windows = windows_of(Sample("word " * 100_000), None, None)
    assert unit == "sentence"
    assert number == len(list(windows)) <= MOST_WINDOWS + 1
    assert all(len(piece.split()) <= 100 for piece in sentences("word " * 1234))
    _, number, pieces = windows_of(Sample("It rained. " * 25_000), None, None)
    listed = list(pieces)
    assert number == len(listed) <= MOST_WINDOWS + 1
    assert listed[-1].end == 25_000
    assert all(after.start <= before.end for before, after in pairwise(listed))
