"""The terms of the manifold's objective against references."""

import math

import numpy as np
import pytest
import torch

from affectspace.evaluation.metrics import concordance
from affectspace.models.base import Posterior, warmed
from affectspace.models.manifold.terms import (
    Part,
    anchor_error,
    discordance,
    emotion_error,
    gaussian_kl,
    gaussian_nll,
    reconstruction_error,
    reduce,
    without_value,
)

NAN = math.nan


def test_the_papers_reduction_sums_means_and_the_default_is_one_mean() -> None:
    rows = Part(torch.tensor([1.0, 3.0]))
    columns = Part(
        torch.tensor([[2.0, 5.0], [4.0, 7.0], [9.0, 9.0]]), torch.tensor([[True, True], [True, False], [False, False]])
    )
    assert reduce([rows, columns], "paper") == 2.0 + 3.0 + 5.0
    assert reduce([rows, columns], "default") == pytest.approx((1 + 3 + 2 + 4 + 5) / 5)


@pytest.mark.parametrize("reduction", ["paper", "default"])
def test_nothing_known_is_zero_with_a_gradient(reduction: str) -> None:
    values = torch.ones(2, 3, requires_grad=True)
    value = reduce([Part(values, torch.zeros(2, 3, dtype=torch.bool)), Part(values[:0])], reduction)
    value.backward()
    assert value == 0
    assert values.grad is not None
    assert (values.grad == 0).all()


def test_reconstruction_is_a_sum_over_the_width() -> None:
    assert reconstruction_error(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])).tolist() == [5.0]


def test_the_kl_is_that_of_torchs_gaussians() -> None:
    generator = torch.Generator().manual_seed(0)
    posterior = Posterior(torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator))
    root = torch.randn(3, 3, generator=generator)
    mean, covariance = torch.randn(3, generator=generator), root @ root.T + torch.eye(3)
    q = torch.distributions.MultivariateNormal(posterior.mean, torch.diag_embed(posterior.log_variance.exp()))
    p = torch.distributions.MultivariateNormal(mean, covariance)
    expected = torch.distributions.kl_divergence(q, p)
    torch.testing.assert_close(
        gaussian_kl(posterior, mean, torch.linalg.inv(covariance), -torch.logdet(covariance)), expected
    )
    standard = gaussian_kl(posterior, torch.zeros(3), torch.eye(3), torch.zeros(()))
    torch.testing.assert_close(standard, posterior.kl_to_standard().sum(dim=1))


def test_an_axis_without_a_label_does_not_count() -> None:
    part = anchor_error(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.0, NAN, 1.0]]), torch.tensor([1.0, 1.0, 0.5]))
    assert part.known is not None
    assert part.known.tolist() == [[True, False, True]]
    assert part.values[part.known].tolist() == [1.0, 2.0]


def test_discordance_is_one_minus_the_concordance_of_labelled_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    code, target = torch.randn(20, 3, generator=generator), torch.randn(20, 3, generator=generator)
    target = target + code
    target[:5, 1] = NAN
    target[1:, 2] = NAN
    part = discordance(code, target)
    assert part.known is not None
    assert part.known.tolist() == [[True, True, False]]
    for axis, rows in ((0, slice(None)), (1, slice(5, None))):
        expected = 1 - concordance(target[rows, axis].numpy().astype(float), code[rows, axis].numpy().astype(float))
        assert part.values[0, axis].item() == pytest.approx(expected, abs=1e-5)


def test_the_likelihood_is_torchs_and_leaves_the_mean_alone() -> None:
    mean = torch.tensor([[0.2, -0.1, 0.4]], requires_grad=True)
    log_deviation = torch.tensor([[0.1, -0.5, 0.3]], requires_grad=True)
    target = torch.tensor([[0.5, 0.3, NAN]])
    part = gaussian_nll(mean, log_deviation, target)
    expected = -torch.distributions.Normal(mean, log_deviation.exp()).log_prob(target.nan_to_num())
    assert part.known is not None
    torch.testing.assert_close(part.values[part.known], expected[part.known])
    part.values.sum().backward()
    assert mean.grad is None
    assert log_deviation.grad is not None
    assert log_deviation.grad.isfinite().all()


def test_a_term_without_value_keeps_its_gradient() -> None:
    weight = torch.tensor(3.0, requires_grad=True)
    term = without_value(weight**2)
    term.backward()
    assert term == 0
    assert weight.grad == 6.0


def test_a_weight_is_warmed() -> None:
    assert np.allclose([warmed(step, 0.2) for step in (0.0, 0.1, 0.2, 1.0)], [0, 0.5, 1, 1])
    assert warmed(0.0, 0.0) == 1.0


def test_rows_without_a_usable_emotion_do_not_count() -> None:
    logits = torch.zeros(3, 2)
    part = emotion_error(logits, torch.tensor([0, -1, 1]), torch.tensor([2.0, 1.0]), torch.tensor([True, False]))
    assert part.known is not None
    assert part.known.tolist() == [True, False, False]
    assert part.values[0].item() == pytest.approx(2 * math.log(2))
