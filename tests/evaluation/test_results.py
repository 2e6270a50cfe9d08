"""The results table: keys, filters, the recorder, and the file."""

import json
from types import SimpleNamespace

import pytest

from affectspace.errors import DataError, RunError
from affectspace.evaluation.results import Recorder, Result, Results

INTERVAL = SimpleNamespace(value=0.25, low=0.2, high=0.3, n=100, groups=12)


def make_results() -> Results:
    rows = [
        Result(experiment="probes", model="levasa", metric="uar", value=0.38, low=0.3, high=0.4, n=9, seeds=(0, 1)),
        Result(experiment="probes", model="levasa", versus="vanilla", metric="uar", value=0.1),
        Result(experiment="probes", model="vanilla", metric="uar", value=0.28, paper=0.29, note="größer"),
        Result(experiment="readouts", model="levasa", target="valence", metric="r2", value=float("nan")),
    ]
    return Results(rows)


def test_numbers_have_six_digits_and_json_has_no_nan():
    assert Result(metric="m", value=123456789.0).value == 123457000.0
    assert Result(metric="m", value=float("nan")).value is None
    assert Result(metric="m", value=float("inf")).to_dict() == {"metric": "m", "value": None}
    with pytest.raises(DataError, match="value is 'high'"):
        Result(metric="m", value="high")


def test_rows_are_found_by_their_complete_key():
    results = make_results()
    assert results.find(experiment="probes", model="levasa", metric="uar").value == 0.38
    assert results.find(experiment="probes", model="levasa", versus="vanilla", metric="uar").value == 0.1
    assert results.find(experiment="readouts", model="levasa", metric="r2") is None  # the target is not named
    with pytest.raises(DataError, match=r"no row with experiment='probes', model='cnn'.*nearest are: probes"):
        results.get(experiment="probes", model="cnn", metric="uar")
    with pytest.raises(DataError, match="no column 'row'; the columns are study, experiment"):
        results.find(row="x")


def test_filters_take_values_collections_and_functions():
    results = make_results()
    assert len(results.filter(experiment="probes")) == 3
    assert len(results.filter(versus=bool)) == 1
    assert [row.model for row in results.filter(versus="", model=("vanilla", "cnn"))] == ["vanilla"]
    assert results.distinct("model") == ["levasa", "vanilla"]
    assert list(results.to_frame()["metric"]) == ["uar", "uar", "uar", "r2"]


def test_a_row_replaces_one_with_the_same_key_in_its_place():
    results = make_results()
    results.add(Result(experiment="probes", model="levasa", metric="uar", value=0.5))
    assert [row.value for row in results][:2] == [0.5, 0.1]
    assert len(results) == 4


def test_a_recorder_fills_in_columns_seeds_and_published_figures():
    results, published = Results(), make_results().filter(model="vanilla")
    recorder = Recorder(results, {"experiment": "probes", "protocol": "strict"}, {"vanilla": (0, 1)}, published)
    row = recorder.add("uar", INTERVAL, model="vanilla")
    assert (row.value, row.low, row.high, row.n, row.groups) == (0.25, 0.2, 0.3, 100, 12)
    assert (row.seeds, row.protocol, row.paper) == ((0, 1), "strict", 0.28)
    assert recorder.add("uar", INTERVAL, 3, model="other").n == 3
    assert recorder.under(model="third").add("uar", 1.0).paper is None
    mean = recorder.add_mean("r", [0.1, 0.3], 9, "why", model="vanilla")
    assert (mean.value, mean.note) == (0.2, "why; seeds: 0.100, 0.300")
    assert len(results) == 4


def test_written_results_read_the_same(tmp_path):
    path = tmp_path / "metrics.json"
    make_results().write(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["version"] == 2
    assert content["rows"][1] == {
        "experiment": "probes", "model": "levasa", "versus": "vanilla", "metric": "uar", "value": 0.1
    }  # fmt: skip
    assert len(path.read_text(encoding="utf-8").splitlines()) == 6  # a row a line
    assert list(Results.read(path)) == list(make_results())
    Results().write(path)
    assert len(Results.read(path)) == 0


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    make_results().write(path)

    def full(*_args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(RunError, match=r"cannot write .*no space"):
        Results().write(path)
    assert len(Results.read(path)) == 4


HEAD = '{"format": "affectspace results", "version": 2, "rows": '


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "version unknown of the results format"),
        (
            '{"probes": {"levasa": {"uar": {"value": 3}}}}',
            "has version 1 .* reads version 2; run `affectspace evaluate`",
        ),
        (HEAD + "[3]}", "a row that cannot be read"),
        (HEAD + '[{"metric": "m", "valeu": 3}]}', "unexpected keyword argument 'valeu'"),
        (HEAD + '[{"value": 3}]}', "missing 1 required keyword-only argument: 'metric'"),
    ],
)
def test_unreadable_files(tmp_path, content, message):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        Results.read(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="does not exist; `affectspace evaluate`"):
        Results.read(tmp_path / "none.json")
