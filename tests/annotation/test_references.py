import json

import numpy as np
import pytest

from affectspace.annotation import AnnotationTransfer
from affectspace.errors import DataError, RunError


def fitted():
    vad = [[0.1, 0.2], [0.3, 0.1], [0.5, 0.6], [0.7, 0.9], [0.6, 0.6], [-1, -1]]
    return AnnotationTransfer(covariance="full", priors="counts").fit(vad, ["calm"] * 2 + ["joy"] * 3 + ["lone"])


@pytest.mark.parametrize(
    "transfer",
    [fitted(), AnnotationTransfer.reference("affectnet"), AnnotationTransfer.reference("russell_mehrabian_1977")],
)
def test_round_trip(transfer, tmp_path):
    text = transfer.to_json(tmp_path / "t.json")
    for back in (AnnotationTransfer.from_json(text), AnnotationTransfer.from_json(tmp_path / "t.json")):
        assert back.to_json() == text
        assert back.get_params() == transfer.get_params()
        np.testing.assert_array_equal(back.predict(transfer.centres_), transfer.predict(transfer.centres_))
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]
    assert "NaN" not in text


NAMES = AnnotationTransfer.reference("affectnet").classes_.tolist()


def test_the_same_samples_after_reading():
    transfer = fitted()
    back = AnnotationTransfer.from_json(transfer.to_json())
    np.testing.assert_array_equal(back.sample(["joy"] * 9, 1), transfer.sample(["joy"] * 9, 1))
    np.testing.assert_array_equal(back.priors_, transfer.priors_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "is not an annotation transfer"),
        ({"extra": 1}, "missing or unknown fields: extra"),
        ({"centres": [[0, 1]]}, "field 'centres' is wrong"),
        ({"centres": [[0, None]] * 3}, "field 'centres' is wrong"),
        ({"deviations": [[-1, 1]] * 3}, "field 'deviations' is wrong"),
        ({"classes": ["b", "a", "c"]}, "classes must be sorted"),
        ({"classes": ["a", "a", "b"]}, "field 'classes' is wrong"),
        ({"axes": "valence"}, "field 'axes' is wrong"),
        ({"counts": "many"}, "field 'counts' is wrong"),
        ({"source": 3}, "field 'source' is wrong"),
        ({"parameters": {"sigma": 2}}, "unknown parameters sigma; choose from"),
        ({"parameters": {"distribution": "normal"}}, "distribution is 'normal'"),
        ({"parameters": []}, "unknown parameters"),
    ],
)
def test_bad_documents(change, message, tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(json.loads(fitted().to_json()) | change))
    with pytest.raises(ValueError, match=message):
        AnnotationTransfer.from_json(path)


def test_not_json_and_no_file(tmp_path):
    path = tmp_path / "t.json"
    path.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        AnnotationTransfer.from_json(path)
    with pytest.raises(DataError, match=r"cannot read the transfer .*none\.json"):
        AnnotationTransfer.from_json(tmp_path / "none.json")
    with pytest.raises(RunError, match="cannot write"):
        fitted().to_json(path / "folder.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axes": ["valence", "valence"]}, "an axis stands twice"),
        ({"axes": "va"}, "'axes' is wrong"),
        ({"classes": [["a"], ["b"]]}, "'classes' is wrong"),
        ({"centres": [[1e300, 0.0]] * 7}, "'centres' is wrong"),
        ({"centres": "x"}, "'centres' is wrong"),
        ({"counts": [[1]] * 7}, "'counts' is wrong"),
        ({"parameters": []}, "unknown parameters"),
        ({"parameters": {"n_sigma": "x"}}, "n_sigma is 'x'; it must be a number above 0"),
        ({"parameters": {"n_sigma": [1]}}, "n_sigma is"),
        ({"parameters": {"widening": True}}, "widening is True"),
        ({"parameters": {"temperature": 0}}, "temperature is 0"),
        ({"parameters": {"abstain": "x"}}, "abstain is 'x'"),
        ({"parameters": {"abstain": [0.5]}}, "abstain is"),
        ({"parameters": {"priors": [1]}}, "priors is"),
        ({"parameters": {"priors": dict.fromkeys(NAMES, "x")}}, "priors must be numbers"),
        ({"parameters": {"covariance": ["full"]}}, "covariance is"),
    ],
)
def test_a_damaged_transfer_is_named(tmp_path, change, message):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({**json.loads(AnnotationTransfer.reference("affectnet").to_json()), **change}))
    with pytest.raises(DataError, match=message) as error:
        AnnotationTransfer.from_json(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}", "", "{", "[1]"])
def test_json_of_another_kind_is_named(tmp_path, text):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"t\.json is not"):
        AnnotationTransfer.from_json(path)
