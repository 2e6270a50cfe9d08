"""A moment of a synthetic person whom no model has met, and what a trained run says of it from every subset of modalities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affectspace.affect import AXES
from affectspace.corpora import Corpus, read_corpus
from affectspace.errors import DataError, RunError
from affectspace.prediction import VAD, Failure, Prediction, Predictor, Sample
from affectspace.studies.manifold.floors import subsets
from affectspace.training.runs import Run, open_run

PARTS = ("text", "audio", "video")


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known of the moment. truth : valence, arousal, dominance that its words, voice and face were made from."""

    id: str
    person: str
    emotion: str
    sample: Sample
    truth: VAD

    def only(self, parts: tuple[str, ...]) -> Sample:
        """The sample as who has nothing but these parts of it sees it."""
        given = self.sample
        return replace(
            given,
            text=given.text if "text" in parts else None,
            audio=given.audio if "audio" in parts else None,
            video=given.video if "video" in parts else None,
        )


@dataclass(frozen=True)
class Told:
    """A prediction, and the parts that it was made from."""

    parts: tuple[str, ...]
    prediction: Prediction


@dataclass(frozen=True)
class Demonstration:
    """What a demonstration left.

    report : the page to open; faces, people : the reports of the studies; run : the headline's on synthetic people
    """

    report: Path
    faces: Path
    people: Path
    run: Path
    moment: Moment
    told: list[Told]


def held_out_moment(run: Run, corpus: Corpus) -> Moment:
    """Of the run's test people a typical moment with text, voice and face: the median one in distance from neutral.

    By the truth, which no model has seen, and not by what any of them says of it. Raises DataError where there is none.
    """
    part = run.split.set_index("id")["part"]
    table = corpus.table[(corpus.table["id"].map(part) == "test") & corpus.table[list(PARTS)].notna().all(axis=1)]
    if table.empty or corpus.media is None:
        raise DataError(f"corpus {corpus.name} has no test row of {run.folder} with {', '.join(PARTS)}")
    strength = np.linalg.norm(table[list(AXES)].to_numpy(np.float64), axis=1)
    row = table.iloc[np.argsort(strength, kind="stable")[len(table) // 2]]
    sample = Sample(text=row["text"], audio=corpus.media / row["audio"], video=corpus.media / row["video"])
    return Moment(row["id"], row["person"], str(row["emotion"]), sample, VAD(*(float(row[axis]) for axis in AXES)))


def from_every_subset(folder: Path, moment: Moment) -> list[Told]:
    """What the run in a folder says of the moment from each subset, single parts first. Raises RunError where it fails."""
    predictor = Predictor.of_run(folder)
    shown = list(subsets([part for part in PARTS if part in predictor.kinds]))
    found = []
    for parts, one in zip(shown, predictor.predict_many([moment.only(parts) for parts in shown]), strict=True):
        if isinstance(one, Failure):
            raise RunError(f"{folder} cannot predict {moment.id} from {' and '.join(parts)}: {one.reason}")
        found.append(Told(parts, one))
    return found


def tell_moment(folder: Path, people: Path) -> tuple[Moment, list[Told]]:
    """The held-out moment of a run that was trained on the synthetic people in a folder, and what the run says of it."""
    moment = held_out_moment(open_run(folder), read_corpus("speakers", people))
    return moment, from_every_subset(folder, moment)
