"""Diagonal Gaussian posteriors against torch.distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from affectspace.models import Posterior


def make_posterior(rows: int = 5, dimensions: int = 7, seed: int = 0) -> Posterior:
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, rows, dimensions, generator=generator, dtype=torch.float64)
    return Posterior(mean, log_variance)


def test_kl_is_that_of_torch_distributions() -> None:
    posterior = make_posterior()
    reference = kl_divergence(Normal(posterior.mean, (0.5 * posterior.log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(posterior.kl_to_standard(), reference)


def test_kl_of_the_prior_is_zero_and_otherwise_positive() -> None:
    assert Posterior(torch.zeros(2, 3), torch.zeros(2, 3)).kl_to_standard().abs().max() == 0
    assert make_posterior().kl_to_standard().min() > 0


def test_kl_by_hand() -> None:
    posterior = Posterior(torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    assert posterior.kl_to_standard().item() == pytest.approx(2.0)  # mean^2 / 2
    posterior = Posterior(torch.tensor([[0.0]]), torch.log(torch.tensor([[4.0]])))
    assert posterior.kl_to_standard().item() == pytest.approx(0.5 * (4 - 1 - 1.3862943611))


def test_samples_have_the_moments_of_the_posterior() -> None:
    one = make_posterior(rows=1, dimensions=3)
    many = Posterior(one.mean.expand(40_000, -1), one.log_variance.expand(40_000, -1))
    drawn = many.sample(torch.Generator().manual_seed(1))
    spread = (0.5 * one.log_variance[0]).exp()
    assert ((drawn.mean(dim=0) - one.mean[0]).abs() < 5 * spread / 200).all()
    torch.testing.assert_close(drawn.std(dim=0), spread, rtol=0.03, atol=0)


def test_the_same_generator_gives_the_same_sample() -> None:
    posterior = make_posterior()
    first, second = (posterior.sample(torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, posterior.sample(torch.Generator().manual_seed(4)))
    assert first.dtype == torch.float64


def test_gradients_pass_through_a_sample() -> None:
    posterior = make_posterior()
    mean, log_variance = posterior.mean.requires_grad_(), posterior.log_variance.requires_grad_()
    Posterior(mean, log_variance).sample(torch.Generator().manual_seed(0)).sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert log_variance.grad.abs().min() > 0
