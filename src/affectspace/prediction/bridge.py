"""From what a classifier or another model puts out to predictions: labels -> emotions -> valence, arousal, dominance.

Every emotion is a Gaussian of a published reference, and a prediction is the mixture of these Gaussians with the classifier's
probabilities (annotation transfer; LeVAsa, Algorithm 1): its mean, and the deviation between and within the emotions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from affectspace.affect import AXES, CATEGORIES, Scale
from affectspace.annotation.transfer import AnnotationTransfer
from affectspace.emotions import ENGLISH, SPELLINGS
from affectspace.errors import ConfigError, listed
from affectspace.prediction.emotions import SPREAD, EmotionMap, published_emotions

SHORTEST = 3  # letters of a spelling that is understood without its corpus: "hap", not "H"
NOT_EXCLUSIVE = "the labels of this model do not exclude each other: their probabilities were divided by their sum"
PRIOR_ROWS = 4.0  # rows for which "no change" counts in a calibration
PRIOR_VARIANCE = SPREAD**2  # of a prediction, in these rows
MIN_ROWS = 5  # with a rating of an axis, to calibrate it
UNKNOWN = 0.5  # standard deviation of an axis on [-1, 1] of which nothing is known
TEMPERATURES = np.exp(np.linspace(np.log(0.25), np.log(8), 41))


@dataclass(frozen=True, eq=False)
class Points:
    """Predictions of n samples. mean, deviation : (n, 3), NaN where unknown; probabilities : (n, emotions)"""

    mean: np.ndarray
    deviation: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Calibration:
    """A temperature of the outputs, and an affine map and a factor of the deviation for each axis."""

    temperature: float = 1.0
    slope: np.ndarray = field(default_factory=lambda: np.ones(3))
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    widening: np.ndarray = field(default_factory=lambda: np.ones(3))
    deviation: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))  # where the model states none
    rows: int = 0

    def apply(self, points: Points) -> Points:
        """Move and widen predictions."""
        deviation = np.where(np.isnan(points.deviation), self.deviation, points.deviation * self.widening)
        return replace(points, mean=self.slope * points.mean + self.offset, deviation=deviation)


class EmotionBridge:
    """Outputs of a classifier of emotions.

    Has `axes`, those that it predicts; `emotions`, the names of the emotions; `label_kinds` behind the predictions; `note`, a
    remark on every prediction.

    Parameters
    ----------
    categories : sequence of str or None
        Emotion of each output. The probability of None ("other") counts equally for all emotions of the classifier.
    reference : str
        "affectnet" or "russell_mehrabian_1977". Where a reference publishes no deviations, that of an emotion is 0.3.
    exclusive : bool
        Whether outputs exclude each other (softmax). Otherwise each one is a probability (sigmoid), and they are divided by
        their sum.
    calibration : Calibration

    Examples
    --------
    >>> bridge = EmotionBridge(["happiness", "sadness"], "affectnet")
    >>> bridge.points([np.log([[0.5, 0.5]])]).mean.round(2)
    array([[ 0.01, -0.09,   nan]])
    """

    label_kinds: tuple[str, ...] = ("transferred",)

    def __init__(
        self,
        categories: Sequence[str | None],
        reference: str,
        *,
        exclusive: bool = True,
        calibration: Calibration | None = None,
    ) -> None:
        self.calibration = calibration or Calibration()
        self.exclusive, self.reference = exclusive, reference
        self.note = "" if exclusive else NOT_EXCLUSIVE
        self._transfer = AnnotationTransfer.reference(reference)
        classes = self._transfer.classes_.tolist()
        self.emotions = tuple(name for name in classes if name in categories)
        self._matrix = np.zeros((len(categories), len(classes)))
        for row, category in enumerate(categories):
            columns = [classes.index(name) for name in (self.emotions if category is None else (category,))]
            self._matrix[row, columns] = 1 / len(columns)
        self._columns = [classes.index(name) for name in self.emotions]
        self.axes = tuple(axis for axis in AXES if axis in self._transfer.axes_)

    @property
    def settings(self) -> str:
        """All that changes the predictions."""
        return f"{self.reference}, {self._matrix.tolist()}, exclusive {self.exclusive}, {self.calibration}"

    def points(self, outputs: Sequence[np.ndarray], trust: np.ndarray | None = None) -> Points:
        """Convert the outputs of n samples, (frames, labels) each, to predictions; frames are averaged.

        trust : (n,), from 0 to 1; the rest of the probability is shared equally by all emotions
        """
        return self.calibration.apply(self.uncalibrated(outputs, self.calibration.temperature, trust))

    def uncalibrated(
        self, outputs: Sequence[np.ndarray], temperature: float = 1.0, trust: np.ndarray | None = None
    ) -> Points:
        """Convert outputs with a temperature alone."""
        ends = np.cumsum([len(part) for part in outputs])[:-1]
        logits = np.concatenate(outputs).astype(np.float64) / temperature
        if self.exclusive:
            labels = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        else:
            labels = np.exp(-np.logaddexp(0, -logits)) + 1e-12
            labels /= labels.sum(axis=1, keepdims=True)
        labels = np.stack([part.mean(axis=0) for part in np.split(labels, ends)])
        weights = labels @ self._matrix
        if trust is not None:
            equal = np.isin(np.arange(weights.shape[1]), self._columns) / len(self._columns)
            weights = trust[:, None] * weights + (1 - trust[:, None]) * equal
        mean, covariance = self._transfer.mixture(weights, spread=SPREAD)
        found, deviation = np.full((2, len(mean), len(AXES)), np.nan)
        axes = [AXES.index(axis) for axis in self._transfer.axes_]
        found[:, axes], deviation[:, axes] = mean, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        return Points(found, deviation, weights[:, self._columns])


class RatingBridge:
    """Outputs of a model that puts out axes itself. Without a calibration their deviation is not known.

    scale : the axes in the order of the outputs, and their range
    """

    label_kinds: tuple[str, ...] = ("rated",)
    note = ""

    def __init__(self, scale: Scale, calibration: Calibration | None = None) -> None:
        self.scale, self.calibration = scale, calibration or Calibration()
        self._emotions: EmotionMap = published_emotions().on(scale.canonical_axes)
        self.axes = scale.canonical_axes

    @property
    def emotions(self) -> tuple[str, ...]:
        """Names of the emotions, from published centres."""
        return self._emotions.names

    @property
    def settings(self) -> str:
        """All that changes the predictions."""
        return f"{self.scale}, {self.calibration}"

    def points(self, outputs: Sequence[np.ndarray], trust: np.ndarray | None = None) -> Points:
        """Convert the outputs of n samples, (frames, axes) each, to predictions; frames are averaged.

        trust : (n,), from 0 to 1; the rest is a prediction of 0 with a deviation of 0.5
        """
        points = self.calibration.apply(self.uncalibrated(outputs))
        if trust is not None:
            rest = 1 - trust[:, None]
            variance = (1 - rest) * points.deviation**2 + rest * UNKNOWN**2 + rest * (1 - rest) * points.mean**2
            points = replace(points, mean=(1 - rest) * points.mean, deviation=np.sqrt(variance))
        probabilities = self._emotions.probabilities(np.nan_to_num(points.mean), points.deviation)
        return replace(points, probabilities=probabilities)

    def uncalibrated(self, outputs: Sequence[np.ndarray], temperature: float = 1.0) -> Points:
        """Convert outputs to [-1, 1]; values outside the scale's range are kept."""
        native = np.stack([np.asarray(part, np.float64).mean(axis=0) for part in outputs])
        low, high = np.array(self.scale.ranges).T
        mean, deviation = np.full((2, len(native), len(AXES)), np.nan)
        mean[:, [AXES.index(axis) for axis in self.scale.axes]] = 2 * (native - low) / (high - low) - 1
        return Points(mean, deviation, np.empty((len(native), 0)))


