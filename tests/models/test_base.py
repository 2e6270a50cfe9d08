"""Posteriors against torch.distributions, the product of experts, saving and loading."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from affectspace.errors import ConfigError, RunError
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa, LevasaConfig, Posterior, gaussian_noise
from affectspace.models.base import product_of_experts

SMALL = {"image_size": 32, "width": 4, "hidden": (16,), "chunk": 4}


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
    drawn = many.sample(gaussian_noise(torch.Generator().manual_seed(1)))
    spread = (0.5 * one.log_variance[0]).exp()
    assert ((drawn.mean(dim=0) - one.mean[0]).abs() < 5 * spread / 200).all()
    torch.testing.assert_close(drawn.std(dim=0), spread, rtol=0.03, atol=0)


def test_the_same_generator_gives_the_same_sample() -> None:
    posterior = make_posterior()
    first, second = (posterior.sample(gaussian_noise(torch.Generator().manual_seed(3))) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, posterior.sample(gaussian_noise(torch.Generator().manual_seed(4))))
    assert first.dtype == torch.float64


def test_gradients_pass_through_a_sample() -> None:
    posterior = make_posterior()
    mean, log_variance = posterior.mean.requires_grad_(), posterior.log_variance.requires_grad_()
    Posterior(mean, log_variance).sample(gaussian_noise(torch.Generator().manual_seed(0))).sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert log_variance.grad.abs().min() > 0


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


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Levasa, Path]:
    model = Levasa(LevasaConfig(**SMALL, alignment="discrete", level_low=-9))
    model.train().encode(torch.rand(4, 3, 32, 32))  # moves the statistics of batch norm
    folder = tmp_path / "model"
    model.eval().save_pretrained(folder)
    return model, folder


def test_outputs_and_configuration_come_back(saved: tuple[Levasa, Path]) -> None:
    model, folder = saved
    loaded = Levasa.from_pretrained(folder)
    assert loaded.config == model.config
    assert not loaded.training
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.encode(image).mean, model.encode(image).mean)
        code = model.encode(image).mean
        assert torch.equal(loaded.decode(code), model.decode(code))
        assert torch.equal(loaded.read_affect(code), model.read_affect(code))


def test_channels_last_weights_are_saved_as_they_are(saved: tuple[Levasa, Path], tmp_path: Path) -> None:
    model, _ = saved
    model.to(memory_format=torch.channels_last).save_pretrained(tmp_path / "turned")
    loaded = Levasa.from_pretrained(tmp_path / "turned")
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_nothing_is_pickled_and_nothing_partial_is_left(saved: tuple[Levasa, Path]) -> None:
    names = {path.name for path in saved[1].iterdir()}
    assert {"config.json", "model.safetensors"} <= names <= {"config.json", "model.safetensors", "README.md"}
    assert json.loads((saved[1] / "config.json").read_text(encoding="utf-8"))["kind"] == "levasa"


def test_a_model_of_another_kind_is_refused(saved: tuple[Levasa, Path]) -> None:
    with pytest.raises(RunError, match="holds a model of kind 'levasa', not 'classifier'"):
        EmotionClassifier.from_pretrained(saved[1])


def test_an_unknown_key_is_refused(saved: tuple[Levasa, Path]) -> None:
    path = saved[1] / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**fields, "colour": "blue"}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.json.*\n?colour"):
        Levasa.from_pretrained(saved[1])


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved: tuple[Levasa, Path], name: str, capfd: pytest.CaptureFixture[str]) -> None:
    (saved[1] / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing; save or train it again"):
        Levasa.from_pretrained(saved[1])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", [b'{"kind": "lev', b"[1]", b"\xff"])
def test_a_damaged_config_is_named(saved: tuple[Levasa, Path], content: bytes) -> None:
    (saved[1] / "config.json").write_bytes(content)
    with pytest.raises(RunError, match=r"config\.json is .*damaged .*; save or train the model again"):
        Levasa.from_pretrained(saved[1])


def test_a_classifier_comes_back(tmp_path: Path) -> None:
    config = ClassifierConfig(image_size=32, width=4, hidden=(16,), categories=("neutral", "anger"))
    model = EmotionClassifier(config).eval()
    model.save_pretrained(tmp_path)
    image = torch.rand(2, 3, 32, 32)
    loaded = EmotionClassifier.from_pretrained(tmp_path)
    assert loaded.config == config
    assert torch.equal(loaded(image), model(image))
