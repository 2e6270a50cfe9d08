"""A held-out example of a synthetic person, and its predictions from every subset of text, voice and face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.corpora import Corpus
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.prediction import VAD, Failure, Prediction, Predictor, Sample, shipped_models
from affectspace.prediction.pretrained import ANY
from affectspace.prediction.result import Outcome
from affectspace.studies.judgement.rows import held_out_rows
from affectspace.studies.manifold.floors import subsets
from affectspace.training.runs import Run

MODALITIES = ("text", "audio", "video")
CLEAREST = "happiness"  # the emotion that a newcomer recognises at once


@dataclass(frozen=True, eq=False)
class Example:
    """One row of a person that no model has seen.

    truth : valence, arousal, dominance that its words, voice and face were made from
    """

    id: str
    person: str
    emotion: str
    sample: Sample
    truth: VAD

    def only(self, modalities: tuple[str, ...]) -> Sample:
        """Return the sample with these modalities alone."""
        absent: dict[str, Any] = {name: None for name in MODALITIES if name not in modalities}
        return replace(self.sample, **absent)


@dataclass(frozen=True)
class SubsetPrediction:
    """A prediction, and the modalities that it was made from."""

    modalities: tuple[str, ...]
    prediction: Prediction


@dataclass(frozen=True)
class ShippedPrediction:
    """What a model that ships predicts from some modalities, or why it does not."""

    model: str
    modalities: tuple[str, ...]
    outcome: Outcome


def held_out_example(run: Run, corpus: Corpus) -> Example:
    """Choose the run's test row with text, voice and face whose happiness has the median strength; any emotion without one.

    Strength is the distance of the truth from neutral, which no model has seen: nothing is predicted before the choice.

    Raises
    ------
    DataError
        There is no such row.
    """
    table = _held_out(run, corpus)
    happy = table[table["emotion"] == CLEAREST]
    table = table if happy.empty else happy
    strength = np.linalg.norm(table[list(AXES)].to_numpy(np.float64), axis=1)
    return _example(corpus, table.iloc[int(np.argsort(strength, kind="stable")[len(table) // 2])])


def worst_example(run: Run, corpus: Corpus) -> Example:
    """Choose the run's test row with text, voice and face whose prediction is farthest from the truth.

    Raises
    ------
    DataError
        There is no such row.
    """
    judged = held_out_rows([run]).rows
    [predicted] = judged.predictions(run.facts["kind"])
    errors = np.linalg.norm(predicted - judged.tested_truth, axis=1)
    of_row = dict(zip(judged.table["id"].to_numpy()[judged.tested], errors, strict=True))
    table = _held_out(run, corpus)
    return _example(corpus, table.iloc[int(np.nanargmax([of_row.get(name, np.nan) for name in table["id"]]))])


def _held_out(run: Run, corpus: Corpus) -> pd.DataFrame:
    """Return the run's test rows with text, voice and face."""
    part = run.split.set_index("id")["part"]
    tested = corpus.table["id"].map(part) == "test"
    table = corpus.table[tested & corpus.table[list(MODALITIES)].notna().all(axis=1)]
    if table.empty or corpus.media is None:
        raise DataError(f"corpus {corpus.name} has no test row of {run.folder} with {', '.join(MODALITIES)}")
    return table


def _example(corpus: Corpus, row: pd.Series) -> Example:
    assert corpus.media is not None
    sample = Sample(text=row["text"], audio=corpus.media / row["audio"], video=corpus.media / row["video"])
    return Example(row["id"], row["person"], str(row["emotion"]), sample, VAD(*(float(row[axis]) for axis in AXES)))


def predict_subsets(folder: Path, example: Example) -> list[SubsetPrediction]:
    """Predict an example with the run in a folder from each subset of modalities, single ones first.

    Raises
    ------
    RunError
        A subset cannot be predicted.
    """
    predictor = Predictor.of_run(folder)
    shown = list(subsets([name for name in MODALITIES if name in predictor.kinds]))
    samples = [example.only(modalities) for modalities in shown]
    predictions = []
    for modalities, outcome in zip(shown, predictor.predict_many(samples), strict=True):
        if isinstance(outcome, Failure):
            raise RunError(f"{folder} cannot predict {example.id} from {' and '.join(modalities)}: {outcome.reason}")
        predictions.append(SubsetPrediction(modalities, outcome))
    return predictions


def predict_shipped(example: Example) -> list[ShippedPrediction]:
    """Predict an example with each model that ships from the recording that it reads, and with all of them together."""
    models = [model for model in shipped_models() if model.name in ANY]
    parts: list[tuple[str, tuple[str, ...]]] = [(model.name, model.modalities) for model in models]
    if len(models) > 1:
        parts.append(("any", tuple(modality for _, modalities in parts for modality in modalities)))
    answers = []
    for name, modalities in parts:
        try:
            [outcome] = Predictor.pretrained(name).predict_many([example.only(modalities)])
        except (ConfigError, RunError) as error:  # a package or weights are missing here
            outcome = Failure(str(error))
        answers.append(ShippedPrediction(name, modalities, outcome))
    return answers
