"""Annotation transfer: Algorithm 1 of the LeVAsa paper, from categories to points and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from affectspace.affect import AXES
from affectspace.annotation import document
from affectspace.annotation.assignment import Energies, euclidean, mahalanobis
from affectspace.annotation.document import read_reference
from affectspace.annotation.labels import encode
from affectspace.annotation.moments import DISTRIBUTIONS, Moments, UnitNoise, in_blocks, seed_of
from affectspace.errors import ConfigError, DataError


class AnnotationTransfer(ClassifierMixin, BaseEstimator):
    """A classifier from points to emotions, and a sampler from emotions to points.

    Each emotion is an ellipse around the mean of its rows, with the standard deviations as semi-axes.

    axes: the names of the columns; None: a table's own, or valence, arousal, dominance in this order.
    distribution: of `sample`: "uniform" in the ellipse of `n_sigma` deviations (the paper: 1), or "gaussian" with the
    class' mean and covariance, which ignores `n_sigma` and is not cut at the borders of [-1, 1].
    covariance: "diagonal" (the paper), "full", or "tied" (full, and one for all classes: for many axes and few rows), for
    `sample` and for the Mahalanobis assignment.
    assignment: "euclidean" is the nearest centre (the paper; the posterior has one common spread), "mahalanobis" the
    posterior of one Gaussian per class. priors: None, all alike; "counts", as often as in the fit; or a dict of
    numbers. abstain: None, never; else the probability below which `predict` gives "" (-1 where classes are numbers).

    After `fit`: classes_ (k,) sorted; axes_; centres_ (k, d); deviations_ (k, d); covariances_ (k, d, d); counts_
    (k,); priors_ (k,); source_. Deviations divide by the count less one; NaN for a class of one row. Of a reference,
    deviations_, covariances_ and counts_ are None where it does not publish them.
    """

    def __init__(
        self,
        *,
        axes: tuple[str, ...] | None = None,
        distribution: str = "uniform",
        n_sigma: float = 1.0,
        covariance: str = "diagonal",
        assignment: str = "euclidean",
        priors: str | dict[Any, float] | None = None,
        abstain: float | None = None,
    ) -> None:
        self.axes = axes
        self.distribution = distribution
        self.n_sigma = n_sigma
        self.covariance = covariance
        self.assignment = assignment
        self.priors = priors
        self.abstain = abstain

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> AnnotationTransfer:
        """Learn the ellipses. X: (n, d) points; y: (n,) emotions; sample_weight: (n,) numbers of repetitions, or None.

        Raises DataError for a row with NaN or without emotion, and for an empty table.
        """
        self._check_parameters()
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        _check_emotions(y)
        names = self._names_of(X)
        vad, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite=False)
        check_classification_targets(labels)
        _check_finite(vad, names)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, vad, dtype=np.float64, ensure_non_negative=True)
        self._take(Moments(vad.shape[1]).add(vad, labels, weights), names, np.unique(labels).dtype)
        self.priors_  # noqa: B018 -- a dict of priors that does not fit the classes should fail here
        return self

    @classmethod
    def from_moments(cls, moments: Moments, axes: tuple[str, ...], **parameters: Any) -> AnnotationTransfer:
        """What `fit` would give for the rows that were added to `moments`; for tables that do not fit into memory."""
        transfer = cls(axes=axes, **parameters)
        transfer._check_parameters()
        if not moments.names:
            raise DataError("no row with an emotion and a value on every axis: there is nothing to fit")
        transfer.n_features_in_ = len(axes)
        transfer._take(moments, tuple(axes), np.array(moments.names).dtype)
        return transfer

    def _take(self, moments: Moments, names: tuple[str, ...], dtype: np.dtype) -> None:
        self.classes_ = np.array(moments.names, dtype=dtype)
        self.axes_ = names
        self.counts_, self.centres_, self.covariances_ = moments.arrays()
        self.deviations_ = np.sqrt(np.diagonal(self.covariances_, axis1=1, axis2=2))
        self.source_ = "fitted"

    @classmethod
    def reference(cls, name: str, **parameters: Any) -> AnnotationTransfer:
        """A published reference: "affectnet" (the paper's) or "russell_mehrabian_1977" (centres only, three axes)."""
        return document.build(cls, read_reference(name), parameters)

    def to_json(self, path: str | Path | None = None) -> str:
        """The transfer as JSON text, also written to `path` if one is given."""
        check_is_fitted(self)
        return document.write(self, path)

    @classmethod
    def from_json(cls, source: str | Path) -> AnnotationTransfer:
        """Read what `to_json` wrote: a path, or the text itself. Raises DataError for anything else."""
        content, where = document.read(source)
        transfer = document.build(cls, content, content["parameters"], where)
        transfer._check_parameters()
        transfer.priors_  # noqa: B018
        return transfer

    @property
    def priors_(self) -> np.ndarray:
        """The prior probability of each class, shape (k,)."""
        k = len(self.classes_)
        if self.priors is None:
            return np.full(k, 1 / k)
        if isinstance(self.priors, str):
            if self.counts_ is None:
                raise ConfigError(f"priors='counts': {self.source_} states no counts; give a dict of priors")
            return self.counts_ / self.counts_.sum()
        classes = self.classes_.tolist()
        if set(self.priors) != set(classes):
            raise ConfigError(f"priors must name each class once: {', '.join(map(str, classes))}; got {self.priors}")
        values = np.array([self.priors[name] for name in classes], dtype=np.float64)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            raise ConfigError(f"priors must be numbers from 0 that are not all 0; got {self.priors}")
        return values / values.sum()

    def predict(self, X: Any) -> np.ndarray:
        """The emotion of each point of X (n, d); shape (n,). "" (or -1) where it abstains."""
        energies = self._energies(posterior=self.abstain is not None)
        vad = self._points(X)
        codes = energies.nearest(vad)
        if self.abstain is None:
            return self.classes_.take(codes)
        keep = energies.posterior(vad).max(axis=1) >= self.abstain
        return np.where(keep, self.classes_[codes], self._nothing())

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (n, k) in the order of classes_, whose largest is what `predict` says."""
        return self._energies(posterior=True).posterior(self._points(X))

    def sample(self, emotions: Any, random_state: Any = None, *, start: int = 0) -> np.ndarray:
        """A point for each emotion, (n, d) float64; a row of NaN where the emotion is missing (None, NaN, "").

        The same seed gives the same points; row i depends on the seed and on `start` + i only, so a table may
        be sampled in pieces. Raises DataError for an unknown emotion and for a class whose spread is not known.
        """
        codes = self._codes(emotions)
        roots = self._roots(np.unique(codes[codes >= 0]))
        centres = np.vstack([self.centres_, np.full(self.centres_.shape[1], np.nan)])
        noise = UnitNoise(seed_of(random_state), self.centres_.shape[1], self.distribution)
        out = np.empty((len(codes), self.centres_.shape[1]))

        def block(first: int, last: int) -> None:
            part, piece = codes[first:last], out[first:last]
            unit = noise.rows(start + first, start + last)
            np.take(centres, part, axis=0, out=piece, mode="wrap")
            if roots.ndim == 2:
                unit *= np.take(roots, part, axis=0, mode="wrap")
                piece += unit
            else:
                piece += np.einsum("nij,nj->ni", np.take(roots, part, axis=0, mode="wrap"), unit)

        in_blocks(block, len(codes))
        return out

    def centres(self, emotions: Any) -> np.ndarray:
        """The centre of each emotion, (n, d); NaN where the emotion is missing. Evaluation uses these."""
        codes = self._codes(emotions)
        return np.vstack([self.centres_, np.full(self.centres_.shape[1], np.nan)])[codes]

    def spreads(self) -> np.ndarray:
        """The covariance that is in use, (k, d, d): diagonal or full as the parameter says; NaN where not known."""
        if self.deviations_ is None:
            raise DataError(
                f"{self.source_} publishes centres only, no deviations: nothing can be sampled from it and it has no "
                "probabilities; use centres(), predict(), or another reference (affectnet)"
            )
        if self.covariance == "diagonal":
            return self.deviations_[:, :, None] ** 2 * np.eye(self.deviations_.shape[1])
        if self.covariances_ is None:
            raise DataError(
                f"covariance={self.covariance!r}: {self.source_} publishes no covariances; use covariance='diagonal'"
            )
        return self._tied() if self.covariance == "tied" else self.covariances_

    def _tied(self) -> np.ndarray:
        """The mean covariance within classes, weighed by the rows that each is known from, for every class."""
        known = np.isfinite(self.covariances_).all(axis=(1, 2))
        if self.counts_ is None or not known.any():
            raise DataError("covariance='tied' needs a fit in which some class has two rows or more")
        weights = np.where(known, np.maximum(self.counts_ - 1, 0), 0)
        mean = np.einsum("k,kij->ij", weights, np.nan_to_num(self.covariances_)) / weights.sum()
        return np.repeat(mean[None], len(self.centres_), axis=0)

    def _codes(self, emotions: Any) -> np.ndarray:
        check_is_fitted(self)
        self._check_parameters()
        return encode(emotions, self.classes_)

    def _roots(self, used: np.ndarray) -> np.ndarray:
        """What the unit noise is multiplied with: (k + 1, d) or, full, (k + 1, d, d); the last is NaN."""
        spreads = self.spreads()
        undefined = [self.classes_.tolist()[k] for k in used if np.isnan(spreads[k]).any()]
        if undefined:
            raise DataError(
                f"{undefined[0]!r} had a single row in the fit: its deviation is undefined, so no sample of it"
            )
        size = self.n_sigma if self.distribution == "uniform" else 1.0
        nothing = np.full((1, *spreads.shape[1:]), np.nan)
        if self.covariance == "diagonal":
            return size * np.vstack([np.sqrt(np.diagonal(spreads, axis1=1, axis2=2)), nothing[:, 0]])
        values, vectors = np.linalg.eigh(np.nan_to_num(spreads))
        return np.concatenate([size * vectors * np.sqrt(np.maximum(values, 0))[:, None, :], nothing])

    def _energies(self, posterior: bool) -> Energies:
        check_is_fitted(self)
        self._check_parameters()
        priors = None if self.priors is None else self.priors_
        if self.assignment == "mahalanobis":
            spreads = self.spreads()
            if np.isnan(spreads).any():
                lone = self.classes_[np.isnan(spreads).any(axis=(1, 2))].tolist()[0]
                raise DataError(f"assignment='mahalanobis': {lone!r} had a single row in the fit; use 'euclidean'")
            return mahalanobis(self.centres_, spreads, priors)
        variance = np.nan
        if self.deviations_ is not None:
            variances, counts = (self.deviations_**2).mean(axis=1), self.counts_
            known = np.isfinite(variances)
            if known.any():
                variance = float(np.average(variances[known], weights=None if counts is None else counts[known]))
        if np.isnan(variance) and (posterior or priors is not None):
            self.spreads()
            raise DataError("no class has two rows: without any deviation there are no probabilities; use predict()")
        return euclidean(self.centres_, variance, priors)

    def _points(self, X: Any) -> np.ndarray:
        if not hasattr(self, "feature_names_in_") and _has_names(X):  # a reference, or a fit without names
            absent = [axis for axis in self.axes_ if axis not in X.columns]
            if absent:
                raise DataError(f"no column {', '.join(absent)}; there are {', '.join(map(str, X.columns))}")
            X = X[list(self.axes_)].to_numpy()
        vad = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite=False)
        _check_finite(vad, self.axes_)
        return vad

    def _names_of(self, X: Any) -> tuple[str, ...]:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        width = int(shape[1]) if len(shape) == 2 else 0
        if self.axes is not None:
            if len(self.axes) != width:
                raise DataError(f"axes names {len(self.axes)} columns ({', '.join(self.axes)}), X has shape {shape}")
            return tuple(self.axes)
        if _has_names(X):
            return tuple(X.columns)
        return AXES[:width] if width <= len(AXES) else tuple(f"axis_{i}" for i in range(width))

    def _nothing(self) -> Any:
        if self.classes_.dtype.kind in "UO":
            return ""
        if self.classes_.dtype.kind not in "if" or -1 in self.classes_:
            raise ConfigError("abstain needs a label for 'none': classes that are names, or numbers without -1")
        return -1

    def _check_parameters(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be {' or '.join(map(repr, allowed))}")
        if not (np.isfinite(self.n_sigma) and self.n_sigma > 0):
            raise ConfigError(f"n_sigma is {self.n_sigma!r}; it must be a number above 0")
        if not (self.priors is None or self.priors == "counts" or isinstance(self.priors, dict)):
            raise ConfigError(f"priors is {self.priors!r}; it must be None, 'counts' or a dict from class to number")
        if self.abstain is not None and not 0 <= self.abstain <= 1:
            raise ConfigError(f"abstain is {self.abstain!r}; it must be None or a probability from 0 to 1")


_CHOICES = {
    "distribution": DISTRIBUTIONS,
    "covariance": ("diagonal", "full", "tied"),
    "assignment": ("euclidean", "mahalanobis"),
}


def _has_names(X: Any) -> bool:
    return hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns)


def _check_emotions(y: Any) -> None:
    """DataError for a missing name; what else may be wrong with y is scikit-learn's to say."""
    if isinstance(y, list) or getattr(getattr(y, "dtype", None), "kind", "") == "O":
        missing = [
            row for row, label in enumerate(y) if label is None or (isinstance(label, str) and not label.strip())
        ]
        if missing:
            raise DataError(f"row {missing[0]} has no emotion; leave out such rows ({len(missing)}) before fit")


def _check_finite(vad: np.ndarray, names: tuple[str, ...]) -> None:
    bad = ~np.isfinite(vad)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        name = names[column] if column < len(names) else f"column {column}"
        count = int(bad.any(axis=1).sum())
        raise DataError(f"row {row}: {name} is NaN or infinity (inf); leave out such rows ({count}) first")