Bridge = EmotionBridge | RatingBridge


def categories_of(
    labels: Sequence[str], mapping: Mapping[str, str | None] | None = None, *, model: str = "the model"
) -> list[str | None]:
    """Translate the labels of a classifier to our emotions.

    Parameters
    ----------
    labels : sequence of str
    mapping : mapping of str to str or None, optional
        Label -> emotion, for labels that are not understood. None: a label that is no emotion.
    model : str
        Name for messages.

    Raises
    ------
    ConfigError
        For labels that are not understood, which are listed; for a mapping of other labels or to unknown emotions; for fewer
        than two emotions.

    Examples
    --------
    >>> categories_of(["joy", "sad", "love", "other"], {"love": "happiness"})
    ['happiness', 'sadness', 'happiness', None]
    """
    known = {
        spelling.casefold(): category
        for table in SPELLINGS.values()
        for spelling, category in table.items()
        if len(spelling) >= SHORTEST
    } | ENGLISH
    given = {str(label).strip().casefold(): emotion for label, emotion in (mapping or {}).items()}
    names = {label: label.strip().casefold() for label in labels}
    surplus = [label for label in given if label not in names.values()]
    if surplus:
        raise ConfigError(f"--labels: {model} has no label {listed(surplus)}; it has {listed(labels)}")
    for label, emotion in given.items():
        if emotion is not None and str(emotion).strip().casefold() not in known:
            raise ConfigError(
                f"--labels: {label}: unknown emotion {emotion!r}; choose of {', '.join(CATEGORIES)}, or null"
            )
    unknown = [label for label, name in names.items() if name not in given and name not in known]
    if unknown:
        raise ConfigError(
            f"{model} has labels that are no emotions of ours: {listed(unknown)}; map them in a YAML file, for example "
            f"'{unknown[0]}: happiness' (or null for no emotion), and give it with --labels map.yaml; emotions are "
            f"{', '.join(CATEGORIES)}"
        )
    categories: list[str | None] = []
    for name in names.values():
        emotion = given.get(name, name)
        categories.append(None if emotion is None else known[str(emotion).strip().casefold()])
    if len(set(categories) - {None}) < 2:
        raise ConfigError(f"{model} has fewer than two emotions ({listed(labels)}); a point needs at least two")
    return categories


