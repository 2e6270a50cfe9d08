"""Convolutional encoder and decoder of images, and the projection heads of the latent chunks."""

from itertools import pairwise
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONVOLUTIONS = 4
COARSE = 8  # pixels per side of the image that residual networks pass on as it is


def feature_sizes(image_size: int, padding: int) -> list[int]:
    """Return the height of the feature map before and after each of the four stride-2 convolutions of kernel 3."""
    sizes = [image_size]
    for _ in range(CONVOLUTIONS):
        sizes.append((sizes[-1] + 2 * padding - 3) // 2 + 1)
    return sizes


class ImageEncoder(nn.Module):
    """(batch, 3, size, size) in [0, 1] -> (batch, outputs).

    Four convolutions (kernel 3, stride 2, batch norm, ReLU) of width, 2, 4 and 8 times width, then optional linear layers.
    With width 64, no padding and hidden (512, 128) it is LeVAsa's: 3-64-128-256-512, 4608-512-128.
    outputs : dimensions of the result
    """

    def __init__(self, image_size: int, width: int, padding: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for factor in (1, 2, 4, 8):
            layers += [
                nn.Conv2d(channels, width * factor, 3, stride=2, padding=padding, bias=False),
                nn.BatchNorm2d(width * factor),
                nn.ReLU(inplace=True),
            ]
            channels = width * factor
        layers.append(nn.Flatten())
        inputs = channels * feature_sizes(image_size, padding)[-1] ** 2
        for outputs in hidden:
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.outputs = inputs

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


class ImageDecoder(nn.Module):
    """(batch, latent) -> (batch, 3, size, size) in [0, 1]: the mirrored encoder with a sigmoid at the end."""

    def __init__(self, image_size: int, width: int, padding: int, hidden: tuple[int, ...], latent: int) -> None:
        super().__init__()
        sizes = feature_sizes(image_size, padding)[::-1]
        channels = width * 8
        layers: list[nn.Module] = []
        inputs = latent
        for outputs in (*reversed(hidden), channels * sizes[0] ** 2):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.Unflatten(1, (channels, sizes[0], sizes[0])))
        for index, factor in enumerate((4, 2, 1, 0)):
            outputs = width * factor or 3
            missing = sizes[index + 1] - ((sizes[index] - 1) * 2 - 2 * padding + 3)
            last = factor == 0
            layers.append(
                nn.ConvTranspose2d(channels, outputs, 3, 2, padding, output_padding=missing, bias=last),
            )
            layers += [nn.Sigmoid()] if last else [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            channels = outputs
        self.layers = nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code)


def areas(image: Tensor) -> Tensor:
    """Reduce images to 8 x 8 pixels, each the mean of its area: (batch, 3, size, size) -> (batch, 3, 8, 8)."""
    return F.adaptive_avg_pool2d(image, COARSE)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 with group normalisation before each, added to the input; the size stays."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.GroupNorm(_groups(inputs), inputs), nn.SiLU(inplace=True), nn.Conv2d(inputs, outputs, 3, padding=1)),
            *(
                nn.GroupNorm(_groups(outputs), outputs),
                nn.SiLU(inplace=True),
                nn.Conv2d(outputs, outputs, 3, padding=1),
            ),
        )
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.skip(image) + self.layers(image)


def _groups(channels: int) -> int:
    """Number of groups of a normalisation: of at least four channels each, eight at most."""
    return gcd(channels, max(channels // 4, 1), 8)


def _widths(image_size: int, width: int) -> list[int]:
    """Channels at each size from half the image's down to 4 pixels or an odd number: `width`, then 2 and 4 times that."""
    halvings = 0
    while image_size % 2 == 0 and image_size > 4:
        image_size, halvings = image_size // 2, halvings + 1
    return [width * min(2**stage, 4) for stage in range(halvings)]


class ResidualEncoder(nn.Module):
    """(batch, 3, size, size) in [0, 1] -> (batch, outputs): a convolution of stride 2, then residual blocks and halvings.

    The image itself, reduced to 8 x 8 pixels, is part of the result: colours of large areas are learned at once.

    outputs : dimensions of the result
    """

    def __init__(self, image_size: int, width: int) -> None:
        super().__init__()
        widths = _widths(image_size, width)
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, stride=2, padding=1), ResidualBlock(widths[0], widths[0])]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), ResidualBlock(outputs, outputs)]
        layers += [nn.GroupNorm(_groups(widths[-1]), widths[-1]), nn.SiLU(inplace=True), nn.Flatten()]
        self.layers = nn.Sequential(*layers)
        self.outputs = widths[-1] * (image_size // 2 ** len(widths)) ** 2 + 3 * COARSE**2

    def forward(self, image: Tensor) -> Tensor:
        image = image * 2.0 - 1.0
        return torch.cat([self.layers(image), areas(image).flatten(1)], dim=1)


class ResidualDecoder(nn.Module):
    """(batch, latent) -> (batch, 3, size, size) in [0, 1]: residual blocks, each followed by up-sampling and a convolution.

    A linear map of the code, 8 x 8 pixels enlarged, is added before the sigmoid; the blocks draw what it lacks.

    aligned : the first dimensions of the code, z_v and z_a; the linear map does not see them, as no colour depends on them
    """

    def __init__(self, image_size: int, width: int, latent: int, aligned: int = 0) -> None:
        super().__init__()
        widths = _widths(image_size, width)[::-1]
        smallest = image_size // 2 ** len(widths)
        layers: list[nn.Module] = [
            nn.Linear(latent, widths[0] * smallest**2),
            nn.Unflatten(1, (widths[0], smallest, smallest)),
            ResidualBlock(widths[0], widths[0]),
        ]
        for inputs, outputs in pairwise(widths):
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(inputs, outputs, 3, padding=1),
                ResidualBlock(outputs, outputs),
            ]
        layers += [nn.GroupNorm(_groups(widths[-1]), widths[-1]), nn.SiLU(inplace=True)]
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(widths[-1], 3, 3, padding=1)]
        self.layers = nn.Sequential(*layers)
        self.aligned = aligned
        self.coarse = nn.Sequential(nn.Linear(latent - aligned, 3 * COARSE**2), nn.Unflatten(1, (3, COARSE, COARSE)))

    def forward(self, code: Tensor) -> Tensor:
        detail = self.layers(code)
        coarse = F.interpolate(
            self.coarse(code[:, self.aligned :]), size=detail.shape[-2:], mode="bilinear", align_corners=False
        )
        return (detail + coarse).sigmoid()


def projection_head(kind: str, inputs: int, hidden: int, outputs: int) -> nn.Module:
    """Make h_v or h_a (Eq. 2): "mlp" (the paper's non-linear head), "linear", or "identity" (the authors' notebooks)."""
    if kind == "identity":
        return nn.Identity()
    if kind == "linear":
        return nn.Linear(inputs, outputs)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
