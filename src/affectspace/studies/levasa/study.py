"""A trained study: the corpus, every member with its representations, and what probes read from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import CATEGORIES
from affectspace.corpora.splits import PARTS
from affectspace.data.dataset import Dataset
from affectspace.data.labels import permuted
from affectspace.evaluation import best_chunks, linear_probe, linear_readout
from affectspace.evaluation.probes import ProbeResult
from affectspace.progress import Progress, silent
from affectspace.studies.levasa.plan import Budget, Member
from affectspace.studies.levasa.representations import Representations
from affectspace.training.runs import Run

COMBINATIONS = ("z_v", "z_a", "z_z", "va", "vaz")
AXES = ("valence", "arousal")
_CHUNKS = {"z_v": (0,), "z_a": (1,), "z_z": (2,), "va": (0, 1), "vaz": (0, 1, 2)}


@dataclass(frozen=True)
class Trained:
    """One trained member: a model with one seed."""

    member: Member
    run: Run
    outputs: Representations

    @property
    def alignment(self) -> str:
        """none, continuous, discrete or categories; "classifier" for the supervised network."""
        return getattr(self.member.config.model, "alignment", "classifier")

    @property
    def permute(self) -> int | None:
        """Seed by which the ellipses are permuted among the emotions; None in members that are no such control."""
        return self.member.config.data.first.labels.permute


Seeds = Sequence[Trained]


@dataclass(frozen=True)
class Study:
    """What tables and figures are made from.

    data : the corpus, its parts and its labels; drawn : drawn faces with AFEW-VA's labels, where the study has them
    trained : the members by name, in the order of their seeds; facts : what the report says about the study
    """

    out: Path
    data: Dataset
    drawn: Dataset | None
    trained: dict[str, list[Trained]]
    budget: Budget
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def main(self) -> dict[str, list[Trained]]:
        """The members that were trained on the corpus, not on drawn faces."""
        return {name: seeds for name, seeds in self.trained.items() if seeds and not name.startswith("afew_")}


@dataclass(frozen=True)
class Protocol:
    """Which rows fit, choose and test.

    name : "strict", the parts of the split, by people; or "paper", random rows of the training images, as published
    rows : of protocol paper, positions among the training rows to fit, choose and test
    """

    name: str
    rows: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def parts(self, of: Callable[[str], np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows to fit, choose and test of what `of(part)` returns for a part of the split."""
        values = [of(part) for part in PARTS] if self.rows is None else [of("train")[rows] for rows in self.rows]
        return values[0], values[1], values[2]

    def test(self, of: Callable[[str], np.ndarray]) -> np.ndarray:
        return of("test") if self.rows is None else of("train")[self.rows[2]]


STRICT = Protocol("strict")


def paper_protocol(data: Dataset, seed: int = 0) -> Protocol:
    """Draw random rows of the training images: 80 % fit (a tenth of them chooses the epoch), 20 % test; people are shared."""
    order = np.random.default_rng(seed).permutation(len(data.rows("train")))
    test, choose = len(order) // 5, max(1, len(order) * 8 // 100)
    return Protocol("paper", (order[test + choose :], order[test : test + choose], order[:test]))


class Readings:
    """The labels of a corpus by part, and what is read from members' latents. Each probe is fitted once."""

    def __init__(self, data: Dataset, emotion: np.ndarray | None = None, progress: Progress = silent) -> None:
        self.data, self.progress = data, progress
        known = np.array([*data.categories, None], dtype=object)
        self._emotion = known[data.category] if emotion is None else emotion
        self.categories = tuple(name for name in CATEGORIES if name in set(self._emotion))
        self._order: dict[object, tuple[int, int, int]] = {}
        self._probes: dict[object, ProbeResult] = {}

    def emotion(self, part: str) -> np.ndarray:
        """Return the names of the emotions, None without one, (n,)."""
        return self._emotion[self.data.rows(part)]

    def people(self, part: str) -> np.ndarray:
        return self.data.table["person"].to_numpy()[self.data.rows(part)]

    def centres(self, part: str) -> np.ndarray:
        """Return the centres of the emotions' ellipses, or the ratings where there are some, (n, 2)."""
        return self.data.affect[self.data.rows(part), :2].astype(np.float64)

    def sampled(self, part: str) -> np.ndarray:
        """Return labels sampled from the ellipses as in training, or the ratings where there are some, (n, 2)."""
        return self.data.training_affect(0)[self.data.rows(part), :2].astype(np.float64)

    def order(self, trained: Trained) -> tuple[int, int, int]:
        """Choose which chunks are taken for z_v, z_a, z_z; without alignment, the two that align best on validation rows."""
        if trained.alignment != "none":
            return 0, 1, 2
        if trained.run.folder not in self._order:
            truth = self.centres("validation")
            valence, arousal = best_chunks(trained.outputs.chunks("validation"), truth[:, 0], truth[:, 1])
            self._order[trained.run.folder] = valence, arousal, 3 - valence - arousal
        return self._order[trained.run.folder]

    def features(self, trained: Trained, combination: str, part: str) -> np.ndarray:
        """Return the posterior means of z_v, z_a, z_z, va or vaz side by side, (n, dimensions)."""
        order = self.order(trained)
        return self.chunks(trained, tuple(order[index] for index in _CHUNKS[combination]), part)

    def chunks(self, trained: Trained, numbers: tuple[int, ...], part: str) -> np.ndarray:
        """Return chunks by number, side by side."""
        chunks = trained.outputs.chunks(part)
        return np.concatenate([chunks[number] for number in numbers], axis=1)

    def fit_probe(self, key: object, of: Callable[[str], np.ndarray], text: str) -> ProbeResult:
        """Fit the strict linear probe of the emotion on features by part, once for each key."""
        if key not in self._probes:
            self.progress(len(self._probes), 0, f"linear probe of {text}")
            train, validation, test = STRICT.parts(of)
            self._probes[key] = linear_probe(train, self.emotion("train"), validation, self.emotion("validation"), test)
        return self._probes[key]

    def predictions(self, trained: Trained, combination: str = "va") -> np.ndarray:
        """Predict emotions of the test rows: by the strict linear probe, or of the classifier's own logits."""
        if trained.alignment == "classifier":
            return np.array(self.data.categories)[trained.outputs.mean["test"].argmax(axis=1)]
        of = partial(self.features, trained, combination)
        text = f"{trained.member.folder} {combination}"
        return self.fit_probe((trained.run.folder, combination), of, text).predictions

    def readout(self, trained: Trained) -> np.ndarray:
        """Read valence and arousal from the two affective chunks, test rows, (n, 2)."""
        train, validation, test = STRICT.parts(lambda part: self.features(trained, "va", part))
        return linear_readout(train, self.centres("train"), validation, self.centres("validation"), test).predictions

    def head_emotions(self, trained: Trained) -> np.ndarray:
        """Predict the emotion with the centre nearest to the heads' output, test rows; a permuted member has its own."""
        names, truth, known = self.categories, self.centres("train"), self.emotion("train")
        centres = np.full((len(names), 2), np.inf)  # an emotion that no training row has is never nearest
        for index, name in enumerate(names):
            rows = (known == name) & np.isfinite(truth).all(axis=1)
            if rows.any():
                centres[index] = truth[rows].mean(axis=0)
        seed = trained.permute
        centres = centres[[names.index(name) for name in permuted(names, seed)]]
        affect = trained.outputs.affect["test"]
        distance = ((affect[:, None] - centres) ** 2).sum(axis=2)
        return np.array(names)[distance.argmin(axis=1)]