def reference_for(categories: Sequence[str | None], modality: str) -> str:
    """Choose the reference: AffectNet for faces if it has all emotions (it has two axes), else Russell & Mehrabian's terms."""
    faces = set(AnnotationTransfer.reference("affectnet").classes_.tolist())
    fits = modality == "image" and {name for name in categories if name is not None} <= faces
    return "affectnet" if fits else "russell_mehrabian_1977"


def fit_calibration(bridge: Bridge, outputs: Sequence[np.ndarray], ratings: np.ndarray) -> Calibration:
    """Fit a temperature, and an affine map and a deviation per axis, on a few rated rows.

    Slopes and offsets are drawn towards "no change" by as much as four rows would; slopes are not negative. The temperature is
    that of the least negative log-likelihood of the ratings. An axis with fewer than five ratings is left as it is.

    Parameters
    ----------
    bridge : Bridge
    outputs : sequence of n arrays
        Of the model, (frames, outputs) each.
    ratings : ndarray of shape (n, 3)
        On [-1, 1]; NaN where there is none.

    Raises
    ------
    ConfigError
        If no axis has five ratings.
    """
    best: tuple[float, Calibration] | None = None
    for temperature in TEMPERATURES if isinstance(bridge, EmotionBridge) else (1.0,):
        points = bridge.uncalibrated(outputs, float(temperature))
        slope, offset, widening, deviation = np.ones(3), np.zeros(3), np.ones(3), np.full(3, np.nan)
        loss, fitted = 0.0, 0
        for axis in range(len(AXES)):
            rows = np.isfinite(ratings[:, axis]) & np.isfinite(points.mean[:, axis])
            if rows.sum() < MIN_ROWS:
                continue
            truth, mean, stated = ratings[rows, axis], points.mean[rows, axis], points.deviation[rows, axis]
            slope[axis], offset[axis] = _affine(mean, truth)
            variance = np.where(np.isnan(stated), PRIOR_VARIANCE, stated**2)
            error = (truth - slope[axis] * mean - offset[axis]) ** 2
            factor = ((error / variance).sum() + PRIOR_ROWS) / (len(truth) - 2 + PRIOR_ROWS)
            widening[axis], deviation[axis] = np.sqrt(factor), np.sqrt(factor * PRIOR_VARIANCE)
            loss += float(np.sum(np.log(factor * variance) + error / (factor * variance)))
            fitted += 1
        if not fitted:
            raise ConfigError(
                f"--calibrate: fewer than {MIN_ROWS} rows with a rating of an axis that the model predicts"
            )
        if best is None or loss < best[0]:
            best = loss, Calibration(float(temperature), slope, offset, widening, deviation, len(ratings))
    assert best is not None
    return best[1]


def _affine(mean: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the truth on the prediction, drawn towards 1 and 0."""
    centre, error = mean.mean(), truth - mean
    centred = mean - centre
    tilt = float(centred @ (error - error.mean())) / (float(centred @ centred) + PRIOR_ROWS * PRIOR_VARIANCE)
    slope = max(1 + tilt, 0.0)
    shift = float(error.sum()) / (len(truth) + PRIOR_ROWS)  # at the mean prediction
    return slope, float(centre * (1 - slope) + shift)
