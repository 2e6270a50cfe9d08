"""The whole evaluation of steering in small: every method by every judge, its files, its report, and going on from it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile
from affectspace.evaluation.result import Measurement
from affectspace.steering import Sampling, Steerer
from affectspace.steering.calibration import Calibration, Line
from affectspace.studies.steering import methods as methods_module
from affectspace.studies.steering.evaluate import Evaluation, evaluate_steering
from affectspace.studies.steering.plan import TITLES, SteeringPlan
from affectspace.studies.steering.published import THEMES
from affectspace.studies.steering.report import claims
from affectspace.studies.steering.results import evaluate_projector
from affectspace.studies.steering.themes import record_themes, traverse_themes
from affectspace.training.feature_set import FeatureSet

PLAN = SteeringPlan(
    sentences=4, other_sentences=2, tuning_sentences=2, asked=(-2.0, 0.0, 2.0), candidates=2, strengths=(1.0,),
    depths=(0.5,), contrast_sentences=8, sampling=Sampling(longest=6), resamples=100, sheet_sentences=1,
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
    steerer: Steerer, rows: FeatureSet, lexicon: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MetricsFile, Path]:
    """metrics and the folder of a run that was evaluated."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(steerer.run.folder, folder)
    metrics, report = evaluate_projector(folder, lexicons={"feelings": lexicon}, plan=PLAN, rows=rows, steerer=steerer)
    assert report == folder / "report.html"
    return metrics, folder


def test_every_method_is_measured_by_every_judge(evaluated: tuple[MetricsFile, Path]) -> None:
    experiments = evaluated[0].experiments
    assert set(experiments["steering_valence"]) == set(TITLES)
    for method, figures in experiments["steering_valence"].items():
        if method != "seed":
            assert {f"spearman_{judge}" for judge in JUDGES} <= set(figures), method
            assert {"content", "kept_words", "copied", "drift_arousal_ridge", "all_three"} <= set(figures), method
        assert {"surprise", "perplexity_ratio", "repetition", "distinct_2"} <= set(figures), method
    for axis in ("arousal", "dominance"):  # the lexicon knows valence alone
        assert set(experiments[f"steering_{axis}"]) == set(TITLES)
        assert "spearman_feelings" not in experiments[f"steering_{axis}"]["steered"]
        assert "drift_valence_feelings" in experiments[f"steering_{axis}"]["steered"]


def test_a_copy_and_a_stream_of_strong_words_do_not_meet_all_bars(evaluated: tuple[MetricsFile, Path]) -> None:
    rows = evaluated[0].experiments["steering_valence"]
    assert rows["template_without"]["all_three"].value == 0  # it keeps and never follows
    comparison = evaluated[0].experiments["steering_valence_comparisons"]["steered - prompt"]["all_three"].value
    assert comparison == pytest.approx(rows["steered"]["all_three"].value - rows["prompt"]["all_three"].value)


def test_every_interval_is_finite(evaluated: tuple[MetricsFile, Path]) -> None:
    found = 0
    for experiment, rows in evaluated[0].experiments.items():
        for row, figures in rows.items():
            for name, one in figures.items():
                assert one.value is not None, (experiment, row, name)
                assert np.isfinite(one.value), (experiment, row, name)
                if one.low is None and (name == "distinct_2" or experiment == "table_5"):
                    continue  # a single number of all texts, and of three seeds
                assert one.low is not None, (experiment, row, name)
                assert one.high is not None
                assert one.low <= one.value + 1e-9, (experiment, row, name)
                assert one.value <= one.high + 1e-9, (experiment, row, name)
                found += 1
    assert found > 200


def test_the_files(evaluated: tuple[MetricsFile, Path]) -> None:
    metrics, folder = evaluated
    assert json.loads((folder / "metrics.json").read_text()) == metrics.to_dict()
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Valence follows what is asked, by ridge", "by feelings", "Table 5, as printed and ours", "v_orig"):
        assert words in page
    assert "Content is kept" in page
    assert "The judge ridge is not independent here" in page  # the ridge calibrated, and chose the hidden words
    texts = pd.read_csv(folder / "texts.csv", keep_default_na=False)
    assert set(texts["method"]) == set(TITLES) - {"seed"}
    assert len(texts) == 9 * 3 * (4 + 2 + 2)
    assert {path.name for path in (folder / "raters").iterdir()} == {"sheet.html", "sheet.csv", "key.csv"}
    drawn = sorted(path.stem for path in (folder / "figures").iterdir())
    assert {f"steering_{axis}_ridge" for axis in AXES} | {"steering_valence_feelings"} == set(drawn)


def test_the_template_and_what_is_left_without_its_words(evaluated: tuple[MetricsFile, Path]) -> None:
    metrics, folder = evaluated
    texts = pd.read_csv(folder / "texts.csv", keep_default_na=False)
    without = texts[texts["method"] == "template_without"]
    assert (without["text"] == without["seed"]).all()
    template = texts[(texts["method"] == "template") & (texts["axis"] == "valence") & (texts["asked"] == 2)]
    assert (template["text"] == "I am thrilled: " + template["seed"]).all()
    for axis in AXES:
        left = metrics.experiments[f"steering_{axis}"]["template_without"]
        assert left["spearman_ridge"].value == 0  # nothing to be seen is no steering
        assert left["slope_ridge"].value == pytest.approx(0, abs=1e-9)
        assert left["copied"].value == 1
        assert left["kept_words"].value == 1
        assert left["content"].value == pytest.approx(1)


