"""What the functions refuse: each with an error that names the array, the row or the option, and the remedy."""

from collections.abc import Callable

import numpy as np
import pytest

from affectspace import evaluation as ev
from affectspace.errors import ConfigError, DataError

NAN, ROWS = float("nan"), np.arange(40)
RNG = np.random.default_rng(0)
X, Y, V = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2)), RNG.normal(size=40)
BROKEN = np.where(X[7, 1] == X, NAN, X)
GAP = np.where(ROWS == 2, np.inf, V)
WIDTH = np.full((40, 2), 0.3)
NAMES = np.where(ROWS % 2, "calm", "joy")
WHO = np.array([f"p{i}" for i in ROWS % 8])
ONE, MISSING = np.full(40, "p"), np.array([None, *WHO[1:]], dtype=object)
IMAGES = RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
CENTRES = {"calm": [0.3, -0.6], "joy": [0.8, 0.5]}
PROBES, READOUTS = (
    (ev.linear_probe, ev.mlp_probe, ev.boosted_probe),
    (ev.linear_readout, ev.mlp_readout, ev.boosted_readout),
)
HALF = [ev.Fold(ROWS[:10], ROWS[10:20], ROWS[20:])]

DATA: list[tuple[str, Callable[[], object]]] = [
    # metrics
    (r"shape \(40,\) and prediction \(1,\)", lambda: ev.mse(V, V[:1])),
    ("truth has no rows", lambda: ev.mse([], [])),
    ("prediction has 1 values that are not finite, the first in row 2", lambda: ev.mse(V, GAP)),
    ("truth is infinite in row 2", lambda: ev.mse(GAP, V)),
    ("truth must hold numbers", lambda: ev.mse(NAMES, V)),
    ("truth has 40 rows and prediction has 1", lambda: ev.accuracy(NAMES, NAMES[:1])),
    ("truth has no rows", lambda: ev.accuracy([], [])),
    ("none of the 2 rows of truth has a label", lambda: ev.accuracy([None, None], ["a", "a"])),
    ("prediction has no label in row 1", lambda: ev.accuracy(["a", "b"], ["a", None])),
    ("text on one side and numbers on the other", lambda: ev.accuracy(NAMES, ROWS)),
    ("truth mixes int, str", lambda: ev.accuracy(np.array(["a", 1], dtype=object), ["a", "b"])),
    ("labels must be one per row", lambda: ev.accuracy([["a"]], [["a"]])),
    (r"give \(n, axes\) of each", lambda: ev.axis_correlations(V, X)),
    ("prediction has 2 rows and truth has 40", lambda: ev.axis_correlations(X[:2], X)),
    ("prediction has 1 values that are not finite", lambda: ev.axis_correlations(BROKEN, X)),
    # intervals
    ("groups has no value in row 0", lambda: ev.interval("uar", NAMES, NAMES, MISSING)),
    ("40 rows and groups has 2", lambda: ev.interval("uar", NAMES, NAMES, WHO[:2])),
    ("truth has 40 rows and prediction has 1", lambda: ev.interval("uar", NAMES, NAMES[:1], WHO)),
    ("the truth or groups has 40 rows and prediction has 3", lambda: ev.interval("r2", V, V[:3], WHO)),
    ("the values or predictions has 40 values that are not finite", lambda: ev.interval("r2", V, V * NAN, WHO)),
    ("truth has 1 values that are not finite, the first in row 2", lambda: ev.interval("r2", GAP, V, WHO)),
    ("one axis at a time", lambda: ev.interval("r2", X, X, WHO)),
    ("none of the 40 rows", lambda: ev.interval("mean", None, V * NAN, WHO)),
    ("groups has no rows", lambda: ev.interval("mean", None, [], [])),
    ("give None as truth", lambda: ev.interval("mean", V, V, WHO)),
    ("prediction has 40 values that are not finite", lambda: ev.interval("pearson", V, V * NAN, WHO)),
    (r"truth has shape \(40,\) and prediction \(39,\)", lambda: ev.interval("mae", V, V[1:], WHO)),
    ("none of the 40 rows of truth", lambda: ev.interval("mae", V * NAN, V, WHO)),
    ("groups has 40 rows and prediction has 2", lambda: ev.interval(ev.mae, V, V[:2], WHO)),
    # significance
    ("for at least two", lambda: ev.sign_flip_test([0.1])),
    ("the first in row 1", lambda: ev.sign_flip_test([0.1, NAN])),
    ("for at least two", lambda: ev.t_interval([1.0])),
    ("must lie in 0 .. 1", lambda: ev.holm([0.5, 1.5])),
    ("must lie in 0 .. 1", lambda: ev.holm([NAN])),
    ("groups has 2 rows and array 0 has 1", lambda: ev.per_group(np.mean, ["a", "b"], [1.0])),
    ("contrast must be 1", lambda: ev.within_person_difference(V, WHO, NAMES)),
    ("contrast must be 1", lambda: ev.within_person_difference(V, WHO, ROWS % 2 * 2)),
    ("the data has 40 rows and people has 3", lambda: ev.within_person_difference(V, WHO[:3], ROWS % 2)),
    ("the first in row 2", lambda: ev.within_person_difference(GAP, WHO, ROWS % 3 == 0)),
    ("1 of 1 people have both sides", lambda: ev.within_person_difference(V, ONE, ROWS % 2)),
    ("none of the 40 rows has a side", lambda: ev.within_person_difference(V, WHO, V * NAN)),
    ("people has no value in row 0", lambda: ev.within_person_difference(V, MISSING, ROWS % 2)),
    (r"values has shape \(40, 2\)", lambda: ev.within_person_difference(Y, WHO, ROWS % 2)),
    # folds, ridge and floors
    ("groups has 8 values and folds is 9", lambda: ev.grouped_folds(WHO, folds=9)),
    ("none of the 20 train rows has a label", lambda: ev.out_of_fold(ev.linear_probe, X, [None] * 40, WHO)),
    ("features has 40 rows and labels has 3", lambda: ev.out_of_fold(ev.linear_probe, X, NAMES[:3], WHO)),
    ("the folds test 20 of 40 rows", lambda: ev.out_of_fold(ev.linear_probe, X, NAMES, WHO, folds=HALF)),
    ("train features has 40 rows and train labels has 5", lambda: ev.fit_ridge(X, Y[:5], penalties=1.0)),
    ("no train row is annotated for target 0", lambda: ev.fit_ridge(X, Y * NAN, penalties=1.0)),
    ("validation features has 2 columns", lambda: ev.fit_ridge(X, V, Y, V)),
    ("at least three people", lambda: ev.fit_ridge(X, V, groups=ROWS % 2)),
    ("the statistic is undefined", lambda: ev.permutation_floor(ev.pearson, [1.0, 2.0], [1.0, 1.0])),
    ("truth has 2 rows and array 0 has 3", lambda: ev.permutation_floor(ev.accuracy, [1, 2], [1, 2, 3])),
    ("no value in row 1", lambda: ev.permutation_floor(ev.accuracy, [1, 2], [1, 2], groups=["a", None])),
    ("axis without any annotated row", lambda: ev.constant_floor([NAN], [1.0])),
    ("none of the training rows", lambda: ev.majority_floor([None], ["a"])),
    ("none of the rows has an emotion", lambda: ev.class_mean_ceiling([None], [1.0])),
    ("must be equal", lambda: ev.kl_per_dimension(X, Y)),
    ("the emotions joy, which have no centre", lambda: ev.softmax_floor(X, NAMES, X, NAMES, {"calm": [0.0]})),
    ("the centre of joy is not finite", lambda: ev.softmax_floor(X, NAMES, X, NAMES, {**CENTRES, "joy": [NAN, 0.0]})),
    ("features has 2 columns", lambda: ev.softmax_floor(X, NAMES, X, NAMES, CENTRES)(Y)),
    (r"affect has shape \(40,\)", lambda: ev.class_centres(NAMES, V)),
    ("5 components need at least 5", lambda: ev.pca_pixels(IMAGES, 5)),
    (
        r"images has shape \(4, 9, 9, 3\): expected \(n, 8, 8, 3\)",
        lambda: ev.pca_pixels(IMAGES, 2)(np.ones((4, 9, 9, 3))),
    ),
    ("not finite in row 0", lambda: ev.pca_pixels(IMAGES, 2)(IMAGES * NAN)),
    ("has the type int64", lambda: ev.pca_pixels(IMAGES, 2)(IMAGES.astype(np.int64))),
    # independence and dependence
    ("shared has 40 rows and private has 4", lambda: ev.linear_cka(X, X[:4])),
    ("private has 1 values that are not finite", lambda: ev.linear_cka(X, BROKEN)),
    ("have 3 rows: this measure needs at least 4", lambda: ev.debiased_cka(X[:3], X[:3])),
    ("5 people: .* at least 6", lambda: ev.cka_interval(X, X, ROWS % 5)),
    ("2 seeds and private 1", lambda: ev.cka_interval([X, X], X, ROWS)),
    (r"shared has shape \(40,\)", lambda: ev.linear_cka(V, X)),
    ("private is constant over its 40 rows", lambda: ev.dependence_test(X, 0 * X)),
    ("have 3 rows: .* at least 4", lambda: ev.dependence_test(X[:3], X[:3])),
    ("the data has 40 rows and groups has 2", lambda: ev.dependence_test(X, X, groups=["a", "b"])),
    ("no variation beyond single rows", lambda: ev.dependence_test(X, 1.0 * (ROWS == 0)[:, None], kind="distance")),
    ("3 rows: 3 neighbours need at least 4", lambda: ev.ksg_information(X[:3], X[:3])),
    ("40 rows and private has 9", lambda: ev.binned_information(X, X[:9])),
    # cross-modal
    ("queries has 40 rows and targets has 3", lambda: ev.retrieval(X, X[:3])),
    ("queries has 3 dimensions and targets 2", lambda: ev.retrieval(X, Y)),
    ("queries has 1 rows and targets 1: at least 2", lambda: ev.retrieval(X[:1], X[:1])),
    ("targets has 1 values that are not finite", lambda: ev.retrieval(X, BROKEN)),
    ("a has 3 dimensions and b 2", lambda: ev.two_sample_test(X, Y)),
    ("a has 40 rows and b has 39", lambda: ev.two_sample_test(X, X[1:], paired=True)),
    ("need paired=True", lambda: ev.two_sample_test(X, X, groups=WHO)),
    ("a has 1 rows and b 40: at least 2", lambda: ev.centroid_distance(X[:1], X)),
    ("all rows of a and b are the same point", lambda: ev.two_sample_test(0 * X, 0 * X)),
    ("groups has no value in row 0", lambda: ev.classifier_two_sample(X, X, WHO, MISSING)),
    ("the data has 39 rows and groups has 40", lambda: ev.classifier_two_sample(X, X[1:], WHO, WHO)),
    # uncertainty
    ("deviation is 0 in row 0", lambda: ev.gaussian_nll(Y, Y, 0 * WIDTH)),
    ("deviation is nan in row 0", lambda: ev.gaussian_crps(Y, Y, NAN * WIDTH)),
    (r"deviation has shape \(3, 2\)", lambda: ev.gaussian_nll(Y, Y, WIDTH[:3])),
    (r"truth has shape \(40, 2\)", lambda: ev.gaussian_nll(Y, Y[:3], WIDTH)),
    ("equals the truth in every row", lambda: ev.constant_deviation(Y, Y)),
    ("no two subsets differ by one modality", lambda: ev.widening({("a",): WIDTH, ("b",): WIDTH})),
    ("give the same rows", lambda: ev.widening({("a",): WIDTH, ("a", "b"): WIDTH[:3]})),
    ("a deviation of a, b is not above 0", lambda: ev.widening({("a",): WIDTH, ("a", "b"): -WIDTH})),
    # LeVAsa's tables and images
    ("two different ones", lambda: ev.best_chunks([X], V, V)),
    ("chunk has 40 rows and label has 2", lambda: ev.chunk_distance(X, V[:2])),
    ("chunk has 1 values that are not finite", lambda: ev.chunk_distance(BROKEN, V)),
    ("none of the 40 rows of label", lambda: ev.chunk_distance(X, V * NAN)),
    ("label has no rows", lambda: ev.gaussian_distance([])),
    ("at least one level", lambda: ev.uniform_cross_entropy(0)),
    ("levels is 10 in row 0: .* -9 .. 9", lambda: ev.levels_cross_entropy(np.zeros((1, 19)), [10], 19, -9)),
    ("levels is 0.5 in row 0", lambda: ev.levels_cross_entropy(np.zeros((1, 19)), [0.5], 19, -9)),
    (r"expected \(1, 19\)", lambda: ev.levels_cross_entropy(np.zeros((1, 21)), [0], 19, -9)),
    ("both must be", lambda: ev.image_mse(IMAGES, IMAGES[:3])),
    ("must lie in 0 .. 1", lambda: ev.image_ssim(IMAGES, IMAGES.astype(float))),
    ("holds nan in row 0", lambda: ev.image_mse(IMAGES, IMAGES * NAN)),
    ("has the type int64", lambda: ev.image_mse(IMAGES, IMAGES.astype(np.int64))),
    ("at least 7 pixels", lambda: ev.image_ssim(IMAGES[:, :5], IMAGES[:, :5])),
    ("truth has no rows", lambda: ev.image_mse(IMAGES[:0], IMAGES[:0])),
    # sentiment and recordings
    ("truth is 4 in row 1: sentiment lies in -3", lambda: ev.sentiment_measures([0.0, 4.0], [0.0, 1.0])),
    ("truth has 1 rows and prediction has 2", lambda: ev.sentiment_measures([0.0], [0.0, 1.0])),
    ("sentiment is", lambda: ev.sentiment_measures([[0.0]], [[0.0]])),
    ("the first in row 1", lambda: ev.sentiment_measures([NAN, 1.0], [0.0, NAN])),
    (r"sound has shape \(40, 2\)", lambda: ev.sound_gain(Y, 3)),
    ("sound has no rows", lambda: ev.sound_noise([], 3)),
    ("sound has 1 values that are not finite", lambda: ev.sound_noise([NAN], 3)),
]
CONFIG: list[tuple[str, Callable[[], object]]] = [
    ("metric is 'f1': it must be one of accuracy, uar", lambda: ev.interval("f1", NAMES, NAMES, WHO)),
    ("confidence is 95", lambda: ev.interval("mae", V, V, WHO, confidence=95)),
    ("confidence is 95", lambda: ev.cka_interval(X, X, ROWS, confidence=95)),
    ("how is 'sum': it must be", lambda: ev.interval("mae", V, V, WHO, how="sum")),
    ("how is 'ratio' without versus", lambda: ev.interval("mae", V, V, WHO, how="ratio")),
    (r"must be a pair \(floor, ceiling\)", lambda: ev.interval("mae", V, V, WHO, versus=V, how="gap_closed")),
    ("flips is 0", lambda: ev.sign_flip_test([0.1, 0.2], flips=0)),
    ("folds is 2: .* at least 3", lambda: ev.grouped_folds(WHO, folds=2)),
    ("components is 0", lambda: ev.reduced(ev.linear_probe, 0)),
    ("at least one C", lambda: ev.linear_probe(X, NAMES, X, NAMES, X, grid=[])),
    ("trees is 0", lambda: ev.boosted_probe(X, NAMES, X, NAMES, X, trees=0)),
    ("trees is 0", lambda: ev.boosted_readout(X, V, X, V, X, trees=0)),
    ("each above 0", lambda: ev.linear_readout(X, V, X, V, X, penalties=[0.0])),
    ("at least one, each above 0", lambda: ev.fit_ridge(X, V, penalties=[])),
    ("give validation with validation_y, or groups", lambda: ev.fit_ridge(X, V)),
    ("give validation with validation_y", lambda: ev.fit_ridge(X, V, X)),
    ("not both", lambda: ev.fit_ridge(X, V, X, V, groups=WHO)),
    ("permutations is 0", lambda: ev.permutation_floor(ev.accuracy, [1, 2], [1, 2], permutations=0)),
    ("permutations is 0", lambda: ev.dependence_test(X, X, permutations=0)),
    ("permutations is 0", lambda: ev.two_sample_test(X, X, permutations=0)),
    ("k is 0", lambda: ev.pca_pixels(IMAGES, 0)),
    ("kind is 'cubic'", lambda: ev.dependence_test(X, X, kind="cubic")),
    ("size is 0", lambda: ev.fixed_rows(10, 0)),
    ("bins is 1", lambda: ev.binned_information(X, X, bins=1)),
    ("k is 0", lambda: ev.ksg_information(X, X, k=0)),
    ("k is", lambda: ev.retrieval(X, X, k=[0])),
    ("metric is 'dot'", lambda: ev.retrieval(X, X, metric="dot")),
    ("nominal is 90", lambda: ev.coverage(Y, Y, WIDTH, nominal=90)),
    ("rate is 6000 Hz", lambda: ev.sound_telephone(V, 6000)),
    ("seconds is -1", lambda: ev.sound_padding(V, 16000, -1)),
    ("seconds is -1", lambda: ev.sound_reverberation(V, 16000, -1)),
]


