"""The manifold study's measures on rows with planted signal: perfect, leaking and useless latents are told apart."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from affectspace.annotation import AnnotationTransfer
from affectspace.errors import DataError
from affectspace.evaluation import Fold, Interval, pooled_interval
from affectspace.evaluation.results import Result, Results
from affectspace.models import MODELS
from affectspace.studies.claims import decide
from affectspace.studies.manifold.axes import (
    axis_comparisons,
    axis_matrix,
    axis_table,
    condition_table,
    intensity_table,
    within_people_table,
)
from affectspace.studies.manifold.claims import ADDITIONAL_HYPOTHESES, PAPER_CLAIMS
from affectspace.studies.manifold.cross_modal import (
    ALL_PAIRS,
    LABELS,
    gap_table,
    generate,
    generation_table,
    other_rows,
    retrieval_table,
)
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows, fold_of
from affectspace.studies.manifold.independence import independence_table
from affectspace.studies.manifold.probes import column_task, private_affect_table, probe_table, speaker_task
from affectspace.studies.manifold.representations import Representations, represent_rows
from affectspace.studies.manifold.uncertainty import (
    CONSTANT,
    robustness_table,
    uncertainty_table,
    widening_table,
)

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


def make_representations(table: pd.DataFrame, truth: np.ndarray, kind: str, seed: int) -> Representations:
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
    return Representations(there, shared, deviation, affect.astype(np.float32), width.astype(np.float32), **latents)


def make_rows(name: str = "audio_face", seeds: int = 2, **models: str) -> EvaluationRows:
    """Models as name -> kind of representations, three folds of people."""
    table = make_table()
    truth = AnnotationTransfer.reference("russell_mehrabian_1977").centres(table["emotion"].to_numpy(object))
    truth = truth + 0.05 * np.random.default_rng(0).normal(size=truth.shape)
    place = pd.factorize(table["person"])[0]
    folds = [
        fold_of(np.where(place % 3 == k, "test", np.where(place % 3 == (k + 1) % 3, "validation", "train")))
        for k in range(3)
    ]
    outputs = {
        model: [[make_representations(table, truth, kind, 10 * seed + k) for k in range(3)] for seed in range(seeds)]
        for model, kind in models.items()
    }
    features = {modality: truth @ np.ones((3, 5)) for modality in MODALITIES}
    present = {modality: np.ones(len(table), bool) for modality in MODALITIES}
    return EvaluationRows(
        name, "made up", table, truth, table["person"].to_numpy(object), folds, {EVERYTHING: outputs},
        dict.fromkeys(models, tuple(range(seeds))), features, present,
    )  # fmt: skip


def get(results: Results, task: str, metric: str, experiment: str = "audio_face", **columns: str) -> Result:
    """The row of the headline, or of the model that is named."""
    row = results.get(**{"experiment": experiment, "task": task, "model": "manifold", "metric": metric, **columns})
    assert row.value is not None
    return row


def test_axes() -> None:
    rows, results = make_rows(manifold="perfect", ridge="useless"), Results()
    axis_table(results, rows)
    axis_matrix(results, rows)
    paper = Results()
    axis_matrix(paper, make_rows(letter="perfect"), ("letter",))
    axis_comparisons(results, rows, ["ridge"], primary="ridge")
    assert get(results, "axes", "r", target="mean").value > 0.8
    assert abs(get(results, "axes", "r", target="mean", model="ridge").value) < 0.15
    assert get(results, "matrix", "r", latent="valence", target="valence").value > 0.9
    assert get(results, "matrix", "r", latent="valence", target="valence").paper is None
    assert get(paper, "matrix", "r", model="letter", latent="valence", target="valence").paper == 0.533
    assert get(results, "matrix", "own_above_others", latent="valence").low > 0
    assert get(results, "axes", "r", versus="ridge", target="mean").low > 0.5
    assert not results.filter(metric="p_holm")  # the primary comparison is not corrected
    assert results.filter(metric="p")
    assert get(results, "axes", "r", target="mean").seeds == (0, 1)
    assert get(results, "axes", "r", target="mean").groups == PEOPLE


def test_probes_reveal_a_leak() -> None:
    rows, results = make_rows(seeds=1, letter="perfect", misa="leaky"), Results()
    for task in (column_task(rows, "emotion"), speaker_task(rows, "sentence")):
        probe_table(results, rows, task, ("letter", "misa"), ["audio"], latents=("shared", "private"))
    linear = {"model": "letter", "modality": "audio", "condition": "linear"}
    shared, private = {"latent": "shared", **linear}, {"latent": "private", **linear}
    leaky = {**private, "model": "misa"}
    assert get(results, "emotion", "accuracy", **shared).value > 0.8
    assert get(results, "emotion", "accuracy", **private).value < 0.4
    assert get(results, "emotion", "accuracy", **leaky).value > 0.8
    assert get(results, "emotion", "uar", versus="private", **shared).low > 0.3
    assert (
        get(results, "emotion", "accuracy", **shared).paper == 0.567
    )  # published figures stand beside the paper's model
    assert get(results, "emotion", "accuracy", **{**leaky, "latent": "shared"}).paper is None
    assert get(results, "speaker", "uar", **private).value > 0.8
    assert get(results, "speaker", "uar", **shared).value < 0.5
    floor = get(results, "emotion", "accuracy", model="majority", latent="full", condition="linear")
    assert floor.value == pytest.approx(0.25)
    assert get(results, "emotion", "accuracy", **{**linear, "model": "raw", "latent": "full"}).value > 0.4
    private_affect_table(results, rows, ("letter", "misa"), ["audio"], 1)
    assert abs(get(results, "private affect", "r", target="valence", **linear).value) < 0.4
    assert get(results, "private affect", "r", target="valence", **{**linear, "model": "misa"}).value > 0.8


def test_speakers_are_probed_on_other_sentences() -> None:
    rows = make_rows(manifold="perfect")
    task = speaker_task(rows, "sentence")
    sentences = rows.table["sentence"].to_numpy()
    for part, fold in zip(task.parts, rows.folds, strict=True):
        assert set(sentences[part.train]) == set(sentences[part.validation]) == {"01"}
        assert set(sentences[part.test]) == {"02"}
        assert set(np.concatenate([part.train, part.validation, part.test])) == set(fold.test)


def test_dependence() -> None:
    rows, results = make_rows(letter="perfect", misa="leaky"), Results()
    independence_table(results, rows, ("letter", "misa"), ["audio"], 20)

    def of(model: str, metric: str) -> Result:
        return get(results, "independence", metric, model=model, modality="audio")

    assert abs(of("letter", "debiased_cka").value) < 0.1
    assert of("misa", "debiased_cka").value > 0.15
    assert of("misa", "hsic_p").value < 0.06
    assert of("misa", "mean_abs_r").value > 2 * of("misa", "mean_abs_r_floor").value
    assert of("letter", "mean_abs_r").paper == 0.0297
    assert of("letter", "active").value == 6
    assert of("letter", "r2_rebuilt").value == pytest.approx(0.8)
    assert of("letter", "r2_rebuilt_without").value == pytest.approx(0.4)


def test_intensity_and_people() -> None:
    rows, results = make_rows(manifold="perfect", ridge="useless"), Results()
    intensity_table(results, rows, rows.models)
    arousal = {"modality": "all", "target": "arousal"}
    rise = get(results, "intensity", "difference", **arousal)
    assert rise.value == pytest.approx(0.2, abs=0.06)
    assert rise.low > 0.1
    assert get(results, "intensity", "difference", model="ridge", **arousal).low < 0
    within_people_table(results, rows, 0, ["ridge"], "ridge")
    assert get(results, "within people", "r", versus="ridge", target="valence").low > 0.5


def test_deviations() -> None:
    rows, results = make_rows(manifold="perfect").with_ensemble("manifold", "ensemble"), Results()
    uncertainty_table(results, rows, ("manifold", "ensemble"))
    assert get(results, "uncertainty", "nll", versus=CONSTANT, target="valence").high < 0
    assert get(results, "uncertainty", "coverage", target="valence").value == pytest.approx(0.9, abs=0.05)
    assert get(results, "uncertainty", "rank", target="valence").value > 0.2
    assert get(results, "uncertainty", "coverage", model="ensemble", target="valence").n == PEOPLE * EACH
    alone = [Condition((modality,)) for modality in MODALITIES]
    wider = {"manifold": [[_wider(one) for one in by_fold] for by_fold in rows.of("manifold")]}
    shown = replace(rows, outputs={**rows.outputs, **dict.fromkeys(alone, wider)})
    subsets = {EVERYTHING: MODALITIES, **{condition: condition.only for condition in alone}}
    widening_table(results, shown, "manifold", subsets)  # type: ignore[arg-type]
    assert get(results, "widening", "ratio", condition="without one modality").value == pytest.approx(2.0)
    condition_table(results, shown, "subsets", ("manifold",), alone)
    assert get(results, "subsets", "r", modality="audio", target="mean").value > 0.8


def test_robustness_has_coverage_width_and_error_of_every_view() -> None:
    rows, results = make_rows(manifold="perfect", plain="perfect"), Results()
    by_seed = [
        [replace(one, fused_deviation=2 * one.fused_deviation) for one in folds] for folds in rows.of("manifold")
    ]
    absent = {"audio": np.arange(PEOPLE * EACH) % 2 == 0, "action_units": np.ones(PEOPLE * EACH, bool)}
    by_seed = [[replace(one, present=absent) for one in folds] for folds in by_seed]
    without = [[replace(one, fused_deviation=np.full((len(one), 3), np.nan), deviation={}, affect={}) for one in folds]
               for folds in rows.of("plain")]  # fmt: skip
    telephone = Condition(store=("audio", Path("telephone"), "telephone"))
    shown = replace(rows, outputs={**rows.outputs, telephone: {"manifold": by_seed, "plain": without}})
    robustness_table(results, shown, ("manifold", "plain", "missing"), [EVERYTHING, telephone])
    for condition, coverage in (("undisturbed", 0.9), ("telephone", 1.0)):
        named = {"condition": condition, "modality": "all", "target": "valence"}
        assert get(results, "robustness", "coverage", **named).value == pytest.approx(coverage, abs=0.04)
    before, after = (
        get(results, "robustness", "width", condition=condition, modality="all", target="mean").value
        for condition in ("undisturbed", "telephone")
    )
    assert after == pytest.approx(2 * before)
    truth, prediction = shown.tested_truth, shown.predictions("manifold")
    error = np.mean([np.sqrt(np.mean((one - truth) ** 2, axis=0)).mean() for one in prediction])
    found = get(results, "robustness", "rmse", condition="undisturbed", modality="all", target="mean")
    assert found.value == pytest.approx(error)
    assert (
        get(results, "robustness", "width", condition="telephone", modality="audio", target="mean").n == len(truth) / 2
    )
    assert set(results.filter(condition="telephone").distinct("modality")) == {"all", "audio"}
    assert results.filter(condition="telephone").distinct("model") == ["manifold"]
    assert all(np.isfinite(row.value) for row in results)


def _wider(one: Representations) -> Representations:
    return replace(one, fused_deviation=2 * one.fused_deviation)


def test_modalities_meet_or_do_not() -> None:
    rows, results = make_rows("trimodal", manifold="perfect", misa="useless"), Results()
    for by_fold in rows.of("misa"):
        for one in by_fold:
            one.shared["audio"] += 3.0  # elsewhere than the action units
    retrieval_table(results, rows, rows.models, MODALITIES)
    gap_table(results, rows, rows.models, [MODALITIES], 20)

    def of(task: str, metric: str, **columns: str) -> Result:
        return get(results, task, metric, "trimodal", **columns)

    pair = {"modality": "audio", "target": "action_units"}
    assert of("retrieval", "top_10_above_chance", **pair).low > 0.3
    assert of("retrieval", "top_10_chance", **pair).value == pytest.approx(10 / (PEOPLE * EACH / 3), rel=1e-5)
    assert of("retrieval", "top_10", versus="misa", modality=ALL_PAIRS).low > 0
    assert of("gap", "classifier_uar", **pair).value < 0.6
    assert of("gap", "classifier_uar", model="misa", **pair).value > 0.9
    assert of("gap", "centroids", model="misa", **pair).value > 1
    assert of("gap", "classifier_uar", versus="misa", **pair).high < 0


def test_the_gap_of_two_people_is_not_measured() -> None:
    rows, results = make_rows("trimodal", manifold="perfect"), Results()
    gap_table(
        results,
        replace(rows, groups=np.where(np.arange(len(rows.groups)) % 2, "ann", "ben")),
        rows.models,
        [MODALITIES],
        20,
    )
    assert not len(results)


def test_claims_turn_with_the_latents() -> None:
    verdicts: dict[str, Mapping[str, str]] = {}
    for kind in ("perfect", "swapped"):
        rows, results = make_rows(seeds=1, manifold=kind, ridge="useless"), Results()
        axis_matrix(results, rows)
        intensity_table(results, rows, ("manifold",))
        for task in (column_task(rows, "emotion"), speaker_task(rows, "sentence")):
            probe_table(results, rows, task, ("manifold",), ["audio"], latents=("shared", "private"))
        claims = decide((*PAPER_CLAIMS, *ADDITIONAL_HYPOTHESES), results)
        verdicts[kind] = {claim.text: claim.verdict for claim in claims}
    perfect, swapped = verdicts["perfect"], verdicts["swapped"]
    axes = "Each axis of the shared latent follows its own attribute more than the other two (RAVDESS)"
    assert perfect[axes] == swapped[axes] == "held"
    dissociation = next(text for text in perfect if text.startswith("Double dissociation"))
    assert (perfect[dissociation], swapped[dissociation]) == ("held", "not held")
    intensity = next(text for text in perfect if text.startswith("Within actor and emotion"))
    assert perfect[intensity] == "held"
    assert "In zero-shot transfer the shared latent is above MVAE" not in perfect  # the study has no transfer
    assert perfect["Training with HSIC lowers the dependence that HSIC measures"] == "not measured"


def test_parts_that_overlap_are_refused() -> None:
    rows = make_rows(manifold="useless")
    fold = Fold(np.arange(3), np.arange(3), np.arange(5))
    with pytest.raises(DataError, match="overlap"):
        replace(rows, folds=[fold, fold])


def test_intervals_of_folds() -> None:
    one = Interval(0.1, 0.0, 0.2, 50, 6)
    both = pooled_interval([one, one])
    assert both.value == pytest.approx(0.1)
    assert both.high - both.low < one.high - one.low
    assert (both.n, both.groups) == (100, 12)


def test_representations_of_a_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    fields = {"modalities": {"text": 4, "audio": 3}, "private": 2, "hidden": (8,), "corpora": ("one", "other")}
    model = MODELS["manifold"](MODELS["manifold"].config_class(**fields)).eval()  # type: ignore[call-arg]
    random = np.random.default_rng(0)
    features = {
        "text": random.normal(size=(9, 4)).astype(np.float32),
        "audio": random.normal(size=(9, 3)).astype(np.float32),
    }
    present = {"text": np.arange(9) > 2, "audio": np.arange(9) < 7}
    representations = represent_rows(model, features, present)
    assert representations.fused.shape == (9, 3)
    assert np.isfinite(representations.fused).all()
    assert representations.rebuilt["text"].shape == (9, 3)
    assert (representations.rebuilt["text"][:3] == 0).all()
    alone = represent_rows(model, features, present, only=["audio"])
    assert np.isnan(alone.fused[7:]).all()
    np.testing.assert_allclose(alone.fused[:3], representations.fused[:3], atol=1e-6)
    np.testing.assert_allclose(alone.fused[:7], representations.affect["audio"][:7], atol=1e-5)
    without = represent_rows(model, {"audio": features["audio"]}, {"audio": present["audio"]})
    np.testing.assert_allclose(without.fused[:7], alone.fused[:7], atol=1e-6)
    path = tmp_path / "representations" / "one.safetensors"
    assert len(Representations.kept(path, 9, lambda: representations)) == 9
    again = Representations.kept(path, 9, lambda: pytest.fail("the representations are there"))
    np.testing.assert_array_equal(again.shared["text"], representations.shared["text"])
    path.write_bytes(b"damaged")
    assert len(Representations.kept(path, 9, lambda: representations)) == 9


N, WIDTH, PAIR = 160, 12, ("audio", "video")


class Linear:
    """Standardised features = shared W + private, and back."""

    def __init__(self) -> None:
        random = np.random.default_rng(3)
        self.weights = {name: random.normal(size=(3, WIDTH)).astype(np.float32) for name in PAIR}

    def standardise(self, name: str, features: Tensor, present: Tensor) -> Tensor:
        return features / 2.0

    def decode(self, name: str, shared: Tensor, private: Tensor) -> Tensor:
        return shared @ torch.from_numpy(self.weights[name]) + private

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        assert not corpus.any()
        return labels


def make_generating(kind: str, private: float = 0.1) -> tuple[EvaluationRows, Linear]:
    """kind: "message", all modalities hold affect; "noise", the shared codes have nothing to do with it."""
    random, model = np.random.default_rng(0), Linear()
    emotion = np.array(EMOTIONS, dtype=object)[np.arange(N) % 4]
    truth = random.normal(size=(4, 3))[np.arange(N) % 4] + 0.3 * random.normal(size=(N, 3))
    table = pd.DataFrame({"corpus": "made up", "person": [f"{row // 10}" for row in range(N)], "emotion": emotion})
    shared, own, features = {}, {}, {}
    for name in PAIR:
        own[name] = (private * random.normal(size=(N, WIDTH)) + 1.0).astype(np.float32)
        features[name] = 2.0 * (truth @ model.weights[name] + own[name]).astype(np.float32)
        message = truth if kind == "message" else random.normal(size=(N, 3))
        shared[name] = message.astype(np.float32)
    present = {name: np.ones(N, bool) for name in PAIR}
    present["video"][-7:] = False
    wide = {name: np.ones((N, 3), np.float32) for name in PAIR}
    fused = truth.astype(np.float32), np.ones((N, 3), np.float32)
    one = Representations(present, shared, wide, *fused, shared=shared, private=own)
    fold = Fold(np.arange(60), np.arange(60, 80), np.arange(80, N))
    outputs = {"manifold": [[one], [one]], "ridge": [[Representations(present, shared, wide, *fused)]]}
    rows = EvaluationRows(
        "trimodal", "made up", table, truth, table["person"].to_numpy(object), [fold], {EVERYTHING: outputs},
        {"manifold": (0, 1), "ridge": ()}, features, present,
    )  # fmt: skip
    return rows, model


def generated(kind: str) -> Results:
    (rows, model), results = make_generating(kind), Results()
    generation_table(results, rows, lambda name: [[model], [model]], ("manifold", "ridge", "absent"), PAIR)
    return results


def test_what_affect_generates_is_found() -> None:
    results = generated("message")
    pairs = [("audio", "video"), ("video", "audio"), (LABELS, "audio"), (LABELS, "video")]
    assert [(row.modality, row.target) for row in results.filter(metric="top_1")] == pairs
    for row in results.filter(metric="top_1"):
        assert row.value > 0.7
    assert all(row.low > 0.5 for row in results.filter(metric="same_emotion_above_chance"))
    assert all(row.value == pytest.approx(1.0, abs=1e-6) for row in results.filter(metric="r2_crossed"))
    assert all(row.low > 0.3 for row in results.filter(metric="r2_gain"))
    chance = {(row.modality, row.target): row.value for row in results.filter(metric="top_10_chance")}
    assert chance["audio", "video"] == pytest.approx(10 / 73, rel=1e-5)  # seven have no video
    assert chance[LABELS, "audio"] == pytest.approx(10 / 80, rel=1e-5)


def test_nothing_is_found_where_the_affect_is_noise() -> None:
    results = generated("noise")

    def of(metric: str) -> Result:
        return get(results, "generation", metric, "trimodal", modality="audio", target="video")

    assert of("top_10_above_chance").low < 0 < of("top_10_above_chance").high
    assert abs(of("same_emotion_above_chance").value) < 0.1
    assert of("r2_own").value < 1.0


def test_the_mean_private_latent_reveals_nothing() -> None:
    """Two rows of the same affect get the same vector, whoever they are."""
    rows, model = make_generating("message")
    one, tested = rows.of("manifold")[0][0], rows.folds[0].test[:5]
    vectors = generate(model, one, rows.features, np.zeros((5, 3)), "audio", tested, rows.folds[0].train)
    np.testing.assert_allclose(vectors.made, np.tile(one.private["audio"][:60].mean(axis=0), (5, 1)), rtol=1e-5)
    np.testing.assert_allclose(vectors.own, 0.0, atol=1e-8)
    assert (vectors.crossed > 0.1).all()


@pytest.mark.parametrize("n", [2, 3, 50])
def test_every_row_gets_the_affect_of_another(n: int) -> None:
    other = other_rows(n)
    assert sorted(other) == list(range(n))
    assert (other != np.arange(n)).all()
