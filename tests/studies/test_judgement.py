"""The judgement of runs on features: perfect, useless and constant predictions; rows without a modality."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.evaluation.results import Results
from affectspace.progress import silent
from affectspace.studies.judgement.measure import measure_held_out
from affectspace.studies.judgement.report import write_judgement
from affectspace.studies.judgement.rows import JudgedRows
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows, fold_of
from affectspace.studies.manifold.representations import Representations

N, PEOPLE = 120, 12
AXES = {"experiment": "test", "task": "axes", "model": "mvae"}


def judged(kind: str) -> JudgedRows:
    """Rows of text and audio; every third row has no audio, whose prediction there is nonsense."""
    random = np.random.default_rng(0)
    truth = random.uniform(-0.8, 0.8, (N, 3))
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
        study="run",
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
