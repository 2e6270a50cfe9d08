"""Directions of valence and arousal in the codes of labelled training images, and walks along them.

Let z be the chunks z_v and z_a side by side and l = (valence, arousal) the label of an image, both centred on the mean
of the image's person. Least squares of z on l gives the directions B: the change of a person's code per unit of one
axis, the other axis held constant. A ridge regression of l on z gives the readout W. It is scaled to the standard
deviation of the labels, because regression on noisy labels shrinks it. A code moves by

    z' = z + B' t,   (W B') t = target - readout(z),

so that it reads as the target, along differences between expressions and not between people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from affectspace.errors import DataError
from affectspace.models import Levasa
from affectspace.walks.geometry import AXES, SavedArrays

ROWS_PER_PERSON = 2  # mean number of images below which codes are centred on the common mean
WEAKEST_GAIN = 0.02  # of the readout per unit along its own direction


@dataclass(frozen=True, eq=False)
class AffectDirections(SavedArrays):
    """Directions of valence and arousal in z_v and z_a, and their readout."""

    directions: np.ndarray  # (2, 2 * chunk), change of the code per unit of an axis, the other axis held constant
    readout: np.ndarray  # (2, 2 * chunk + 1), intercept last; has the labels' mean and sd over the training codes
    centre: np.ndarray  # (2,), mean of the labels

    @property
    def gains(self) -> np.ndarray:
        """Change of readout i per unit of direction j, (2, 2)."""
        return self.readout[:, :-1] @ self.directions.T

    def stretched(self, strength: float | Sequence[float], offset: float | Sequence[float] = 0.0) -> "AffectDirections":
        """Return directions whose walks go `strength` times as far from the mean label, and still read as the target.

        This is for decoders that show less than they are asked for. offset : what their pictures show too much of, which walks
        then leave out. Both are one number for both axes, or one for each. Raises DataError unless the strength is above 0.
        """
        strengths = np.broadcast_to(np.asarray(strength, dtype=np.float64), 2)
        if not ((strengths > 0) & (strengths < np.inf)).all():
            text = ", ".join(f"{value:g}" for value in np.atleast_1d(strength))
            raise DataError(f"strength {text}: give a number above 0; 1 changes nothing")
        weights, intercept = self.readout[:, :-1] / strengths[:, None], self.readout[:, -1]
        shown = self.centre + (intercept - self.centre) / strengths + np.asarray(offset, dtype=np.float64)
        return AffectDirections(self.directions, np.column_stack([weights, shown]), self.centre)

    def readings(self, model: Levasa, codes: Tensor) -> Tensor:
        """Read valence and arousal off codes, (batch, 2)."""
        readout = torch.as_tensor(self.readout, dtype=codes.dtype, device=codes.device)
        return codes[:, : 2 * model.config.chunk] @ readout[:, :-1].T + readout[:, -1]

    def move(self, model: Levasa, codes: Tensor, targets: Tensor) -> Tensor:
        """Move codes along the directions until they read as the targets, (batch, 2). NaN leaves an axis as it is."""
        width = 2 * model.config.chunk
        if self.directions.shape[1] != width:
            raise DataError(f"the directions have {self.directions.shape[1]} dimensions, but z_v and z_a have {width}")
        # double precision, so that the reading equals the target
        readout, directions, gains = (
            torch.as_tensor(array, dtype=torch.float64, device=codes.device)
            for array in (self.readout, self.directions, self.gains)
        )
        chunks = codes[:, :width].double()
        gap = targets.double() - (chunks @ readout[:, :-1].T + readout[:, -1])
        both = torch.linalg.solve(gains, gap.nan_to_num().T).T
        one_axis = gap.nan_to_num() / gains.diagonal()
        amount = torch.where(targets.isnan().any(dim=1, keepdim=True), one_axis, both)
        return torch.cat([(chunks + amount @ directions).to(codes.dtype), codes[:, width:]], dim=1)


def fit_directions(codes: np.ndarray, affect: np.ndarray, people: np.ndarray | None = None) -> AffectDirections:
    """Fit directions and readout on labelled training codes.

    Parameters
    ----------
    codes : ndarray of shape (n, 2 * chunk)
        Posterior means of training images, z_v and z_a side by side.
    affect : ndarray of shape (n, 2)
        Valence and arousal on [-1, 1], NaN where not annotated.
    people : ndarray of shape (n,), optional
        The person of each image. Codes are centred on the person if there are two images per person or more, else on
        the common mean.

    Returns
    -------
    AffectDirections

    Raises
    ------
    DataError
        If shapes do not fit, fewer than 3 rows have both labels, or the codes do not depend on an axis.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> affect = random.uniform(-1, 1, (200, 2))
    >>> codes = random.normal(size=(200, 2 * 4)) * 0.1
    >>> codes[:, :2] += affect
    >>> np.diag(fit_directions(codes, affect).directions).round(1)
    array([1., 1.])
    """
    codes, affect = np.asarray(codes, dtype=np.float64), np.asarray(affect, dtype=np.float64)
    if codes.ndim != 2 or codes.shape[1] % 2 or affect.shape != (len(codes), 2):
        raise DataError(f"codes {codes.shape} and labels {affect.shape} do not fit: give (n, 2 * chunk) and (n, 2)")
    if people is not None and np.shape(people) != (len(codes),):
        raise DataError(f"people have shape {np.shape(people)} for {len(codes)} codes; give one person per code")
    known = np.isfinite(affect).all(axis=1)
    codes, labels = codes[known], affect[known]
    if not np.isfinite(codes).all():
        raise DataError("a training code is not finite; leave such rows out")
    if known.sum() < 3:
        raise DataError(f"{known.sum()} of {len(known)} codes have valence and arousal; directions need at least 3")
    groups = np.zeros(len(codes), dtype=np.int64)
    if people is not None:
        _, numbers = np.unique(np.asarray(people)[known].astype(str), return_inverse=True)
        if len(codes) >= ROWS_PER_PERSON * (numbers.max() + 1):
            groups = numbers
    own_codes, own_labels = _centre(codes, groups), _centre(labels, groups)
    if np.linalg.matrix_rank(own_labels) < 2:
        raise DataError("valence and arousal of the training codes do not vary independently within people")
    directions = np.linalg.lstsq(own_labels, own_codes, rcond=None)[0]
    scale = StandardScaler(with_mean=False).fit(own_codes).scale_
    weights = (Ridge(1.0, fit_intercept=False).fit(own_codes / scale, own_labels).coef_ / scale).T
    spread = ((codes - codes.mean(axis=0)) @ weights).std(axis=0)
    weights = weights * np.divide(labels.std(axis=0), spread, out=np.zeros(2), where=spread > 0)
    intercept = labels.mean(axis=0) - codes.mean(axis=0) @ weights
    fitted = AffectDirections(directions, np.column_stack([weights.T, intercept]), labels.mean(axis=0))
    for axis, gain in zip(AXES, np.diag(fitted.gains), strict=True):
        if not gain > WEAKEST_GAIN:
            raise DataError(
                f"the codes do not depend on {axis} (the readout gains {gain:.3g} per unit), so they cannot walk"
            )
    if not np.linalg.det(fitted.gains) > WEAKEST_GAIN**2:
        raise DataError("the codes do not separate valence from arousal, so they cannot walk along both")
    return fitted


def _centre(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Subtract the mean of its group from each row."""
    counts = np.bincount(groups)
    sums = np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)
    return values - (sums / counts[:, None])[groups]
