"""The manifold as a model: starts, heads, links, private codes, calibration, representations, saving."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from affectspace.configuration import nested
from affectspace.errors import DataError
from affectspace.models import Ensemble, EnsembleConfig, Manifold, Posterior, training_statistics
from affectspace.models.training_rows import reliability, widening

from .small import EVERYTHING, WIDTHS, make_batch, make_model, prepared


def test_every_weight_that_learns_has_a_gradient() -> None:
    for fields in (
        {},
        EVERYTHING,
        {**EVERYTHING, "private.emotion.kind": "adversarial"},
        {"encoder.layout": "trunk", "encoder.skip.kind": "linear"},
    ):
        model = prepared(**fields)
        model.loss(make_batch(), torch.Generator().manual_seed(0)).total.backward()
        missing = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
        assert not missing


def test_dropout_and_noise_are_functions_of_the_generator() -> None:
    model, batch = (
        prepared(**{"encoder.dropout": 0.3, "inputs.dropout": 0.3, "inputs.modality_dropout": 0.3}),
        make_batch(),
    )
    totals = [model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2)]
    assert totals[0] == totals[1] != totals[2]


def test_the_uncertainty_touches_nothing_but_its_own_head() -> None:
    gradients = []
    for uncertainty in ("head", "constant"):
        model = make_model(uncertainty=uncertainty)
        model.load_state_dict(make_model(uncertainty="constant").state_dict(), strict=False)
        model.loss(make_batch(), torch.Generator().manual_seed(0)).total.backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    heads = {name for name in gradients[0] if "to_deviation" in name}
    assert heads
    assert all(gradients[0][name].abs().sum() > 0 for name in heads)
    for name, gradient in gradients[1].items():
        assert (gradient is None and gradients[0][name] is None) or torch.equal(gradients[0][name], gradient)


def test_the_skip_starts_at_ridge() -> None:
    batch = make_batch(80, seed=1)
    model = prepared(
        **{"encoder.skip.kind": "ridge", "anchors.link": "none", "kl.prior": "standard", "encoder.skip.penalty": 0.3}
    )
    statistics = training_statistics(batch, model.config)
    assert statistics.pooled is not None
    rows = batch.present["text"]
    features = statistics.spaces["text"].standardise(batch.features["text"][rows])
    ridge = statistics.ridge["text"]
    expected = statistics.pooled.mean + statistics.pooled.deviation * (features @ ridge[:, :-1].T + ridge[:, -1])
    torch.testing.assert_close(model.eval().encode("text", features).shared.mean, expected, rtol=1e-4, atol=1e-5)
    assert not model.encoders["text"].skip.weight.requires_grad
    assert prepared(**{"encoder.skip.kind": "linear"}).encoders["text"].skip.weight.requires_grad


def test_the_prior_is_that_of_the_labels() -> None:
    model, batch = prepared(**{"anchors.link": "none"}), make_batch(80, seed=1)
    statistics = training_statistics(batch, model.config)
    torch.testing.assert_close(model.prior_mean, torch.nanmean(batch.affect, dim=0), rtol=1e-4, atol=1e-5)
    covariance = torch.linalg.inv(model.prior_precision)
    torch.testing.assert_close(covariance, statistics.pooled_covariance, rtol=0.03, atol=1e-3)
    assert torch.equal(prepared(**{"kl.prior": "standard"}).prior_precision, torch.eye(3))


def test_private_heads_do_not_see_what_is_erased() -> None:
    model = prepared(**{"private.erasure": "affect"}, categories=("a", "b", "c"))
    erasure = training_statistics(make_batch(80, seed=1), model.config).erasure["text"]
    along = erasure.writing[0] / erasure.writing[0].norm()
    features = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    moved = features + 3.0 * along
    model.eval()
    (shared, private, *_), (shared_moved, private_moved, *_) = (
        model.encode("text", each) for each in (features, moved)
    )
    torch.testing.assert_close(private_moved.mean, private.mean, rtol=1e-4, atol=1e-4)
    assert (shared_moved.mean - shared.mean).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["emotion", "shared", "both"])
def test_private_means_are_projected_after_training(kind: str) -> None:
    model = prepared(**{"private.projection": kind, "private.size": 6}, categories=("neutral", "anger", "calm"))
    train = make_batch(200, seed=5)
    with torch.no_grad():
        before = model.eval().represent(train.features, train.present)
        model.after_training(train, train)
        after = model.represent(train.features, train.present)
        model.after_training(train, train)
        again = model.represent(train.features, train.present)
    rows = train.present["text"]
    torch.testing.assert_close(again.private["text"].mean[rows], after.private["text"].mean[rows])
    shared = before.shared["text"].mean[rows]
    category = train.category[rows]
    known = category >= 0
    indicator = torch.nn.functional.one_hot(category[known], 3).float()

    def covariances(private: torch.Tensor) -> tuple[float, float]:
        of_shared = torch.cov(torch.cat([shared, private], dim=1).T)[:3, 3:]
        of_emotion = torch.cov(torch.cat([indicator, private[known]], dim=1).T)[:3, 3:]
        return of_shared.abs().max().item(), of_emotion.abs().max().item()

    shared_before, emotion_before = covariances(before.private["text"].mean[rows])
    shared_after, emotion_after = covariances(after.private["text"].mean[rows])
    assert (shared_after < 1e-5) == (kind != "emotion")
    assert (emotion_after < 1e-5) == (kind != "shared")
    assert min(shared_before, emotion_before) > 1e-3


def test_corpora_have_their_own_units() -> None:
    model = prepared()
    affect, deviation = torch.zeros(2, 3), torch.ones(2, 3)
    shift, scale = model.links.links()
    predictions, width = model.in_corpus_units(affect, deviation, 1)
    assert torch.equal(predictions, shift[1].expand(2, 3))
    assert torch.equal(width, scale[1].expand(2, 3))
    back = model.in_pooled_units(predictions, torch.tensor([1, 1]))
    torch.testing.assert_close(back, affect, rtol=0, atol=1e-6)


def test_emotions_are_those_of_the_nearest_centres() -> None:
    model = prepared(categories=("a", "b", "c"))
    centres = model.location + model.spread * model.prototypes.centres
    probability = model.emotion_probabilities(centres)
    assert probability.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(probability.sum(dim=1), torch.ones(3))
    with pytest.raises(DataError, match="categories"):
        prepared().emotion_probabilities(centres)


def test_deviations_are_calibrated_on_validation() -> None:
    model, validation = prepared(uncertainty="constant", **{"anchors.link": "none"}), make_batch(300, seed=2)
    model.after_training(make_batch(), validation)
    assert model.training
    with torch.no_grad():
        predictions = model.eval().represent(validation.features, validation.present)
    squares = ((predictions.fused - validation.affect) / predictions.fused_deviation).square()
    assert squares.nanmean().sqrt().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        EVERYTHING,
        {"encoder.layout": "trunk", "encoder.skip.kind": "linear", "encoder.hidden": (6, 5)},
        {"encoder.hidden": ()},
    ],
)
def test_a_saved_model_says_the_same(fields: dict[str, Any], tmp_path: Path) -> None:
    model, batch = prepared(**fields).eval(), make_batch()
    model.after_training(batch, make_batch(60, seed=4))
    model.save_pretrained(tmp_path / "model")
    again = Manifold.from_pretrained(tmp_path / "model")
    assert again.config == model.config
    for one, other in zip(
        vars(model.represent(batch.features, batch.present)).values(),
        vars(again.represent(batch.features, batch.present)).values(),
        strict=True,
    ):
        parts = (list(each.values()) if isinstance(each, dict) else [each] for each in (one, other))
        for mine, theirs in zip(*parts, strict=True):
            tensors = ((p.mean, p.log_variance) if isinstance(p, Posterior) else (p,) for p in (mine, theirs))
            for a, b in zip(*tensors, strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("present", [("text",), ("audio", "video"), ("text", "audio", "video")])
@pytest.mark.parametrize("members", [0, 5])
def test_each_encoder_runs_once_and_absent_modalities_are_not_encoded(members: int, present: tuple[str, ...]) -> None:
    fields = {**EVERYTHING, "prototypes.heads": ("text", "audio"), "modalities": WIDTHS}
    model: Any = (
        prepared(**EVERYTHING, **{"prototypes.heads": ("text", "audio")})
        if not members
        else Ensemble(EnsembleConfig(**nested(fields), members=members))
    )
    passes: Counter[str] = Counter()
    for manifold in getattr(model, "manifolds", [model]):
        for name, encoder in manifold.encoders.items():
            encoder.register_forward_hook(lambda *_, name=name: passes.update([name]))
    batch = make_batch(3)
    features = {name: batch.features[name] for name in present}
    model.eval().represent(features, {name: torch.ones(3, dtype=torch.bool) for name in present})
    assert passes == dict.fromkeys(present, members or 1)
    masks = {name: torch.full((3,), name in present) for name in WIDTHS}
    outputs = model.represent(batch.features, masks)
    assert passes == dict.fromkeys(present, 2 * (members or 1))
    assert outputs.fused.isfinite().all()
    assert all(outputs.affect[name].isnan().all() == (name not in present) for name in WIDTHS)
    torch.testing.assert_close(outputs.log_emotion.exp().sum(dim=1), torch.ones(3))


def test_log_emotion_is_by_the_heads_that_a_row_has_or_by_distance() -> None:
    model, batch = prepared(**EVERYTHING, **{"prototypes.heads": ("text", "audio")}).eval(), make_batch()
    with torch.no_grad():
        outputs = model.represent(batch.features, batch.present)
        encodings = model.encode_present(batch.features, batch.present)
    share = {name: reliability(outputs.distance[name]) for name in ("text", "audio")}
    near = {name: torch.where(batch.present[name], 1 - widening(outputs.distance[name]), 0.0) for name in share}
    nearest = torch.stack(list(near.values())).amax(dim=0)
    by_distance = model.emotion_probabilities(outputs.fused.nan_to_num())
    for row in range(len(batch)):
        heads = [
            share[name][row] * near[name][row] / nearest[row] * encodings[name].log_emotion[row]
            for name in ("text", "audio")
            if batch.present[name][row]
        ]
        expected = torch.stack(heads).sum(dim=0).softmax(dim=0) if heads else by_distance[row]
        torch.testing.assert_close(outputs.log_emotion[row].exp(), expected)
    assert prepared().eval().represent(batch.features, batch.present).log_emotion is None
