"""Floors of the study: ridge and softmax on every subset of a corpus' raw vectors, and the lexicon's mean of a text.

They are `evaluation.ridge_floor` and `softmax_floor`, made to speak as the trained models do (`represent`), so that every table
reads them alike. A view is a subset of modalities; each has a regression of its own, so that a floor is never handicapped by
what a row lacks. What is chosen is chosen on validation; then train and validation fit together, which the networks do not
get: a floor should be hard to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.evaluation import RidgeFloor, SoftmaxFloor, class_centres, ridge_floor, softmax_floor
from affectspace.evaluation.folds import Fold
from affectspace.models import Representation
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.sources import WORDS, Source

PENALTIES = tuple(float(one) for one in np.logspace(0, 5, 11))
WEIGHTS = (1.0, 3.0, 10.0)  # of a few lexicon statistics beside a long vector


Fit = Callable[[Source, dict[str, np.ndarray], np.ndarray, np.ndarray], "View"]


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every subset of the modalities but the empty one."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


@dataclass(frozen=True, eq=False)
class View:
    """What reads one subset of modalities, whose vectors stand side by side.

    deviation : (3,) root mean squared error on validation
    """

    names: tuple[str, ...]
    floor: RidgeFloor | SoftmaxFloor
    deviation: np.ndarray

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n, 3) of rows that have all of its modalities."""
        return self.floor(side_by_side({name: features[name] for name in self.names}))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A floor: a view for each subset of its modalities."""

    views: dict[tuple[str, ...], View]
    widths: dict[str, int]
    config: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", SimpleNamespace(modalities=dict(self.widths)))

    def represent(self, features: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor]) -> Representation:
        """Affect of each modality and of all that a row has; no latents."""
        arrays = {name: values.numpy() for name, values in features.items()}
        there = {name: mask.numpy() for name, mask in present.items()}
        n = len(next(iter(arrays.values())))
        fused, width = np.full((n, len(AXES)), np.nan), np.full((n, len(AXES)), np.nan)
        names = list(self.widths)
        for view, reader in self.views.items():
            rows = np.all([there[name] == (name in view) for name in names], axis=0)
            if rows.any():
                fused[rows] = reader({name: arrays[name][rows] for name in view})
                width[rows] = reader.deviation
        affect, deviation = {}, {}
        for name in names:
            reader, rows = self.views[name,], there[name]
            said = np.zeros((n, len(AXES)))
            if rows.any():
                said[rows] = reader({name: arrays[name][rows]})
            affect[name] = _tensor(said)
            deviation[name] = _tensor(np.broadcast_to(reader.deviation, (n, len(AXES))))
        return Representation({}, {}, affect, deviation, _tensor(fused), _tensor(width))


def fit_ridge_floor(source: Source, fold: Fold, modalities: Sequence[str]) -> Fitted:
    """Ridge regression per axis on every subset of modalities; penalty and weight of lexicon statistics by validation error."""
    return _fitted(source, fold, modalities, _ridge_view)


def fit_softmax_floor(source: Source, fold: Fold, modalities: Sequence[str]) -> Fitted:
    """Logistic regression over emotions, whose probabilities weigh their centres; C by validation UAR, classes weigh alike."""
    return _fitted(source, fold, modalities, _softmax_view)


def _fitted(source: Source, fold: Fold, modalities: Sequence[str], fit: Fit) -> Fitted:
    features, present = source.vectors
    names = [name for name in modalities if name in features]
    views = {}
    for view in subsets(names):
        there = np.all([present[name] for name in view], axis=0)
        parts = [rows[there[rows]] for rows in (fold.train, fold.validation)]
        views[view] = fit(source, {name: features[name] for name in view}, *parts)
    return Fitted(views, {name: features[name].shape[1] for name in names})


def _ridge_view(source: Source, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray) -> View:
    truth, x = source.truth, side_by_side(features)
    known = np.isfinite(truth).all(axis=1)
    train, validation = train[known[train]], validation[known[validation]]
    floors = []
    for weight in WEIGHTS if WORDS in features and len(features) > 1 else (1.0,):
        factors = np.concatenate(
            [np.full(rows.shape[1], weight if m == WORDS else 1.0) for m, rows in features.items()]
        )
        floors.append(
            ridge_floor(
                x[train],
                truth[train],
                validation=x[validation],
                validation_y=truth[validation],
                penalties=PENALTIES,
                factors=factors,
            )
        )
    best = min(floors, key=lambda floor: sum(floor.validation_mse))
    both = np.concatenate([train, validation])
    return View(tuple(features), best.refitted(x[both], truth[both]), np.sqrt(best.validation_mse))


def _softmax_view(source: Source, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray) -> View:
    truth, x = source.truth, side_by_side(features)
    named = source.table["emotion"].notna().to_numpy() & np.isfinite(truth).all(axis=1)
    emotions = source.table["emotion"].astype(object).where(named, "").to_numpy().astype(str)
    train, validation = train[named[train]], validation[named[validation]]
    both = np.concatenate([train, validation])
    centres = class_centres(emotions[train], truth[train])
    floor = softmax_floor(x[train], emotions[train], x[validation], emotions[validation], centres)
    deviation = np.sqrt(np.mean((truth[validation] - floor(x[validation])) ** 2, axis=0))
    centres = class_centres(emotions[both], truth[both])
    return View(tuple(features), floor.refitted(x[both], emotions[both], centres), deviation)


def side_by_side(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, all widths) float64."""
    return np.concatenate([values.astype(np.float64) for values in features.values()], axis=1)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def lexicon_codes(source: Source, lexicon: Path, method: str = "contextual") -> Codes:
    """The lexicon's mean of each text on the axes that it has, 0 without a hit and on other axes; width 1."""
    from affectspace.lexicon import Lexicon, score_texts

    texts = source.table["text"]
    found = score_texts(texts, Lexicon.read(lexicon), method)
    scores = np.zeros((len(texts), len(AXES)), np.float32)
    for place, axis in enumerate(AXES):
        if axis in found:
            values = found[axis].to_numpy(np.float64)
            scores[:, place] = np.where(np.isnan(values), np.nanmean(values), values)
    there, width = texts.notna().to_numpy(), np.ones_like(scores)
    fused = np.where(there[:, None], scores, np.nan).astype(np.float32)
    return Codes({"text": there}, {"text": scores}, {"text": width}, fused, width)
