import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from affectspace.errors import ConfigError, DataError
from affectspace.lexicon import dynamics
from affectspace.lexicon.series import HomeBase, rolling_mean


def test_rolling_mean():
    np.testing.assert_allclose(rolling_mean(np.array([1.0, 2, 3, 6]), 3), [2, 11 / 3])
    assert rolling_mean(np.ones(2), 3).size == 0
    with pytest.raises(ConfigError, match="window is 0"):
        rolling_mean(np.ones(2), 0)


def test_a_displacement_rises_to_its_peak_and_recovers():
    values = np.array([0, 0, 1, 3, 2, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0.0]) / 4
    result = dynamics(values)
    band = values.mean() + np.array([-1, 1]) * values.std()
    assert (result.low, result.high) == pytest.approx(tuple(band))
    states = result.states
    assert states["state"].tolist()[2:8] == ["HOME", "HIGH", "HIGH", "HOME", "HOME", "LOW"]
    high = states[states["state"] == "HIGH"]
    assert high["step"].tolist() == [0, 1]
    assert high["is_peak"].tolist() == [1, 0]
    peak = 0.75 - band[1]
    assert high["recovery_rate"].tolist() == pytest.approx([np.nan, peak], nan_ok=True)
    summary = result.summary
    assert (summary["displacements"], summary["low_displacements"], summary["high_displacements"]) == (2, 1, 1)
    assert summary["displacements_original"] == 3  # the original counts one more than returned
    assert summary["length"] == pytest.approx((2 * 2 + 1) / 3)  # over steps, as in the original
    assert summary["in_home_base"] == pytest.approx(13 / 16)
    assert summary["low_to_home_rate"] != summary["low_to_home_rate"]


def test_the_last_displacement_has_not_returned():
    summary = dynamics([0, 0, 0, 0, 5.0]).summary
    assert (summary["displacements"], summary["displacements_original"]) == (1, 1)


def test_the_t_interval():
    values = np.random.default_rng(0).normal(size=12)
    low, high = t.interval(0.68, 11, loc=values.mean(), scale=values.std())
    result = dynamics(values, home_base=HomeBase("t", level=0.68))
    assert (result.low, result.high) == pytest.approx((low, high))


def test_short_displacements_have_no_length():
    values = [0, 0, 9, 0, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0.0]
    assert dynamics(values, home_base=HomeBase(shortest=2)).states["length"].dropna().tolist() == [2, 2]


def test_degenerate_series():
    still = dynamics([0.3] * 6)
    assert (still.summary["in_home_base"], still.summary["displacements"]) == (1, 0)
    assert dynamics([0.3]).summary["std"] != dynamics([0.3]).summary["std"]
    assert (dynamics([0.1, 0.7]).states["state"] == "HOME").all()  # both lie on the edges
    assert dynamics([0.1], home_base=HomeBase("t")).low == pytest.approx(0.1)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=40), st.integers(1, 5), st.floats(0.01, 20), st.floats(-5, 5))
def test_the_unit_and_the_origin_do_not_matter(steps, window, unit, origin):
    values = np.array(steps) / 9
    one, other = dynamics(values, window=window), dynamics(values * unit + origin, window=window)
    np.testing.assert_allclose(other.states["distance"], one.states["distance"] * unit, atol=1e-8)
    assert other.summary["in_home_base"] == pytest.approx(one.summary["in_home_base"])


def test_errors():
    with pytest.raises(DataError, match="shorter than the window of 5"):
        dynamics([1, 2], window=5)
    with pytest.raises(DataError, match="leave gaps out"):
        dynamics([1, np.nan])
    with pytest.raises(ConfigError, match="unknown home base 'box'"):
        HomeBase("box")
    with pytest.raises(ConfigError, match="level between 0 and 1"):
        HomeBase(level=2)
