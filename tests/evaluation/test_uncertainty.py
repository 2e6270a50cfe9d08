"""Predicted deviations: scores in closed form, honest, useless and constant deviations, masks and widening."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from affectspace.evaluation import (
    constant_deviation,
    coverage,
    gaussian_crps,
    gaussian_nll,
    tercile_coverage,
    widening,
    width_error_correlation,
)


def honest(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, mean and deviations of exact Gaussians; the log-deviation has a standard deviation of .5."""
    rng = np.random.default_rng(seed)
    width = 0.3 * np.exp(0.5 * rng.normal(size=(n, 2)))
    mean = rng.normal(size=(n, 2))
    return mean + width * rng.normal(size=(n, 2)), mean, width


def test_scores_against_scipy():
    truth, mean, width = honest(20)
    assert gaussian_nll(truth, mean, width) == pytest.approx(-stats.norm.logpdf(truth, mean, width))
    for t, m, s in ((0.3, 0.0, 1.0), (-2.0, 0.5, 0.2), (1.0, 1.0, 3.0)):
        below = integrate.quad(lambda x: stats.norm.cdf(x, m, s) ** 2, m - 12 * s - 3, t)[0]  # noqa: B023
        above = integrate.quad(lambda x: stats.norm.sf(x, m, s) ** 2, t, m + 12 * s + 3)[0]  # noqa: B023
        assert gaussian_crps([t], [m], [s])[0] == pytest.approx(below + above, abs=1e-6)
    assert gaussian_crps([1.0], [0.4], [1e-9])[0] == pytest.approx(0.6)


def above_constant(score, truth: np.ndarray, mean: np.ndarray, width: np.ndarray, constant: np.ndarray) -> np.ndarray:
    return (score(truth, mean, width) - score(truth, mean, constant)).mean(axis=0)


def test_honest_widths():
    truth, mean, width = honest()
    constant = constant_deviation(*honest(seed=1)[:2])
    assert (above_constant(gaussian_nll, truth, mean, width, constant) < -0.1).all()
    assert (above_constant(gaussian_crps, truth, mean, width, constant) < 0).all()
    assert coverage(truth, mean, width) == pytest.approx([0.9, 0.9], abs=0.015)
    assert tercile_coverage(truth, mean, width) == pytest.approx(np.full((3, 2), 0.9), abs=0.03)
    assert width_error_correlation(truth, mean, width) == pytest.approx([0.45, 0.45], abs=0.04)


def test_useless_widths():
    """Deviations of another row: right overall, and useless per row."""
    truth, mean, width = honest()
    shuffled = np.roll(width, 7, axis=0)
    constant = constant_deviation(truth, mean)
    assert (above_constant(gaussian_nll, truth, mean, shuffled, constant) > 0).all()
    assert (above_constant(gaussian_crps, truth, mean, shuffled, constant) > 0).all()
    assert np.abs(width_error_correlation(truth, mean, shuffled)).max() < 0.06
    narrow, _, wide = tercile_coverage(truth, mean, shuffled)
    assert (narrow < 0.75).all()
    assert (wide > 0.95).all()


def test_a_constant_width_has_no_rank_and_one_tercile():
    truth, mean, _ = honest(300)
    constant = constant_deviation(truth, mean)
    assert np.isnan(width_error_correlation(truth, mean, constant)).all()
    terciles = tercile_coverage(truth, mean, constant)
    assert terciles[2] == pytest.approx(coverage(truth, mean, constant))
    assert np.isnan(terciles[:2]).all()


def test_constant_deviation_has_the_smallest_nll():
    truth, mean, _ = honest(500)
    best = constant_deviation(truth, mean)
    assert best == pytest.approx(np.sqrt(np.mean((truth - mean) ** 2, axis=0)))
    for factor in (0.95, 1.05):
        worse = gaussian_nll(truth, mean, factor * best).mean(axis=0)
        assert (worse > gaussian_nll(truth, mean, best).mean(axis=0)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.01, 100), st.floats(-10, 10))
def test_invariances(seed, scale, shift):
    """In another unit CRPS scales, NLL shifts by its logarithm, and coverage stays."""
    truth, mean, width = honest(60, seed)
    moved = scale * truth + shift, scale * mean + shift, scale * width
    assert gaussian_crps(*moved) == pytest.approx(scale * gaussian_crps(truth, mean, width), rel=1e-6, abs=1e-9)
    assert gaussian_nll(*moved) == pytest.approx(gaussian_nll(truth, mean, width) + np.log(scale), abs=1e-6)
    assert coverage(*moved) == pytest.approx(coverage(truth, mean, width), abs=1 / 60)
    assert (gaussian_crps(truth, mean, width) >= 0).all()


def test_masked_equals_subset():
    truth, mean, width = honest(90)
    keep = np.arange(90) % 3 != 0
    masked, gone = np.where(keep[:, None], truth, np.nan), np.where(keep[:, None], width, np.nan)
    lost = np.where(keep[:, None], mean, np.nan)
    for measure in (coverage, tercile_coverage, width_error_correlation):
        assert measure(masked, lost, gone) == pytest.approx(measure(truth[keep], mean[keep], width[keep]))
    scores = gaussian_nll(masked, lost, gone)
    assert np.isnan(scores[~keep]).all()
    assert scores[keep] == pytest.approx(gaussian_nll(truth[keep], mean[keep], width[keep]))
    nothing = np.full((90, 2), np.nan)
    assert np.isnan(constant_deviation(nothing, mean)).all()
    assert np.isnan(coverage(nothing, mean, width)).all()


def test_widening():
    rng = np.random.default_rng(0)
    both = 0.2 * np.exp(0.1 * rng.normal(size=(50, 3)))
    widths = {("text", "audio"): both, ("text",): 1.5 * both, ("audio",): 2.0 * both}
    found = widening(widths)
    assert found.ratio == pytest.approx(np.sqrt(3.0))
    assert (found.share_wider, found.pairs) == (1.0, 300)
    assert found.mean_by_count == pytest.approx({1: 1.75 * both.mean(), 2: both.mean()})
    same = widening({("text", "audio"): both, "text": both})
    assert (same.ratio, same.share_wider) == (1.0, 0.5)
    lacking = both.copy()
    lacking[:10] = np.nan
    assert widening({("text", "audio"): lacking, ("text",): 1.5 * both}).pairs == 120
    three = widening({("a", "b", "c"): both[:, 0], ("a", "b"): 2 * both[:, 0], ("c",): both[:, 0]})
    assert (three.pairs, three.share_wider) == (50, 1.0)  # a, b, c against c differ by two
