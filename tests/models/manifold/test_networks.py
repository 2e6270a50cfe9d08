"""Labels of several corpora in one unit, and back."""

import math

import torch

from affectspace.models.manifold.networks import LabelLinks
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
