"""Calibrated probabilities: closed forms, marginals, and the rows that the choice may see."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from affectspace.annotation import AnnotationTransfer, fit_calibrated, plot_reliability, reliability
from affectspace.annotation.calibration import choose_parameters, splits_of
from affectspace.errors import DataError


def drawn(n=1_500, seed=0, d=3):
    """Rows of three overlapping Gaussians of unequal frequency."""
    random = np.random.default_rng(seed)
    emotions = random.choice(["calm", "fear", "anger"], n, p=[0.6, 0.3, 0.1])
    centres = {"calm": np.zeros(d), "fear": np.full(d, 0.4), "anger": np.linspace(-0.5, 0.5, d)}
    mixing = np.array([[1, 0.6, 0.2], [0, 0.8, 0.3], [0, 0, 0.9]])[:d, :d]
    return np.array([centres[name] for name in emotions]) + random.normal(size=(n, d)) @ mixing * 0.3, emotions


def test_a_missing_axis_is_marginalised():
    points, emotions = drawn()
    transfer = AnnotationTransfer(assignment="mahalanobis", covariance="full", priors="counts").fit(points, emotions)
    half = points[:20].copy()
    half[:10, 2], half[10:, 0] = np.nan, np.nan
    for rows, axes in ((slice(0, 10), [0, 1]), (slice(10, 20), [1, 2])):
        densities = np.stack(
            [
                prior * multivariate_normal(centre[axes], covariance[np.ix_(axes, axes)]).pdf(half[rows][:, axes])
                for prior, centre, covariance in zip(
                    transfer.priors_, transfer.centres_, transfer.covariances_, strict=True
                )
            ],
            axis=1,
        )
        expected = densities / densities.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(transfer.predict_proba(half)[rows], expected, atol=1e-12)
        np.testing.assert_array_equal(transfer.predict(half)[rows], transfer.classes_[expected.argmax(axis=1)])
    with pytest.raises(DataError, match="row 1: valence is NaN"):
        transfer.predict([[0, 0, 0], [np.nan] * 3])


def test_widening_and_temperature():
    points, emotions = drawn()
    plain = AnnotationTransfer(assignment="mahalanobis").fit(points, emotions)
    stated = plain.predict_proba(points)
    softer = AnnotationTransfer(assignment="mahalanobis", temperature=3.0).fit(points, emotions).predict_proba(points)
    expected = stated ** (1 / 3)
    np.testing.assert_allclose(softer, expected / expected.sum(axis=1, keepdims=True), atol=1e-12)
    wide = AnnotationTransfer(assignment="mahalanobis", widening=4.0).fit(points, emotions)
    by_hand = AnnotationTransfer(assignment="mahalanobis").fit(points, emotions)
    by_hand.deviations_ = 2 * by_hand.deviations_
    np.testing.assert_allclose(wide.predict_proba(points), by_hand.predict_proba(points), atol=1e-12)


def test_the_choice_finds_the_model_that_made_the_rows():
    parameters, measured = choose_parameters(*drawn())
    assert (parameters["assignment"], parameters["priors"]) == ("mahalanobis", "counts")
    assert parameters["covariance"] in ("full", "tied")
    transfer, _ = fit_calibrated(*drawn())
    points, emotions = drawn(5_000, seed=1)
    elsewhere = reliability(emotions, transfer.predict_proba(points), transfer.classes_)
    assert elsewhere.error < 0.03
    assert measured is not None
    assert abs(elsewhere.stated - elsewhere.accuracy) < 0.02
    assert abs(measured.error - elsewhere.error) < 0.03
    restored = AnnotationTransfer.from_json(transfer.to_json())
    np.testing.assert_array_equal(restored.predict_proba(points), transfer.predict_proba(points))


def test_a_person_is_on_one_side():
    people = ["ann"] * 30 + ["ben"] * 5 + [None, ""] + ["cem"] * 8
    seen = []
    for train, test in splits_of(len(people), people):
        named = [{people[row] for row in rows if people[row]} for rows in (train, test)]
        assert not named[0] & named[1]
        seen += test.tolist()
    assert sorted(seen) == list(range(len(people)))
    assert list(splits_of(10, ["ann"] * 10)) == []
    assert fit_calibrated(*drawn(), people=["ann"] * 1_500)[1] is None
    assert choose_parameters(*drawn(10)) == ({}, None)


def test_reliability_of_known_rows():
    stated = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    emotions = ["calm"] * 9 + ["fear"] + ["fear"] * 6 + ["calm"] * 4
    measured = reliability(emotions, stated, ["calm", "fear"])
    assert (measured.accuracy, measured.rows) == (0.75, 20)
    assert measured.stated == pytest.approx(0.75)
    assert measured.surest_stated == pytest.approx(0.9)
    assert measured.most_frequent == 13 / 20
    assert measured.log_loss == pytest.approx(-(9 * np.log(0.9) + np.log(0.1) + 6 * np.log(0.6) + 4 * np.log(0.4)) / 20)
    assert sum(rows for _, _, rows in measured.curve) == 20
    assert reliability(["a"] * 50, np.full((50, 1), 1.0), ["a"]).error == 0
    (panel,) = plot_reliability(measured, "rows").axes
    assert "accuracy 0.750, mean stated 0.750" in panel.get_title(loc="left")  # with the digits of the command line
    assert "bar: one standard error" in panel.get_legend().get_texts()[1].get_text()
    with pytest.raises(DataError, match="there are no rows"):
        reliability([], np.empty((0, 2)), ["calm", "fear"])
