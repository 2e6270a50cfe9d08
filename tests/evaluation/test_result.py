"""The record of measurements and its file."""

import json

import numpy as np
import pytest

from affectspace.errors import DataError, RunError
from affectspace.evaluation import interval
from affectspace.evaluation.result import Measurement, MetricsFile


def test_to_dict_rounds_and_knows_no_nan():
    record = Measurement(
        np.float32(1 / 3), low=float("nan"), high=np.inf, n=np.int64(7), protocol="strict", seeds=(np.int64(0), 1)
    ).to_dict()
    assert record == {
        "value": 0.333333,
        "low": None,
        "high": None,
        "n": 7,
        "protocol": "strict",
        "seeds": [0, 1],
        "paper": None,
        "note": "",
    }
    assert Measurement(123456789.0).to_dict()["value"] == 123457000.0
    assert Measurement(None).to_dict()["value"] is None


def test_of_an_interval():
    mean = interval("mean", None, np.arange(6.0), [0, 0, 1, 1, 2, 2])
    made = Measurement.of(mean, protocol="strict", paper=0.3)
    assert (made.value, made.low, made.high, made.n) == (mean.value, mean.low, mean.high, 6)
    assert (made.protocol, made.paper) == ("strict", 0.3)
    assert Measurement.of(mean, n=3).n == 3


def test_write_and_read(tmp_path):
    metrics = MetricsFile()
    metrics.set("table 3", "levasa", "uar", Measurement(0.25, 0.2, 0.3, 100, "strict", (0, 1), 0.38, "primary"))
    metrics.set("table 3", "levasa", "accuracy", Measurement(float("nan"), note="constant labels"))
    metrics.set("table 1", "größe", "mse", Measurement(0.1))
    path = tmp_path / "metrics.json"
    metrics.write(path)
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]
    assert json.loads(path.read_text(encoding="utf-8"))["table 3"]["levasa"]["uar"]["paper"] == 0.38
    again = MetricsFile.read(path)
    assert again.to_dict() == metrics.to_dict()
    assert again.get("table 3", "levasa", "uar") == metrics.get("table 3", "levasa", "uar")
    assert next(iter(again))[:3] == ("table 3", "levasa", "uar")
    assert ("table 1", "größe", "mse") in again
    assert ("table 1", "größe", "psnr") not in again
    again.set("table 1", "größe", "mse", Measurement(0.2))
    assert again.get("table 1", "größe", "mse").value == 0.2
    again.write(path)
    assert MetricsFile.read(path).get("table 1", "größe", "mse").value == 0.2


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    MetricsFile({"e": {"r": {"m": Measurement(1.0)}}}).write(path)

    def full(*_args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(RunError, match=r"cannot write .*no space"):
        MetricsFile().write(path)
    assert MetricsFile.read(path).get("e", "r", "m").value == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not experiment -> row"),
        ('{"e": {"r": {"m": 3}}}', "is not experiment -> row"),
        ('{"e": {"r": {"m": {"valeu": 3}}}}', "unknown keys valeu"),
        ('{"e": {"r": {"m": {"n": 3}}}}', "has no 'value'"),
    ],
)
def test_unreadable_files(tmp_path, content, message):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        MetricsFile.read(path)


def test_bad_names_and_values(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        MetricsFile.read(tmp_path / "none.json")
    with pytest.raises(DataError, match="no row 'x' in the metrics; there is r"):
        MetricsFile({"e": {"r": {}}}).get("e", "x", "m")
    with pytest.raises(DataError, match="value is 'high'"):
        MetricsFile().set("e", "r", "m", Measurement("high"))  # type: ignore[arg-type]
