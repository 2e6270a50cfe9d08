"""The front of rate and distortion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import DataError
from affectspace.evaluation.rate_distortion import pareto_front


def test_front():
    assert pareto_front([1, 2, 3, 2.5, 1], [9, 5, 4, 6, 9]).tolist() == [0, 1, 2]
    assert pareto_front([3, 1], [1, 3]).tolist() == [1, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20))
def test_front_by_definition(points):
    array = np.array(points, dtype=float)
    front = pareto_front(*array.T)
    for i, p in enumerate(array):
        beaten = any((q <= p).all() and (q < p).any() for q in array)
        assert beaten != any((array[f] == p).all() for f in front), (i, points)
    assert (np.diff(array[front, 0]) > 0).all()


def test_bad_input():
    with pytest.raises(DataError, match="rate has 2 rows and distortion has 1"):
        pareto_front([1, 2], [1])
    with pytest.raises(DataError, match="no rows"):
        pareto_front([], [])
    with pytest.raises(DataError, match="not finite"):
        pareto_front([1, np.nan], [1, 1])
