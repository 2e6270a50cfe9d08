import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.annotation import to_levels
from affectspace.errors import DataError


def test_halves_go_away_from_zero():
    assert to_levels([0.05, -0.05, 0.15, 0.25, -0.25, 0.049, 0.35, 1, -1]).tolist() == [1, -1, 2, 3, -3, 0, 4, 10, -10]
    assert to_levels(0.1 + 0.2 + 0.05) == 4  # 3.5000000000000004
    assert to_levels([[-1.0, 1.0]], offset=10).tolist() == [[0, 20]]
    assert to_levels([0.5], steps=1).tolist() == [1]


@given(st.integers(1, 50), st.integers(0, 60), st.data())
def test_round_trip(steps, offset, data):
    levels = np.array(data.draw(st.lists(st.integers(-steps, steps), max_size=5)), dtype=int)
    np.testing.assert_array_equal(to_levels(levels / steps, steps, offset=offset), levels + offset)


def test_no_level_for_nan():
    with pytest.raises(DataError, match="row 1 is NaN"):
        to_levels([[0, 0], [0, np.nan]])
