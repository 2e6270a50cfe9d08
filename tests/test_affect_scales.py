import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.affect import SCALES, Scale, scale
from affectspace.errors import ConfigError, DataError

ENDS = {"iemocap": (1, 5), "msp_podcast": (1, 7), "nrc_vad_1": (0, 1), "nrc_vad_2": (-1, 1), "emobank": (1, 5)}
ENDS |= dict.fromkeys(("sam", "anew", "warriner", "glasgow"), (1, 9))
ENDS |= {"affectnet": (-1, 1), "aff_wild2": (-1, 1), "afew_va": (-10, 10), "vreg": (0, 1), "vader": (-4, 4)}
ENDS |= {"mosi": (-3, 3), "ch_sims": (-1, 1)}


@pytest.mark.parametrize("name", ENDS)
def test_the_ends_of_the_range_become_the_ends_of_the_map(name):
    low, high = ENDS[name]
    item = scale(name)
    width = len(item.axes)
    native = np.array([[low] * width, [(low + high) / 2] * width, [high] * width], dtype=float)
    np.testing.assert_allclose(item.to_canonical(native), [[-1] * width, [0] * width, [1] * width], atol=1e-12)


@given(st.sampled_from(sorted(SCALES)), st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.integers(0, 2))
def test_round_trip(name, point, gap):
    item = SCALES[name]
    canonical = np.array([point[: len(item.axes)]])
    canonical[0, gap % len(item.axes)] = np.nan
    native = item.to_native(canonical)
    if item.missing is not None:
        assert native[np.isnan(canonical)[:, [item.canonical_axes.index(a) for a in item.axes]]] == item.missing
    np.testing.assert_allclose(item.to_canonical(native), canonical, atol=1e-9)


def test_a_scale_has_its_own_order_of_axes():
    podcast = scale("msp_podcast")
    assert podcast.axes == ("arousal", "dominance", "valence")
    assert podcast.canonical_axes == ("valence", "arousal", "dominance")
    np.testing.assert_allclose(podcast.to_canonical([[1, 4, 7]]), [[1, -1, 0]])
    np.testing.assert_allclose(podcast.to_native([[1, -1, 0]]), [[1, 4, 7]])
    omg = scale("omg")  # arousal 0..1, valence -1..1
    np.testing.assert_allclose(omg.to_canonical([[0.5, 0.5]]), [[0.5, 0]])
    two = podcast.select(("valence", "arousal"))
    np.testing.assert_allclose(two.to_canonical([[7, 1]]), [[1, -1]])
    assert two.neutral == (4, 4)


def test_missing_codes_become_nan():
    np.testing.assert_array_equal(
        scale("affectnet").to_canonical([[-2, -2], [0.5, np.nan]]), [[np.nan] * 2, [0.5, np.nan]]
    )
    np.testing.assert_array_equal(scale("aff_wild2").to_canonical([[-5, 1]]), [[np.nan, 1]])


def test_outside_the_nominal_range_is_kept_and_counted():
    item = scale("iemocap")
    values = [[0.5, 5.5, 3], [1, 5, np.nan]]
    np.testing.assert_allclose(item.to_canonical(values)[0], [-1.25, 1.25, 0])
    assert item.outside_nominal(values) == 2
    assert scale("affectnet").outside_nominal([[-2, -2]]) == 0


def test_a_scale_of_one_axis_takes_a_vector():
    np.testing.assert_allclose(scale("vreg").to_canonical([0, 0.5, 1]), [-1, 0, 1])
    np.testing.assert_allclose(scale("mosi").to_native([-1, 0.5]), [-3, 1.5])
    assert scale("mosi").axes == ("sentiment",)


def test_a_value_that_went_through_float32_is_not_outside():
    value = np.float64(np.float32(1) * np.float32(1.0000001))
    assert scale("affectnet").to_canonical([[value, 0]]).shape == (1, 2)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "afew_va",
            [[0, 0], [3, -11]],
            r"x.csv: row b: arousal is -11, outside -10..10, the range of the scale 'afew_va'",
        ),
        ("iemocap", [[0, 3, 3], [6, 3, 3]], r"row a: valence is 0, outside 0.5..5.5.*'iemocap' \(other bad rows: 1\)"),
        ("omg", [[-0.1, 0], [0, 0]], "row a: arousal is -0.1, outside 0..1"),
        ("affectnet", [[np.inf, 0], [0, 0]], "row a: valence is inf"),
        ("affectnet", [[0, 0, 0]], r"expected an array of shape \(n, 2\), got \(1, 3\)"),
        ("affectnet", [0, 0], r"expected an array of shape \(n, 2\), got \(2,\)"),
        ("affectnet", [["a", "b"]], "values must be numbers"),
    ],
)
def test_bad_values(name, values, message):
    with pytest.raises(DataError, match=message):
        scale(name).to_canonical(values, rows=["a", "b"], where="x.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", ("joy",), 0, 1), "must be different names of valence"),
        (("x", (), 0, 1), "must be different names"),
        (("x", ("valence",), 1, 0), "low must be below high"),
        (("x", ("valence", "arousal"), (0, 1, 2), 5), "3 ranges for 2 axes"),
        (("x", ("valence",), 0, 1, None, 0.5), "missing code 0.5 lies inside"),
        (("x", ("valence",), 0, 1, None, None, (0.2, 1)), "must contain the nominal range"),
        (("x", ("valence",), 0, 1, (0, 0)), "neutral needs one number"),
    ],
)
def test_bad_scales(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Scale(*arguments)


def test_unknown_names():
    with pytest.raises(
        ConfigError, match=r"unknown scale 'iemo'; give a range as LOW:HIGH[^\n]*\n(.*\n)*  1:5 +iemocap, emobank\n"
    ):
        scale("iemo")
    with pytest.raises(ConfigError, match="scale 'vreg' has no arousal; it has valence"):
        scale("vreg").select(("arousal",))


def test_own_ranges():
    own = scale("1:7")
    assert (own.axes, own.ranges) == (("valence", "arousal", "dominance"), ((1, 7),) * 3)
    np.testing.assert_allclose(own.to_canonical([[1, 4, 7]]), [[-1, 0, 1]])
    ordered = scale("0:1,-3:3", "arousal,valence")  # columns in that order; canonical ones are valence, arousal
    np.testing.assert_allclose(ordered.to_canonical([[0.5, 3], [1, -1.5]]), [[1, 0], [-0.5, 1]])
    np.testing.assert_allclose(ordered.to_native([[1, 0], [-0.5, 1]]), [[0.5, 3], [1, -1.5]])
    assert scale("sam", "dominance,valence").axes == ("dominance", "valence")
    assert scale(own, ("valence",)).axes == ("valence",)


@pytest.mark.parametrize(
    ("name", "axes", "message"),
    [
        ("7:1", None, "'7:1': valence runs from 7 to 1; low must be below high"),
        ("1:1", None, "runs from 1 to 1"),
        ("1:x", None, "unknown scale '1:x'"),
        ("1:7", "banana", "'banana' is no axis; give some of valence, arousal, dominance"),
        ("1:7", "arousal,arousal", "'arousal' is given twice"),
        ("0:1,1:2", "valence,arousal,dominance", "2 ranges for 3 axes"),
        ("vreg", "arousal", "scale 'vreg' has no arousal"),
    ],
)
def test_impossible_ranges(name, axes, message):
    with pytest.raises(ConfigError, match=message):
        scale(name, axes)


def test_importing_is_light():
    code = "import sys, affectspace.affect, affectspace.cli; "
    code += "print({'numpy', 'torch', 'pandas', 'sklearn'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
