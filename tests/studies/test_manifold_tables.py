"""The manifold's tables on panels with planted signal: perfect, leaking and useless latents are told apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from affectspace.annotation import AnnotationTransfer
from affectspace.errors import DataError
from affectspace.evaluation import Fold, Interval, MetricsFile
from affectspace.models import MODELS
from affectspace.studies.manifold.axis_tables import axis_comparisons, axis_matrix, axis_table
from affectspace.studies.manifold.claims import decide_claims
from affectspace.studies.manifold.codes import Codes, encode_rows, kept_codes
from affectspace.studies.manifold.independence_tables import independence_table
from affectspace.studies.manifold.panel import Panel, fold_of, with_ensemble
from affectspace.studies.manifold.people_tables import gap_table, retrieval_comparisons, retrieval_table
from affectspace.studies.manifold.probe_tables import column_task, private_affect, probe_table, speaker_task
from affectspace.studies.manifold.robustness_tables import condition_table
from affectspace.studies.manifold.sheet import interval_p, pooled_interval
from affectspace.studies.manifold.speech_tables import intensity_table, person_table
from affectspace.studies.manifold.uncertainty_tables import uncertainty_table, widening_table

EMOTIONS = ("neutral", "happiness", "sadness", "anger")
PEOPLE, EACH = 12, 24
MODALITIES = ("audio", "action_units")


def make_table() -> pd.DataFrame:
    rows = np.arange(PEOPLE * EACH)
    return pd.DataFrame(
        {
            "id": rows.astype(str),
            "corpus": "made up",
            "person": [f"person {row // EACH}" for row in rows],
            "emotion": [EMOTIONS[row % 4] for row in rows],
            "gender": ["female" if (row // EACH) % 2 else "male" for row in rows],
            "intensity": ["strong" if row % 8 > 3 else "normal" for row in rows],
            "sentence": ["01" if row % EACH < EACH // 2 else "02" for row in rows],
        }
    )


def make_codes(table: pd.DataFrame, truth: np.ndarray, kind: str, seed: int) -> Codes:
    """kind: "perfect", shared is affect and private the person; "leaky", private is affect too; "swapped"; "useless", noise."""
    random = np.random.default_rng([seed, len(kind)])
    n = len(table)
    width = np.where(random.random((n, 3)) < 0.5, 0.05, 0.3)
    affect = truth + width * random.normal(size=(n, 3))
    affect[:, 1] += 0.2 * (table["intensity"] == "strong")
    voices = np.random.default_rng(9).normal(size=(PEOPLE, 6))[pd.factorize(table["person"])[0]]
    if kind == "useless":
        affect, voices = random.normal(size=(n, 3)), random.normal(size=(n, 6))
    shared = {one: (affect + 0.02 * random.normal(size=(n, 3))).astype(np.float32) for one in MODALITIES}
    private = voices + 0.3 * random.normal(size=(n, 6))
    if kind == "leaky":
        private = np.concatenate([affect, private[:, 3:]], axis=1)
    if kind == "swapped":
        shared, private = {one: private[:, :3].astype(np.float32) for one in MODALITIES}, np.tile(affect, 2)
    there = {one: np.ones(n, bool) for one in MODALITIES}
    deviation = {one: (1.5 * width).astype(np.float32) for one in MODALITIES}
    rebuilt = np.column_stack([np.full(n, 0.2), np.full(n, 0.6), np.ones(n)]).astype(np.float32)
    latents: dict[str, Any] = {
        "shared": shared,
        "private": {one: private.astype(np.float32) for one in MODALITIES},
        "rebuilt": dict.fromkeys(MODALITIES, rebuilt),
    }
    return Codes(there, shared, deviation, affect.astype(np.float32), width.astype(np.float32), **latents)


def make_panel(name: str = "audio_face", **models: str) -> Panel:
    """Models as name -> kind of codes, two seeds each, three folds of people."""
    table = make_table()
    truth = AnnotationTransfer.reference("russell_mehrabian_1977").centres(table["emotion"].to_numpy(object))
    truth = truth + 0.05 * np.random.default_rng(0).normal(size=truth.shape)
    place = pd.factorize(table["person"])[0]
    folds = [
        fold_of(np.where(place % 3 == k, "test", np.where(place % 3 == (k + 1) % 3, "validation", "train")))
        for k in range(3)
    ]
    said = {
        model: [[make_codes(table, truth, kind, 10 * seed + k) for k in range(3)] for seed in range(2)]
        for model, kind in models.items()
    }
    features = {one: truth @ np.ones((3, 5)) for one in MODALITIES}
    there = {one: np.ones(len(table), bool) for one in MODALITIES}
    groups = table["person"].to_numpy(object)
    return Panel(name, "made up", table, truth, groups, folds, said, dict.fromkeys(models, (0, 1)), {}, features, there)


def value(metrics: MetricsFile, experiment: str, row: str, metric: str) -> float:
    found = metrics.get(experiment, row, metric).value
    assert found is not None
    return found


def test_axes() -> None:
    panel, metrics = make_panel(manifold="perfect", ridge="useless"), MetricsFile()
    axis_table(metrics, panel, 200)
    axis_matrix(metrics, panel)
    axis_comparisons(metrics, panel, ["ridge"], 200, primary="ridge")
    assert value(metrics, "audio_face", "manifold", "r_mean") > 0.8
    assert abs(value(metrics, "audio_face", "ridge", "r_mean")) < 0.15
    assert value(metrics, "audio_face_matrix", "z_valence", "r_valence") > 0.9
    assert metrics.get("audio_face_matrix", "z_valence", "r_valence").paper == 0.533
    assert metrics.get("audio_face_matrix", "z_valence", "own_above_others").low > 0  # type: ignore[operator]
    difference = metrics.get("audio_face_comparisons", "manifold - ridge", "r_mean")
    assert difference.low > 0.5  # type: ignore[operator]
    assert ("audio_face_comparisons", "manifold - ridge", "p_holm") not in metrics  # the primary one is not corrected
    assert list(metrics.get("audio_face", "manifold", "r_mean").seeds) == [0, 1]


def test_probes_tell_a_leak() -> None:
    panel, metrics = make_panel(manifold="perfect", misa="leaky"), MetricsFile()
    for task in (column_task(panel, "emotion"), speaker_task(panel, "sentence")):
        probe_table(metrics, panel, task, ("manifold", "misa"), ["audio"])
    emotion, speaker = "audio_face_emotion_linear", "audio_face_speaker_linear"
    assert value(metrics, emotion, "manifold audio", "accuracy_shared") > 0.8
    assert value(metrics, emotion, "manifold audio", "accuracy_private") < 0.4
    assert value(metrics, emotion, "misa audio", "accuracy_private") > 0.8
    assert metrics.get(emotion, "manifold audio", "uar shared - private").low > 0.3  # type: ignore[operator]
    assert metrics.get(emotion, "manifold audio", "accuracy_shared").paper == 0.567
    assert metrics.get(emotion, "misa audio", "accuracy_shared").paper is None
    assert value(metrics, speaker, "manifold audio", "uar_private") > 0.8
    assert value(metrics, speaker, "manifold audio", "uar_shared") < 0.5
    assert value(metrics, emotion, "majority", "accuracy_full") == pytest.approx(0.25)
    assert value(metrics, emotion, "raw audio", "accuracy_full") > 0.4
    private_affect(metrics, panel, ("manifold", "misa"), ["audio"], 1)
    assert abs(value(metrics, "audio_face_private_affect", "manifold audio", "r_valence_linear")) < 0.4
    assert value(metrics, "audio_face_private_affect", "misa audio", "r_valence_linear") > 0.8


def test_speakers_are_probed_on_other_sentences() -> None:
    panel = make_panel(manifold="perfect")
    task = speaker_task(panel, "sentence")
    sentences = panel.table["sentence"].to_numpy()
    for part, fold in zip(task.parts, panel.folds, strict=True):
        assert set(sentences[part.train]) == set(sentences[part.validation]) == {"01"}
        assert set(sentences[part.test]) == {"02"}
        assert set(np.concatenate([part.train, part.validation, part.test])) == set(fold.test)


def test_dependence() -> None:
    panel, metrics = make_panel(manifold="perfect", misa="leaky"), MetricsFile()
    independence_table(metrics, panel, ("manifold", "misa"), ["audio"], 20)
    table = "audio_face_independence"
    assert abs(value(metrics, table, "manifold audio", "debiased_cka")) < 0.1
    assert value(metrics, table, "misa audio", "debiased_cka") > 0.15
    assert value(metrics, table, "misa audio", "hsic_p") < 0.06
    assert value(metrics, table, "misa audio", "mean_abs_r") > 2 * value(
        metrics, table, "misa audio", "mean_abs_r_floor"
    )
    assert metrics.get(table, "manifold audio", "mean_abs_r").paper == 0.0297
    assert value(metrics, table, "manifold audio", "active") == 6
    assert value(metrics, table, "manifold audio", "r2_rebuilt") == pytest.approx(0.8)
    assert value(metrics, table, "manifold audio", "r2_rebuilt_without") == pytest.approx(0.4)


def test_intensity_and_people() -> None:
    panel, metrics = make_panel(manifold="perfect", ridge="useless"), MetricsFile()
    intensity_table(metrics, panel, panel.models)
    rise = metrics.get("audio_face_intensity", "manifold", "difference_arousal")
    assert rise.value == pytest.approx(0.2, abs=0.06)
    assert rise.low > 0.1  # type: ignore[operator]
    assert metrics.get("audio_face_intensity", "ridge", "difference_arousal").low < 0  # type: ignore[operator]
    person_table(metrics, panel, panel.models, 0, ["ridge"], "ridge")
    assert metrics.get("audio_face_within_people", "manifold - ridge", "r_valence").low > 0.5  # type: ignore[operator]


def test_widths() -> None:
    panel, metrics = with_ensemble(make_panel(manifold="perfect"), "manifold", "ensemble"), MetricsFile()
    uncertainty_table(metrics, panel, ("manifold", "ensemble"))
    table = "audio_face_uncertainty"
    assert metrics.get(table, "manifold", "nll_valence_above_constant").high < 0  # type: ignore[operator]
    assert value(metrics, table, "manifold", "coverage_valence") == pytest.approx(0.9, abs=0.05)
    assert value(metrics, table, "manifold", "rank_valence") > 0.2
    assert ("audio_face_uncertainty", "ensemble", "coverage_valence") in metrics
    alone = {"only audio": panel.said, "only action_units": panel.said}
    wide = {
        name: {"manifold": [[_wider(codes) for codes in each] for each in said["manifold"]]}
        for name, said in alone.items()
    }
    shown = Panel(
        panel.name, panel.protocol, panel.table, panel.truth, panel.groups, panel.folds, panel.said, panel.seeds, wide
    )
    subsets = {"": ("audio", "action_units"), "only audio": ("audio",), "only action_units": ("action_units",)}
    widening_table(metrics, shown, "manifold", subsets)
    assert value(metrics, "audio_face_widening", "without one modality", "ratio") == pytest.approx(2.0)
    condition_table(metrics, shown, "subsets", ("manifold",), {"only audio": "audio"}, 100)
    assert value(metrics, "audio_face_subsets", "manifold: audio", "r_mean") > 0.8


def _wider(codes: Codes) -> Codes:
    return Codes(codes.present, codes.affect, codes.deviation, codes.fused, 2 * codes.fused_deviation)


def test_modalities_meet_or_do_not() -> None:
    panel, metrics = make_panel("trimodal", manifold="perfect", misa="useless"), MetricsFile()
    for each in panel.said["misa"]:
        for codes in each:
            codes.shared["audio"] += 3.0  # of another place than the action units
    retrieval_table(metrics, panel, panel.models, MODALITIES)
    retrieval_comparisons(metrics, panel, panel.models, MODALITIES)
    gap_table(metrics, panel, panel.models, [MODALITIES], 20)
    found = metrics.get("trimodal_retrieval", "manifold: audio to action_units", "top_10_above_chance")
    assert found.low > 0.3  # type: ignore[operator]
    chance = value(metrics, "trimodal_retrieval", "manifold: audio to action_units", "top_10_chance")
    assert chance == pytest.approx(10 / (PEOPLE * EACH / 3))
    assert ("trimodal_retrieval_comparisons", "manifold - misa", "top_10") in metrics
    pair = "audio and action_units"
    assert value(metrics, "trimodal_gap", f"manifold: {pair}", "classifier_uar") < 0.6
    assert value(metrics, "trimodal_gap", f"misa: {pair}", "classifier_uar") > 0.9
    assert value(metrics, "trimodal_gap", f"misa: {pair}", "centroids") > 1
    assert metrics.get("trimodal_gap", f"manifold - misa: {pair}", "classifier_uar").high < 0  # type: ignore[operator]


def test_claims_turn_with_the_latents() -> None:
    told = {}
    for kind in ("perfect", "swapped"):
        panel, metrics = make_panel(manifold=kind, ridge="useless"), MetricsFile()
        axis_matrix(metrics, panel)
        intensity_table(metrics, panel, ("manifold",))
        for task in (column_task(panel, "emotion"), speaker_task(panel, "sentence")):
            probe_table(metrics, panel, task, ("manifold",), ["audio"], latents=("shared", "private"))
        told[kind] = {claim.text: claim.verdict for claims in decide_claims(metrics) for claim in claims}
    one, other = told["perfect"], told["swapped"]
    axes = "Each axis of the shared latent follows its own attribute more than the other two (RAVDESS)"
    assert one[axes] == other[axes] == "held"
    dissociation = next(text for text in one if text.startswith("Double dissociation"))
    assert (one[dissociation], other[dissociation]) == ("held", "not held")
    intensity = next(text for text in one if text.startswith("Within actor and emotion"))
    assert one[intensity] == "held"
    assert one["In zero-shot transfer the shared latent is above MVAE"] == "not decided"


def test_parts_that_overlap_are_refused() -> None:
    panel = make_panel(manifold="useless")
    fold = Fold(np.arange(3), np.arange(3), np.arange(5))
    with pytest.raises(DataError, match="overlap"):
        Panel("x", "", panel.table, panel.truth, panel.groups, [fold, fold], {}, {})


def test_intervals_of_folds() -> None:
    one = Interval(0.1, 0.0, 0.2, 50, 6)
    both = pooled_interval([one, one])
    assert both.value == pytest.approx(0.1)
    assert both.high - both.low < one.high - one.low
    assert (both.n, both.groups) == (100, 12)
    assert interval_p(Interval(0.0, -0.1, 0.1, 50, 6)) == pytest.approx(1.0)
    assert interval_p(Interval(0.1, 0.0, 0.2, 50, 6)) == pytest.approx(0.05, abs=1e-6)


def test_codes_of_a_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    fields = {"modalities": {"text": 4, "audio": 3}, "private": 2, "hidden": (8,), "corpora": ("one", "other")}
    model = MODELS["manifold"](MODELS["manifold"].config_class(**fields)).eval()  # type: ignore[call-arg]
    random = np.random.default_rng(0)
    features = {
        "text": random.normal(size=(9, 4)).astype(np.float32),
        "audio": random.normal(size=(9, 3)).astype(np.float32),
    }
    present = {"text": np.arange(9) > 2, "audio": np.arange(9) < 7}
    codes = encode_rows(model, features, present)
    assert codes.fused.shape == (9, 3)
    assert np.isfinite(codes.fused).all()
    assert codes.rebuilt["text"].shape == (9, 3)
    assert (codes.rebuilt["text"][:3] == 0).all()
    alone = encode_rows(model, features, present, only=["audio"])
    assert np.isnan(alone.fused[7:]).all()
    np.testing.assert_allclose(alone.fused[:3], codes.fused[:3], atol=1e-6)
    np.testing.assert_allclose(alone.fused[:7], codes.affect["audio"][:7], atol=1e-5)
    without = encode_rows(model, {"audio": features["audio"]}, {"audio": present["audio"]})
    np.testing.assert_allclose(without.fused[:7], alone.fused[:7], atol=1e-6)
    path = tmp_path / "codes" / "one.safetensors"
    assert len(kept_codes(path, 9, lambda: codes)) == 9
    again = kept_codes(path, 9, lambda: pytest.fail("the codes are there"))
    np.testing.assert_array_equal(again.shared["text"], codes.shared["text"])
    path.write_bytes(b"damaged")
    assert len(kept_codes(path, 9, lambda: codes)) == 9
