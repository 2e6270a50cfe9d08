"""Annotation transfer: Algorithm 1 of the LeVAsa paper, from categories to points and back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from affectspace.affect import AXES
from affectspace.annotation.assignment import Energies, euclidean, is_number, mahalanobis, prior_probabilities
from affectspace.annotation.labels import encode, require_emotions, require_finite
from affectspace.annotation.moments import Moments
from affectspace.annotation.references import document_text, read_document, read_reference, restore
from affectspace.annotation.sampling import DISTRIBUTIONS, UnitNoise, in_blocks, seed_of
from affectspace.errors import ConfigError, DataError
from affectspace.files import write_text


class AnnotationTransfer(ClassifierMixin, BaseEstimator):
    """A classifier from points to emotions, and a sampler from emotions to points. Each emotion is an ellipse.

    Parameters
    ----------
    axes : tuple of str, optional
        Names of the columns. Default: those of the table, or valence, arousal, dominance in this order.
    distribution : {"uniform", "gaussian"}
        Of `sample`: uniform in the ellipse of `n_sigma` deviations (the paper), or Gaussian with the mean and covariance of
        the class, which ignores `n_sigma` and is not clipped at the borders of [-1, 1].
    n_sigma : float
        Semi-axes of the ellipse in standard deviations (the paper: 1).
    covariance : {"diagonal", "full", "tied"}
        Of `sample` and of the Mahalanobis assignment: diagonal (the paper), full, or tied (full, and one for all classes: for
        many axes and few rows).
    assignment : {"euclidean", "mahalanobis"}
        Of `predict`: the nearest centre (the paper; the posterior has one common spread), or the posterior of one Gaussian for
        each class.
    priors : "counts" or dict, optional
        Prior probabilities: the frequencies in the fit, or a number for each class. Default: equal ones.
    widening : float
        Factor of the covariances behind probabilities and the Mahalanobis assignment. `sample` does not use it.
    temperature : float
        Probabilities are raised to its inverse and divided by their sum, which changes their certainty, not their order.
        `fit_calibrated` chooses it, with priors, widening, covariance and assignment, by cross-validation.
    abstain : float, optional
        Probability below which `predict` returns "" (or -1 if the classes are numbers). Default: never.

    Attributes
    ----------
    classes_ : (k,) sorted
    axes_ : tuple of d names
    centres_ : (k, d)
    deviations_ : (k, d) or None
        Divided by the count less one; NaN for a class of one row. None if a reference does not publish them.
    covariances_ : (k, d, d) or None
    counts_ : (k,) or None
    priors_ : (k,)
    source_ : str
        "fitted", or the publication.
    note_ : str
        What a user of the probabilities should know.

    Examples
    --------
    >>> from affectspace import AnnotationTransfer
    >>> transfer = AnnotationTransfer.reference("affectnet")
    >>> transfer.predict([[0.6, 0.1], [-0.5, 0.6]]).tolist()
    ['happiness', 'anger']
    >>> points = transfer.sample(["fear", None], random_state=0)  # the second row is NaN
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
        widening: float = 1.0,
        temperature: float = 1.0,
        abstain: float | None = None,
    ) -> None:
        self.axes = axes
        self.distribution = distribution
        self.n_sigma = n_sigma
        self.covariance = covariance
        self.assignment = assignment
        self.priors = priors
        self.widening = widening
        self.temperature = temperature
        self.abstain = abstain

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> AnnotationTransfer:
        """Learn the ellipses.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Points.
        y : array_like of shape (n,)
            Emotions.
        sample_weight : array_like of shape (n,), optional
            Numbers of repetitions.

        Raises
        ------
        DataError
            If a row has NaN or no emotion, or if there are no rows.
        """
        self._check_parameters()
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        require_emotions(y)
        names = self._names_of(X)
        vad, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite=False)
        check_classification_targets(labels)
        require_finite(vad, names)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, vad, dtype=np.float64, ensure_non_negative=True)
        self._set_moments(Moments(vad.shape[1]).add(vad, labels, weights), names, np.unique(labels).dtype)
        self.priors_  # noqa: B018 -- a dict of priors that does not fit the classes should fail here
        return self

    @classmethod
    def from_moments(cls, moments: Moments, axes: tuple[str, ...], **parameters: Any) -> AnnotationTransfer:
        """Return what `fit` would give for the rows that were added to `moments`: for tables larger than the memory."""
        transfer = cls(axes=axes, **parameters)
        transfer._check_parameters()
        if not moments.names:
            raise DataError("no row has an emotion and a value on every axis, so there is nothing to fit")
        transfer.n_features_in_ = len(axes)
        transfer._set_moments(moments, tuple(axes), np.array(moments.names).dtype)
        return transfer

    def _set_moments(self, moments: Moments, names: tuple[str, ...], dtype: np.dtype) -> None:
        self.classes_ = np.array(moments.names, dtype=dtype)
        self.axes_ = names
        self.counts_, self.centres_, self.covariances_ = moments.arrays()
        self.deviations_ = np.sqrt(np.diagonal(self.covariances_, axis1=1, axis2=2))
        self.source_, self.note_ = "fitted", ""

    @classmethod
    def reference(cls, name: str, **parameters: Any) -> AnnotationTransfer:
        """Return a published reference: "affectnet" (the paper's) or "russell_mehrabian_1977" (centres only, three axes)."""
        transfer = cls(**parameters)
        restore(transfer, read_reference(name), "reference")
        return transfer

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the transfer as JSON text, and write it to `path` if one is given."""
        check_is_fitted(self)
        text = document_text(self)
        if path is not None:
            write_text(Path(path), text)
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> AnnotationTransfer:
        """Read what `to_json` wrote: a path, or the text itself. Raises DataError for anything else."""
        content, where = read_document(source)
        parameters, known = content["parameters"], cls().get_params()
        unknown = sorted(set(parameters) - set(known)) if isinstance(parameters, dict) else [repr(parameters)]
        if unknown:
            raise DataError(f"{where}: unknown parameters {', '.join(unknown)}; choose from {', '.join(known)}")
        axes = parameters.get("axes")
        transfer = cls(**parameters | {"axes": tuple(axes) if isinstance(axes, list) else axes})
        restore(transfer, content, where)
        return transfer

    @property
    def priors_(self) -> np.ndarray:
        """The prior probability of each class, (k,)."""
        return prior_probabilities(self.priors, self.classes_.tolist(), self.counts_, self.source_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the emotion of each point of X, (n, d), as (n,); "" (or -1) where the transfer abstains.

        A point may be NaN on some axes: it is judged by the others (the marginal of each Gaussian).
        """
        vad = self._points(X)
        codes, keep = np.zeros(len(vad), dtype=np.int16), np.ones(len(vad), dtype=bool)
        for rows, known, marginal in self._marginals(vad):
            energies = marginal._energies(posterior=self.abstain is not None)
            codes[rows] = energies.nearest(known)
            if self.abstain is not None:
                keep[rows] = energies.posterior(known).max(axis=1) >= self.abstain
        return self.classes_.take(codes) if keep.all() else np.where(keep, self.classes_[codes], self._abstention())

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (n, k) in the order of classes_. NaN on some axes: see `predict`."""
        vad = self._points(X)
        probabilities = np.empty((len(vad), len(self.classes_)))
        for rows, known, marginal in self._marginals(vad):
            probabilities[rows] = marginal._energies(posterior=True).posterior(known)
        return probabilities

    def on(self, axes: Sequence[str]) -> AnnotationTransfer:
        """Return the transfer on some of its axes, in this order: the marginal of each Gaussian.

        Raises ConfigError for an axis that it does not have.

        Examples
        --------
        >>> from affectspace import AnnotationTransfer
        >>> AnnotationTransfer.reference("russell_mehrabian_1977").on(("valence", "arousal")).predict([[0.8, 0.5]]).tolist()
        ['happiness']
        """
        absent = [axis for axis in axes if axis not in self.axes_]
        if absent or not axes:
            raise ConfigError(f"no axis {', '.join(absent) or 'is given'}; the transfer has {', '.join(self.axes_)}")
        places = [self.axes_.index(axis) for axis in axes]
        marginal = copy.copy(self)
        marginal.axes_, marginal.axes, marginal.n_features_in_ = tuple(axes), None, len(axes)
        marginal.__dict__.pop("feature_names_in_", None)
        marginal.centres_ = self.centres_[:, places]
        marginal.deviations_ = None if self.deviations_ is None else self.deviations_[:, places]
        marginal.covariances_ = None if self.covariances_ is None else self.covariances_[:, places][:, :, places]
        return marginal

    def _marginals(self, vad: np.ndarray) -> Iterator[tuple[Any, np.ndarray, AnnotationTransfer]]:
        """Yield rows with the same known axes, their values, and the transfer on these axes."""
        missing = np.isnan(vad)
        if not missing.any():
            yield slice(None), vad, self
            return
        for pattern in np.unique(missing, axis=0):
            rows = (missing == pattern).all(axis=1)
            marginal = self.on([axis for axis, absent in zip(self.axes_, pattern, strict=True) if not absent])
            yield rows, vad[rows][:, ~pattern], marginal

    def sample(self, emotions: Any, random_state: Any = None, *, start: int = 0) -> np.ndarray:
        """Draw a point for each emotion.

        Parameters
        ----------
        emotions : sequence of length n
            None, NaN and "" are missing.
        random_state : int or generator, optional
            The same seed gives the same points.
        start : int
            Number of the first row. Row i depends only on the seed and on `start` + i, so a table may be sampled in blocks.

        Returns
        -------
        ndarray of shape (n, d)
            NaN where the emotion is missing.

        Raises
        ------
        DataError
            If an emotion is unknown, or the spread of its class is.
        """
        codes = self._codes(emotions)
        roots = self._roots(np.unique(codes[codes >= 0]))
        centres = np.vstack([self.centres_, np.full(self.centres_.shape[1], np.nan)])
        noise = UnitNoise(seed_of(random_state), self.centres_.shape[1], self.distribution)
        out = np.empty((len(codes), self.centres_.shape[1]))

        def block(first: int, last: int) -> None:
            part, rows = codes[first:last], out[first:last]
            unit = noise.rows(start + first, start + last)
            np.take(centres, part, axis=0, out=rows, mode="wrap")
            if roots.ndim == 2:
                unit *= np.take(roots, part, axis=0, mode="wrap")
                rows += unit
            else:
                rows += np.einsum("nij,nj->ni", np.take(roots, part, axis=0, mode="wrap"), unit)

        in_blocks(block, len(codes))
        return out

    def centres(self, emotions: Any) -> np.ndarray:
        """Return the centre of each emotion, (n, d); NaN where the emotion is missing. Evaluation should use these."""
        codes = self._codes(emotions)
        return np.vstack([self.centres_, np.full(self.centres_.shape[1], np.nan)])[codes]

    def mixture(self, probabilities: Any, *, spread: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and covariance of the points of emotions that are known with probabilities only.

        Parameters
        ----------
        probabilities : array_like of shape (n, k)
            Of the classes, in the order of classes_; each row is divided by its sum.
        spread : float
            Standard deviation within the classes, on every axis, where the source publishes centres only.

        Returns
        -------
        mean : ndarray of shape (n, d)
        covariance : ndarray of shape (n, d, d)
            Covariance between the centres, plus the expected covariance within the classes.

        Examples
        --------
        >>> from affectspace import AnnotationTransfer
        >>> mean, covariance = AnnotationTransfer.reference("affectnet").mixture([[0, 0, 0, 0.5, 0, 0.5, 0]])
        >>> mean.round(2)
        array([[ 0.01, -0.09]])
        """
        check_is_fitted(self)
        weights = np.asarray(probabilities, dtype=np.float64)
        k, d = self.centres_.shape
        valid = weights.ndim == 2 and weights.shape[1] == k and np.isfinite(weights).all() and (weights >= 0).all()
        if not valid or not (weights.sum(axis=1) > 0).all():
            raise DataError(f"probabilities must be numbers from 0 of shape (n, {k}), not all 0 in a row")
        weights = weights / weights.sum(axis=1, keepdims=True)
        mean = weights @ self.centres_
        offsets = self.centres_ - mean[:, None]
        unknown = np.repeat(spread**2 * np.eye(d)[None], k, axis=0)
        within = unknown if self.deviations_ is None else np.nan_to_num(self.spreads())
        between = np.einsum("nk,nki,nkj->nij", weights, offsets, offsets)
        return mean, between + np.einsum("nk,kij->nij", weights, within)

    def spreads(self) -> np.ndarray:
        """Return the covariance in use, (k, d, d), diagonal, full or tied as the parameter says; NaN where unknown."""
        if self.deviations_ is None:
            raise DataError(
                "this transfer has centres but no deviations, so it has no samples and no probabilities; use centres(), "
                f"predict(), or the reference affectnet (source of this one: {self.source_})"
            )
        if self.covariance == "diagonal":
            return self.deviations_[:, :, None] ** 2 * np.eye(self.deviations_.shape[1])
        if self.covariances_ is None:
            raise DataError(
                f"covariance={self.covariance!r}: {self.source_} publishes no covariances; use covariance='diagonal'"
            )
        return self._tied() if self.covariance == "tied" else self.covariances_

    def _tied(self) -> np.ndarray:
        """For every class the mean covariance within classes, weighted by their degrees of freedom."""
        known = np.isfinite(self.covariances_).all(axis=(1, 2))
        if self.counts_ is None or not known.any():
            raise DataError("covariance='tied' needs a fit in which a class has two rows or more")
        weights = np.where(known, np.maximum(self.counts_ - 1, 0), 0)
        mean = np.einsum("k,kij->ij", weights, np.nan_to_num(self.covariances_)) / weights.sum()
        return np.repeat(mean[None], len(self.centres_), axis=0)

    def _codes(self, emotions: Any) -> np.ndarray:
        check_is_fitted(self)
        self._check_parameters()
        return encode(emotions, self.classes_)

    def _roots(self, used: np.ndarray) -> np.ndarray:
        """The factors of the unit noise, (k + 1, d) or (k + 1, d, d) if full; the last one is NaN."""
        spreads = self.spreads()
        undefined = [self.classes_.tolist()[k] for k in used if np.isnan(spreads[k]).any()]
        if undefined:
            raise DataError(
                f"{undefined[0]!r} had a single row in the fit: its deviation is undefined, so it cannot be sampled"
            )
        size = self.n_sigma if self.distribution == "uniform" else 1.0
        missing = np.full((1, *spreads.shape[1:]), np.nan)
        if self.covariance == "diagonal":
            return size * np.vstack([np.sqrt(np.diagonal(spreads, axis1=1, axis2=2)), missing[:, 0]])
        values, vectors = np.linalg.eigh(np.nan_to_num(spreads))
        return np.concatenate([size * vectors * np.sqrt(np.maximum(values, 0))[:, None, :], missing])

    def _energies(self, posterior: bool) -> Energies:
        check_is_fitted(self)
        self._check_parameters()
        priors = None if self.priors is None else self.priors_
        if self.assignment == "mahalanobis":
            spreads = self.spreads()
            unknown = np.isnan(spreads).any(axis=(1, 2))
            if unknown.any():
                single = self.classes_[unknown].tolist()[0]
                raise DataError(f"assignment='mahalanobis': {single!r} had a single row in the fit; use 'euclidean'")
            return mahalanobis(self.centres_, self.widening * spreads, priors, self.temperature)
        variance = np.nan
        if self.deviations_ is not None:
            variances, counts = (self.deviations_**2).mean(axis=1), self.counts_
            known = np.isfinite(variances)
            if known.any():
                variance = float(np.average(variances[known], weights=None if counts is None else counts[known]))
        if np.isnan(variance) and (posterior or priors is not None):
            self.spreads()
            raise DataError("no class has two rows: without a deviation there are no probabilities; use predict()")
        return euclidean(self.centres_, self.widening * variance, priors, self.temperature)

    def _points(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        if not hasattr(self, "feature_names_in_") and _has_names(X):  # a reference, or a fit without names
            absent = [axis for axis in self.axes_ if axis not in X.columns]
            if absent:
                raise DataError(f"no column {', '.join(absent)}; choose from {', '.join(map(str, X.columns))}")
            X = X[list(self.axes_)].to_numpy()
        vad = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite=False)
        missing = np.isnan(vad)
        require_finite(
            np.where(missing & ~missing.all(axis=1, keepdims=True), 0, vad) if missing.any() else vad, self.axes_
        )
        return vad

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # of `predict`; `fit` needs every axis
        return tags

    def _names_of(self, X: Any) -> tuple[str, ...]:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        width = int(shape[1]) if len(shape) == 2 else 0
        if self.axes is not None:
            if len(self.axes) != width:
                raise DataError(
                    f"axes names {len(self.axes)} columns ({', '.join(self.axes)}), but X has shape {shape}"
                )
            return tuple(self.axes)
        if _has_names(X):
            return tuple(X.columns)
        return AXES[:width] if width <= len(AXES) else tuple(f"axis_{i}" for i in range(width))

    def _abstention(self) -> Any:
        if self.classes_.dtype.kind in "UO":
            return ""
        if self.classes_.dtype.kind not in "if" or -1 in self.classes_:
            raise ConfigError("abstain needs a label for 'none': the classes must be names, or numbers without -1")
        return -1

    def _check_parameters(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be {' or '.join(map(repr, allowed))}")
        for name in ("n_sigma", "widening", "temperature"):
            if not (is_number(getattr(self, name)) and 0 < getattr(self, name) <= 1000):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be a number above 0, at most 1000")
        if not (self.priors is None or self.priors == "counts" or isinstance(self.priors, dict)):
            raise ConfigError(f"priors is {self.priors!r}; it must be None, 'counts' or a dict from class to number")
        if self.abstain is not None and not (is_number(self.abstain) and 0 <= self.abstain <= 1):
            raise ConfigError(f"abstain is {self.abstain!r}; it must be None or a probability from 0 to 1")


_CHOICES = {
    "distribution": DISTRIBUTIONS,
    "covariance": ("diagonal", "full", "tied"),
    "assignment": ("euclidean", "mahalanobis"),
}


def _has_names(X: Any) -> bool:
    return hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns)
