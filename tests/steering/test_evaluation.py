"""The whole evaluation of steering in small: every method by every judge, its files, its report, and going on from it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.evaluation.results import Recorder, Result, Results
from affectspace.report import Claim
from affectspace.steering import Sampling, Steerer
from affectspace.steering.calibration import Calibration, Line
from affectspace.studies.claims import decide
from affectspace.studies.steering import methods as methods_module
from affectspace.studies.steering.evaluate import Evaluation, evaluate_steering
from affectspace.studies.steering.plan import TITLES, SteeringPlan
from affectspace.studies.steering.report import evaluate_projector, statements
from affectspace.studies.steering.themes import THEMES, record_themes, traverse_themes

PLAN = SteeringPlan(
    sentences=4, other_sentences=2, tuning_sentences=2, targets=(-2.0, 0.0, 2.0), candidates=2, strengths=(1.0,),
    depths=(0.5,), contrast_sentences=8, sampling=Sampling(longest=6), sheet_sentences=1,
)  # fmt: skip
JUDGES = ("ridge", "feelings")


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Valence of the conftest's feelings, in the layout that carries its scale in its head."""
    path = tmp_path_factory.mktemp("lexicon") / "feelings.txt"
    rows = {"awful": -3.0, "sad": -1.8, "dull": -0.9, "fine": 0.9, "good": 1.8, "lovely": 3.0}
    path.write_text("".join(f"{word}\t{value}\t0.5\t[1, 2]\n" for word, value in rows.items()))
    return path


