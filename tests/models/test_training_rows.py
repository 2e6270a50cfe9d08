"""The range of the training rows, distances from them, and what distant rows get."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from affectspace.models import Ensemble, EnsembleConfig, Manifold, training_statistics
from affectspace.models.manifold.fusion import Calibration
from affectspace.models.manifold.outputs import ModalityOutputs
from affectspace.models.manifold.stacking import fuse
from affectspace.models.new_people import mean_square
from affectspace.models.training_rows import (
    EDGE,
    FADING,
    FAR_EDGE,
    FeatureSpace,
    TrainingRows,
    distance,
    reliability,
    soft_bound,
    widening,
)
from affectspace.prediction.result import UNLIKE
from tests.models.manifold.small import WIDTHS, make_batch, prepared


def correlated(rows: int = 4000, width: int = 50, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=torch.Generator().manual_seed(9)) / math.sqrt(width)
    return 3.0 + 2.0 * torch.randn(rows, width, generator=generator) @ (mixing + torch.eye(width))


def test_bounds_keep_what_is_inside_and_are_smooth() -> None:
    values = torch.linspace(-50, 50, 2001, dtype=torch.float64, requires_grad=True)
    bounded = soft_bound(values, torch.tensor(3.0, dtype=torch.float64))
    inside = values.abs() <= 3
    torch.testing.assert_close(bounded[inside], values[inside])
    assert bounded.abs().max() <= 4
    bounded.sum().backward()
    assert values.grad is not None
    assert values.grad.min() >= 0
    assert values.grad[inside].allclose(torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(soft_bound(values, torch.tensor(math.inf, dtype=torch.float64)), values)


def test_distance_is_mahalanobis_where_all_directions_are_principal() -> None:
    rows = correlated(2000, 12).double()
    space = FeatureSpace.of(rows)
    bounded = space.standardise(rows)
    inverse = torch.linalg.inv(torch.cov(bounded.T, correction=0) + 0.01 * torch.eye(12))
    centred = bounded - bounded.mean(dim=0)
    expected = ((centred @ inverse) * centred).sum(dim=1) / 12
    found = distance(centred.float(), space.directions, space.variances, space.rest)
    torch.testing.assert_close(2 * found.square(), expected.float(), rtol=0.02, atol=0.02)


def test_new_rows_are_typical_and_others_are_far() -> None:
    rows = TrainingRows({"text": 50})
    rows.prepare({"text": FeatureSpace.of(correlated())})
    held_out = rows.distance("text", rows.standardise("text", correlated(500, seed=1)))
    assert held_out.median().item() == pytest.approx(1, abs=0.05)
    assert (held_out < UNLIKE).all()
    shifted = rows.distance("text", rows.standardise("text", correlated(500, seed=1) + 12))
    noise = rows.distance("text", rows.standardise("text", 3 + 20 * torch.randn(500, 50)))
    assert shifted.min() > held_out.max()
    assert (noise > UNLIKE).all()


def test_a_constant_dimension_that_changes_is_far() -> None:
    values = correlated()
    values[:, 7] = 1.5
    rows = TrainingRows({"text": 50})
    rows.prepare({"text": FeatureSpace.of(values)})
    changed = values[:3].clone()
    changed[:, 7] = 90.0
    assert (rows.distance("text", rows.standardise("text", changed)) > rows.distance(
        "text", rows.standardise("text", values[:3])
    )).all()  # fmt: skip


def test_few_rows_have_finite_distances() -> None:
    for number in (1, 2, 5):
        rows = TrainingRows({"text": 50})
        rows.prepare({"text": FeatureSpace.of(correlated(number))})
        assert rows.distance("text", rows.standardise("text", correlated(4, seed=3))).isfinite().all()


def test_new_people_set_what_is_typical() -> None:
    batch = make_batch(200, seed=3, widths={"text": 7})
    rows = TrainingRows({"text": 7})
    rows.prepare({"text": FeatureSpace.of(batch.features["text"])})
    before = rows.get_buffer("typical_text").clone()
    rows.fit_typical(batch)
    torch.testing.assert_close(rows.get_buffer("typical_text"), before, rtol=0.1, atol=0)
    batch.features["text"].mul_(2)
    rows.fit_typical(batch)
    present = batch.features["text"][batch.present["text"]]
    assert rows.distance("text", rows.standardise("text", present)).median().item() == pytest.approx(1, abs=1e-5)
    grown = rows.get_buffer("typical_text").clone()
    rows.fit_typical(batch.take(slice(0, 10)))  # too few
    assert torch.equal(rows.get_buffer("typical_text"), grown)


def test_shares_fall_from_one_to_zero() -> None:
    distances = torch.tensor([0.0, 1.0, EDGE, EDGE + FADING, 1e6])
    torch.testing.assert_close(reliability(distances), torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0]), atol=1e-6, rtol=0)
    assert widening(distances)[:2].tolist() == [0, 0]
    assert (widening(distances).diff() >= 0).all()
    assert widening(distances)[-1] == 1


def test_a_distant_row_is_near_the_mean_of_the_labels_and_as_wide_as_they_are() -> None:
    model, batch = prepared(**{"encoder.skip.kind": "linear"}).eval(), make_batch(60, seed=2)
    model.after_training(make_batch(80, seed=1), make_batch(100, seed=4))
    far = {name: 1e4 * torch.randn(60, width) for name, width in WIDTHS.items()}
    with torch.no_grad():
        near, outputs = model.represent(batch.features, batch.present), model.represent(far, batch.present)
    for name in WIDTHS:
        rows = batch.present[name]
        assert (outputs.distance[name][rows] > near.distance[name][rows].max()).all()
        moved = (outputs.affect[name][rows] - model.location).abs().mean()
        assert (
            moved
            < (model.encode(name, model.standardise(name, far[name][rows])).shared.mean - model.location).abs().mean()
        )
        assert (
            outputs.deviation[name][rows] > 0.9 * widening(outputs.distance[name][rows]).sqrt()[:, None] * model.spread
        ).all()
    assert outputs.fused.nan_to_num().abs().max() <= 1.2


def test_affect_stays_in_range_whatever_comes() -> None:
    model = prepared(**{"encoder.skip.kind": "linear"}).eval()
    torch.nn.init.constant_(model.encoders["text"].skip.weight, 50.0)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        outputs = model.represent({"text": 1e3 * torch.randn(50, 7)}, {"text": torch.ones(50, dtype=torch.bool)})
    assert outputs.affect["text"].abs().max() <= 1.2
    assert outputs.fused.abs().max() <= 1.2


@pytest.mark.parametrize("method", ["precision", "mean", "stacked"])
def test_an_unlike_modality_does_not_outvote_the_other(method: str) -> None:
    affect = {"face": torch.full((2, 3), 0.8), "voice": torch.zeros(2, 3)}
    deviation = {name: torch.full((2, 3), 0.3) for name in affect}
    present = {name: torch.ones(2, dtype=torch.bool) for name in affect}
    far = {"face": torch.ones(2), "voice": torch.tensor([1.0, 40.0])}
    outputs = ModalityOutputs(affect, deviation, distance=far, spread=torch.full((3,), 0.5))
    deviations, fused, _ = Calibration(("face", "voice"), method)(outputs, present)
    torch.testing.assert_close(fused[0], torch.full((3,), 0.4))
    torch.testing.assert_close(fused[1], torch.full((3,), 0.8), atol=0.01, rtol=0)
    assert (deviations["voice"][1] > deviations["voice"][0]).all()
    assert (deviations["face"][1] == deviations["face"][0]).all()


def test_weights_of_a_fusion_are_shares_of_precisions() -> None:
    values = {"a": torch.ones(1, 3), "b": torch.zeros(1, 3)}
    deviation = {"a": torch.full((1, 3), 0.5), "b": torch.full((1, 3), 1.0)}
    present = {name: torch.ones(1, dtype=torch.bool) for name in values}
    fused, *_ = fuse(values, deviation, present, "precision", {"a": torch.tensor([[0.5]]), "b": torch.tensor([[1.0]])})
    torch.testing.assert_close(fused, torch.full((1, 3), 2 / 3))


def test_heads_that_know_nothing_get_one_deviation_and_good_ones_keep_theirs() -> None:
    generator = torch.Generator().manual_seed(0)
    width = 0.1 * torch.exp(0.5 * torch.randn(4000, 3, generator=generator))
    error = width * torch.randn(4000, 3, generator=generator)
    there = {"text": torch.ones(4000, dtype=torch.bool)}
    for head, power in ((width * 3, 1.0), (width.flip(0), 0.0)):
        calibration = Calibration(("text",), "precision")
        calibration.fit(ModalityOutputs({"text": error}, {"text": head}), there, torch.zeros(4000, 3), torch.zeros(3))
        assert calibration.power.tolist() == [[power] * 3]
        found = calibration.calibrated(ModalityOutputs({"text": error}, {"text": head}))["text"]
        assert ((error.abs() < 1.645 * found).float().mean() - 0.9).abs() < 0.02
        rms = error.square().mean(dim=0).sqrt()
        assert (found > 0.4 * rms).all()
        assert (found < 2.5 * rms).all()


def test_few_people_widen_deviations() -> None:
    squares = torch.ones(300)
    alone, ten = mean_square(squares, torch.zeros(300)), mean_square(squares, torch.arange(300) % 10)
    assert mean_square(squares, None) == 1
    assert mean_square(squares, torch.full((300,), -1)) == 1
    assert alone.item() == pytest.approx(1.4)  # as if one of several people whose errors differ by .4
    assert 1 < ten < 1.1
    people = torch.arange(2000) % 200
    own = 1 + 0.5 * torch.from_numpy(np.random.default_rng(0).standard_normal(200)).float()
    expected = own.mean() + own.std() / math.sqrt(200)
    torch.testing.assert_close(mean_square(own[people], people), expected, rtol=0.002, atol=0)


@pytest.mark.parametrize("kind", ["manifold", "ensemble"])
def test_a_model_of_an_earlier_version_loads_and_is_neither_bounded_nor_widened(kind: str, tmp_path: Path) -> None:
    model: Manifold | Ensemble = prepared()
    if kind == "ensemble":
        model = Ensemble(EnsembleConfig(**prepared().config.model_dump(exclude={"kind"}), members=2))
        model.prepare(training_statistics(make_batch(80, seed=1), model.config))
    model.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    new = ("bound_", "centre_", "directions_", "variances_", "rest_", "typical_", "edge")
    heads = ("reference", "power", "narrowest", "widest")
    tensors = {
        name: value
        for name, value in load_file(path).items()
        if not ("statistics." in name and name.rpartition(".")[2].startswith(new))
        and not ("calibration." in name and name.rpartition(".")[2] in heads)
    }
    save_file(tensors, path)
    earlier, batch = type(model).from_pretrained(tmp_path / "model"), make_batch()
    assert earlier.statistics.edge == pytest.approx(FAR_EDGE)
    outputs = earlier.represent({name: 5 * values for name, values in batch.features.items()}, batch.present)
    assert all((values == 0).all() for values in outputs.distance.values())
    scaled = earlier.standardise("text", torch.full((1, 7), 1e3))
    torch.testing.assert_close(
        scaled, (1e3 - earlier.statistics.get_buffer("mean_text")[None]) / earlier.statistics.get_buffer("scale_text")
    )
