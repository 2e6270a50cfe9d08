"""Floors of the study: ridge and softmax on every subset of a corpus' raw vectors, and the lexicon's mean of a text.

They have the interface of the trained models (`represent`), so that every table reads them alike. Each subset of modalities has
a regression of its own, so that a floor is not handicapped by missing modalities. Settings are chosen on validation rows; then
train and validation rows are fitted together, which the networks are not: a floor should be hard to beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch

from affectspace.affect import AXES
from affectspace.evaluation import Ridge, SoftmaxFloor, class_centres, fit_ridge, softmax_floor
from affectspace.evaluation.folds import Fold
from affectspace.lexicon import Lexicon, score_texts
from affectspace.models import Representation
from affectspace.studies.manifold.corpora import WORDS
from affectspace.studies.manifold.representations import Representations

PENALTIES = tuple(float(penalty) for penalty in np.logspace(0, 5, 11))
WEIGHTS = (1.0, 3.0, 10.0)  # of a few lexicon statistics beside a long vector


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """List every subset of the modalities except the empty one."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


class FloorRows(Protocol):
    """What a floor is fitted on: `table` with emotions, `truth` (n, 3), `vectors` by modality with the rows that have them."""

    @property
    def table(self) -> pd.DataFrame: ...

    @property
    def truth(self) -> np.ndarray: ...

    @property
    def vectors(self) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]: ...


@dataclass(frozen=True, eq=False)
class SubsetFloor:
    """The regression on one subset of modalities.

    axes : those that it predicts; deviation : (3,) root mean squared error on validation rows, NaN on other axes
    """

    names: tuple[str, ...]
    regression: Ridge | SoftmaxFloor
    axes: list[int]
    deviation: np.ndarray

    def predict(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        """Predict rows that have all of its modalities, (rows, 3); NaN on axes that it does not predict."""
        values = self.regression(concatenated({name: features[name][rows] for name in self.names}))
        return on_axes(values, self.axes)


@dataclass(frozen=True, eq=False)
class Floor:
    """A regression for each subset of modalities."""

    subsets: dict[tuple[str, ...], SubsetFloor]
    widths: dict[str, int]

    @property
    def config(self) -> SimpleNamespace:
        """The part of a model's configuration that `represent_rows` reads."""
        return SimpleNamespace(modalities=dict(self.widths))

    def represent(self, features: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor]) -> Representation:
        """Compute the affect of each modality and of all that a row has; there are no latents."""
        arrays = {name: values.numpy() for name, values in features.items()}
        masks = {name: mask.numpy() for name, mask in present.items()}
        n = len(next(iter(arrays.values())))
        fused, fused_deviation = np.full((n, len(AXES)), np.nan), np.full((n, len(AXES)), np.nan)
        for pattern in subsets(list(self.widths)):
            rows = np.all([masks[name] == (name in pattern) for name in self.widths], axis=0)
            fitted = [names for names in self.subsets if set(names) <= set(pattern)]
            if rows.any() and fitted:
                floor = self.subsets[max(fitted, key=len)]
                fused[rows] = floor.predict(arrays, rows)
                fused_deviation[rows] = floor.deviation
        affect, deviation = {}, {}
        for (name,), floor in ((names, floor) for names, floor in self.subsets.items() if len(names) == 1):
            rows, values = masks[name], np.zeros((n, len(AXES)))
            if rows.any():
                values[rows] = floor.predict(arrays, rows)
            affect[name] = _tensor(values)
            deviation[name] = _tensor(np.broadcast_to(floor.deviation, (n, len(AXES))))
        return Representation({}, {}, affect, deviation, _tensor(fused), _tensor(fused_deviation))


