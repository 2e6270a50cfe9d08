"""What a walk must know of a model's training codes: how z_v and z_a vary, and for models without heads a read-out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from affectspace.errors import DataError, RunError
from affectspace.models import Levasa

AXES = ("valence", "arousal")
RIDGE = 1e-3  # of the mean variance of a chunk, added to its covariance


@dataclass(frozen=True, eq=False)
class WalkGeometry:
    """How the chunks of valence and arousal vary over the training codes.

    covariance : (2, chunk, chunk), of the posterior means of z_v and z_a, ridge included
    readout : (2, chunk + 1), weights and last the intercept of a linear read-out of each axis from its own chunk;
        None where the model's heads are read
    """

    covariance: np.ndarray
    readout: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        fields = {"covariance": self.covariance, "readout": self.readout}
        save_file({name: np.ascontiguousarray(value) for name, value in fields.items() if value is not None}, path)

    @classmethod
    def read(cls, path: Path) -> "WalkGeometry":
        """The geometry that `save` wrote. Raises RunError where the file is none."""
        try:
            tensors = load_file(path)
            return cls(tensors["covariance"], tensors.get("readout"))
        except (SafetensorError, KeyError) as error:
            raise RunError(f"{path} is damaged or not of a walk ({error}); delete it and it is made anew") from error


def fit_geometry(model: Levasa, mean_train: np.ndarray, readout: np.ndarray | None = None) -> WalkGeometry:
    """The geometry of a model.

    mean_train : (n, 3 * chunk), posterior means of training images
    readout : (2, chunk + 1) as `fit_readout` makes it; needed by models without heads for valence and arousal, and used
        instead of the heads where it is given

    Raises DataError where a shape is wrong, codes are not finite, or a model without heads comes without a read-out.
    """
    chunk = model.config.chunk
    mean = np.asarray(mean_train, dtype=np.float64)
    if mean.ndim != 2 or mean.shape[1] != model.latent or len(mean) < 2:
        raise DataError(f"training codes have shape {mean.shape}; give (n, {model.latent}) with n of at least 2")
    if not np.isfinite(mean).all():
        row = int(np.flatnonzero(~np.isfinite(mean).all(axis=1))[0])
        raise DataError(f"the training code in row {row} is not finite; leave such rows out")
    if readout is None and not set(AXES) <= set(model.heads):
        raise DataError(
            f"a model with alignment {model.config.alignment!r} has no heads for valence and arousal; "
            "give readout=fit_readout(codes, affect), a linear read-out fitted on labelled training codes"
        )
    if readout is not None:
        readout = np.asarray(readout, dtype=np.float64)
        if readout.shape != (2, chunk + 1):
            raise DataError(f"the read-out has shape {readout.shape}; give (2, {chunk + 1}), the intercepts last")
    covariances = []
    for part in np.split(mean, 3, axis=1)[:2]:
        covariance = np.atleast_2d(np.cov(part, rowvar=False))
        ridge = RIDGE * np.trace(covariance) / chunk + 1e-12
        covariances.append(covariance + ridge * np.eye(chunk))
    return WalkGeometry(np.stack(covariances), readout)


def fit_readout(mean_train: np.ndarray, affect: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Ridge regression of valence on z_v and of arousal on z_a, (2, chunk + 1) with the intercepts last.

    mean_train : (n, 3 * chunk), posterior means; affect : (n, 2) on [-1, 1], NaN where not annotated
    alpha : weight of the penalty against the sum of squared errors, chunks standardised

    Raises DataError where shapes do not fit or an axis has fewer than two labels.
    """
    mean, affect = np.asarray(mean_train, dtype=np.float64), np.asarray(affect, dtype=np.float64)
    if mean.ndim != 2 or mean.shape[1] % 3 or affect.shape != (len(mean), 2):
        raise DataError(f"codes {mean.shape} and labels {affect.shape} do not fit: give (n, 3 * chunk) and (n, 2)")
    rows = []
    for axis, part, target in zip(AXES, np.split(mean, 3, axis=1)[:2], affect.T, strict=True):
        present = np.isfinite(target)
        if present.sum() < 2:
            raise DataError(f"{axis} is annotated in {present.sum()} of {len(target)} rows; a read-out needs 2")
        centre, spread = part[present].mean(axis=0), part[present].std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        scaled = (part[present] - centre) / spread
        offset = target[present].mean()
        gram = scaled.T @ scaled + alpha * np.eye(scaled.shape[1])
        weights = np.linalg.solve(gram, scaled.T @ (target[present] - offset)) / spread
        rows.append(np.append(weights, offset - centre @ weights))
    return np.stack(rows)
