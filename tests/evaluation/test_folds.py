"""Folds that keep groups apart, predictions out of them, and probes at a common width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectspace.evaluation.fitting import reduced
from affectspace.evaluation.folds import OutOfFold, grouped_folds, out_of_fold
from affectspace.evaluation.metrics import balanced_accuracy, r2
from affectspace.evaluation.probes import ProbeResult, linear_probe, mlp_probe
from affectspace.evaluation.readouts import linear_readout


def people(n: int = 240, count: int = 12) -> np.ndarray:
    return np.array([f"p{i:02d}" for i in np.arange(n) % count])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(3, 5), st.integers(0, 9))
def test_every_row_is_tested_once_and_no_group_is_on_two_sides(groups, folds, seed):
    groups = np.array([*groups, *range(10)])
    parts = grouped_folds(groups, folds=folds, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([part.test for part in parts])), np.arange(len(groups)))
    for part in parts:
        rows = np.concatenate([part.train, part.validation, part.test])
        assert np.array_equal(np.sort(rows), np.arange(len(groups)))
        sides = [set(groups[side]) for side in (part.train, part.validation, part.test)]
        assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]


def test_folds_are_alike_in_rows_and_depend_on_the_seed():
    sizes = [len(part.test) for part in grouped_folds(people(), folds=4)]
    assert sizes == [60, 60, 60, 60]
    first, second, other = (grouped_folds(people(), folds=4, seed=seed)[0].test for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def uar(result: OutOfFold) -> float:
    return balanced_accuracy(result.truth, result.predictions)


def test_out_of_fold_probe():
    rng = np.random.default_rng(0)
    who = people()
    labels = rng.choice(["anger", "fear", "joy"], 240)
    signal = (labels[:, None] == np.array(["anger", "fear", "joy"])).astype(float)
    informative = out_of_fold(linear_probe, signal + 0.3 * rng.normal(size=(240, 3)), labels, who)
    assert uar(informative) > 0.9
    assert len(informative.results) == 5
    assert abs(uar(out_of_fold(linear_probe, rng.normal(size=(240, 3)), labels, who)) - 1 / 3) < 0.12
    assert uar(out_of_fold(linear_probe, np.ones((240, 2)), labels, who)) < 0.45


def test_a_person_that_is_tested_is_not_seen():
    """Features that identify people cannot predict a label that depends on the person only."""
    who = people()
    own = np.where(np.arange(12) % 2, "high", "low")[np.arange(240) % 12]
    features = np.eye(12)[np.arange(240) % 12]
    assert uar(out_of_fold(linear_probe, features, own, who)) < 0.75
    assert uar(out_of_fold(linear_probe, features, own, np.arange(240))) == 1


def test_speakers_are_recognised_from_sentences_that_the_probe_has_not_seen():
    rng = np.random.default_rng(0)
    who, sentence = (grid.ravel() for grid in np.indices((12, 20)))
    private = 2 * rng.normal(size=(12, 6))[who] + rng.normal(size=(240, 6))
    assert uar(out_of_fold(linear_probe, private, who, sentence)) > 0.8
    narrow = uar(out_of_fold(reduced(linear_probe), private, who, sentence))
    assert 0.25 < narrow < uar(out_of_fold(linear_probe, private, who, sentence))


def test_each_fold_is_the_probe_of_its_own_parts():
    rng = np.random.default_rng(1)
    x, labels, who = rng.normal(size=(240, 4)), rng.choice(["a", "b"], 240), people()
    folds = grouped_folds(who, folds=4)
    result = out_of_fold(linear_probe, x, labels, who, folds=4)
    assert np.array_equal(result.predictions, out_of_fold(linear_probe, x, labels, who, folds=folds).predictions)
    for fold, own in zip(folds, result.results, strict=True):
        train, validation = (x[fold.train], labels[fold.train]), (x[fold.validation], labels[fold.validation])
        again = linear_probe(*train, *validation, x[fold.test])
        assert np.array_equal(again.predictions, result.predictions[fold.test])
        assert again.chosen == own.chosen


def test_options_and_missing_labels():
    rng = np.random.default_rng(2)
    labels = rng.choice(["a", "b"], 240).astype(object)
    labels[::4] = None
    x = np.column_stack([labels == "a", rng.normal(size=240)]).astype(float)
    result = out_of_fold(mlp_probe, x, labels, people(), folds=3, learning_rate=0.1, max_looks=10)
    assert result.predictions.shape == (240,)
    assert uar(result) > 0.9
    assert not all(own.converged for own in result.results)  # ten looks are too few to see ten that are no better


def test_out_of_fold_readout():
    rng = np.random.default_rng(3)
    x, who = rng.normal(size=(240, 5)), people()
    y = np.column_stack([x[:, 0], rng.normal(size=240)])
    y[::3, 0] = np.nan
    scores = r2(y, out_of_fold(linear_readout, x, y, who).predictions)
    assert scores[0] > 0.99
    assert scores[1] < 0.05
    assert out_of_fold(linear_readout, x, y[:, 1], who).predictions.shape == (240,)


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
