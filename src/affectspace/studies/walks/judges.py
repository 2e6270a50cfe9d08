"""Who judges walks of test people: readers of valence and arousal, and who tells the people apart.

apart : networks trained on validation people and on half of the test people, each judging the other half only. They share
    neither an image nor a person with the walked model's training, nor a person with what they judge.
others : one network trained on the training people: larger, no person of it is walked, but its images are the model's too
regressor : on drawn faces, one network trained on faces of other people whose valence and arousal are known
identity : trained on every second image of each test person; walks start from the others
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from affectspace.data.dataset import Dataset
from affectspace.errors import RunError, counted
from affectspace.models import ClassifierConfig, EmotionClassifier, Pretrained
from affectspace.progress import Progress, silent
from affectspace.synthetic.faces import make_faces
from affectspace.synthetic.faces.labels import EVEN
from affectspace.training.networks import (
    AffectRegressor,
    JudgeSettings,
    KeptNetworks,
    RegressorConfig,
    teach_classifier,
    train_network,
)
from affectspace.walks.geometry import AXES
from affectspace.walks.readers import Reader, affect_centres, folds_of

LEAST = 4  # images of a test person, below which nobody can learn and walk it
FEWEST = 4  # people
DRAWN_SEED = 86028121  # of drawn people that are in no corpus
DRAWN_FACES_OF_A_PERSON = 12  # more people teach more than more faces of each
NUISANCE = ("yaw", "pitch", "light_x", "exposure", "tone", "age")


@dataclass(frozen=True)
class Judges:
    """The readers, of which the first is the primary one; the identity network and its people; the rows that may be walked."""

    readers: tuple[Reader, ...]
    identity: EmotionClassifier
    people: tuple[str, ...]
    walkable: np.ndarray


def judged_people(data: Dataset) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return test people with four images or more, the rows that teach who they are, and the rows that may be walked."""
    rows = data.rows("test")
    person = data.table["person"].iloc[rows].astype(str).to_numpy()
    names = [name for name in dict.fromkeys(person.tolist()) if (person == name).sum() >= LEAST]
    place = pd.Series(person).groupby(person).cumcount().to_numpy()
    known = np.isin(person, names)
    return tuple(names), rows[known & (place % 2 == 0)], rows[known & (place % 2 == 1)]


def judges_of(folder: Path, data: Dataset, settings: JudgeSettings, progress: Progress = silent) -> Judges:
    """Load the judges in a folder; train those that are missing or were trained under other settings, people or images.

    Raises RunError where the corpus has fewer than four test people, or neither emotions nor ratings.
    """
    people, taught, walkable = judged_people(data)
    if len(people) < FEWEST:
        raise RunError(
            f"{counted(len(people), 'test person', 'has')} {LEAST} images or more; judging walks needs {FEWEST}: use a larger "
            "share for the test in data.split.fractions, or a larger corpus"
        )
    training = judge_training(folder, data, people, settings, progress)
    readers = (training.drawn_reader(),) if data.drawn else (training.apart(people), training.others())
    who = pd.Index(people).get_indexer(pd.Index(data.table["person"].astype(str)))
    return Judges(readers, training.classifier("identity", taught, who, people), people, walkable)


def judge_training(
    folder: Path, data: Dataset, people: tuple[str, ...], settings: JudgeSettings, progress: Progress
) -> "JudgeTraining":
    """Return what trains the judges of a corpus, and keeps them in a folder. people : of `judged_people`"""
    facts = {"settings": settings.model_dump(mode="json"), "people": list(people), **corpus_facts(data)}
    return JudgeTraining(KeptNetworks(folder, facts, settings.seed), data, settings, progress)


def corpus_facts(data: Dataset) -> dict[str, Any]:
    """Return what must not change for a network to be used again: the corpus, and who is in which part."""
    split = sha256(data.split_table().to_csv(index=False).encode()).hexdigest()[:16]
    return {"corpus": data.name, "split": split}


