"""How the codes of one person change with valence and arousal, as labelled training codes show it.

Where faces carry labels, a walk need not ask the heads which way to go. Let z be z_v and z_a side by side, l = (valence,
arousal) its label, and both be taken about the mean of their person. Least squares of z on l gives the directions B: how a
person's code changes with a unit of one axis while the other stays. A ridge regression of l on z gives the reading
W, widened to the labels' spread, because labels that are mostly noise shrink it. A code moves by

    z' = z + B' t,   (W B') t = asked - reading(z),

so that it reads as was asked, along what differs between expressions and not between people.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from affectspace.errors import DataError, RunError
from affectspace.walks.geometry import AXES

ALPHA = 1.0  # of the ridge, against the sum of squared errors of standardised codes
ROWS_A_PERSON = 2  # on average, below which people are not told apart
WEAKEST = 0.02  # what the reading must gain along its own direction, per unit


@dataclass(frozen=True, eq=False)
class AffectDirections:
    """Which way valence and arousal lie in z_v and z_a, and how both are read off them.

    directions : (2, 2 * chunk), change of the code with a unit of valence, of arousal, the other constant
    readout : (2, 2 * chunk + 1), weights and last the intercept; over the training codes it has the labels' mean and spread
    centre : (2,), the labels' mean
    """

    directions: np.ndarray
    readout: np.ndarray
    centre: np.ndarray

    @property
    def gains(self) -> np.ndarray:
        """(2, 2): how far reading i goes with a unit of direction j."""
        return self.readout[:, :-1] @ self.directions.T

    def stretched(self, strength: float) -> "AffectDirections":
        """The same with every walk that much wider about the labels' mean, for decoders that draw less than was asked.

        What was asked is still what is read: the reading is narrowed by as much. Raises DataError unless strength is above 0.
        """
        if not 0 < strength < np.inf:
            raise DataError(f"a strength of {strength:g} was asked; it must lie above 0, and 1 changes nothing")
        weights, intercept = self.readout[:, :-1], self.readout[:, -1]
        narrowed = np.column_stack([weights / strength, self.centre + (intercept - self.centre) / strength])
        return AffectDirections(self.directions, narrowed, self.centre)

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        fields = {"directions": self.directions, "readout": self.readout, "centre": self.centre}
        save_file({name: np.ascontiguousarray(value) for name, value in fields.items()}, path)

    @classmethod
    def read(cls, path: Path) -> "AffectDirections":
        """The directions that `save` wrote. Raises RunError where the file holds none."""
        try:
            tensors = load_file(path)
            return cls(tensors["directions"], tensors["readout"], tensors["centre"])
        except (SafetensorError, KeyError) as error:
            raise RunError(f"{path} is damaged or not of a walk ({error}); delete it and it is made anew") from error


def fit_directions(
    mean_train: np.ndarray, affect: np.ndarray, people: np.ndarray | None = None, alpha: float = ALPHA
) -> AffectDirections:
    """Directions and reading from labelled training codes.

    mean_train : (n, 3 * chunk), posterior means; affect : (n, 2) on [-1, 1], NaN where not annotated
    people : (n,), who is in each image; None, or less than two images a person, takes codes about the common mean

    Raises DataError where shapes do not fit, too few rows carry both labels, or codes say nothing of an axis.
    """
    mean, affect = np.asarray(mean_train, dtype=np.float64), np.asarray(affect, dtype=np.float64)
    if mean.ndim != 2 or mean.shape[1] % 3 or affect.shape != (len(mean), 2):
        raise DataError(f"codes {mean.shape} and labels {affect.shape} do not fit: give (n, 3 * chunk) and (n, 2)")
    if people is not None and np.shape(people) != (len(mean),):
        raise DataError(f"people have shape {np.shape(people)} for {len(mean)} codes; give one a code")
    known = np.isfinite(affect).all(axis=1)
    if not np.isfinite(mean[known]).all():
        raise DataError("a training code is not finite; leave such rows out")
    if known.sum() < 3:
        raise DataError(f"{known.sum()} of {len(known)} codes carry valence and arousal; directions need 3 or more")
    codes, labels = mean[known][:, : 2 * mean.shape[1] // 3], affect[known]
    groups = np.zeros(len(codes), dtype=np.int64)
    if people is not None:
        _, given = np.unique(np.asarray(people)[known].astype(str), return_inverse=True)
        if len(codes) >= ROWS_A_PERSON * (given.max() + 1):
            groups = given
    own_codes, own_labels = _about_means(codes, groups), _about_means(labels, groups)
    if np.linalg.matrix_rank(own_labels) < 2:
        raise DataError("valence and arousal of the training codes do not vary apart from each other within people")
    directions = np.linalg.lstsq(own_labels, own_codes, rcond=None)[0]
    weights = _ridge(own_codes, own_labels, alpha)
    reading = (codes - codes.mean(axis=0)) @ weights
    spread = reading.std(axis=0)
    weights = weights * np.divide(labels.std(axis=0), spread, out=np.zeros(2), where=spread > 0)
    intercept = labels.mean(axis=0) - codes.mean(axis=0) @ weights
    found = AffectDirections(directions, np.column_stack([weights.T, intercept]), labels.mean(axis=0))
    gains = found.gains
    for axis, gain in zip(AXES, np.diag(gains), strict=True):
        if not gain > WEAKEST:
            raise DataError(f"the codes say nothing of {axis} (the reading gains {gain:.3g} a unit), so none can walk")
    if not np.linalg.det(gains) > WEAKEST**2:
        raise DataError("the codes do not tell valence from arousal, so that a walk along both has no way")
    return found


def _about_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Rows less the mean of their group."""
    counts = np.bincount(groups)
    sums = np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)
    return values - (sums / counts[:, None])[groups]


def _ridge(codes: np.ndarray, labels: np.ndarray, alpha: float) -> np.ndarray:
    """Weights (inputs, 2) of centred labels on centred codes; dimensions that do not vary get none."""
    spread = codes.std(axis=0)
    scaled = np.divide(codes, spread, out=np.zeros_like(codes), where=spread > 0)
    gram = scaled.T @ scaled + alpha * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ labels)
    return np.divide(weights, spread[:, None], out=np.zeros_like(weights), where=spread[:, None] > 0)
