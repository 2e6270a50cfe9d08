"""Who judges walks of test people: readers of valence and arousal, and who tells the people apart.

apart : networks trained on validation people and on half of the test people, each judging the other half only. They share
    neither an image nor a person with the walked model's training, nor a person with what they judge.
others : one network trained on the training people: larger, no person of it is walked, but its images are the model's too
regressor : on drawn faces, one network trained on faces of other people whose valence and arousal are known
identity : trained on every second image of each test person; walks start from the others
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectspace.data.dataset import Dataset
from affectspace.data.labels import read_transfer
from affectspace.errors import RunError
from affectspace.files import write_text
from affectspace.models import ClassifierConfig, EmotionClassifier, Pretrained
from affectspace.progress import Progress, silent
from affectspace.studies.walks.networks import AffectRegressor, JudgeSettings, RegressorConfig, outputs_of
from affectspace.studies.walks.teaching import drawn_faces, teach_classifier, teach_regressor

LEAST = 4  # images of a test person, below which nobody can learn and walk it
FEWEST = 4  # people
NUISANCE = ("yaw", "pitch", "light_x", "exposure", "tone", "age")


@dataclass(frozen=True)
class Reader:
    """Reads valence and arousal off pictures; `networks[k]` is for the people of fold k, a single one for all.

    centres : (categories, 2), where a classifier's emotions lie; its reading is their mean under its probabilities
    """

    name: str
    networks: tuple[Pretrained, ...]
    fold_of: dict[str, int]
    centres: np.ndarray | None

    def read(self, pixels: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Read pixels (n, size, size, 3) of people (n,): (n, 2), or (n, outputs) by a regressor."""
        fold = np.array([self.fold_of.get(person, 0) for person in people.tolist()])
        readings: Any = None
        for index, network in enumerate(self.networks):
            rows = np.flatnonzero(fold == index)
            if not len(rows):
                continue
            outputs = outputs_of(network, pixels[rows])
            outputs = outputs @ self.centres if self.centres is not None else outputs
            readings = np.empty((len(pixels), outputs.shape[1])) if readings is None else readings
            readings[rows] = outputs
        return readings

    def emotions(self, pixels: np.ndarray, people: np.ndarray) -> np.ndarray | None:
        """Return the index of the most probable emotion, (n,); None for a regressor."""
        if self.centres is None:
            return None
        plain = Reader(self.name, self.networks, self.fold_of, np.eye(len(self.centres)))
        return plain.read(pixels, people).argmax(axis=1)


@dataclass(frozen=True)
class Judges:
    """The readers by name, the first is the primary; the identity network, its people, and the rows that may be walked."""

    readers: tuple[Reader, ...]
    identity: EmotionClassifier
    people: tuple[str, ...]
    walkable_model: np.ndarray
    facts: dict[str, Any]


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
    people, taught, walkable_model = judged_people(data)
    if len(people) < FEWEST:
        raise RunError(
            f"{len(people)} test people have {LEAST} images or more; judging walks needs {FEWEST}: a greater "
            "share for the test in data.split.fractions, or a larger corpus"
        )
    facts = {"settings": settings.model_dump(mode="json"), "people": list(people), **corpus_facts(data)}
    kept = KeptNetworks(folder, facts, settings.seed)
    if data.drawn:
        readers: tuple[Reader, ...] = (_drawn_reader(kept, data, settings, progress),)
    else:
        readers = (_apart(kept, data, people, settings, progress), _others(kept, data, settings, progress))
    who = pd.Index(people).get_indexer(pd.Index(data.table["person"].astype(str)))
    config = ClassifierConfig(**_common(data, settings), dropout=settings.dropout, categories=people)

    def teach(network: Any) -> None:
        teach_classifier(network, data, taught, who, settings, progress, "identity judge")

    identity = kept.get("identity", EmotionClassifier, config, teach)
    return Judges(readers, identity, people, walkable_model, facts)


def corpus_facts(data: Dataset) -> dict[str, Any]:
    """Return what must not change for a network to be used again: the corpus, and who is in which part."""
    split = sha256(data.split_table().to_csv(index=False).encode()).hexdigest()[:16]
    return {"corpus": data.name, "split": split}


