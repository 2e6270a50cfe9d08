"""What probes and read-outs share: standardising on train, and the choice of an epoch on validation."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from affectspace.evaluation.inputs import Floats


def one_thread() -> AbstractContextManager:
    """Linear algebra on one thread while it lasts.

    The matrices of probes are small: threads gain nothing on a quiet machine, wait for one another on a busy one (20
    times slower, measured), and make the last digits depend on their number.
    """
    return threadpool_limits(limits=1)


@dataclass(frozen=True)
class Standardiser:
    """Mean 0 and standard deviation 1 by the training rows; columns that are constant there are left out."""

    columns: np.ndarray
    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, train: Floats) -> "Standardiser":
        """Learn from (n, k) training features."""
        mean, scale = train.mean(axis=0), train.std(axis=0)
        columns = np.flatnonzero(scale > 1e-9 * (1e-9 + np.abs(mean)))
        return cls(columns, mean[columns], scale[columns])

    def __call__(self, features: Floats) -> Floats:
        """(n, k) -> (n, kept); where nothing varied in training one column of zeros, so that models still fit."""
        if len(self.columns) == 0:
            return np.zeros((len(features), 1))
        return (features[:, self.columns] - self.mean) / self.scale


def train_to_best_epoch(
    model: Any, epoch: Callable[[], None], score: Callable[[], float], *, max_epochs: int, patience: int
) -> tuple[int, float, bool]:
    """Run epochs of a scikit-learn MLP and leave it with the weights of the best one.

    `epoch` runs one pass over the training rows, `score` is the validation score, higher is better, the earlier epoch
    on a tie. Stops after `patience` epochs without a better one. Returns the epoch (from 1), its score, and whether it
    stopped before `max_epochs`.
    """
    best, best_epoch, weights, number = -np.inf, 0, None, 0
    for number in range(1, max_epochs + 1):
        epoch()
        value = score()
        if weights is None or value > best:
            best, best_epoch = value, number
            weights = [w.copy() for w in model.coefs_], [b.copy() for b in model.intercepts_]
        elif number - best_epoch >= patience:
            break
    assert weights is not None
    model.coefs_, model.intercepts_ = weights
    return best_epoch, float(best), number < max_epochs
