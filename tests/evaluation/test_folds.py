"""Folds that keep groups apart, predictions out of them, and probes at a common width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.evaluation.folds import Fold, grouped_folds, out_of_fold, out_of_fold_readout, reduced
from affectspace.evaluation.metrics import r2
from affectspace.evaluation.probes import ProbeResult, linear_probe, mlp_probe
from affectspace.evaluation.readouts import linear_readout


def people(n: int = 240, count: int = 12) -> np.ndarray:
    return np.array([f"p{i:02d}" for i in np.arange(n) % count])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(3, 5), st.integers(0, 9), st.data())
def test_every_row_is_tested_once_and_no_group_is_on_two_sides(groups, folds, seed, data):
    groups = np.array([*groups, *range(10)])
    shift = data.draw(st.integers(1, folds - 1))
    parts = grouped_folds(groups, folds=folds, shift=shift, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([part.test for part in parts])), np.arange(len(groups)))
    for part in parts:
        rows = np.concatenate([part.train, part.validation, part.test])
        assert np.array_equal(np.sort(rows), np.arange(len(groups)))
        sides = [set(groups[side]) for side in (part.train, part.validation, part.test)]
        assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]


def test_folds_are_alike_in_rows_and_depend_on_the_seed():
    sizes = [len(part.test) for part in grouped_folds(people(), folds=4)]
    assert sizes == [60, 60, 60, 60]
    one, two, other = (grouped_folds(people(), folds=4, seed=seed)[0].test for seed in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_inner_groups_split_validation_where_groups_are_few():
    sentence, emotion = np.arange(80) % 2, np.arange(80) // 2 % 8
    for part in grouped_folds(sentence, folds=2, inner=emotion):
        assert not set(sentence[part.test]) & set(sentence[part.train])
        assert set(sentence[part.validation]) == set(sentence[part.train])
        assert not set(emotion[part.validation]) & set(emotion[part.train])
        assert len(part.test) == 40


def test_out_of_fold_probe():
    rng = np.random.default_rng(0)
    who = people()
    labels = rng.choice(["anger", "fear", "joy"], 240)
    signal = (labels[:, None] == np.array(["anger", "fear", "joy"])).astype(float)
    informative = out_of_fold(linear_probe, signal + 0.3 * rng.normal(size=(240, 3)), labels, who)
    assert informative.uar > 0.9
    assert len(informative.chosen) == 5
    useless = out_of_fold(linear_probe, rng.normal(size=(240, 3)), labels, who)
    assert abs(useless.uar - 1 / 3) < 0.12
    flat = out_of_fold(linear_probe, np.ones((240, 2)), labels, who)
    assert flat.uar < 0.45
    assert flat.probabilities.sum(axis=1) == pytest.approx(np.ones(240))


def test_a_person_that_is_tested_is_not_seen():
    """Features that tell people apart, and labels that are people's own, cannot be told out of fold."""
    who = people()
    own = np.where(np.arange(12) % 2, "high", "low")[np.arange(240) % 12]
    features = np.eye(12)[np.arange(240) % 12]
    assert out_of_fold(linear_probe, features, own, who).uar < 0.75
    by_row = out_of_fold(linear_probe, features, own, np.arange(240))
    assert by_row.uar == 1


def test_rounds_average_and_given_folds_are_kept():
    rng = np.random.default_rng(1)
    x, labels, who = rng.normal(size=(240, 4)), rng.choice(["a", "b"], 240), people()
    rounds = [out_of_fold(linear_probe, x, labels, who, folds=4, rounds=k).probabilities for k in (1, 2)]
    second = np.zeros((240, 2))
    for part in grouped_folds(who, folds=4, shift=2):
        second[part.test] = linear_probe(
            x[part.train], labels[part.train], x[part.validation], labels[part.validation], x[part.test]
        ).probabilities
    assert rounds[1] == pytest.approx((rounds[0] + second) / 2)
    given_folds = out_of_fold(linear_probe, x, labels, who, folds=grouped_folds(who, folds=4))
    assert np.array_equal(given_folds.probabilities, rounds[0])


