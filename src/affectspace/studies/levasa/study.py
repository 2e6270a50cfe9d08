"""A trained study: the corpus, every member with its representations, and what probes read from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import CATEGORIES
from affectspace.corpora.splits import PARTS
from affectspace.data.dataset import Dataset
from affectspace.data.labels import infer_emotions, permuted
from affectspace.evaluation import best_chunks, linear_probe, linear_readout, r2
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
class Arm:
    """One corpus of a study, with the members that were trained on it.

    data : its parts and labels; trained : the members by name, in the order of their seeds
    prefix : before the names of its experiments and figures, `LEVELS` for a corpus with levels and no emotions
    """

    data: Dataset
    trained: dict[str, list[Trained]]
    prefix: str = ""

    @property
    def reader(self) -> str:
        """Name of the reader of the corpus."""
        return next((str(facts["reader"]) for facts in self.data.facts["corpora"].values() if "reader" in facts), "")

    @property
    def name(self) -> str:
        """Name of the corpus; of a table its folder and name, and of drawn faces that they are drawn."""
        first = next((seeds[0] for seeds in self.trained.values() if seeds), None)
        name = self.data.name
        if name == "table" and first is not None:
            path = first.member.config.data.first.path
            name = f"{path.resolve().parent.name}/{path.name}"
        return f"drawn faces ({name})" if self.data.drawn else name


@dataclass(frozen=True)
class Study:
    """What tables and figures are made from. arms : the corpora; facts : what the report says about the study"""

    out: Path
    arms: tuple[Arm, ...]
    budget: Budget
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def trained(self) -> list[Trained]:
        """Every trained member."""
        return [entry for arm in self.arms for seeds in arm.trained.values() for entry in seeds]


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
    """The labels of a corpus by part, and what is read from members' latents. Each probe is fitted once.

    Where no row has an emotion, a row gets that of AffectNet's nearest centre (Algorithm 1, line 6), and `inferred` is true.
    """

    def __init__(self, data: Dataset, progress: Progress = silent) -> None:
        self.data, self.progress = data, progress
        self._emotion = np.array([*data.categories, None], dtype=object)[data.category]
        self.inferred = data.inferred or not data.categories
        if not data.categories:
            self._emotion = infer_emotions(data.affect)
        self.categories = tuple(name for name in CATEGORIES if name in set(self._emotion))
        self._pairs: dict[object, dict[tuple[int, int], float]] = {}
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

    def alignments(self, trained: Trained) -> dict[tuple[int, int], float]:
        """Measure how well each two chunks align with valence and arousal, (chunk of valence, of arousal) -> sum of both R2.

        Chunks are read by ridge regressions that are fitted on train people; R2 is that of validation people.
        """
        if trained.run.folder not in self._pairs:
            truth, gains = self.centres("validation"), np.full((3, 2), -np.inf)
            known = np.isfinite(truth)
            for chunk in range(3):
                x, vx, _ = STRICT.parts(partial(self.chunks, trained, (chunk,)))
                read = linear_readout(x, self.centres("train"), vx, truth, vx).predictions
                for axis, rows in enumerate(known.T):
                    gains[chunk, axis] = r2(truth[rows, axis], read[rows, axis])
            pairs = permutations(range(3), 2)
            self._pairs[trained.run.folder] = {(v, a): float(np.nansum(gains[[v, a], [0, 1]])) for v, a in pairs}
        return self._pairs[trained.run.folder]

    def closest(self, trained: Trained, part: str) -> list[np.ndarray]:
        """Return the chunks that Table 1 measures: z_v and z_a; without alignment, the closest ones on validation rows."""
        chunks, truth = trained.outputs.chunks(part), self.centres("validation")
        closest = (0, 1)
        if trained.alignment == "none":
            closest = best_chunks(trained.outputs.chunks("validation"), truth[:, 0], truth[:, 1])
        return [chunks[number].astype(np.float64) for number in closest]

    def order(self, trained: Trained) -> tuple[int, int, int]:
        """Choose which chunks are taken for z_v, z_a, z_z; without alignment, the two that align best on validation people."""
        if trained.alignment != "none":
            return 0, 1, 2
        pairs = self.alignments(trained)
        valence, arousal = max(pairs, key=lambda pair: pairs[pair])
        return valence, arousal, 3 - valence - arousal

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
        return self.probe(trained, combination).predictions

    def probe(self, trained: Trained, combination: str = "va") -> ProbeResult:
        """Return the strict linear probe of a combination of chunks."""
        of, text = partial(self.features, trained, combination), f"{trained.member.folder} {combination}"
        return self.fit_probe((trained.run.folder, combination), of, text)

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
