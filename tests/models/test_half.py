"""Models with weights of 16 bits."""

from pathlib import Path

import pytest
import torch

from affectspace.errors import RunError
from affectspace.models import Levasa, LevasaConfig


def test_a_model_of_16_bits_is_half_as_large_and_computes_nearly_the_same(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Levasa(LevasaConfig(image_size=32, width=16, network="residual", chunk=4, rest=16)).eval()
    model.save_pretrained(tmp_path / "whole")
    model.save_half(tmp_path / "half")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.05)
    half = Levasa.from_pretrained(tmp_path / "half")
    for name, weight in model.state_dict().items():
        assert half.state_dict()[name].dtype == weight.dtype
        torch.testing.assert_close(half.state_dict()[name], weight, rtol=1e-3, atol=1e-6)
    codes = torch.randn(4, model.latent, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model.decode(codes), half.decode(codes), rtol=0, atol=2e-3)


@pytest.mark.parametrize("value", [1e6, float("nan"), float("-inf")])
def test_a_weight_that_16_bits_cannot_hold_is_refused(tmp_path: Path, value: float) -> None:
    model = Levasa(LevasaConfig(image_size=32, width=4))
    name, weight = next(iter(model.named_parameters()))
    weight.data.flatten()[0] = value
    with pytest.raises(RunError, match=f"{name} has values that 16 bits cannot hold"):
        model.save_half(tmp_path / "half")
    assert not (tmp_path / "half").exists()


def test_weights_of_another_memory_order_are_saved(tmp_path: Path) -> None:
    model = Levasa(LevasaConfig(image_size=32, width=4)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.save_half(tmp_path / "half")
    half = Levasa.from_pretrained(tmp_path / "half")
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(half.state_dict()[name], weight, rtol=1e-3, atol=1e-6, check_stride=False)