@pytest.fixture(scope="module")
def evaluated(
    steerer: Steerer, rows: Dataset, lexicon: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Results, Path]:
    """Results and folder of a run that was evaluated."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(steerer.run.folder, folder)
    results, report = evaluate_projector(folder, lexicons={"feelings": lexicon}, plan=PLAN, rows=rows, steerer=steerer)
    assert report == folder / "report.html"
    return results, folder


def methods_of(results: Results, axis: str, **columns: str) -> set[str]:
    return set(results.filter(experiment="steering", task=axis, versus="", **columns).distinct("model"))


def test_every_method_is_measured_by_every_judge(evaluated: tuple[Results, Path]) -> None:
    results, judged = evaluated[0], set(TITLES) - {"seed"}
    for judge in JUDGES:
        assert methods_of(results, "valence", metric="spearman", target="valence", modality=judge) == judged
    for metric in ("content", "kept_words", "copied", "all_three"):
        assert methods_of(results, "valence", metric=metric) == judged
    for metric in ("surprise", "perplexity_ratio", "repetition", "distinct_2"):
        assert methods_of(results, "valence", metric=metric) == set(TITLES)
    assert methods_of(results, "valence", metric="slope", target="arousal", modality="ridge") == judged
    for axis in ("arousal", "dominance"):  # the lexicon knows valence alone
        assert methods_of(results, axis, metric="spearman", modality="feelings") == set()
        assert methods_of(results, axis, metric="slope", target="valence", modality="feelings") == judged


def test_a_copy_and_a_stream_of_strong_words_do_not_meet_all_bars(evaluated: tuple[Results, Path]) -> None:
    named = {"experiment": "steering", "task": "valence", "metric": "all_three"}
    steered, prompt, without = (
        evaluated[0].get(model=model, **named).value for model in ("steered", "prompt", "template_without")
    )
    assert without == 0  # it keeps the content and never follows
    assert steered is not None
    assert prompt is not None
    difference = evaluated[0].get(model="steered", versus="prompt", **named).value
    assert difference == pytest.approx(steered - prompt)


def test_every_interval_is_finite(evaluated: tuple[Results, Path]) -> None:
    measured = 0
    for row in evaluated[0]:
        assert row.value is not None, row
        if row.low is None and (row.metric == "distinct_2" or row.experiment == "table_5"):
            continue  # a single number of all texts, and of three seeds
        assert row.low is not None, row
        assert row.high is not None
        assert row.low <= row.value + 1e-9, row
        assert row.value <= row.high + 1e-9, row
        measured += 1
    assert measured > 200


def test_the_files(evaluated: tuple[Results, Path]) -> None:
    results, folder = evaluated
    assert json.loads((folder / "metrics.json").read_text()) == results.to_dict()
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Valence follows the target (by ridge", "by feelings", "Table 5, as printed and ours", "v_orig"):
        assert words in page
    assert "Content is kept" in page
    assert "The judge ridge is not independent here" in page  # the ridge calibrated, and chose the hidden words
    texts = pd.read_csv(folder / "texts.csv", keep_default_na=False)
    assert set(texts["method"]) == set(TITLES) - {"seed"}
    assert len(texts) == 9 * 3 * (4 + 2 + 2)
    assert {path.name for path in (folder / "raters").iterdir()} == {"sheet.html", "sheet.csv", "key.csv"}
    drawn = sorted(path.stem for path in (folder / "figures").iterdir())
    assert {f"steering_{axis}_ridge" for axis in AXES} | {"steering_valence_feelings"} == set(drawn)


def test_the_template_and_what_is_left_without_its_words(evaluated: tuple[Results, Path]) -> None:
    results, folder = evaluated
    texts = pd.read_csv(folder / "texts.csv", keep_default_na=False)
    without = texts[texts["method"] == "template_without"]
    assert (without["text"] == without["seed"]).all()
    template = texts[(texts["method"] == "template") & (texts["axis"] == "valence") & (texts["target"] == 2)]
    assert (template["text"] == "I am thrilled: " + template["seed"]).all()
    for axis in AXES:
        named = {"experiment": "steering", "task": axis, "model": "template_without"}
        by_ridge = {**named, "target": axis, "modality": "ridge"}
        assert results.get(**by_ridge, metric="spearman").value == 0  # nothing to be seen is no steering
        assert results.get(**by_ridge, metric="slope").value == pytest.approx(0, abs=1e-9)
        for metric in ("copied", "kept_words", "content"):
            assert results.get(**named, metric=metric).value == pytest.approx(1)


def again(steerer: Steerer, rows: Dataset, folder: Path, plan: SteeringPlan = PLAN) -> Evaluation:
    return evaluate_steering(steerer, rows, folder, plan=plan)


def test_a_second_call_samples_nothing(
    evaluated: tuple[Results, Path], steerer: Steerer, rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, folder = evaluated
    kept = {path: path.read_bytes() for path in (folder / "texts").iterdir()}
    assert len(kept) == 4 * 3

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("something was sampled")

    for module in ("steering.steerer", "studies.steering.prompting"):
        monkeypatch.setattr(f"affectspace.{module}.sample", refuse)
    repeated = again(steerer, rows, folder).results  # another set of judges needs no other texts
    named = {"experiment": "steering", "task": "valence", "target": "valence", "modality": "ridge"}
    first, second = (table.get(**named, model="steered", metric="spearman") for table in (results, repeated))
    assert first == second
    assert {path: path.read_bytes() for path in (folder / "texts").iterdir()} == kept
    with pytest.raises(AssertionError, match="something was sampled"):
        again(steerer, rows, folder, PLAN.model_copy(update={"seed": 1}))
    recalibrated = replace(steerer, calibration=Calibration({"valence": Line(0.5, 0.0)}))
    with pytest.raises(AssertionError, match="something was sampled"):
        again(recalibrated, rows, folder)


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"key": "other", "written": []}', '{"key": "key"}', "\ufffd"])
def test_kept_texts_that_are_damaged_or_of_something_else_are_made_again(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "texts" / "one.json"
    path.parent.mkdir()
    path.write_bytes(damaged.encode("utf-16") if damaged == "\ufffd" else damaged.encode())
    assert methods_module.kept_texts(path, "key", lambda: [[["a"]]]) == [[["a"]]]
    assert methods_module.kept_texts(path, "key", lambda: [[["b"]]]) == [[["a"]]]
    assert methods_module.kept_texts(path, "another key", lambda: [[["b"]]]) == [[["b"]]]


def test_one_candidate_is_not_ranked(steerer: Steerer, rows: Dataset, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"candidates": 1, "other_sentences": 0, "sentences": 2, "sheet_sentences": 0})
    results = again(steerer, rows, tmp_path, plan).results
    assert results.distinct("task") == ["valence"]
    assert results.distinct("experiment") == ["steering", "steering_curves"]
    assert methods_of(results, "valence") == set(TITLES) - {"steered", "prompt", "vector"}


def test_themes_that_are_too_long_for_the_run_are_left_out_and_named(evaluated: tuple[Results, Path]) -> None:
    results, folder = evaluated
    table_5 = results.filter(experiment="table_5")
    assert table_5.distinct("task") == ["theme 2", "theme 3"]
    assert (
        table_5.get(experiment="table_5", task="theme 2", target="valence", metric="v_orig").paper == THEMES[1].own[0]
    )
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Left out, as this run was trained on shorter sentences (fit.longest): “My whole entire" in page


def test_a_run_that_can_read_no_theme_has_no_table_5(steerer: Steerer) -> None:
    traversal = traverse_themes(replace(steerer, longest=3), PLAN)
    assert (traversal.themes, traversal.steered, traversal.too_long) == ((), [], THEMES)
    results = Results()
    record_themes(Recorder(results, {}), traversal, {}, PLAN)
    assert not len(results)


# what is claimed

Numbers = tuple[float | None, float | None, float | None]


def made_up(own: dict[str, Numbers], less: Numbers) -> Results:
    results = Results()
    named: dict[str, Any] = {"experiment": "steering", "task": "valence", "model": "steered"}
    by_ridge = {"spearman": {"target": "valence", "modality": "ridge"}}
    for metric, (value, low, high) in own.items():
        results.add(Result(**named, **by_ridge.get(metric, {}), metric=metric, value=value, low=low, high=high))
    value, low, high = less
    for versus in ("prompt", "template", "template_without"):
        for metric in ("spearman", "content"):
            where = {**by_ridge.get(metric, {}), "versus": versus, "metric": metric}
            results.add(Result(**named, **where, value=value, low=low, high=high))
    return results


def claims(results: Results, parts: dict[str, tuple[str, ...]] | None = None) -> list[Claim]:
    decided = decide(statements(results, parts or {}), results)
    return [claim for claim in decided if claim.verdict != "not measured"]


def verdicts(results: Results, parts: dict[str, tuple[str, ...]] | None = None) -> dict[str, str]:
    return {claim.text: claim.verdict for claim in claims(results, parts)}


FOLLOWS, KEPT, FLUENT = "Valence follows the target (by ridge)", "Content is kept", "The language stays fluent"
BETTER = "Valence follows better than with prompting, candidates ranked (by ridge)"


def test_perfect_steering_holds_every_claim() -> None:
    own = {"spearman": (1.0, 0.99, 1.0), "content": (0.9, 0.85, 0.95), "perplexity_ratio": (1.0, 0.9, 1.1)}
    found = verdicts(made_up(own, (0.5, 0.4, 0.6)))
    assert set(found) == {FOLLOWS, KEPT, FLUENT, BETTER, BETTER.replace(TITLES["prompt"], TITLES["template_without"])}
    assert set(found.values()) == {"held"}


def test_useless_steering_holds_none() -> None:
    own = {"spearman": (0.0, -0.1, 0.1), "content": (0.1, 0.0, 0.2), "perplexity_ratio": (9.0, 7.0, 12.0)}
    assert set(verdicts(made_up(own, (-0.5, -0.6, -0.4))).values()) == {"not held"}


def test_what_the_interval_does_not_decide_is_not_decided() -> None:
    own = {"spearman": (0.7, 0.5, 0.9), "content": (0.6, 0.4, 0.8), "perplexity_ratio": (1.4, 1.2, 1.6)}
    assert set(verdicts(made_up(own, (0.1, -0.1, 0.3))).values()) == {"not decided"}


def test_undefined_figures_decide_nothing() -> None:
    own = {"spearman": (None, None, None), "content": (0.9, None, None)}
    found = verdicts(made_up(own, (0.5, 0.4, 0.6)))
    assert found[KEPT] == "not decided"
    assert FOLLOWS not in found  # an undefined figure is not measured
    assert FLUENT not in found


def test_a_claim_says_where_its_judge_is_not_independent() -> None:
    results = made_up({"spearman": (1.0, 0.99, 1.0)}, (0, 0, 0))
    dependent = FOLLOWS.replace("by ridge", "by ridge, a judge that is not independent here")
    assert dependent in verdicts(results, {"ridge": ("calibrated",)})
    assert FOLLOWS in verdicts(results, {"ridge": ()})
