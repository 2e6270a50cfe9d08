"""Label links, emotion prototypes and the adversarial probe."""

import math

import pytest
import torch

from affectspace.models.manifold.networks import EmotionProbe, EmotionPrototypes, LabelLinks, class_weights
from affectspace.models.manifold.terms import emotion_error
from affectspace.models.statistics import MIN_DEVIATION, pool_labels

NAN = math.nan


def two_corpora() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    wide, narrow = torch.randn(300, 3, generator=generator) * 0.6, torch.randn(200, 3, generator=generator) * 0.1 + 0.2
    return torch.cat([wide, narrow]), torch.cat([torch.zeros(300), torch.ones(200)]).long()


def prepared(kind: str) -> tuple[LabelLinks, torch.Tensor, torch.Tensor]:
    affect, corpus = two_corpora()
    links = LabelLinks(2, kind)
    links.prepare(pool_labels(affect, corpus, 2, kind), torch.full((3,), 0.3), torch.full((3,), 0.2))
    return links, affect, corpus


def test_pooled_labels_have_one_mean_and_spread_in_every_corpus() -> None:
    affect, corpus = two_corpora()
    pooled = pool_labels(affect, corpus, 2, "affine")
    torch.testing.assert_close(pooled.mean, affect.mean(dim=0))
    torch.testing.assert_close(pooled.deviation, affect.std(dim=0))
    values = pooled.pool(affect, corpus)
    for index in range(2):
        torch.testing.assert_close(values[corpus == index].mean(dim=0), pooled.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(values[corpus == index].std(dim=0), pooled.deviation, rtol=1e-4, atol=1e-5)


def test_without_a_link_labels_stay_and_weights_are_each_corpus_own() -> None:
    links, affect, corpus = prepared("none")
    pooled = pool_labels(affect, corpus, 2, "none")
    assert torch.equal(pooled.pool(affect, corpus), affect)
    assert not list(links.parameters())
    torch.testing.assert_close(links.weights[1], affect[corpus == 1].var(dim=0).reciprocal())


def test_links_start_at_the_labels_moments() -> None:
    links, affect, corpus = prepared("affine")
    shift, scale = links.links()
    latent = pool_labels(affect, corpus, 2, "affine").pool(affect, corpus)
    torch.testing.assert_close(shift[corpus] + scale[corpus] * latent, affect, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shift[-1] + scale[-1] * affect.mean(dim=0), torch.full((3,), 0.3))
    torch.testing.assert_close(scale[-1] * affect.std(dim=0), torch.full((3,), 0.2))


def test_what_all_links_share_is_not_learned() -> None:
    links, _, _ = prepared("affine")
    shift, scale = (value.clone() for value in links.links())
    with torch.no_grad():
        links.shift[:2] += 0.7
        links.log_scale[:2] -= 1.0
    for now, before in zip(links.links(), (shift, scale), strict=True):
        torch.testing.assert_close(now, before)


def test_one_corpus_alone_is_linked_by_the_identity() -> None:
    affect, corpus = two_corpora()
    links = LabelLinks(1, "affine")
    links.prepare(pool_labels(affect, 0 * corpus, 1, "affine"), torch.full((3,), NAN), torch.full((3,), NAN))
    with torch.no_grad():
        links.shift += 1.0
        links.log_scale[0] += 1.0
    shift, scale = links.links()
    torch.testing.assert_close(scale[0], torch.ones(3))
    torch.testing.assert_close(shift[0], torch.zeros(3), rtol=0, atol=1e-6)


def test_missing_axes_and_corpora_and_constant_labels() -> None:
    affect = torch.tensor([[0.1, NAN, 0.5], [0.3, NAN, 0.5], [NAN, NAN, NAN]])
    pooled = pool_labels(affect, torch.tensor([0, 0, 1]), 2, "affine")
    assert pooled.mean.tolist() == [torch.tensor(0.2).item(), 0.0, 0.5]
    assert pooled.deviation[1:].tolist() == [1.0, torch.tensor(MIN_DEVIATION).item()]
    assert pooled.scale[1].tolist() == [1.0, 1.0, 1.0]
    assert pooled.shift[1].tolist() == [0.0, 0.0, 0.0]
    assert pooled.own_deviation.isfinite().all()


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
