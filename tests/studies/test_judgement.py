"""The judgement of runs on features: perfect, useless and constant predictions; rows without a modality."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.evaluation.results import Results
from affectspace.progress import silent
from affectspace.studies.judgement.measure import measure_held_out
from affectspace.studies.judgement.report import pictures, write_judgement
from affectspace.studies.judgement.rows import JudgedRows
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows, fold_of
from affectspace.studies.manifold.representations import Representations

N, PEOPLE = 120, 12
AXES = {"experiment": "test", "task": "axes", "model": "mvae"}


def judged(kind: str, axes: tuple[int, ...] = (0, 1, 2), rated: tuple[int, ...] = (0, 1, 2)) -> JudgedRows:
    """Rows of text and audio; every third row has no audio, whose prediction there is nonsense.

    axes : with labels in training; rated : that the rows have
    """
    random = np.random.default_rng(0)
    truth = random.uniform(-0.8, 0.8, (N, 3))
    truth[:, [axis for axis in range(3) if axis not in rated]] = np.nan
    predictions = {
        "perfect": truth, "useless": random.uniform(-0.8, 0.8, (N, 3)), "constant": np.full((N, 3), 0.1)
    }[kind]  # fmt: skip
    present = {"text": np.ones(N, bool), "audio": np.arange(N) % 3 > 0}
    fused = predictions.astype(np.float32)
    alone = np.where(present["audio"][:, None], fused, np.nan).astype(np.float32)
    width = np.full_like(fused, 0.2)

    def outputs(shown: np.ndarray) -> dict[str, list[list[Representations]]]:
        nonsense = np.nan_to_num(alone, nan=9.0)
        affect = {"text": fused, "audio": nonsense}
        return {"mvae": [[Representations(present, affect, dict.fromkeys(affect, width), shown, width)]]}

    people = [f"p{row % PEOPLE}" for row in range(N)]
    table = pd.DataFrame({"id": np.arange(N).astype(str), "corpus": "mine", "person": people, "emotion": None})
    part = np.where(np.arange(N) % PEOPLE < 4, "train", np.where(np.arange(N) % PEOPLE < 6, "validation", "test"))
    conditions = {
        EVERYTHING: outputs(fused),
        Condition(("text",)): outputs(fused),
        Condition(("audio",)): outputs(alone),
    }
    rows = EvaluationRows(
        "test", "test part", table, truth, np.array(people), [fold_of(part)], conditions, {"mvae": (0,)}, {}, present,
        axes=axes, study="run",
    )  # fmt: skip
    return JudgedRows(rows, "mvae", "people", ({}, present))


def value(results: Results, metric: str, **columns: str) -> float | None:
    return results.get(metric=metric, target="valence", **{**AXES, **columns}).value


@pytest.mark.parametrize("kind", ["perfect", "useless", "constant"])
def test_predictions_are_judged(kind: str, tmp_path: Path) -> None:
    rows = judged(kind)
    results = measure_held_out(rows)
    r, ccc, mae = (value(results, metric) for metric in ("r", "ccc", "mae"))
    assert mae is not None
    constant = value(results, "mae", model="constant")
    assert constant is not None
    if kind == "perfect":
        assert (r, ccc, mae) == pytest.approx((1, 1, 0), abs=1e-6)
    elif kind == "useless":
        assert abs(r or 0) < 0.4
        assert mae > constant
    else:
        assert r is None  # undefined, and not 0
        assert ccc == pytest.approx(0, abs=1e-6)
    residuals = results.filter(task="residuals", metric="residual", target="valence")
    assert len(residuals) == 6
    assert any("no shared latents" in row.note for row in results.filter(task="not measured"))
    report = write_judgement(tmp_path, rows, results, "Run mine", {}, 0.0, silent).read_text(encoding="utf-8")
    assert "Residuals by speaker" in report
    assert (tmp_path / "figures" / "circumplex.pdf").is_file()


def test_rows_without_a_modality_take_no_part_in_its_figures() -> None:
    whole = judged("useless")
    results = measure_held_out(whole)
    tested = whole.rows.tested
    kept = tested[whole.rows.present["audio"][tested]]
    expected = np.corrcoef(whole.truth[kept, 0], whole.outputs.fused[kept, 0])[0, 1]
    measured = results.get(metric="r", target="valence", modality="audio", **AXES)
    assert measured.value == pytest.approx(expected, abs=1e-5)
    assert measured.n == len(kept)


@pytest.mark.parametrize(
    ("axes", "rated", "known", "reason"),
    [
        ((0, 1), (0, 1, 2), ["valence", "arousal"], "dominance is not judged: the training had no label of it"),
        ((0, 1, 2), (0, 1), ["valence", "arousal"], "dominance is not judged: no tested row has a value of it"),
        ((0, 2), (0, 1, 2), ["valence", "dominance"], "arousal is not judged: the training had no label of it"),
        ((0,), (0, 1, 2), ["valence"], "fewer than two axes are judged"),
    ],
)
def test_axes_that_are_not_there_are_named_and_the_others_shown(
    axes: tuple[int, ...], rated: tuple[int, ...], known: list[str], reason: str, tmp_path: Path
) -> None:
    rows = judged("useless", axes, rated)
    results = measure_held_out(rows)
    assert any(reason in message for message in rows.missing)
    matrix = results.filter(task="matrix", metric="r", model="mvae", modality="")
    assert {(row.latent, row.target) for row in matrix} == (
        {(one, other) for one in known for other in known} if len(known) > 1 else set()
    )
    assert set(results.filter(task="axes", model="mvae", metric="r").distinct("target")) <= {*known, "mean"}
    drawn = {picture.name for picture in pictures(rows, results)}
    assert {name for name in drawn if name.startswith("readout_")} == {f"readout_{axis}" for axis in known}
    assert ("circumplex" in drawn) == ({"valence", "arousal"} <= set(known))


def test_a_report_speaks_only_of_what_it_has(tmp_path: Path) -> None:
    """No emotions, no ridge, one person: no ellipses, no intervals over people, no floors that are not there."""
    rows = judged("useless", (0, 1), (0, 1))
    rows.rows.groups[:] = "p"
    text = write_judgement(tmp_path, rows, measure_held_out(rows), "Run mine", {}, 0.0, silent).read_text(
        encoding="utf-8"
    )
    assert "60 rows of 1 person, test part" in text
    assert "The floor is the mean of the train part." in text
    assert "Valence and arousal (table 1)" in text
    assert "the tested rows are of one person, so there are no intervals over people" in text
    for absent in (
        "most frequent emotion",
        "Intervals of 95",
        "ellipse",
        "a ridge on the same",
        "speakers with the largest",
    ):
        assert absent not in text, absent


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 1, 2), (0,)])
def test_figures_2_and_3_show_the_axes_with_labels_in_training(axes: tuple[int, ...]) -> None:
    rows = judged("useless", axes)
    random = np.random.default_rng(1)
    (latents,) = rows.rows.outputs[EVERYTHING]["mvae"][0]
    shared = {name: random.normal(size=(N, 3)).astype(np.float32) for name in latents.present}
    private = {name: random.normal(size=(N, 4)).astype(np.float32) for name in latents.present}
    rows.rows.outputs[EVERYTHING]["mvae"][0][0] = replace(latents, shared=shared, private=private)
    drawn = {picture.name: picture.figure for picture in pictures(rows, measure_held_out(rows))}
    names = [("valence", "arousal", "dominance")[axis] for axis in axes]
    for name in ("figure_3_average", "figure_3_heatmaps"):
        assert [label.get_text() for label in drawn[name].axes[0].get_yticklabels()] == names
    assert ("figure_2_space" in drawn) == (len(axes) > 1)
    if len(axes) == 2:
        (plane,) = drawn["figure_2_space"].axes
        assert (plane.get_xlabel(), plane.get_ylabel()) == tuple(f"shared {name}" for name in names)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "apart",
            "the modality gap of text and audio is left out: fewer than three people of the tested rows have both",
        ),
        ("no deviations", "predicted deviations of valence, arousal, dominance are not judged: the model states none"),
        ("validation without values", "are not judged: no validation row has a value that they are calibrated on"),
        (
            "one emotion in train",
            "the probe of the emotion from text is left out: train or validation has rows of fewer",
        ),
    ],
)
def test_every_omission_has_its_reason(change: str, reason: str, tmp_path: Path) -> None:
    rows = judged("useless")
    random = np.random.default_rng(1)
    (outputs,) = rows.rows.outputs[EVERYTHING]["mvae"][0]
    shared = {name: random.normal(size=(N, 3)).astype(np.float32) for name in outputs.present}
    private = {name: random.normal(size=(N, 4)).astype(np.float32) for name in outputs.present}
    changes: dict[str, Any] = {"shared": shared, "private": private}
    if change == "apart":  # as in one model of a corpus of texts and a corpus of voices
        changes["present"] = {"text": np.arange(N) % 2 == 0, "audio": np.arange(N) % 2 == 1}
        rows.rows.present.update(changes["present"])  # type: ignore[attr-defined]
    elif change == "no deviations":
        changes["fused_deviation"] = np.full((N, 3), np.nan, np.float32)
    elif change == "validation without values":
        rows.truth[rows.rows.folds[0].validation] = np.nan
    else:
        train = np.isin(np.arange(N), rows.rows.folds[0].train)
        rows.table["emotion"] = np.where(train | (np.arange(N) % 2 == 0), "anger", "fear")
    rows.rows.outputs[EVERYTHING]["mvae"][0][0] = replace(outputs, **changes)
    results = measure_held_out(rows)
    assert any(reason in message for message in rows.missing), rows.missing
    write_judgement(tmp_path, rows, results, "Run mine", {}, 0.0, silent)
    assert any(reason in row.note for row in results.filter(task="not measured"))
