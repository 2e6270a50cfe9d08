"""Table 2 with its floors: every measure of the dependence of shared and private at one fixed number of rows."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from affectspace.errors import DataError
from affectspace.evaluation.dependence import dependence_test, distance_correlation, fixed_rows
from affectspace.evaluation.floors import PermutationFloor, permutation_floor
from affectspace.evaluation.independence import (
    block_pair,
    cka_interval,
    debiased_cka,
    linear_cka,
    mean_abs_correlation,
    varying,
)
from affectspace.evaluation.inputs import Floats, known_labels, require_same_length
from affectspace.evaluation.intervals import Interval
from affectspace.evaluation.mutual_information import binned_information, ksg_information, pairwise_ksg_information

_CHEAP: dict[str, Callable[[Floats, Floats], float]] = {
    "mean_abs_correlation": mean_abs_correlation,
    "linear_cka": linear_cka,
    "debiased_cka": debiased_cka,
    "information_10_bins": binned_information,
    "information_20_bins": lambda x, y: binned_information(x, y, bins=20),
}
_DEAR: dict[str, Callable[[Floats, Floats], float]] = {
    "pairwise_ksg": pairwise_ksg_information,
    "ksg": ksg_information,
    "distance_correlation": distance_correlation,
}


def independence_measures(
    shared: ArrayLike,
    private: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    size: int = 1000,
    permutations: int = 200,
    dear_permutations: int = 4,
    seed: int = 0,
) -> dict[str, PermutationFloor | Interval]:
    """All measures on `size` rows, drawn once: `shared` (n, d) and `private` (n, e), active dimensions of posterior means.

    mean_abs_correlation, linear_cka, debiased_cka, information_10_bins, information_20_bins, pairwise_ksg, ksg,
    distance_correlation : `PermutationFloor`s; the last three with `dear_permutations`, enough for a floor, not for a p
    hsic, bias_corrected_distance_correlation : `dependence_test`
    hsic_within_people : the same with rows permuted within `groups` (n,)
    cka_over_people : `cka_interval` on all rows, with `groups`

    About 10 s for 1,000 rows of 3 and 64. Raises DataError for a constant block: select active dimensions first.
    """
    x, y = block_pair(shared, private, least=4)
    for block, name in ((x, "shared"), (y, "private")):
        if not varying(block).any():
            raise DataError(
                f"{name} is constant over its {len(block)} rows: a dead latent is independent of everything"
            )
    rows = fixed_rows(len(x), size, seed)
    some_x, some_y = x[rows], y[rows]
    measures: dict[str, PermutationFloor | Interval] = {}
    for table, times in ((_CHEAP, permutations), (_DEAR, dear_permutations)):
        for name, measure in table.items():
            measures[name] = permutation_floor(measure, some_x, some_y, permutations=times, seed=seed)
    test = partial(dependence_test, permutations=permutations, seed=seed)
    measures["hsic"] = test(some_x, some_y)
    measures["bias_corrected_distance_correlation"] = test(some_x, some_y, kind="distance")
    if groups is not None:
        people = known_labels(groups, "groups")[0]
        require_same_length(len(x), "shared", len(people), "groups")
        measures["hsic_within_people"] = test(some_x, some_y, groups=np.asarray(people)[rows])
        measures["cka_over_people"] = cka_interval(x, y, people)
    return measures
