"""Floors on raw features: informative, useless, degenerate; choices that people decide and not rows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation import class_centres, linear_readout, ridge_floor, softmax_floor
from affectspace.evaluation.readouts import ridge_solutions

CENTRES = {"anger": [-0.5, 0.6, 0.3], "calm": [0.3, -0.6, 0.2], "happiness": [0.8, 0.5, 0.4]}
NAMES = np.array(sorted(CENTRES))


def acted(n: int, seed: int, told: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features that tell the emotion, emotions, and its centre as affect."""
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 8))
    x[np.arange(n), code] += told
    return x, NAMES[code], np.array([CENTRES[name] for name in NAMES[code]])


def spoken(people: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Affect is told by one feature; the others know the person, whose mean affect is chance."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    person = rng.normal(size=(people, 20))[who]
    affect = rng.normal(size=(len(who), 1)) + rng.normal(size=(people, 1))[who]
    x = np.column_stack([affect + rng.normal(size=(len(who), 1)), person + 0.05 * rng.normal(size=(len(who), 20))])
    return x, affect[:, 0], who


def test_with_validation_ridge_is_the_read_out() -> None:
    (x, _, y), (vx, _, vy), (tx, _, _) = acted(200, 0), acted(100, 1), acted(50, 2)
    found, expected = ridge_floor(x, y, validation=vx, validation_y=vy), linear_readout(x, y, vx, vy, tx)
    np.testing.assert_allclose(found(tx), expected.predictions, rtol=1e-10)
    assert found.chosen == expected.chosen
    assert found.validation_mse == pytest.approx(expected.validation_mse)


def test_ridge_is_one_whether_rows_or_columns_are_fewer() -> None:
    rng = np.random.default_rng(0)
    for rows, columns in ((40, 5), (5, 40)):
        x, y = rng.normal(size=(rows, columns)), rng.normal(size=(rows, 3))
        x -= x.mean(axis=0)
        (weights, bias), _ = ridge_solutions(x, y, [3.0, 5.0])
        np.testing.assert_allclose(weights, np.linalg.solve(x.T @ x + 3 * np.eye(columns), x.T @ (y - y.mean(axis=0))))
        np.testing.assert_allclose(bias, y.mean(axis=0))
        (alone, mean), _ = ridge_solutions(x, y[:, 1], [3.0, 5.0])
        np.testing.assert_allclose(alone, weights[:, 1])
        assert mean == pytest.approx(bias[1])


def test_a_refitted_floor_keeps_its_choice() -> None:
    (x, e, y), (vx, ve, vy) = acted(200, 0), acted(100, 1)
    both = np.concatenate([x, vx]), np.concatenate([y, vy])
    found = ridge_floor(x, y, validation=vx, validation_y=vy)
    again = found.refitted(*both)
    assert again.chosen == found.chosen
    scale = StandardScaler().fit(both[0])
    for axis, penalty in enumerate(found.chosen):
        expected = Ridge(alpha=penalty).fit(scale.transform(both[0]), both[1][:, axis]).predict(scale.transform(vx))
        assert again(vx)[:, axis] == pytest.approx(expected)
    softmax = softmax_floor(x, e, vx, ve, CENTRES)
    more = softmax.refitted(both[0], np.concatenate([e, ve]), CENTRES)
    assert more.chosen == softmax.chosen
    assert not np.array_equal(more(vx), softmax(vx))


def test_a_factor_is_a_smaller_penalty_for_its_columns() -> None:
    (x, _, y), (vx, _, vy) = acted(200, 0), acted(100, 1)
    factors = np.array([3.0] * 4 + [1.0] * 4)
    found = ridge_floor(x, y, validation=vx, validation_y=vy, factors=factors, penalties=[50.0])
    scale = StandardScaler().fit(x)
    expected = Ridge(alpha=50.0).fit(scale.transform(x) * factors, y).predict(scale.transform(vx) * factors)
    assert found(vx) == pytest.approx(expected)


def test_two_emotions() -> None:
    (x, e, _), (vx, ve, _) = acted(200, 0), acted(100, 1)
    two, vtwo = e != "calm", ve != "calm"
    found = softmax_floor(x[two], e[two], vx[vtwo], ve[vtwo], CENTRES)
    scale = StandardScaler().fit(x[two])
    model = LogisticRegression(C=found.chosen, class_weight="balanced").fit(scale.transform(x[two]), e[two])
    assert found.probabilities(vx) == pytest.approx(model.predict_proba(scale.transform(vx)), abs=1e-3)


def test_inner_folds_choose_by_people() -> None:
    x, y, who = spoken(12, 25, 0)
    tx, ty, _ = spoken(40, 5, 1)
    found = ridge_floor(x, y, groups=who)
    by_rows = linear_readout(x[::2], y[::2], x[1::2], y[1::2], tx)  # validation shares its people with train
    assert found.chosen[0] > by_rows.chosen[0]
    errors = [np.mean((ty - guess) ** 2) for guess in (found(tx), by_rows.predictions)]
    assert errors[0] < errors[1]
    assert found.validation_mse[0] > 1.5 * by_rows.validation_mse[0]  # rows alone are told too good a figure


def test_inner_folds_fit_all_of_train_with_the_chosen_penalty() -> None:
    x, y, who = spoken(12, 10, 3)
    tx = spoken(4, 5, 1)[0]
    found = ridge_floor(x, y, groups=who)
    scale = StandardScaler().fit(x)
    expected = Ridge(alpha=found.chosen[0]).fit(scale.transform(x), y).predict(scale.transform(tx))
    assert found(tx) == pytest.approx(expected)


def test_unknown_labels_are_left_out_per_axis() -> None:
    x, y, who = spoken(10, 12, 4)
    both = np.column_stack([y, y])
    both[::3, 1] = np.nan
    found = ridge_floor(x, both, groups=who)
    known = ~np.isnan(both[:, 1])
    alone = ridge_floor(x[known], both[known, 1], groups=who[known])
    assert found(x[:20]).shape == (20, 2)
    assert np.array_equal(found(x[:20])[:, 1], alone(x[:20]))
    assert found.chosen[1:] == alone.chosen


def test_softmax_floor_is_the_expected_centre() -> None:
    (x, e, _), (vx, ve, _), (tx, _, truth) = acted(300, 0), acted(150, 1), acted(200, 2)
    found = softmax_floor(x, e, vx, ve, CENTRES)
    scale = StandardScaler().fit(x)
    model = LogisticRegression(C=found.chosen, class_weight="balanced", max_iter=300)
    posterior = model.fit(scale.transform(x), e).predict_proba(scale.transform(tx))
    assert found(tx) == pytest.approx(posterior @ np.array([CENTRES[name] for name in model.classes_]), abs=1e-2)
    for axis in range(3):
        assert np.corrcoef(found(tx)[:, axis], truth[:, axis])[0, 1] > 0.6


def test_perfect_features_reach_the_centres_and_useless_ones_their_mean() -> None:
    parts = [acted(200, seed, told=30.0) for seed in range(3)]
    perfect = softmax_floor(*parts[0][:2], *parts[1][:2], CENTRES, grid=[1.0])
    assert perfect(parts[2][0]) == pytest.approx(parts[2][2], abs=0.05)
    parts = [acted(200, seed, told=0.0) for seed in range(3)]
    useless = softmax_floor(*parts[0][:2], *parts[1][:2], CENTRES, grid=[1e-5])
    assert useless(parts[2][0]) == pytest.approx(np.tile(np.mean(list(CENTRES.values()), axis=0), (200, 1)), abs=0.01)


def test_class_centres() -> None:
    affect = np.array([[0.2, 1.0], [0.4, np.nan], [0.5, np.nan], [9.0, 9.0]])
    found = class_centres(np.array(["b", "b", "a", None], dtype=object), affect)
    assert list(found) == ["a", "b"]
    assert found["b"] == pytest.approx([0.3, 1.0])
    assert found["a"] == pytest.approx([0.5, np.nan], nan_ok=True)


def test_bad_input() -> None:
    x, e, y = acted(30, 0)
    who = np.arange(30) % 2
    with pytest.raises(ConfigError, match="or groups for inner folds, and not both"):
        ridge_floor(x, y)
    with pytest.raises(ConfigError, match="not both"):
        ridge_floor(x, y, validation=x, validation_y=y, groups=who)
    with pytest.raises(ConfigError, match="validation with validation_y"):
        ridge_floor(x, y, validation=x)
    with pytest.raises(DataError, match="at least three people"):
        ridge_floor(x, y, groups=who)
    with pytest.raises(DataError, match="no train row is annotated for target 0"):
        ridge_floor(x, y * np.nan, groups=np.arange(30))
    with pytest.raises(DataError, match="train has the emotions calm, which have no centre"):
        softmax_floor(x, e, x, e, {name: CENTRES[name] for name in ("anger", "happiness")})
    with pytest.raises(DataError, match="the centre of calm is not finite"):
        softmax_floor(x, e, x, e, {**CENTRES, "calm": [np.nan, 0.0, 0.0]})
    with pytest.raises(DataError, match="must be"):
        class_centres(e, y[:, 0])
