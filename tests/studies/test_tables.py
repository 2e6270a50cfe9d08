"""Tables and claims as declarations: what is printed, what is left out, and how verdicts are decided."""

import pytest

from affectspace.affect import AXES
from affectspace.evaluation.results import Result, Results
from affectspace.report import Cell, Report
from affectspace.studies.claims import Finding, Statement, above, all_held, bar, below, corrected, decide, describe
from affectspace.studies.summary import key_figures
from affectspace.studies.tables import Callout, Renderer, Section, Table, basis_of, grid

COMMON = {"experiment": "axes", "protocol": "held out", "n": 1000}


def make_results() -> Results:
    return Results(
        [
            Result(model="ours", target="valence", metric="r", value=0.5, low=0.4, high=0.6, seeds=(0, 1), **COMMON),
            Result(model="ours", target="arousal", metric="r", value=0.3, low=-0.1, high=0.6, seeds=(0, 1), **COMMON),
            Result(model="ridge", target="valence", metric="r", value=0.4, paper=0.45, **COMMON),
            Result(model="ours", versus="ridge", target="valence", metric="r", value=0.1, low=0.05, high=0.2, **COMMON),
            Result(model="ours", versus="ridge", target="valence", metric="p", value=0.01, **COMMON),
            Result(model="ours", versus="ridge", target="valence", metric="p_holm", value=0.08, **COMMON),
            Result(study="published", experiment="table", model="ours", target="valence", metric="r", value=0.7),
        ]
    )


def render(*parts: object) -> Report:
    report = Report("title")
    Renderer(report, make_results(), {"ours": "our model"}).add(*parts)  # type: ignore[arg-type]
    return report


def test_rows_and_columns_without_results_are_left_out() -> None:
    table = Table("r", {"experiment": "axes", "versus": ""}, grid("{target}", metric="r", target=AXES), digits=2)
    (block,) = render(table).blocks
    assert block["kind"] == "table"
    assert block["columns"] == ("model", "valence", "arousal")
    assert block["note"] == "Rows: held out, n 1,000; mean of seeds 0, 1."
    assert block["rows"][0] == ("our model", Cell(0.5, 0.4, 0.6, digits=2), Cell(0.3, -0.1, 0.6, digits=2))
    assert block["rows"][1][:3] == ("ridge", Cell(0.4, paper=0.45, digits=2), None)


def test_comparisons_are_named_and_unselected_columns_must_be_empty() -> None:
    where = {"experiment": "axes", "versus": bool, "target": "valence"}
    (block,) = render(Table("c", where, grid("{metric}", metric=("r", "p")), ("model", "versus"), basis=False)).blocks
    assert block["kind"] == "table"
    assert [row[0] for row in block["rows"]] == ["our model minus ridge"]
    assert render(Table("c", {"experiment": "axes"}, grid("r", metric="r"))).blocks == []  # the target is not selected


def test_rows_are_sorted_by_the_first_column_and_small_p_are_bounded() -> None:
    rows = [
        Result(model=name, metric="mse", value=value) for name, value in (("bad", 0.9), ("good", 0.1), ("none", None))
    ]
    rows += [Result(model=name, metric="r", value=value) for name, value in (("bad", 0.1), ("good", 0.9))]
    rows += [Result(model="good", metric="p", value=0.0001), Result(model="bad", metric="p", value=0.0123)]

    def first(*metrics: str) -> list[tuple[object, ...]]:
        report = Report("t")
        Renderer(report, Results(rows), {}).add(Table("t", {}, grid("{metric}", metric=metrics), basis=False))
        return list(report.blocks[0]["rows"])

    assert [row[0] for row in first("mse")] == ["good", "bad", "none"]
    assert [row[0] for row in first("r")] == ["good", "bad"]
    assert [row[2].value for row in first("r", "p")] == ["< 0.001", 0.0123]  # type: ignore[attr-defined]