@dataclass(frozen=True)
class KeptNetworks:
    """Networks in the subfolders of a folder, each with the facts that it was trained under; others are trained again."""

    folder: Path
    facts: dict[str, Any]
    seed: int

    def get(self, name: str, kind: Any, config: Any, teach: Callable[[Any], None]) -> Any:
        """Load the network of this name, or make and teach it where it is missing or has other facts."""
        where = self.folder / name
        try:
            if json.loads((where / "facts.json").read_text("utf-8")) == self.facts:
                return kind.from_pretrained(where)
        except (OSError, json.JSONDecodeError, UnicodeDecodeError):
            pass  # not there yet, or not whole
        (where / "facts.json").unlink(missing_ok=True)  # an interrupted training must not count as this one
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            made = kind(config)
        teach(made)
        made.save_pretrained(where)
        write_text(where / "facts.json", json.dumps(self.facts) + "\n")
        return made


def _common(data: Dataset, settings: JudgeSettings) -> dict[str, int]:
    return {"image_size": data.image_size, "width": settings.width}


def _drawn_reader(kept: KeptNetworks, data: Dataset, settings: JudgeSettings, progress: Progress) -> Reader:
    names = ("valence", "arousal", *NUISANCE)

    def teach(network: Any) -> None:
        pixels, rows, truth = drawn_faces(kept.folder, data.image_size, names, settings, progress)
        teach_regressor(network, lambda chosen: pixels[chosen], rows, truth, settings, progress, "regressor")

    config = RegressorConfig(**_common(data, settings), outputs=names)
    return Reader("regressor", (kept.get("regressor", AffectRegressor, config, teach),), {}, None)


def _apart(
    kept: KeptNetworks, data: Dataset, people: tuple[str, ...], settings: JudgeSettings, progress: Progress
) -> Reader:
    fold_of = {name: index % 2 for index, name in enumerate(people)}
    fold = np.array([fold_of.get(name, 2) for name in data.table["person"].astype(str)])
    networks = []
    for judged in (0, 1):
        rows = np.flatnonzero((data.part == "validation") | ((data.part == "test") & (fold == 1 - judged)))
        networks.append(_reader_network(kept, f"apart-{judged}", data, rows, settings, progress))
    return Reader("apart", tuple(networks), fold_of, centres_of(data))


def _others(kept: KeptNetworks, data: Dataset, settings: JudgeSettings, progress: Progress) -> Reader:
    network = _reader_network(kept, "others", data, data.rows("train"), settings, progress)
    return Reader("others", (network,), {}, centres_of(data))


def centres_of(data: Dataset) -> np.ndarray | None:
    """Return where the corpus' emotions lie on AffectNet's map, (categories, 2); None for fewer than two emotions."""
    categories = data.categories
    if len(categories) < 2:
        return None
    return read_transfer("affectnet").centres(np.array(categories, dtype=object)).astype(np.float64)


def _reader_network(
    kept: KeptNetworks, name: str, data: Dataset, rows: np.ndarray, settings: JudgeSettings, progress: Progress
) -> Pretrained:
    """Train a classifier of emotions; for a corpus with ratings but no emotions, a regressor of valence and arousal."""
    text = f"judge {name}"
    if centres_of(data) is not None:
        config: Any = ClassifierConfig(**_common(data, settings), dropout=settings.dropout, categories=data.categories)
        known = rows[data.category[rows] >= 0]
        kind: Any = EmotionClassifier

        def teach(network: Any) -> None:
            teach_classifier(network, data, known, data.category, settings, progress, text)
    else:
        config = RegressorConfig(**_common(data, settings), dropout=settings.dropout)
        known = rows[np.isfinite(data.affect[rows, :2]).all(axis=1)]
        kind = AffectRegressor

        def teach(network: Any) -> None:
            targets = data.affect[known, :2].astype(np.float64)
            teach_regressor(network, data.images, known, targets, settings, progress, text)

    if not len(known):
        raise RunError(f"{text}: no image of its people has an emotion, or both valence and arousal")
    return kept.get(name, kind, config, teach)
