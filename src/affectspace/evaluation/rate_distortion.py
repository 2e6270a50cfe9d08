"""The rate-distortion curve: which settings are not beaten on both counts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectspace.errors import DataError
from affectspace.evaluation.inputs import as_floats, require_finite, require_rows, require_same_length


def pareto_front(rate: ArrayLike, distortion: ArrayLike) -> NDArray[np.int64]:
    """Numbers of the points that no other point beats (at most the same in both, less in one), by rising rate.

    `rate` (n,) in nats (`floors.kl_per_dimension` summed), `distortion` (n,) such as the MSE. Of equal points the first
    is kept. Raises DataError for lengths that differ, no point, or values that are not finite.
    """
    r, d = as_floats(rate, "rate"), as_floats(distortion, "distortion")
    if r.ndim != 1 or d.ndim != 1:
        raise DataError(f"rate has shape {r.shape} and distortion {d.shape}: give one value per point, (n,)")
    require_rows(len(r), "rate")
    require_same_length(len(r), "rate", len(d), "distortion")
    require_finite(r, "rate")
    require_finite(d, "distortion")
    order = np.lexsort((d, r))
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(d[order])[:-1]])
    return order[d[order] < best_before].astype(np.int64)
