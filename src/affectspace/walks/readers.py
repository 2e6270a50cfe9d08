"""Networks that read valence and arousal off pictures of faces, and the trained ones that a run keeps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.data.dataset import Dataset
from affectspace.data.labels import read_transfer
from affectspace.errors import RunError
from affectspace.evaluation import pearson
from affectspace.media.faces import resized
from affectspace.models import EmotionClassifier, Pretrained
from affectspace.training.networks import AffectRegressor, outputs_of, saved_facts

KEPT = ("others", "regressor", "chooser")  # names of judges in RUN/judges, beside apart
FEWEST = 4  # labelled pictures, below which no correlation is told


@dataclass(frozen=True)
class Reader:
    """Reads valence and arousal off pictures; `networks[k]` is for the people of fold k, a single one for all.

    centres : (categories, 2), where a classifier's emotions lie; its reading is their mean under its probabilities
    """

    name: str
    networks: tuple[Pretrained, ...]
    fold_of: dict[str, int]
    centres: np.ndarray | None

    def read(self, pixels: np.ndarray, people: np.ndarray | None = None) -> np.ndarray:
        """Read pixels (n, size, size, 3) of people (n,): (n, 2), or (n, outputs) by a regressor. Other sizes are scaled.

        people : needed by a reader with a network for each fold of people
        """
        config: Any = self.networks[0].config
        if pixels.shape[1] != config.image_size:
            pixels = np.stack([resized(image, config.image_size) for image in pixels])
        fold = np.zeros(len(pixels), dtype=int)
        if people is not None:
            fold[:] = [self.fold_of.get(person, 0) for person in people.tolist()]
        readings: Any = None
        for index, network in enumerate(self.networks):
            rows = np.flatnonzero(fold == index)
            if not len(rows):
                continue
            outputs = outputs_of(network, pixels[rows])
            if isinstance(
                network, AffectRegressor
            ):  # valence and arousal are those of the mirror image; the mean errs less
                outputs[:, :2] = (outputs[:, :2] + outputs_of(network, pixels[rows, :, ::-1])[:, :2]) / 2
            outputs = outputs @ self.centres if self.centres is not None else outputs
            readings = np.empty((len(pixels), outputs.shape[1])) if readings is None else readings
            readings[rows] = outputs
        return readings

    def agreement(self, data: Dataset, rows: np.ndarray, pixels: np.ndarray) -> list[float | None]:
        """Return r of reading and label for valence and arousal, over pictures of these rows; None where it is undefined."""
        read = self.read(pixels, data.table["person"].astype(str).to_numpy()[rows])
        known = np.isfinite(data.affect[rows, :2]).all(axis=1)
        if known.sum() < FEWEST:
            return [None, None]
        values = [float(pearson(data.affect[rows[known], axis], read[known, axis])) for axis in (0, 1)]
        return [value if np.isfinite(value) else None for value in values]

    def emotions(self, pixels: np.ndarray, people: np.ndarray) -> np.ndarray | None:
        """Return the index of the most probable emotion, (n,); None for a regressor."""
        if self.centres is None:
            return None
        plain = Reader(self.name, self.networks, self.fold_of, np.eye(len(self.centres)))
        return plain.read(pixels, people).argmax(axis=1)


def named_reader(place: str, run: Path) -> Reader:
    """Load a trained judge for single faces.

    place : apart, others or regressor, which `traverse RUN --judge` keeps in RUN/judges; chooser, which `--strength auto` keeps
    there; or the folder of a run of kind classifier, or of any saved judge. Raises RunError if there is none.
    """
    kept = run / "judges"
    if place == "apart":
        folders, fold_of = (
            [kept / "apart-0", kept / "apart-1"],
            folds_of(saved_facts(kept / "apart-0").get("people", [])),
        )
    else:
        own = kept / place if place in KEPT else Path(place)
        folders, fold_of = [own / "model" if (own / "model" / "config.json").is_file() else own], {}
    networks, centres = [], None
    for folder in folders:
        kind = saved_facts(folder, "config.json").get("kind")
        if kind not in ("classifier", "affect_regressor"):
            raise RunError(
                f"--judged-by {place}: {folder} holds no judge; give the folder of a run of kind classifier, or train judges "
                f"with `affectspace traverse {run} --judge` and give apart or others (regressor for drawn faces)"
            )
        network: Pretrained = (EmotionClassifier if kind == "classifier" else AffectRegressor).from_pretrained(folder)
        if isinstance(network, EmotionClassifier):
            centres = affect_centres(network.config.categories)
        networks.append(network.eval())
    return Reader(place, tuple(networks), fold_of, centres)


def folds_of(people: list[str] | tuple[str, ...]) -> dict[str, int]:
    """Person -> the network of `apart` that judges it."""
    return {name: index % 2 for index, name in enumerate(people)}


def affect_centres(categories: tuple[str, ...]) -> np.ndarray | None:
    """Return where emotions lie on AffectNet's map, (categories, 2); None for fewer than two."""
    if len(categories) < 2:
        return None
    return read_transfer("affectnet").centres(np.array(categories, dtype=object)).astype(np.float64)
