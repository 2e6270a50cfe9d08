"""The product of Gaussian experts against its closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectspace.models.product_of_experts import product_of_experts


def experts(count: int, rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, count, rows, 4, generator=generator, dtype=torch.float64).mul(2.0)
    return mean, log_variance, torch.rand(count, rows, generator=generator) < 0.6


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 10_000))
def test_closed_form_with_the_prior(count: int, rows: int, seed: int) -> None:
    mean, log_variance, present = experts(count, rows, seed)
    product = product_of_experts(mean, log_variance, present)
    m, v, there = mean.numpy(), np.exp(log_variance.numpy()), present.numpy()[..., None]
    precision = 1.0 + np.where(there, 1.0 / v, 0.0).sum(axis=0)
    np.testing.assert_allclose(np.exp(product.log_variance.numpy()), 1.0 / precision, rtol=1e-10)
    np.testing.assert_allclose(product.mean.numpy(), np.where(there, m / v, 0.0).sum(axis=0) / precision, rtol=1e-10)


def test_it_is_the_normalised_product_of_the_densities() -> None:
    mean, log_variance, _ = experts(2, 1, 3)
    product = product_of_experts(mean, log_variance, torch.ones(2, 1, dtype=torch.bool))
    grid = np.linspace(-30, 30, 200_001)
    for k in range(4):
        log_density = -0.5 * grid**2
        for expert in range(2):
            log_density -= 0.5 * (grid - mean[expert, 0, k].item()) ** 2 / log_variance[expert, 0, k].exp().item()
        density = np.exp(log_density - log_density.max())
        density /= density.sum()
        centre = density @ grid
        assert product.mean[0, k].item() == pytest.approx(centre, abs=1e-6)
        assert product.log_variance[0, k].exp().item() == pytest.approx(density @ (grid - centre) ** 2, rel=1e-4)


def test_without_an_expert_it_is_the_prior() -> None:
    mean, log_variance, _ = experts(3, 2, 0)
    product = product_of_experts(mean, log_variance, torch.zeros(3, 2, dtype=torch.bool))
    assert product.mean.abs().max() == 0
    assert product.log_variance.abs().max() == 0
    assert product.kl_to_standard().abs().max() == 0


def test_absent_experts_are_never_read() -> None:
    mean, log_variance, _ = experts(2, 3, 1)
    present = torch.tensor([[True, True, False], [True, False, False]])
    broken = [torch.where(present[..., None], values, torch.nan).requires_grad_() for values in (mean, log_variance)]
    product, clean = product_of_experts(*broken, present), product_of_experts(mean, log_variance, present)
    torch.testing.assert_close(product.mean, clean.mean)
    torch.testing.assert_close(product.log_variance, clean.log_variance)
    (product.mean.sum() + product.log_variance.sum()).backward()
    for values in broken:
        assert values.grad[~present].abs().max() == 0
        assert values.grad[present].isfinite().all()


def test_very_sure_and_very_unsure_experts_stay_finite() -> None:
    mean = torch.tensor([[[2.0, 3.0]], [[-1.0, 5.0]]])
    log_variance = torch.tensor([[[-200.0, 200.0]], [[0.0, 200.0]]]).requires_grad_()
    product = product_of_experts(mean, log_variance, torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(product.mean, torch.tensor([[2.0, 0.0]]))
    torch.testing.assert_close(product.log_variance, torch.tensor([[-200.0, 0.0]]))
    (product.mean.sum() + product.log_variance.sum()).backward()
    assert log_variance.grad.isfinite().all()
