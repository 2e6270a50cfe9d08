"""Ensembles of manifolds: means, spreads, members trained together or apart, saving."""

from pathlib import Path

import pytest
import torch

from affectspace.configuration import nested
from affectspace.data.batches import Batch
from affectspace.errors import ConfigError
from affectspace.models import Ensemble, EnsembleConfig, Manifold, ManifoldConfig, training_statistics

WIDTHS = {"text": 6, "audio": 4}
SETTINGS = {
    "modalities": WIDTHS,
    "encoder.hidden": (5,),
    "private.size": 3,
    "encoder.skip.kind": "none",
    "categories": ("a", "b"),
}


def make_batch(rows: int = 60, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    features = {name: torch.randn(rows, width, generator=generator) for name, width in WIDTHS.items()}
    present = {name: torch.rand(rows, generator=generator) > 0.2 for name in WIDTHS}
    affect = 0.2 * torch.randn(rows, 3, generator=generator)
    category = torch.randint(0, 2, (rows,), generator=generator)
    return Batch(features, present, affect, affect, category, torch.zeros(rows, dtype=torch.long))


def make_ensemble(members: int = 3) -> Ensemble:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ensemble = Ensemble(EnsembleConfig(**nested(SETTINGS), members=members))
    ensemble.prepare(training_statistics(make_batch(), ensemble.config))
    return ensemble.eval()


def test_affect_is_the_members_mean_and_their_spread_widens_it() -> None:
    ensemble, batch = make_ensemble(), make_batch()
    with torch.no_grad():
        outputs = ensemble.represent(batch.features, batch.present)
        each = [member.represent(batch.features, batch.present) for member in ensemble.manifolds]
    means = torch.stack([one.affect["text"] for one in each])
    torch.testing.assert_close(outputs.affect["text"], means.mean(dim=0))
    variance = each[0].deviation["text"].square() + means.var(dim=0, correction=0)
    torch.testing.assert_close(outputs.deviation["text"].square(), variance)
    assert torch.equal(outputs.private["audio"].mean, each[0].private["audio"].mean)


def test_one_member_is_that_manifold() -> None:
    ensemble, batch = make_ensemble(1), make_batch()
    outputs, alone = (model.represent(batch.features, batch.present) for model in (ensemble, ensemble.manifolds[0]))
    torch.testing.assert_close(outputs.fused, alone.fused, equal_nan=True)
    torch.testing.assert_close(outputs.affect["text"], alone.affect["text"])


def test_members_learn_apart() -> None:
    ensemble, batch = make_ensemble(2), make_batch()
    ensemble.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    together = ensemble.manifolds[0].encoders["text"].to_private.weight.grad
    alone = make_ensemble(2).manifolds[0]
    alone.loss(batch, torch.Generator().manual_seed(0)).total.backward()
    torch.testing.assert_close(together, alone.encoders["text"].to_private.weight.grad / 2)


def test_deviations_are_calibrated_as_an_ensemble() -> None:
    ensemble, validation = make_ensemble(), make_batch(400, seed=1)
    ensemble.after_training(make_batch(), validation)
    with torch.no_grad():
        outputs = ensemble.represent(validation.features, validation.present)
    squares = ((outputs.fused - validation.affect) / outputs.fused_deviation).square()
    assert squares.nanmean().sqrt().item() == pytest.approx(1, abs=0.05)


def test_manifolds_trained_apart_make_an_ensemble() -> None:
    config, batch = ManifoldConfig(**nested(SETTINGS)), make_batch()
    members = [Manifold(config).eval() for _ in range(2)]
    statistics = training_statistics(batch, config)
    for member in members:
        member.prepare(statistics)
    ensemble = Ensemble.of(members)
    outputs = ensemble.represent(batch.features, batch.present).affect["audio"]
    each = [member.represent(batch.features, batch.present).affect["audio"] for member in members]
    torch.testing.assert_close(outputs, (each[0] + each[1]) / 2)
    with pytest.raises(ConfigError, match="same configuration"):
        Ensemble.of([members[0], Manifold(ManifoldConfig(**nested({**SETTINGS, "private.size": 2})))])


def test_a_saved_ensemble_says_the_same(tmp_path: Path) -> None:
    ensemble, batch = make_ensemble(2), make_batch()
    ensemble.save_pretrained(tmp_path)
    again = Ensemble.from_pretrained(tmp_path)
    outputs, then = (model.represent(batch.features, batch.present) for model in (ensemble, again))
    assert torch.equal(outputs.affect["text"], then.affect["text"])
    assert torch.equal(outputs.fused_deviation.nan_to_num(), then.fused_deviation.nan_to_num())


def test_emotions_and_units_are_the_members_means() -> None:
    ensemble = make_ensemble(2)
    affect = torch.tensor([[0.1, 0.0, -0.1]])
    probability = ensemble.emotion_probabilities(affect)
    each = [member.emotion_probabilities(affect) for member in ensemble.manifolds]
    torch.testing.assert_close(probability, (each[0] + each[1]) / 2)
    outputs, width = ensemble.in_corpus_units(affect, affect.abs(), 0)
    torch.testing.assert_close(outputs, affect)
    torch.testing.assert_close(width, affect.abs())
