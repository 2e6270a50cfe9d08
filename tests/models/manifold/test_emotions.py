"""Prototypes, class weights and the two penalties on emotion in a private latent."""

import math

import pytest
import torch

from affectspace.models.manifold.networks import EmotionProbe, EmotionPrototypes, class_weights
from affectspace.models.manifold.penalties import emotion_correlation, emotion_dependence
from affectspace.models.manifold.terms import emotion_error


def test_balanced_weights_make_every_emotion_count_alike() -> None:
    count = torch.tensor([10.0, 30.0, 0.0])
    weights = class_weights(count, "balanced")
    assert (weights * count).tolist() == [20.0, 20.0, 0.0]
    assert class_weights(count, "none").tolist() == [1.0, 1.0, 1.0]
    assert class_weights(torch.zeros(3), "balanced").tolist() == [1.0, 1.0, 1.0]


def test_prototypes_are_a_softmax_of_squared_distances() -> None:
    prototypes = EmotionPrototypes(3)
    prototypes.centres.copy_(torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [math.nan, 0.0, 0.0]]))
    with torch.no_grad():
        prototypes.log_temperature.fill_(math.log(2.0))
    probability = prototypes(torch.tensor([[1.0, 0.0, 0.0], [0.0, 5.0, 5.0]])).softmax(dim=1)
    assert probability[0].tolist() == pytest.approx([1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2)), 0])
    assert probability[1].tolist() == pytest.approx([0.5, 0.5, 0])


def test_the_temperature_learns() -> None:
    prototypes = EmotionPrototypes(2)
    prototypes.centres.copy_(torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]))
    usable = torch.ones(2, dtype=torch.bool)
    part = emotion_error(prototypes(torch.tensor([[0.5, 0.0, 0.0]])), torch.tensor([0]), torch.ones(2), usable)
    part.values.sum().backward()
    assert prototypes.log_temperature.grad is not None
    assert prototypes.log_temperature.grad > 0  # a sharper softmax would fit this row better


def test_rows_without_a_usable_emotion_do_not_count() -> None:
    logits = torch.zeros(3, 2)
    part = emotion_error(logits, torch.tensor([0, -1, 1]), torch.tensor([2.0, 1.0]), torch.tensor([True, False]))
    assert part.known is not None
    assert part.known.tolist() == [True, False, False]
    assert part.values[0].item() == pytest.approx(2 * math.log(2))


def test_emotion_correlation_is_zero_only_where_no_mean_differs() -> None:
    generator = torch.Generator().manual_seed(0)
    category = torch.arange(600) % 3
    private = torch.randn(600, 4, generator=generator)
    means = torch.stack([private[category == index].mean(dim=0) for index in range(3)])
    clean = private - means[category]
    assert emotion_correlation(clean, category, 3) < 1e-10
    assert emotion_correlation(clean + category[:, None], category, 3) > 0.1
    unknown = torch.cat([category, torch.full((50,), -1)])
    more = torch.cat([clean, torch.full((50, 4), 7.0)])
    torch.testing.assert_close(emotion_correlation(more, unknown, 3), emotion_correlation(clean, category, 3))


def test_emotion_dependence_sees_more_than_means() -> None:
    generator = torch.Generator().manual_seed(0)
    category = torch.arange(600) % 2
    private = torch.randn(600, 1, generator=generator) * (1 + 4 * category[:, None])
    private = private - torch.stack([private[category == index].mean(dim=0) for index in range(2)])[category]
    shuffled = category[torch.randperm(600, generator=generator)]
    assert emotion_correlation(private, category, 2) < 1e-10
    assert emotion_dependence(private, category, 2) > 5 * emotion_dependence(private, shuffled, 2)


def test_no_emotion_in_the_batch_costs_nothing() -> None:
    private = torch.ones(4, 3, requires_grad=True)
    value = emotion_correlation(private, torch.full((4,), -1), 3)
    value.backward()
    assert value == 0


def test_the_probe_learns_and_the_encoder_unlearns() -> None:
    probe = EmotionProbe(3, 2)
    private = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plain = torch.autograd.grad(probe.layers(private).square().sum(), private)[0]
    loss = probe(private, 0.5).square().sum()
    loss.backward()
    torch.testing.assert_close(private.grad, -0.5 * plain)
    weight = probe.layers[0].weight
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0
