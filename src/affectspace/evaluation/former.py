"""Former names of `interval` and `fit_ridge`, to be deleted with their last caller."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectspace.evaluation.intervals import Interval, interval
from affectspace.evaluation.ridge import Ridge, fit_ridge

Former = Callable[..., Interval]

RidgeFloor = Ridge
ridge_floor = fit_ridge
accuracy_interval: Former = partial(interval, "accuracy")
uar_interval: Former = partial(interval, "uar")
r2_interval: Former = partial(interval, "r2")
pearson_interval: Former = partial(interval, "pearson")
concordance_interval: Former = partial(interval, "concordance")
mae_interval: Former = partial(interval, "mae")
mean_interval: Former = partial(interval, "mean", None)


def _paired(metric: Any, truth: Any, a: Any, b: Any, groups: ArrayLike, **options: Any) -> Interval:
    return interval(metric, truth, a, groups, b, **options)


paired_uar_difference: Former = partial(_paired, "uar")
paired_r2_difference: Former = partial(_paired, "r2")
paired_pearson_difference: Former = partial(_paired, "pearson")
paired_concordance_difference: Former = partial(_paired, "concordance")
paired_mae_difference: Former = partial(_paired, "mae")
paired_mean_difference: Former = partial(_paired, "mean", None)
paired_mean_ratio: Former = partial(_paired, "mean", None, how="ratio")


def gap_closed(truth: Any, model: Any, floor: Any, ceiling: Any, groups: ArrayLike, **options: Any) -> Interval:
    """`interval("uar", truth, model, groups, versus=(floor, ceiling), how="gap_closed")`."""
    return interval("uar", truth, model, groups, (floor, ceiling), how="gap_closed", **options)


def group_bootstrap(statistic: Any, groups: ArrayLike, *arrays: ArrayLike, **options: Any) -> Interval:
    """`interval(statistic, truth, prediction, groups)`."""
    data, rows = [np.asarray(array) for array in arrays], np.arange(len(np.asarray(groups)))
    return interval(lambda drawn, _: statistic(*(array[drawn] for array in data)), rows, rows, groups, **options)