def test_options_and_missing_labels():
    rng = np.random.default_rng(2)
    labels = rng.choice(["a", "b"], 240).astype(object)
    labels[::4] = None
    x = np.column_stack([labels == "a", rng.normal(size=240)]).astype(float)
    result = out_of_fold(mlp_probe, x, labels, people(), folds=3, learning_rate=0.1, max_epochs=10)
    assert result.probabilities.shape == (240, 2)
    assert result.uar > 0.9
    assert all(choice["epoch"] <= 10 for choice in result.chosen)


def test_read_out():
    rng = np.random.default_rng(3)
    x, who = rng.normal(size=(240, 5)), people()
    y = np.column_stack([x[:, 0], rng.normal(size=240)])
    y[::3, 0] = np.nan
    guess = out_of_fold_readout(linear_readout, x, y, who, rounds=2)
    assert r2(y, guess)[0] > 0.99
    assert r2(y, guess)[1] < 0.05
    assert out_of_fold_readout(linear_readout, x, y[:, 1], who).shape == (240,)


def test_reduced_takes_train_components_only():
    rng = np.random.default_rng(4)
    seen = {}

    def spy(train, labels, validation, validation_labels, test, **rest) -> ProbeResult:
        seen.update(train=train, test=test)
        return linear_probe(train, labels, validation, validation_labels, test, **rest)

    x = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 20)) + 0.01 * rng.normal(size=(100, 20))
    labels = np.where(x[:, 0] > 0, "a", "b")
    result = reduced(spy, 3)(x[:60], labels[:60], x[60:80], labels[60:80], x[80:], classes=["a", "b"])
    assert seen["train"].shape == (60, 3)
    variance = seen["train"].var(axis=0)
    assert variance[0] > variance[1] > 10 * variance[2]
    scaled = (x - x[:60].mean(axis=0)) / x[:60].std(axis=0)
    reference = np.linalg.svd(scaled[:60], full_matrices=False)[2][:3]
    assert np.abs(seen["test"]) == pytest.approx(np.abs(scaled[80:] @ reference.T), abs=1e-6)
    assert np.mean(result.predictions == labels[80:]) > 0.8
    assert reduced(spy, 5)(x[:60, :2], labels[:60], x[60:80, :2], labels[60:80], x[80:, :2]).converged
    assert seen["train"].shape == (60, 2)


def test_bad_input():
    who = people()
    x, labels = np.ones((240, 2)), np.where(np.arange(240) % 2, "a", "b")
    with pytest.raises(ConfigError, match=r"folds is 2: .* at least 3"):
        grouped_folds(who, folds=2)
    with pytest.raises(ConfigError, match="shift is 5"):
        grouped_folds(who, shift=5)
    with pytest.raises(DataError, match="groups has 12 values and folds is 13"):
        grouped_folds(who, folds=13)
    with pytest.raises(DataError, match="`inner` must vary"):
        grouped_folds(np.arange(240) % 2, folds=2, inner=np.arange(240) % 2)
    with pytest.raises(ConfigError, match=r"rounds is 5: it must be 1 \.\. 4"):
        out_of_fold(linear_probe, x, labels, who, rounds=5)
    with pytest.raises(DataError, match="none of the 240 rows has a label"):
        out_of_fold(linear_probe, x, [None] * 240, who)
    with pytest.raises(DataError, match="features has 240 rows and labels has 3"):
        out_of_fold(linear_probe, x, ["a", "b", "a"], who)
    with pytest.raises(ConfigError, match="components is 0"):
        reduced(linear_probe, 0)
    half = [Fold(np.arange(100), np.arange(100, 200), np.arange(200, 240))]
    with pytest.raises(DataError, match="the folds test 40 of 240 rows"):
        out_of_fold(linear_probe, x, labels, who, folds=half)
    with pytest.raises(ConfigError, match="no choice of rounds"):
        out_of_fold(linear_probe, x, labels, who, folds=half, rounds=2)