def test_order_and_names() -> None:
    table = Table("r", {"versus": ""}, [("r", {"experiment": "axes", "metric": "r", "target": "valence"})],
                  order=("ridge", "ours", "none"), names={"ridge": "floor"}, basis=False)  # fmt: skip
    (block,) = render(table).blocks
    assert block["kind"] == "table"
    assert [row[0] for row in block["rows"]] == ["floor", "our model"]


def test_a_section_without_results_of_ours_is_left_out() -> None:
    shown = Table("r", {"experiment": "axes", "versus": ""}, grid("{target}", metric="r", target=AXES))
    empty = Table("none", {"experiment": "other"}, grid("{target}", metric="r", target=AXES))
    published = Table(
        "paper", {"study": "published"}, grid("{target}", metric="r", target=AXES), ("experiment", "model")
    )
    assert render(Section("one", parts=[Callout("note", "text"), empty, published])).blocks == []
    kinds = [
        block["kind"] for block in render(Section("two", parts=[Callout("note", "text"), published, shown])).blocks
    ]
    assert kinds == ["section", "callout", "table", "table"]


def test_key_figures_and_bases() -> None:
    named = {"experiment": "axes", "model": "ours", "metric": "r"}
    figures = key_figures(make_results(), {"r": {**named, "target": "valence"}, "none": {**named, "target": "mean"}})
    assert [(one.label, one.value, one.note) for one in figures] == [("r", 0.5, "held out, n 1,000")]
    assert figures[0].beside == {"chance": 0.0, "ridge regression on the same input": 0.4}
    assert basis_of(make_results().filter(versus="", experiment="axes")) == "held out, n 1,000, seeds 0 1"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "held"), (-0.2, -0.1, "not held"), (-0.1, 0.1, "not decided"), (None, None, "not decided")],
)
def test_verdicts(low: float | None, high: float | None, verdict: str) -> None:
    row = Result(metric="r", value=0.0, low=low, high=high)
    assert above(Result(metric="r", value=None)) == "not measured"
    assert above(row) == verdict
    assert {above(row), below(row)} in ({"held", "not held"}, {"not decided"})
    assert above(None) == below(None) == "not measured"


def test_all_must_hold() -> None:
    assert all_held(["held", "held"]) == "held"
    assert all_held(["held", "not decided"]) == "not decided"
    assert all_held(["not held", "not decided"]) == "not held"
    assert all_held(["held", "not measured"]) == "not decided"
    assert all_held(["not measured", "not measured"]) == all_held([]) == "not measured"


def test_a_corrected_p_overrules_the_interval() -> None:
    named = {"experiment": "axes", "model": "ours", "versus": "ridge", "target": "valence", "metric": "r"}
    finding = corrected(make_results(), "here", "difference", **named)
    assert finding is not None
    assert finding.verdict == "not decided"
    assert finding.evidence.endswith("0.08 after Holm: the interval alone would decide, this p does not")
    assert corrected(make_results(), "here", "difference", above, False, **named).verdict == "held"  # type: ignore[union-attr]
    assert corrected(make_results(), "here", "difference", **{**named, "versus": "none"}) is None


def test_statements_are_decided_at_every_place() -> None:
    rule = bar(above, "r", ("target",), {"axes": "corpus", "other": "elsewhere"}, model="ours", versus="", metric="r")
    statements = [
        Statement("it follows", "Table 1", rule),
        Statement("it flies", "ours", lambda results: []),
        Statement("it swims", "ours", lambda results: [], ("lake", "axes")),
        Statement("it walks", "of a corpus that is not in the study", lambda results: [], ("desert",)),
    ]
    claims = decide(statements, make_results())
    assert [(claim.text, claim.verdict) for claim in claims] == [
        ("it follows (corpus)", "not decided"), ("it flies", "not measured"), ("it swims", "not measured")
    ]  # fmt: skip
    assert claims[0].evidence == (
        "r: valence +0.500 [+0.400, +0.600]; arousal +0.300 [-0.100, +0.600] (protocol held out, n 1000)"
    )
    assert claims[1].evidence == "this study did not train or measure what the statement compares"
    assert describe(None, "r") == "r: not measured"
    assert Finding("held", "text").place == ""
