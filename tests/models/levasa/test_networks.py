"""The networks' shapes: the paper's as printed, and ours at every image size."""

import pytest
import torch
from torch import nn

from affectspace.models.levasa.networks import (
    ImageDecoder,
    ImageEncoder,
    ResidualDecoder,
    ResidualEncoder,
    feature_sizes,
    projection_head,
)


def widths(network: nn.Module, kind: type[nn.Module]) -> list[tuple[int, int]]:
    names = ("in_channels", "out_channels") if kind is not nn.Linear else ("in_features", "out_features")
    return [tuple(getattr(layer, name) for name in names) for layer in network.modules() if isinstance(layer, kind)]  # type: ignore[misc]


def test_the_papers_encoder_as_printed() -> None:
    encoder = ImageEncoder(64, 64, 0, (512, 128))
    assert widths(encoder, nn.Conv2d) == [(3, 64), (64, 128), (128, 256), (256, 512)]
    assert widths(encoder, nn.Linear) == [(4608, 512), (512, 128)]
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (2, 2), (0, 0))
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules()) == 4


def test_the_papers_decoder_mirrors_it() -> None:
    decoder = ImageDecoder(64, 64, 0, (512, 128), 96)
    assert widths(decoder, nn.Linear) == [(96, 128), (128, 512), (512, 4608)]
    assert widths(decoder, nn.ConvTranspose2d) == [(512, 256), (256, 128), (128, 64), (64, 3)]


def test_feature_sizes_of_the_paper() -> None:
    assert feature_sizes(64, 0) == [64, 31, 15, 7, 3]
    assert feature_sizes(64, 1) == [64, 32, 16, 8, 4]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", range(32, 129, 16))
def test_any_multiple_of_16_comes_back_in_its_size(size: int, padding: int) -> None:
    encoder, decoder = ImageEncoder(size, 4, padding, (8,)).eval(), ImageDecoder(size, 4, padding, (8,), 5).eval()
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, size, size)).shape == (2, 8)
        image = decoder(torch.randn(2, 5))
    assert image.shape == (2, 3, size, size)
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("width", [4, 6, 18])
@pytest.mark.parametrize("size", range(32, 129, 16))
def test_residual_networks_of_any_size_and_width(size: int, width: int) -> None:
    encoder, decoder = ResidualEncoder(size, width), ResidualDecoder(size, width, 5)
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, size, size)).shape == (2, encoder.outputs)
        image = decoder(torch.randn(2, 5))
    assert image.shape == (2, 3, size, size)
    assert 0 <= image.min() <= image.max() <= 1


def test_a_residual_row_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    encoder, image = ResidualEncoder(32, 8).train(), torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(encoder(image)[:1], encoder(image[:1]), rtol=1e-4, atol=1e-5)


def test_residual_networks_pass_on_the_colours_of_areas() -> None:
    image = torch.rand(2, 3, 32, 32)
    areas = image.unflatten(2, (8, 4)).unflatten(4, (8, 4)).mean(dim=(3, 5))
    passed = ResidualEncoder(32, 8)(image)[:, -3 * 8 * 8 :].unflatten(1, (3, 8, 8))
    torch.testing.assert_close(passed, areas * 2 - 1)
    decoder, code = ResidualDecoder(32, 8, 5), torch.randn(2, 5)
    nn.init.zeros_(decoder.layers[-1].weight)
    nn.init.zeros_(decoder.layers[-1].bias)
    nn.init.zeros_(decoder.coarse[0].weight)
    with torch.no_grad():
        decoder.coarse[0].bias.copy_(torch.tensor([-1.0, 0.0, 2.0]).repeat_interleave(8 * 8))
    colour = torch.tensor([-1.0, 0.0, 2.0]).sigmoid()[None, :, None, None]
    torch.testing.assert_close(decoder(code), colour.expand(2, 3, 32, 32))


def test_every_pixel_reaches_the_code_with_padding() -> None:
    torch.manual_seed(0)  # a unit may be off for one image: over sixteen no pixel is left without effect
    encoder = ImageEncoder(32, 4, 1, (16,)).eval()
    image = torch.rand(16, 3, 32, 32, requires_grad=True)
    encoder(image).sum().backward()
    assert (image.grad.abs().sum(dim=(0, 1)) > 0).all()


def test_projection_heads() -> None:
    code = torch.randn(2, 6)
    assert projection_head("mlp", 6, 4, 3)(code).shape == (2, 3)
    assert any(isinstance(layer, nn.ReLU) for layer in projection_head("mlp", 6, 4, 3).modules())
    linear = projection_head("linear", 6, 4, 1)
    assert isinstance(linear, nn.Linear)
    assert linear(code).shape == (2, 1)
    assert projection_head("identity", 6, 4, 1)(code) is code
