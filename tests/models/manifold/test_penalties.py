"""Each penalty on a dependent, an independent and a degenerate pair of latents."""

import math
from collections.abc import Callable

import pytest
import torch

from affectspace.models.manifold.penalties import (
    correlation_penalty,
    covariance_penalty,
    cross_covariance,
    emotion_correlation,
    emotion_dependence,
    gaussian_kernel,
    hsic_penalty,
)

Penalty = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


PENALTIES = [covariance_penalty, correlation_penalty, hsic_penalty]


def latents(rows: int = 400, dimensions: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, generator=generator), torch.randn(rows, dimensions, generator=generator)


def test_the_cross_covariance_is_equation_8() -> None:
    first, second = latents(7)
    both = torch.cov(torch.cat([first, second], dim=1).T)
    torch.testing.assert_close(cross_covariance(first, second), both[:3, 3:])
    torch.testing.assert_close(covariance_penalty(first, second), both[:3, 3:].square().sum())


def test_the_correlation_is_that_of_the_columns() -> None:
    first, second = latents(9)
    both = torch.corrcoef(torch.cat([first, second], dim=1).T)
    torch.testing.assert_close(correlation_penalty(first, second), both[:3, 3:].square().mean())


@pytest.mark.parametrize("penalty", PENALTIES)
def test_dependent_latents_cost_more_than_independent_ones(penalty: Penalty) -> None:
    first, second = latents()
    dependent = torch.cat([first, second[:, 3:]], dim=1)
    assert penalty(first, dependent) > 5 * penalty(first, second) > 0


def test_hsic_of_a_latent_with_itself_is_one() -> None:
    first, _ = latents(50)
    torch.testing.assert_close(hsic_penalty(first, first), torch.tensor(1.0))
    torch.testing.assert_close(hsic_penalty(first, 3.0 * first + 1.0), torch.tensor(1.0))


def test_only_hsic_sees_a_square() -> None:
    first, _ = latents(1000)
    square = first.square()
    permuted = square[torch.randperm(1000, generator=torch.Generator().manual_seed(1))]
    assert hsic_penalty(first, square) > 10 * hsic_penalty(first, permuted)
    for blind in (covariance_penalty, correlation_penalty):
        assert blind(first, square) < 0.1


def test_shrinking_lowers_only_the_covariance() -> None:
    first, second = latents()
    dependent = first + 0.5 * second[:, :3]
    small = 0.1 * dependent
    torch.testing.assert_close(covariance_penalty(first, small), 0.01 * covariance_penalty(first, dependent))
    for honest in (correlation_penalty, hsic_penalty):
        torch.testing.assert_close(honest(first, small), honest(first, dependent), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_cost_nothing(penalty: Penalty, rows: int) -> None:
    first, second = (latent.requires_grad_() for latent in latents(rows))
    value = penalty(first, second)
    value.backward()
    assert value == 0
    assert second.grad is not None
    assert (second.grad == 0).all()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("rows", [2, 6])
def test_a_constant_latent_has_a_finite_penalty_and_gradient(penalty: Penalty, rows: int) -> None:
    first, _ = latents(rows)
    constant = torch.ones(rows, 5, requires_grad=True)
    value = penalty(first, constant)
    value.backward()
    assert constant.grad is not None
    assert constant.grad.isfinite().all()
    assert value < 1e-6


def test_a_floor_silences_a_collapsed_dimension() -> None:
    first, _ = latents()
    collapsed = 1e-3 * first
    assert correlation_penalty(first, collapsed) > 0.3
    assert correlation_penalty(first, collapsed, 0.0, 0.01) < 1e-4


def test_the_kernel_has_the_median_distance_as_its_width() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0]])  # squared distances 1, 4, 9
    kernel = gaussian_kernel(points)
    assert kernel.diagonal().tolist() == [1.0, 1.0, 1.0]
    assert kernel[0, 1].item() == pytest.approx(math.exp(-1 / 8))


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
