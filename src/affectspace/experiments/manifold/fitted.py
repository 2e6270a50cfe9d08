"""Floors without a network: ridge regression and a softmax over emotions on the raw vectors, and the lexicon's mean of a text.

They speak as the trained models do (`represent`), so that every table reads them alike. A view is a subset of modalities; each
has a regression of its own, so that a floor is never handicapped by what a row lacks. What is chosen is chosen on validation;
then train and validation fit together, which the networks do not get: a floor should be hard to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from affectspace.evaluation import balanced_accuracy
from affectspace.evaluation.fitting import Standardiser, one_thread
from affectspace.evaluation.folds import Fold
from affectspace.experiments.manifold.codes import Codes
from affectspace.experiments.manifold.sources import WORDS, Source
from affectspace.models.affect_model import Representation
from affectspace.scales import AXES

PENALTIES = tuple(float(one) for one in np.logspace(0, 5, 11))
WEIGHTS = (1.0, 3.0, 10.0)  # of a few lexicon statistics beside a long vector
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of the softmax


Fit = Callable[[Source, dict[str, np.ndarray], np.ndarray, np.ndarray], "View"]


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every subset of the modalities but the empty one."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


@dataclass(frozen=True, eq=False)
class View:
    """What reads one subset of modalities: standardised columns side by side, then `weights` and `bias`, then `to_affect`.

    to_affect : (classes, 3) centres, where weights give logits; None where they give affect itself
    deviation : (3,) root mean squared error on validation
    """

    scales: dict[str, Standardiser]
    factors: dict[str, float]
    weights: np.ndarray
    bias: np.ndarray
    deviation: np.ndarray
    to_affect: np.ndarray | None = None

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n, 3) of rows that have all of its modalities."""
        values = _side_by_side(self.scales, self.factors, features) @ self.weights + self.bias
        if self.to_affect is None:
            return values
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return values / values.sum(axis=1, keepdims=True) @ self.to_affect


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
        arrays = {name: values.numpy().astype(np.float64) for name, values in features.items()}
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
            reader = self.views[name,]
            affect[name] = _tensor(np.where(there[name][:, None], reader(arrays), 0.0))
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
    with one_thread():
        for view in subsets(names):
            there = np.all([present[name] for name in view], axis=0)
            parts = [rows[there[rows]] for rows in (fold.train, fold.validation)]
            views[view] = fit(source, {name: features[name] for name in view}, *parts)
    return Fitted(views, {name: features[name].shape[1] for name in names})


def _ridge_view(source: Source, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray) -> View:
    truth, best = source.truth, None
    known = np.isfinite(truth).all(axis=1)
    train, validation = train[known[train]], validation[known[validation]]
    for factor in WEIGHTS if WORDS in features and len(features) > 1 else (1.0,):
        factors = {name: factor if name == WORDS else 1.0 for name in features}
        x, scales = _fit_scales(features, factors, train)
        vx = _side_by_side(scales, factors, {name: values[validation] for name, values in features.items()})
        solved = _ridge(x, truth[train], PENALTIES)
        errors = np.array([(truth[validation] - vx @ weights - bias) ** 2 for weights, bias in solved]).mean(axis=1)
        if best is None or errors.min(axis=0).sum() < best[0]:
            best = errors.min(axis=0).sum(), factors, errors.argmin(axis=0), np.sqrt(errors.min(axis=0))
    assert best is not None
    _, factors, chosen, deviation = best
    both = np.concatenate([train, validation])
    x, scales = _fit_scales(features, factors, both)
    solved = _ridge(x, truth[both], PENALTIES)
    weights = np.column_stack([solved[choice][0][:, axis] for axis, choice in enumerate(chosen)])
    bias = np.array([solved[choice][1][axis] for axis, choice in enumerate(chosen)])
    return View(scales, factors, weights, bias, deviation)


def _ridge(x: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and bias for each penalty: minimises |y - xw - b|^2 + penalty |w|^2; x is centred.

    With fewer rows than columns through the rows' products, which is the same: x'(xx' + p)^-1 = (x'x + p)^-1 x'.
    """
    centre = y.mean(axis=0)
    few = len(x) < x.shape[1]
    values, vectors = np.linalg.eigh(x @ x.T if few else x.T @ x)
    values = np.maximum(values, 0.0)[:, None]
    toward = vectors.T @ ((y - centre) if few else x.T @ (y - centre))
    outward = x.T @ vectors if few else vectors
    return [(outward @ (toward / (values + penalty)), centre) for penalty in penalties]


def _softmax_view(source: Source, features: dict[str, np.ndarray], train: np.ndarray, validation: np.ndarray) -> View:
    named = source.table["emotion"].notna().to_numpy() & np.isfinite(source.truth).all(axis=1)
    emotions = source.table["emotion"].astype(object).where(named, "").to_numpy()
    train, validation = train[named[train]], validation[named[validation]]
    factors = dict.fromkeys(features, 1.0)
    x, scales = _fit_scales(features, factors, train)
    vx = _side_by_side(scales, factors, {name: values[validation] for name, values in features.items()})
    scored = []
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=500).fit(
            x, emotions[train].astype(str)
        )
        scored.append((balanced_accuracy(emotions[validation], model.predict(vx)), -strength))
    chosen = -max(scored)[1]
    model = LogisticRegression(C=chosen, class_weight="balanced", max_iter=500)
    model.fit(x, emotions[train].astype(str))
    centres = np.array([source.truth[emotions == name].mean(axis=0) for name in model.classes_])
    view = View(scales, factors, model.coef_.T, model.intercept_, np.ones(len(AXES)), centres)
    guess = view({name: values[validation] for name, values in features.items()})
    deviation = np.sqrt(np.mean((source.truth[validation] - guess) ** 2, axis=0))
    both = np.concatenate([train, validation])
    x, scales = _fit_scales(features, factors, both)
    model.fit(x, emotions[both].astype(str))
    centres = np.array([source.truth[emotions == name].mean(axis=0) for name in model.classes_])
    return View(scales, factors, model.coef_.T, model.intercept_, deviation, centres)


def _fit_scales(
    features: Mapping[str, np.ndarray], factors: Mapping[str, float], rows: np.ndarray
) -> tuple[np.ndarray, dict[str, Standardiser]]:
    own = {name: values[rows].astype(np.float64) for name, values in features.items()}
    scales = {name: Standardiser.fit(values) for name, values in own.items()}
    return _side_by_side(scales, factors, own), scales


def _side_by_side(
    scales: Mapping[str, Standardiser], factors: Mapping[str, float], features: Mapping[str, np.ndarray]
) -> np.ndarray:
    return np.concatenate([factors[name] * scale(features[name]) for name, scale in scales.items()], axis=1)


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
