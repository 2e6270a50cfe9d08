"""Ridge regression against scikit-learn: the choice on validation, masks, factors, few rows and constant columns."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from affectspace.evaluation import fit_ridge


def rows(n: int, seed: int, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features with units of their own, and three targets of which one is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns)) * np.geomspace(0.01, 100, columns) + np.linspace(-50, 50, columns)
    signal = np.column_stack([x[:, 0] * 100, x[:, 1] - x[:, 2], np.zeros(n)])
    return x, signal + 0.5 * rng.normal(size=(n, 3))


def reference(x: np.ndarray, y: np.ndarray, penalty: float, factors: np.ndarray | float = 1.0):
    """Scikit-learn's predictions on standardised features."""
    scaler = StandardScaler().fit(x)
    model = Ridge(alpha=penalty).fit(scaler.transform(x) * factors, y)
    return lambda features: model.predict(scaler.transform(features) * factors)


@pytest.mark.parametrize(("n", "columns"), [(60, 8), (12, 40)])
def test_it_is_ridge_whether_rows_or_columns_are_fewer(n: int, columns: int) -> None:
    (x, y), (tx, _) = rows(n, 0, columns), rows(30, 1, columns)
    for penalty in (0.5, 50.0):
        ridge = fit_ridge(x, y, penalties=penalty)
        assert ridge(tx) == pytest.approx(reference(x, y, penalty)(tx))
        assert tx @ ridge.weights + ridge.bias == pytest.approx(ridge(tx))
        single = fit_ridge(x, y[:, 1], penalties=penalty)
        assert single.weights.shape == (columns,)
        assert single(tx) == pytest.approx(ridge(tx)[:, 1])


def test_each_target_takes_the_penalty_of_least_validation_error() -> None:
    (x, y), (vx, vy) = rows(60, 0), rows(40, 1)
    penalties = [0.1, 10.0, 1000.0]
    ridge = fit_ridge(x, y, vx, vy, penalties=penalties)
    errors = np.array([np.mean((vy - reference(x, y, penalty)(vx)) ** 2, axis=0) for penalty in penalties])
    assert ridge.penalties == tuple(np.array(penalties)[errors.argmin(axis=0)])
    assert ridge.validation_mse == pytest.approx(errors.min(axis=0))
    assert ridge.penalties[0] < ridge.penalties[2]


def test_a_refitted_regression_keeps_its_penalties() -> None:
    (x, y), (vx, vy) = rows(60, 0), rows(40, 1)
    both, labels = np.concatenate([x, vx]), np.concatenate([y, vy])
    ridge = fit_ridge(x, y, vx, vy)
    again = ridge.refitted(both, labels)
    assert again.penalties == ridge.penalties
    for target, penalty in enumerate(ridge.penalties):
        assert again(vx)[:, target] == pytest.approx(reference(both, labels[:, target], penalty)(vx))


def test_a_larger_factor_shrinks_its_column_less() -> None:
    (x, y), (vx, _) = rows(60, 0), rows(40, 1)
    factors = np.array([3.0] * 4 + [1.0] * 4)
    assert fit_ridge(x, y, penalties=50.0, factors=factors)(vx) == pytest.approx(reference(x, y, 50.0, factors)(vx))


def test_masked_equals_subset() -> None:
    (x, y), (vx, vy) = rows(60, 0), rows(40, 1)
    y[::3, 0], y[1::4, 2], vy[:5, 1] = np.nan, np.nan, np.nan
    ridge = fit_ridge(x, y, vx, vy)
    for target in range(3):
        known, checked = ~np.isnan(y[:, target]), ~np.isnan(vy[:, target])
        alone = fit_ridge(x[known], y[known, target], vx[checked], vy[checked, target])
        assert ridge(vx)[:, target] == pytest.approx(alone(vx), rel=1e-10)
        assert ridge.penalties[target] == alone.penalties[0]


def test_constant_columns_weigh_nothing_and_ties_go_to_the_larger_penalty() -> None:
    (x, y), (vx, vy) = rows(60, 0), rows(40, 1)
    x[:, 3] = 7.1
    ridge = fit_ridge(x, y, penalties=1.0)
    assert ridge.weights[3].tolist() == [0, 0, 0]
    flat = fit_ridge(np.ones((60, 2)), y, np.ones((40, 2)), vy, penalties=[1.0, 100.0])
    assert flat.penalties == (100.0,) * 3
    assert flat(np.full((5, 2), 9.0)) == pytest.approx(np.tile(y.mean(axis=0), (5, 1)))
    assert fit_ridge(x, np.full(60, 0.2), vx, np.full(40, 0.2))(vx) == pytest.approx(np.full(40, 0.2))


def spoken(people: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Affect is in one feature; the others identify the person, whose mean affect is chance."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rows)
    person = rng.normal(size=(people, 20))[who]
    affect = rng.normal(size=(len(who), 1)) + rng.normal(size=(people, 1))[who]
    x = np.column_stack([affect + rng.normal(size=(len(who), 1)), person + 0.05 * rng.normal(size=(len(who), 20))])
    return x, affect[:, 0], who


def test_inner_folds_choose_by_people_and_fit_all_of_train() -> None:
    (x, y, who), (tx, ty, _) = spoken(12, 25, 0), spoken(40, 5, 1)
    by_people = fit_ridge(x, y, groups=who)
    by_rows = fit_ridge(x[::2], y[::2], x[1::2], y[1::2])  # validation shares its people with train
    assert by_people.penalties[0] > by_rows.penalties[0]
    assert np.mean((ty - by_people(tx)) ** 2) < np.mean((ty - by_rows(tx)) ** 2)
    assert by_people.validation_mse[0] > 1.5 * by_rows.validation_mse[0]  # rows alone give too good a figure
    assert by_people(tx) == pytest.approx(reference(x, y, by_people.penalties[0])(tx))
    both = np.column_stack([y, np.where(np.arange(len(y)) % 3, y, np.nan)])
    known = ~np.isnan(both[:, 1])
    alone = fit_ridge(x[known], both[known, 1], groups=who[known])
    masked = fit_ridge(x, both, groups=who)
    assert np.array_equal(masked(tx)[:, 1], alone(tx))
    assert masked.penalties[1:] == alone.penalties


def test_useless_features_shrink_to_the_mean() -> None:
    rng = np.random.default_rng(9)
    (_, y), (_, vy) = rows(60, 0), rows(40, 1)
    ridge = fit_ridge(rng.normal(size=(60, 6)), y[:, 2], rng.normal(size=(40, 6)), vy[:, 2])
    assert ridge(rng.normal(size=(50, 6))) == pytest.approx(np.full(50, y[:, 2].mean()), abs=0.2)
