"""Eq. 6's tables on a decoder that is known: what affect makes is found, and nothing where affect is noise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from affectspace.evaluation import Fold, MetricsFile
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.generated_tables import LABELS, _moved_on, generate, generation_table
from affectspace.studies.manifold.panel import Panel

EMOTIONS = ("neutral", "happiness", "sadness", "anger")
N, WIDTH = 160, 12
MODALITIES = ("audio", "video")


class Linear:
    """Standardised features = shared W + private, and back."""

    def __init__(self) -> None:
        random = np.random.default_rng(3)
        self.weights = {name: random.normal(size=(3, WIDTH)).astype(np.float32) for name in MODALITIES}

    def standardise(self, name: str, features: Tensor, present: Tensor) -> Tensor:
        return features / 2.0

    def decode(self, name: str, shared: Tensor, private: Tensor) -> Tensor:
        return shared @ torch.from_numpy(self.weights[name]) + private

    def in_pooled_units(self, labels: Tensor, corpus: Tensor) -> Tensor:
        assert not corpus.any()
        return labels


def make_panel(kind: str, private: float = 0.1) -> tuple[Panel, Linear]:
    """kind: "told", all modalities tell affect; "noise", the shared codes have nothing to do with it."""
    random, model = np.random.default_rng(0), Linear()
    emotion = np.array(EMOTIONS, dtype=object)[np.arange(N) % 4]
    truth = random.normal(size=(4, 3))[np.arange(N) % 4] + 0.3 * random.normal(size=(N, 3))
    table = pd.DataFrame({"corpus": "made up", "person": [f"{row // 10}" for row in range(N)], "emotion": emotion})
    shared, own, features = {}, {}, {}
    for name in MODALITIES:
        own[name] = (private * random.normal(size=(N, WIDTH)) + 1.0).astype(np.float32)
        features[name] = 2.0 * (truth @ model.weights[name] + own[name]).astype(np.float32)
        told = truth if kind == "told" else random.normal(size=(N, 3))
        shared[name] = told.astype(np.float32)
    there = {name: np.ones(N, bool) for name in MODALITIES}
    there["video"][-7:] = False
    wide = {name: np.ones((N, 3), np.float32) for name in MODALITIES}
    codes = Codes(
        there, shared, wide, truth.astype(np.float32), np.ones((N, 3), np.float32), shared=shared, private=own
    )
    fold = Fold(np.arange(60), np.arange(60, 80), np.arange(80, N))
    groups = table["person"].to_numpy(object)
    said: Any = {"manifold": [[codes], [codes]], "ridge": [[Codes(there, shared, wide, truth, wide["audio"])]]}
    seeds = {"manifold": (0, 1), "ridge": ()}
    return Panel("trimodal", "made up", table, truth, groups, [fold], said, seeds, {}, features, there), model


def measured(kind: str) -> MetricsFile:
    panel, model = make_panel(kind)
    metrics = MetricsFile()
    generation_table(metrics, panel, lambda name: [[model], [model]], ("manifold", "ridge", "absent"), MODALITIES)
    return metrics


def test_what_affect_makes_is_found() -> None:
    metrics = measured("told")
    rows = metrics.experiments["trimodal_generated"]
    assert list(rows) == [
        "manifold: audio to video", "manifold: video to audio", f"manifold: {LABELS} to audio", f"manifold: {LABELS} to video"
    ]  # fmt: skip
    for figures in rows.values():
        assert figures["top_1"].value > 0.7  # type: ignore[operator]
        assert figures["same_emotion_above_chance"].low > 0.5  # type: ignore[operator]
        assert figures["r2_crossed"].value == pytest.approx(1.0, abs=1e-6)
        assert figures["r2_gain"].low > 0.3  # type: ignore[operator]
    assert rows["manifold: audio to video"]["top_10_chance"].value == pytest.approx(10 / 73)  # seven have no video
    assert rows[f"manifold: {LABELS} to audio"]["top_10_chance"].value == pytest.approx(10 / 80)


def test_nothing_is_found_where_the_affect_is_noise() -> None:
    figures = measured("noise").experiments["trimodal_generated"]["manifold: audio to video"]
    assert figures["top_10_above_chance"].low < 0 < figures["top_10_above_chance"].high  # type: ignore[operator]
    assert abs(figures["same_emotion_above_chance"].value) < 0.1  # type: ignore[arg-type]
    assert figures["r2_rebuilt"].value < 1.0  # type: ignore[operator]


def test_private_content_does_not_speak() -> None:
    """Two rows of the same affect get the same vector, whoever they are."""
    panel, model = make_panel("told")
    codes, rows = panel.of("manifold")[0][0], panel.folds[0].test[:5]
    made = generate(model, codes, panel.features, np.zeros((5, 3)), "audio", rows, panel.folds[0].train)
    np.testing.assert_allclose(made.made, np.tile(codes.private["audio"][:60].mean(axis=0), (5, 1)), rtol=1e-5)
    np.testing.assert_allclose(made.rebuilt, 0.0, atol=1e-8)
    assert (made.crossed > 0.1).all()


@pytest.mark.parametrize("n", [2, 3, 50])
def test_every_row_gets_another_ones_affect(n: int) -> None:
    other = _moved_on(n)
    assert sorted(other) == list(range(n))
    assert (other != np.arange(n)).all()