def again(steerer: Steerer, rows: FeatureSet, folder: Path, plan: SteeringPlan = PLAN) -> Evaluation:
    return evaluate_steering(steerer, rows, folder, plan=plan)


def test_a_second_call_samples_nothing(
    evaluated: tuple[MetricsFile, Path], steerer: Steerer, rows: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, folder = evaluated
    kept = {path: path.read_bytes() for path in (folder / "texts").iterdir()}
    assert len(kept) == 4 * 3

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("something was sampled")

    for module in ("steering.steerer", "studies.steering.prompting"):
        monkeypatch.setattr(f"affectspace.{module}.sample", refuse)
    found = again(steerer, rows, folder).metrics  # another set of judges needs no other texts
    first, second = (one.experiments["steering_valence"]["steered"]["spearman_ridge"] for one in (metrics, found))
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


def test_one_candidate_is_not_ranked(steerer: Steerer, rows: FeatureSet, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"candidates": 1, "other_sentences": 0, "sentences": 2, "sheet_sentences": 0})
    found = again(steerer, rows, tmp_path, plan)
    assert list(found.metrics.experiments) == [
        "steering_valence", "steering_valence_curves", "steering_valence_comparisons",
    ]  # fmt: skip
    assert set(found.metrics.experiments["steering_valence"]) == set(TITLES) - {"steered", "prompt", "vector"}


def test_themes_that_are_too_long_for_the_run_are_left_out_and_named(evaluated: tuple[MetricsFile, Path]) -> None:
    metrics, folder = evaluated
    assert list(metrics.experiments["table_5"]) == ["theme 2", "theme 3"]
    assert metrics.get("table_5", "theme 2", "valence").paper == THEMES[1].own[0]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Left out, as this run was trained on shorter sentences (fit.longest): “My whole entire" in page


def test_a_run_that_can_read_no_theme_has_no_table_5(steerer: Steerer) -> None:
    traversal = traverse_themes(replace(steerer, longest=3), PLAN)
    assert (traversal.themes, traversal.found, traversal.too_long) == ((), [], THEMES)
    metrics = MetricsFile()
    record_themes(metrics, traversal, {}, PLAN)
    assert not metrics.experiments


# what is claimed


def made_up(own: dict[str, tuple[float | None, float | None, float | None]], less: tuple[float, float, float]) -> Any:
    metrics = MetricsFile()
    for name, numbers in own.items():
        metrics.set("steering_valence", "steered", name, Measurement(*numbers))
    for other in ("prompt", "template", "template_without"):
        metrics.set("steering_valence_comparisons", f"steered - {other}", "spearman_ridge", Measurement(*less))
        metrics.set("steering_valence_comparisons", f"steered - {other}", "content", Measurement(*less))
    return metrics


def verdicts(metrics: MetricsFile, parts: dict[str, tuple[str, ...]] | None = None) -> dict[str, str]:
    return {claim.text: claim.verdict for claim in claims(metrics, parts or {})}


FOLLOWS, KEPT, FLUENT = "Valence follows what is asked, by ridge", "Content is kept", "The language stays fluent"
BETTER = "Valence follows better than with prompting, candidates ranked, by ridge"


def test_perfect_steering_holds_every_claim() -> None:
    own = {"spearman_ridge": (1.0, 0.99, 1.0), "content": (0.9, 0.85, 0.95), "perplexity_ratio": (1.0, 0.9, 1.1)}
    found = verdicts(made_up(own, (0.5, 0.4, 0.6)))
    assert set(found) == {FOLLOWS, KEPT, FLUENT, BETTER, BETTER.replace(TITLES["prompt"], TITLES["template_without"])}
    assert set(found.values()) == {"held"}


def test_useless_steering_holds_none() -> None:
    own = {"spearman_ridge": (0.0, -0.1, 0.1), "content": (0.1, 0.0, 0.2), "perplexity_ratio": (9.0, 7.0, 12.0)}
    assert set(verdicts(made_up(own, (-0.5, -0.6, -0.4))).values()) == {"not held"}


def test_what_the_interval_does_not_decide_is_not_decided() -> None:
    own = {"spearman_ridge": (0.7, 0.5, 0.9), "content": (0.6, 0.4, 0.8), "perplexity_ratio": (1.4, 1.2, 1.6)}
    assert set(verdicts(made_up(own, (0.1, -0.1, 0.3))).values()) == {"not decided"}


def test_undefined_figures_decide_nothing() -> None:
    own = {"spearman_ridge": (None, None, None), "content": (0.9, None, None)}
    found = verdicts(made_up(own, (0.5, 0.4, 0.6)))
    assert found[FOLLOWS] == found[KEPT] == "not decided"
    assert FLUENT not in found
    [shown] = [claim.evidence for claim in claims(made_up(own, (0, 0, 0)), {}) if claim.text == FOLLOWS]
    assert shown.startswith("undefined; the bar is at least 0.6")


def test_a_claim_says_where_its_judge_is_not_independent() -> None:
    metrics = made_up({"spearman_ridge": (1.0, 0.99, 1.0)}, (0, 0, 0))
    assert f"{FOLLOWS}, a judge that is not independent here" in verdicts(metrics, {"ridge": ("calibrated",)})
    assert FOLLOWS in verdicts(metrics, {"ridge": ()})