def fit_floor(
    kind: str,
    source: FloorRows,
    fold: Fold,
    modalities: Sequence[str],
    wanted: Iterable[tuple[str, ...]] | None = None,
) -> Floor:
    """Fit a floor on every subset of modalities, or on those that are wanted.

    A subset without labelled train and validation rows is left out. Rows that have another subset are predicted from the
    largest one among their modalities.

    kind : "ridge", a regression for each axis; penalty and weight of lexicon statistics by validation error; or "softmax", a
        logistic regression over emotions whose probabilities weigh the emotions' centres; C by validation UAR
    """
    features, present = source.vectors
    names = [name for name in modalities if name in features]
    fit = _fit_softmax if kind == "softmax" else _fit_ridge
    fitted = {}
    for subset in subsets(names) if wanted is None else wanted:
        rows = np.all([present[name] for name in subset], axis=0)
        train, validation = (part[rows[part]] for part in (fold.train, fold.validation))
        floor = fit(source, {name: features[name] for name in subset}, train, validation)
        if floor is not None:
            fitted[subset] = floor
    return Floor(fitted, {name: features[name].shape[1] for name in names})


def _fit_ridge(
    source: FloorRows, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray
) -> SubsetFloor | None:
    known = np.isfinite(source.truth)
    axes = [axis for axis in range(len(AXES)) if known[train, axis].any() and known[validation, axis].any()]
    if not axes:
        return None
    truth, x = source.truth[:, axes], concatenated(features)
    train, validation = (part[known[part][:, axes].any(axis=1)] for part in (train, validation))
    floors = []
    for weight in WEIGHTS if WORDS in features and len(features) > 1 else (1.0,):
        factors = [np.full(v.shape[1], weight if name == WORDS else 1.0) for name, v in features.items()]
        options: dict[str, Any] = {"penalties": PENALTIES, "factors": np.concatenate(factors)}
        floors.append(
            fit_ridge(x[train], truth[train], validation=x[validation], validation_y=truth[validation], **options)
        )
    best = min(floors, key=lambda floor: sum(floor.validation_mse))
    both = np.concatenate([train, validation])
    deviation = on_axes(np.sqrt(best.validation_mse), axes)
    return SubsetFloor(tuple(features), best.refitted(x[both], truth[both]), axes, deviation)


def _fit_softmax(
    source: FloorRows, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray
) -> SubsetFloor:
    truth, x = source.truth, concatenated(features)
    named = source.table["emotion"].notna().to_numpy() & np.isfinite(truth).all(axis=1)
    emotions = source.table["emotion"].astype(object).where(named, "").to_numpy().astype(str)
    train, validation = train[named[train]], validation[named[validation]]
    both = np.concatenate([train, validation])
    centres = class_centres(emotions[train], truth[train])
    floor = softmax_floor(x[train], emotions[train], x[validation], emotions[validation], centres)
    deviation = np.sqrt(np.mean((truth[validation] - floor(x[validation])) ** 2, axis=0))
    centres = class_centres(emotions[both], truth[both])
    axes = list(range(len(AXES)))
    return SubsetFloor(tuple(features), floor.refitted(x[both], emotions[both], centres), axes, deviation)


def on_axes(values: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Spread values of some axes, (..., axes), over all three; the others are NaN."""
    spread = np.full((*np.shape(values)[:-1], len(AXES)), np.nan)
    spread[..., list(axes)] = values
    return spread


def concatenated(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Concatenate the vectors of all modalities, (n, all widths) float64."""
    return np.concatenate([values.astype(np.float64) for values in features.values()], axis=1)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def lexicon_representations(source: FloorRows, lexicon: Path, method: str = "contextual") -> Representations:
    """Score texts by a lexicon: 0 on axes that it lacks, the corpus' mean without a hit, deviation 1."""
    texts = source.table["text"]
    scores = score_texts(texts, Lexicon.read(lexicon), method)
    affect = np.zeros((len(texts), len(AXES)), np.float32)
    for place, axis in enumerate(AXES):
        if axis in scores:
            values = scores[axis].to_numpy(np.float64)
            affect[:, place] = np.where(np.isnan(values), np.nanmean(values), values)
    present, width = texts.notna().to_numpy(), np.ones_like(affect)
    fused = np.where(present[:, None], affect, np.nan).astype(np.float32)
    return Representations({"text": present}, {"text": affect}, {"text": width}, fused, width)
