"""What is read off the codes of a trained member: chunks, probes, read-outs. Each probe is fitted once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from affectspace.affect import CATEGORIES
from affectspace.evaluation import best_chunks, linear_probe, linear_readout
from affectspace.evaluation.probes import ProbeResult
from affectspace.studies.levasa.study import Trained
from affectspace.training.labels import permuted
from affectspace.training.training_set import PARTS, Progress, TrainingSet, silent

COMBINATIONS = ("z_v", "z_a", "z_z", "va", "vaz")
AXES = ("valence", "arousal")
_MEMBERS = {"z_v": (0,), "z_a": (1,), "z_z": (2,), "va": (0, 1), "vaz": (0, 1, 2)}


def alignment_of(trained: Trained) -> str:
    """none, continuous, discrete, categories; "classifier" for the supervised network."""
    return getattr(trained.member.config.model, "alignment", "classifier")


@dataclass(frozen=True)
class Protocol:
    """Which rows fit, choose and test.

    name : "strict", the parts of the split, by people; or "paper", random rows of the training images, as published
    rows : of protocol paper, positions among the training rows to fit, choose and test
    """

    name: str
    rows: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def parts(self, of: Callable[[str], np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows to fit, choose and test of what `of(part)` gives for a part of the split."""
        if self.rows is None:
            fit, choose, test = (of(part) for part in PARTS)
            return fit, choose, test
        values = of("train")
        fit, choose, test = (values[rows] for rows in self.rows)
        return fit, choose, test

    def test(self, of: Callable[[str], np.ndarray]) -> np.ndarray:
        return of("test") if self.rows is None else of("train")[self.rows[2]]


STRICT = Protocol("strict")


def paper_protocol(data: TrainingSet, seed: int = 0) -> Protocol:
    """80 % of the training images at random fit (a tenth of them chooses the epoch), 20 % test: people are shared."""
    order = np.random.default_rng(seed).permutation(len(data.rows("train")))
    test, choose = len(order) // 5, max(1, len(order) * 8 // 100)
    return Protocol("paper", (order[test + choose :], order[test : test + choose], order[:test]))


class Readings:
    """The labels of a corpus by part, and what each member's codes say of them."""

    def __init__(self, data: TrainingSet, emotion: np.ndarray | None = None, progress: Progress = silent) -> None:
        self.data, self.progress = data, progress
        known = np.array([*data.labels.categories, None], dtype=object)
        self._emotion = known[data.labels.category] if emotion is None else emotion
        self.categories = tuple(name for name in CATEGORIES if name in set(self._emotion))
        self._order: dict[object, tuple[int, int, int]] = {}
        self.known: dict[object, ProbeResult] = {}

    def emotion(self, part: str) -> np.ndarray:
        """Names of the emotions, None without one, (n,)."""
        return self._emotion[self.data.rows(part)]

    def people(self, part: str) -> np.ndarray:
        return self.data.table["person"].to_numpy()[self.data.rows(part)]

    def centres(self, part: str) -> np.ndarray:
        """(n, 2): the centre of the emotion's ellipse, or the rating where there are ratings."""
        return self.data.labels.evaluation[self.data.rows(part)].astype(np.float64)

    def sampled(self, part: str) -> np.ndarray:
        """(n, 2): labels sampled from the ellipses as in training; ratings where there are ratings."""
        return self.data.labels.training(0)[self.data.rows(part)].astype(np.float64)

    def order(self, trained: Trained) -> tuple[int, int, int]:
        """Which chunks are taken for z_v, z_a, z_z; without alignment the two that align best on validation rows."""
        if alignment_of(trained) != "none":
            return 0, 1, 2
        if trained.run.folder not in self._order:
            truth = self.centres("validation")
            valence, arousal = best_chunks(trained.codes.chunks("validation"), truth[:, 0], truth[:, 1])
            self._order[trained.run.folder] = valence, arousal, 3 - valence - arousal
        return self._order[trained.run.folder]

    def features(self, trained: Trained, combination: str, part: str) -> np.ndarray:
        """Posterior means of z_v, z_a, z_z, va or vaz side by side, (n, dimensions)."""
        chunks, order = trained.codes.chunks(part), self.order(trained)
        return np.concatenate([chunks[order[index]] for index in _MEMBERS[combination]], axis=1)

    def pair(self, trained: Trained, pair: tuple[int, int], part: str) -> np.ndarray:
        """Two chunks by number, side by side, whatever they are taken for."""
        chunks = trained.codes.chunks(part)
        return np.concatenate([chunks[index] for index in pair], axis=1)

    def fit_probe(self, key: object, of: Callable[[str], np.ndarray], text: str) -> ProbeResult:
        """Strict linear probe of the emotion on features by part; remembered under `key`."""
        if key not in self.known:
            self.progress(len(self.known), 0, f"linear probe of {text}")
            train, validation, test = STRICT.parts(of)
            self.known[key] = linear_probe(train, self.emotion("train"), validation, self.emotion("validation"), test)
        return self.known[key]

    def probe(self, trained: Trained, combination: str = "va") -> ProbeResult:
        """Strict linear probe of the emotion on a combination of chunks."""
        key = (trained.run.folder, combination)
        return self.fit_probe(
            key, partial(self.features, trained, combination), f"{trained.member.folder} {combination}"
        )

    def predictions(self, trained: Trained, combination: str = "va") -> np.ndarray:
        """Emotions of the test rows: of the strict probe, or of the classifier's own logits."""
        if alignment_of(trained) == "classifier":
            return np.array(self.data.labels.categories)[trained.codes.mean["test"].argmax(axis=1)]
        return self.probe(trained, combination).predictions

    def readout(self, trained: Trained) -> np.ndarray:
        """Strict ridge read-out of valence and arousal from the two affective chunks, test rows, (n, 2)."""
        train, validation, test = STRICT.parts(lambda part: self.features(trained, "va", part))
        return linear_readout(train, self.centres("train"), validation, self.centres("validation"), test).predictions

    def head_emotions(self, trained: Trained) -> np.ndarray:
        """Emotion whose centre is nearest to what the heads read, test rows; a permuted member has its own centres."""
        names, truth, known = self.categories, self.centres("train"), self.emotion("train")
        centres = np.full((len(names), 2), np.inf)  # an emotion that no training row has is never nearest
        for index, name in enumerate(names):
            rows = (known == name) & np.isfinite(truth).all(axis=1)
            if rows.any():
                centres[index] = truth[rows].mean(axis=0)
        seed = trained.member.config.labels.permute
        centres = centres[[names.index(name) for name in permuted(names, seed)]]
        affect = trained.codes.affect["test"]
        distance = ((affect[:, None] - centres) ** 2).sum(axis=2)
        return np.array(names)[distance.argmin(axis=1)]