@dataclass(frozen=True)
class JudgeTraining:
    """Trains the judges of one corpus under the same settings."""

    kept: KeptNetworks
    data: Dataset
    settings: JudgeSettings
    progress: Progress

    def drawn_reader(self) -> Reader:
        """Train a regressor of valence, arousal and all that should not move, on faces drawn for it."""
        names = ("valence", "arousal", *NUISANCE)

        def teach(network: Any) -> None:
            pixels, rows, truth = drawn_faces(
                self.kept.folder, self.data.image_size, names, self.settings, self.progress
            )
            teach_regressor(
                network, lambda chosen: pixels[chosen], rows, truth, self.settings, self.progress, "regressor"
            )

        config = RegressorConfig(**self._sizes, outputs=names)
        return Reader("regressor", (self.kept.get("regressor", AffectRegressor, config, teach),), {}, None)

    def chooser(self, seed: int) -> Reader:
        """Train a regressor of valence and arousal on drawn people that neither a corpus nor a judge has."""
        own = self.settings.model_copy(update={"seed": seed})

        def teach(network: Any) -> None:
            folder = self.kept.folder / "chooser-people"
            pixels, rows, truth = drawn_faces(folder, self.data.image_size, AXES, own, self.progress, seed)
            teach_regressor(network, lambda chosen: pixels[chosen], rows, truth, own, self.progress, "chooser")

        config = RegressorConfig(**self._sizes)
        kept = KeptNetworks(self.kept.folder, self.kept.facts, seed)
        return Reader("chooser", (kept.get("chooser", AffectRegressor, config, teach),), {}, None)

    def apart(self, people: tuple[str, ...]) -> Reader:
        """Train two networks, each on validation people and on the half of the test people that it does not judge."""
        part = self.data.part
        fold_of = folds_of(people)
        fold = np.array([fold_of.get(name, 2) for name in self.data.table["person"].astype(str)])
        rows = [np.flatnonzero((part == "validation") | ((part == "test") & (fold == 1 - judged))) for judged in (0, 1)]
        networks = tuple(self._network(f"apart-{judged}", rows[judged]) for judged in (0, 1))
        return Reader("apart", networks, fold_of, centres_of(self.data))

    def others(self) -> Reader:
        """Train one network on the training people."""
        return Reader("others", (self._network("others", self.data.rows("train")),), {}, centres_of(self.data))

    def classifier(
        self, name: str, rows: np.ndarray, labels: np.ndarray, categories: tuple[str, ...]
    ) -> EmotionClassifier:
        """Train a classifier on rows of the corpus, all classes drawn equally often; labels : (corpus,), index of the class."""
        config = ClassifierConfig(**self._sizes, dropout=self.settings.dropout, categories=categories)

        def teach(network: Any) -> None:
            teach_classifier(
                network, self.data, rows, labels[rows], self.settings, progress=self.progress, text=f"judge {name}"
            )

        return self.kept.get(name, EmotionClassifier, config, teach)

    @property
    def _sizes(self) -> dict[str, int]:
        return {"image_size": self.data.image_size, "width": self.settings.width}

    def _network(self, name: str, rows: np.ndarray) -> Pretrained:
        """Train a classifier of emotions; for a corpus with ratings but no emotions, a regressor of valence and arousal."""
        data = self.data
        classifies = centres_of(data) is not None
        known = rows[data.category[rows] >= 0 if classifies else np.isfinite(data.affect[rows, :2]).all(axis=1)]
        if not len(known):
            raise RunError(f"judge {name}: no image of its people has an emotion, or both valence and arousal")
        if classifies:
            return self.classifier(name, known, data.category, data.categories)

        def teach(network: Any) -> None:
            targets = data.affect[known, :2].astype(np.float64)
            teach_regressor(network, data.images, known, targets, self.settings, self.progress, f"judge {name}")

        config = RegressorConfig(**self._sizes, dropout=self.settings.dropout)
        return self.kept.get(name, AffectRegressor, config, teach)


def centres_of(data: Dataset) -> np.ndarray | None:
    """Return where the corpus' emotions lie on AffectNet's map, (categories, 2); None for fewer than two emotions."""
    return affect_centres(data.categories)


def teach_regressor(
    network: AffectRegressor,
    read: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    targets: np.ndarray,
    settings: JudgeSettings,
    progress: Progress,
    text: str,
) -> None:
    """Train on the images read(rows) with targets (n, outputs); each output's error counts in its own deviation."""
    network.set_scale(np.asarray(targets, dtype=np.float64))
    scaled = (torch.as_tensor(np.asarray(targets, dtype=np.float32)) - network.mean) / network.deviation

    def loss(out: Tensor, chosen: np.ndarray) -> Tensor:
        return ((out - network.mean) / network.deviation - scaled[chosen]).square().mean()

    weights = np.ones(len(rows))
    train_network(network, lambda chosen: read(rows[chosen]), loss, weights, settings, progress=progress, text=text)


def drawn_faces(
    folder: Path, size: int, names: tuple[str, ...], settings: JudgeSettings, progress: Progress, seed: int = DRAWN_SEED
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw faces of people that are in no corpus; return pixels, rows and truth.

    Valence and arousal are spread evenly over the map, because a reader that saw some region rarely reads it as less extreme.
    """
    n, people = settings.drawn_faces, max(2, settings.drawn_faces // DRAWN_FACES_OF_A_PERSON)
    place = folder / f"faces-{n}-{people}"
    corpus = make_faces(place, n=n, people=people, size=size, seed=seed, distribution=EVEN, progress=progress)
    images = corpus.images(size, progress=progress)
    rows = np.flatnonzero(images.ok)
    return images.pixels, rows, corpus.table[list(names)].to_numpy(np.float64)[rows]
