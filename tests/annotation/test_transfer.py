import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.utils.estimator_checks import parametrize_with_checks

from affectspace.annotation import AnnotationTransfer
from affectspace.errors import ConfigError, DataError

VARIANTS = [
    AnnotationTransfer(),
    AnnotationTransfer(distribution="gaussian", covariance="full", priors="counts"),
    AnnotationTransfer(assignment="mahalanobis"),
    AnnotationTransfer(assignment="mahalanobis", covariance="full", priors="counts"),
]


@parametrize_with_checks(
    VARIANTS, expected_failed_checks=lambda _: {"check_estimators_pickle": "it fits NaN; only `predict` takes some"}
)
def test_scikit_learn(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some checks warn by design
        check(estimator)


def make(d=2, k=3, seed=0, rows=60, **parameters):
    rng = np.random.default_rng(seed)
    names = np.array(["anger", "calm", "fear", "neutral", "surprise"])[:k]
    emotions = np.repeat(names, rows)
    centres = rng.uniform(-0.7, 0.7, (k, d))
    mix = rng.normal(size=(k, d, d)) * 0.15
    vad = np.repeat(centres, rows, axis=0) + np.einsum(
        "nij,nj->ni", np.repeat(mix, rows, axis=0), rng.normal(size=(k * rows, d))
    )
    return AnnotationTransfer(**parameters).fit(vad, emotions), vad, emotions


def test_fit_is_mean_and_standard_deviation_as_in_pandas():
    transfer, vad, emotions = make()
    groups = pd.DataFrame(vad, columns=["valence", "arousal"]).groupby(emotions)
    np.testing.assert_allclose(transfer.centres_, groups.mean().to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(transfer.deviations_, groups.std().to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(transfer.covariances_.reshape(-1, 2), groups.cov().to_numpy(), rtol=1e-10, atol=1e-15)
    assert transfer.axes_ == ("valence", "arousal")
    assert list(transfer.classes_) == ["anger", "calm", "fear"]


def test_a_weight_is_a_number_of_repetitions():
    _, vad, emotions = make()
    weights = np.random.default_rng(1).integers(0, 4, len(vad))
    weights[:3] = 2
    weighted = AnnotationTransfer().fit(vad, emotions, sample_weight=weights)
    repeated = AnnotationTransfer().fit(np.repeat(vad, weights, axis=0), np.repeat(emotions, weights))
    np.testing.assert_allclose(weighted.centres_, repeated.centres_)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_)
    np.testing.assert_allclose(weighted.counts_, repeated.counts_)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_uniform_samples_fill_the_ellipsoid(d, covariance):
    transfer, _, _ = make(d=d, covariance=covariance, n_sigma=1.5)
    n, k = 60_000, 1
    points = transfer.sample(["calm"] * n, random_state=3)
    moved = points - transfer.centres_[k]
    radius = np.sqrt(np.einsum("ni,ij,nj->n", moved, np.linalg.inv(transfer.spreads()[k]), moved)) / 1.5
    assert radius.max() <= 1 + 1e-12
    assert stats.kstest(radius**d, "uniform").pvalue > 1e-3
    # closed form: the mean is the centre, the covariance that of the class times n_sigma^2 / (d + 2)
    expected = transfer.spreads()[k] * 1.5**2 / (d + 2)
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(moved.mean(axis=0) / scale, 0, atol=0.025)
    np.testing.assert_allclose(
        np.cov(moved.T).reshape(d, d) / np.outer(scale, scale), expected / np.outer(scale, scale), atol=0.03
    )


def test_uniform_samples_have_no_preferred_direction():
    transfer = AnnotationTransfer.reference("affectnet")
    unit = (transfer.sample(["fear"] * 50_000, 0) - transfer.centres(["fear"])) / transfer.deviations_[2]
    angle = np.arctan2(unit[:, 1], unit[:, 0])
    assert stats.kstest(angle, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_gaussian_samples_have_the_class_moments(covariance):
    transfer, _, _ = make(d=3, covariance=covariance, distribution="gaussian", n_sigma=5)  # n_sigma is of the ellipse
    points = transfer.sample(["fear"] * 100_000, random_state=0)
    spread = transfer.spreads()[2]
    scale = np.sqrt(np.diag(spread))
    np.testing.assert_allclose((points.mean(axis=0) - transfer.centres_[2]) / scale, 0, atol=0.015)
    np.testing.assert_allclose(np.cov(points.T) / np.outer(scale, scale), spread / np.outer(scale, scale), atol=0.02)
    assert stats.kstest((points[:, 0] - transfer.centres_[2, 0]) / scale[0], "norm").pvalue > 1e-3


@pytest.mark.parametrize("millions", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_millions_of_samples_lie_inside(millions):
    transfer = AnnotationTransfer.reference("affectnet")
    codes = np.random.default_rng(0).integers(0, 7, 1_000_000)
    names = transfer.classes_[codes]
    for seed in range(millions):
        unit = (transfer.sample(names, seed) - transfer.centres_[codes]) / transfer.deviations_[codes]
        assert np.einsum("ij,ij->i", unit, unit).max() <= 1


@pytest.mark.parametrize("distribution", ["uniform", "gaussian"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_samples_do_not_depend_on_the_blocks(distribution, d):
    transfer, _, _ = make(d=d, distribution=distribution)
    names = np.random.default_rng(0).choice(transfer.classes_, 50_000)
    points = transfer.sample(names, 7)
    np.testing.assert_array_equal(points, transfer.sample(names, 7))
    cuts = [0, 1, 130, 16_384, 16_385, 40_000, 50_000]
    blocks = [transfer.sample(names[a:b], 7, start=a) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(points, np.concatenate(blocks))
    assert not np.array_equal(points, transfer.sample(names, 8))
    assert len(np.unique(points[:, 0])) > 49_990


def test_random_state_is_an_integer_a_generator_or_none():
    transfer = AnnotationTransfer.reference("affectnet")
    for make_state in (np.random.default_rng, np.random.RandomState):
        same = [transfer.sample(["fear"], make_state(3)) for _ in range(2)]
        np.testing.assert_array_equal(*same)
    state = np.random.default_rng(0)
    assert not np.array_equal(transfer.sample(["fear"], state), transfer.sample(["fear"], state))
    assert not np.array_equal(transfer.sample(["fear"]), transfer.sample(["fear"]))
    with pytest.raises(ConfigError, match="random_state is 'x'"):
        transfer.sample(["fear"], "x")


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, dtype=object), pd.Series, pd.Categorical])
def test_emotions_may_come_in_any_sequence(kind):
    transfer = AnnotationTransfer.reference("affectnet")
    emotions = ["fear", "anger", "fear"]
    values = pd.Series(pd.Categorical(emotions)) if kind is pd.Categorical else kind(emotions)
    np.testing.assert_array_equal(transfer.centres(values), transfer.centres_[[2, 0, 2]])


def test_a_mixture_has_the_moments_of_its_samples():
    transfer = AnnotationTransfer.reference("affectnet", distribution="gaussian")
    weights = np.array([3, 0, 1, 2, 0, 4, 0.0])
    mean, covariance = transfer.mixture([weights, np.eye(7)[3]])
    names = np.random.default_rng(0).choice(transfer.classes_, 200_000, p=weights / weights.sum())
    points = transfer.sample(names, 0)
    np.testing.assert_allclose(mean[0], points.mean(axis=0), atol=5e-3)
    np.testing.assert_allclose(covariance[0], np.cov(points.T), atol=5e-3)
    np.testing.assert_allclose(mean[1], transfer.centres_[3])
    np.testing.assert_allclose(covariance[1], transfer.spreads()[3])
    _, between = AnnotationTransfer.reference("russell_mehrabian_1977").mixture(np.eye(12))
    np.testing.assert_allclose(between, 0, atol=1e-12)  # centres only
    for bad in ([0.5, 0.5], [[0] * 7], [[-1, *[1] * 6]], [[np.nan, *[1] * 6]]):
        with pytest.raises(DataError, match=r"probabilities must be numbers from 0 of shape \(n, 7\)"):
            transfer.mixture(bad)


def test_a_missing_emotion_is_a_row_of_nan():
    transfer = AnnotationTransfer.reference("affectnet")
    for emotions in (["fear", None], np.array(["fear", ""]), ["fear", float("nan")], pd.Series(["fear", None])):
        points = transfer.sample(emotions, 0)
        assert np.isfinite(points[0]).all()
        assert np.isnan(points[1]).all()
    full = AnnotationTransfer.reference("affectnet").sample(["fear", "anger"], 0)
    np.testing.assert_array_equal(full[0], points[0])


def test_nearest_centre_against_all_distances():
    transfer, vad, _ = make(k=5, d=3)
    from scipy.spatial.distance import cdist

    distances = cdist(vad, transfer.centres_)
    np.testing.assert_array_equal(transfer.predict(vad), transfer.classes_[distances.argmin(axis=1)])
    variance = (transfer.deviations_**2).mean()
    weights = np.exp(-(distances**2) / (2 * variance))
    np.testing.assert_allclose(transfer.predict_proba(vad), weights / weights.sum(axis=1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("priors", [None, "counts", {"anger": 0.7, "calm": 0.2, "fear": 0.1}])
def test_mahalanobis_is_quadratic_discriminant_analysis(priors):
    rng = np.random.default_rng(0)
    _, vad, emotions = make(rows=80, seed=2)
    keep = rng.random(len(vad)) < np.where(emotions == "calm", 0.4, 1)
    vad, emotions = vad[keep], emotions[keep]
    transfer = AnnotationTransfer(assignment="mahalanobis", covariance="full", priors=priors).fit(vad, emotions)
    grid = rng.uniform(-1, 1, (500, 2))
    groups = [vad[emotions == name] for name in transfer.classes_]
    densities = [stats.multivariate_normal(group.mean(axis=0), np.cov(group.T)) for group in groups]
    joint = np.array([density.logpdf(grid) for density in densities]).T + np.log(transfer.priors_)
    np.testing.assert_allclose(transfer.predict_proba(grid), special.softmax(joint, axis=1), atol=1e-9)
    np.testing.assert_array_equal(transfer.predict(grid), transfer.classes_[joint.argmax(axis=1)])
    # scikit-learn's own divides covariances by n, not n - 1: with equally many rows the same to that factor
    reference = QuadraticDiscriminantAnalysis(priors=transfer.priors_, tol=0).fit(vad, emotions)
    assert (transfer.predict(grid) == reference.predict(grid)).mean() > 0.98


@pytest.mark.parametrize("parameters", [{}, {"priors": "counts"}, {"assignment": "mahalanobis"}])
def test_the_largest_probability_is_the_prediction(parameters):
    transfer, _, _ = make(k=5, **parameters)
    grid = np.random.default_rng(0).uniform(-1, 1, (2_000, 2))
    probability = transfer.predict_proba(grid)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_array_equal(transfer.predict(grid), transfer.classes_[probability.argmax(axis=1)])


def test_abstention_is_off_by_default_and_gives_no_name():
    transfer = AnnotationTransfer.reference("affectnet")
    between = (transfer.centres(["anger"]) + transfer.centres(["disgust"])) / 2
    assert transfer.predict(between)[0] in ("anger", "disgust")
    transfer.set_params(abstain=0.9)
    assert transfer.predict(np.vstack([between, transfer.centres(["happiness"])])).tolist() == ["", "happiness"]
    numbers = AnnotationTransfer(abstain=0.9).fit([[0, 0], [0, 0.2], [0.3, 0], [0.3, 0.2]], [1, 1, 2, 2])
    assert numbers.predict([[0.15, 0.1]]).tolist() == [-1]


def test_a_class_of_one_row_can_be_predicted_but_not_sampled():
    vad = np.array([[0, 0], [0.1, 0.1], [0.9, 0.9]])
    transfer = AnnotationTransfer().fit(vad, ["neutral", "neutral", "happiness"])
    assert transfer.predict([[0.8, 0.8]]).tolist() == ["happiness"]
    assert transfer.predict_proba([[0.8, 0.8]]).argmax() == 0
    assert np.isfinite(transfer.sample(["neutral"], 0)).all()
    with pytest.raises(DataError, match="'happiness' had a single row in the fit: its deviation is undefined"):
        transfer.sample(["neutral", "happiness"])
    with pytest.raises(DataError, match="'happiness' had a single row"):
        transfer.set_params(assignment="mahalanobis").predict(vad)
    alone = AnnotationTransfer().fit(vad[1:], ["neutral", "happiness"])
    assert alone.predict(vad[1:]).tolist() == ["neutral", "happiness"]
    with pytest.raises(DataError, match="no class has two rows"):
        alone.predict_proba(vad)


def test_a_class_without_spread_is_a_point():
    vad = np.array([[0.5, 0.5]] * 3 + [[0, 0], [0.2, 0.1], [0.1, 0.3]])
    names = ["calm"] * 3 + ["fear"] * 3
    for covariance in ("diagonal", "full"):
        transfer = AnnotationTransfer(assignment="mahalanobis", covariance=covariance).fit(vad, names)
        np.testing.assert_array_equal(transfer.sample(["calm"] * 2, 0), [[0.5, 0.5]] * 2)
        assert transfer.predict([[0.5, 0.5], [0.1, 0.1]]).tolist() == ["calm", "fear"]


BAD = [
    (lambda t: t.fit([[0, np.nan], [1, 1]], ["a", "b"]), "row 0: arousal is NaN or infinity"),
    (lambda t: t.fit([[0, 1], [1, 1]], np.array(["a", None], dtype=object)), "row 1 has no emotion"),
    (lambda t: t.fit([[0, 1], [1, 1]], ["a", "b"], sample_weight=[0, 0]), "at least one non-zero"),
    (lambda t: t.fit(np.empty((0, 2)), []), "0 sample"),
    (lambda t: t.sample(["angr"]), "row 0: unknown emotion 'angr'; did you mean 'anger'"),
    (lambda t: t.sample(np.array(["fear", "happy"])), "row 1: unknown emotion 'happy'; did you mean 'happiness'"),
    (lambda t: t.sample([["fear"]]), "unknown emotion"),
    (lambda t: t.sample("fear"), "must be a sequence with one name"),
    (lambda t: t.predict([[0, np.inf]]), "row 0: arousal is NaN or infinity"),
    (
        lambda t: t.predict(pd.DataFrame({"valence": [0], "energy": [1]})),
        "no column arousal; choose from valence, energy",
    ),
    (
        lambda t: t.set_params(distribution="normal").sample(["fear"]),
        "distribution is 'normal'; it must be 'uniform' or",
    ),
    (lambda t: t.set_params(n_sigma=0).sample(["fear"]), "n_sigma is 0"),
    (lambda t: t.set_params(abstain=2).predict([[0, 0]]), "abstain is 2"),
    (lambda t: t.set_params(priors="counts").predict([[0, 0]]), "states no counts"),
    (lambda t: t.set_params(priors={"anger": 1}).predict([[0, 0]]), "priors must name each class once"),
    (lambda t: t.set_params(priors=dict.fromkeys(t.classes_, -1)).predict([[0, 0]]), "not all 0"),
    (lambda t: t.set_params(priors=3).predict([[0, 0]]), "priors is 3"),
    (lambda t: t.set_params(covariance="full").sample(["fear"]), "publishes no covariances"),
    (lambda t: t.set_params(axes=("valence",)).fit([[0, 1]], ["a"]), "axes names 1 columns"),
]


@pytest.mark.parametrize(("act", "message"), BAD)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act(AnnotationTransfer.reference("affectnet"))


def test_the_columns_of_a_table_are_the_axes():
    table = pd.DataFrame({"arousal": [0.1, 0.2, 0.8], "valence": [0.0, 0.1, 0.9]})
    transfer = AnnotationTransfer().fit(table, ["calm", "calm", "fear"])
    assert transfer.axes_ == ("arousal", "valence")
    assert transfer.predict(table).tolist() == ["calm", "calm", "fear"]
    published = AnnotationTransfer.reference("affectnet")
    np.testing.assert_array_equal(published.predict(table), published.predict(table[["valence", "arousal"]].to_numpy()))


def test_references():
    affectnet = AnnotationTransfer.reference("affectnet", distribution="gaussian")
    assert affectnet.distribution == "gaussian"
    assert list(affectnet.classes_) == sorted(affectnet.classes_)
    np.testing.assert_allclose(affectnet.centres(["happiness"]), [[0.664328, 0.07028]])
    russell = AnnotationTransfer.reference("russell_mehrabian_1977")
    assert russell.axes_ == ("valence", "arousal", "dominance")
    assert len(russell.classes_) == 12
    assert "convention" in russell.source_
    assert russell.predict(russell.centres_).tolist() == russell.classes_.tolist()
    for act in (lambda: russell.sample(["fear"]), lambda: russell.predict_proba([[0, 0, 0]])):
        with pytest.raises(DataError, match="this transfer has centres but no deviations"):
            act()
    with pytest.raises(
        ConfigError, match="unknown reference 'plutchik'; choose from affectnet, russell_mehrabian_1977"
    ):
        AnnotationTransfer.reference("plutchik")


def test_references_are_the_published_numbers(shared_data):
    import json

    from affectspace.emotions import parse_emotions

    stats_ = json.loads((shared_data / "affectnet" / "va_statistics.json").read_text())["stats"]
    transfer = AnnotationTransfer.reference("affectnet")
    for spelling, row in stats_.items():
        k = transfer.classes_.tolist().index(parse_emotions([spelling])[0])
        np.testing.assert_allclose(transfer.centres_[k], [row["valence_mean"], row["arousal_mean"]])
        np.testing.assert_allclose(transfer.deviations_[k], [row["valence_std"], row["arousal_std"]])
    terms = pd.read_csv(shared_data / "russell_mehrabian_1977" / "emotion_terms_pad.csv", index_col="term")
    words = {"happiness": "happy", "fear": "fearful", "calm": "relaxed", "contempt": "contempt", "boredom": "bored"}
    words |= {"anger": "angry", "sadness": "sad", "disgust": "disgusted", "surprise": "surprised"}
    words |= {"excitement": "excited", "frustration": "frustrated"}
    russell = AnnotationTransfer.reference("russell_mehrabian_1977")
    np.testing.assert_allclose(russell.centres(list(words)), terms.loc[list(words.values())].to_numpy())


def test_tied_covariance_is_the_pooled_one_and_predicts_like_lda() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    random = np.random.default_rng(0)
    labels = np.repeat(["anger", "fear", "happiness"], [40, 60, 80])
    points = random.normal(size=(180, 5)) @ random.normal(size=(5, 5)) + (labels == "fear")[:, None]
    tied = AnnotationTransfer(covariance="tied", assignment="mahalanobis", priors="counts").fit(points, labels)
    inside = [np.cov(points[labels == name].T) * ((labels == name).sum() - 1) for name in tied.classes_]
    np.testing.assert_allclose(tied.spreads()[1], sum(inside) / (180 - 3))
    lda = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=None).fit(points, labels)
    assert (tied.predict(points) == lda.predict(points)).mean() > 0.98
    assert np.isfinite(tied.sample(["fear"] * 5, random_state=0)).all()
    again = AnnotationTransfer.from_json(tied.to_json())
    np.testing.assert_array_equal(again.predict_proba(points), tied.predict_proba(points))
    with pytest.raises(DataError, match=r"covariance='tied': .* publishes no covariances"):
        AnnotationTransfer.reference("affectnet", covariance="tied").sample(["anger"])