@pytest.mark.parametrize(("message", "call"), DATA)
def test_bad_data(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize(("message", "call"), CONFIG)
def test_bad_options(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match=message):
        call()


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("train features has 1 values that are not finite, the first in row 7", {0: BROKEN}),
        ("all 40 train rows are p", {1: ONE}),
        ("none of the 40 validation rows has a label", {3: [None] * 40}),
        ("test features has 2 columns and the training features 3", {4: Y}),
        ("train features has 40 rows and train labels has 9", {1: NAMES[:9]}),
        ("train has the classes joy", {"classes": ["calm", "fear"]}),
        ("text on one side", {3: V}),
    ],
)
def test_bad_parts_of_a_probe(probe: Callable, message: str, change: dict) -> None:
    parts = [change.get(place, value) for place, value in enumerate((X, NAMES, X, NAMES, X))]
    with pytest.raises(DataError, match=message):
        probe(*parts, **{name: value for name, value in change.items() if isinstance(name, str)})


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("train features has 40 rows and train labels has 5", {1: Y[:5]}),
        ("no validation row is annotated for target 1", {3: np.column_stack([V, V * NAN])}),
        ("both must be", {3: V}),
        ("infinite", {1: Y * np.inf}),
        ("test features has 2 columns", {4: Y}),
    ],
)
def test_bad_parts_of_a_readout(readout: Callable, message: str, change: dict) -> None:
    with pytest.raises(DataError, match=message):
        readout(*(change.get(place, value) for place, value in enumerate((X, Y, X, Y, X))))
