"""The strength of walks, on a decoder whose gain is known, and its file in a run folder."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from affectspace.errors import DataError, RunError
from affectspace.models.base import Posterior
from affectspace.walks import AffectDirections, Strength, find_strength, walk
from affectspace.walks.strength import MOST, AxisStrength, slope_of

SIZE = 32
NO_FACE_OF_ITS_OWN = np.full((3, SIZE, SIZE, 3), 128, dtype=np.uint8)


class KnownDecoder(nn.Module):
    """Codes are (valence, arousal, rest). Red shows gain * valence and green gain * arousal, up to `most`."""

    def __init__(self, gains: tuple[float, float], most: float = 2.0, surplus: float = 0.0) -> None:
        super().__init__()
        self.config: Any = SimpleNamespace(image_size=SIZE, chunk=1)
        self.latent, self.heads, self.most, self.surplus = 3, {}, most, surplus
        self.gains = nn.Parameter(torch.tensor(gains), requires_grad=False)
        self.eval()

    def encode(self, image: Tensor) -> Posterior:
        return Posterior(torch.zeros(len(image), 3), torch.zeros(len(image), 3))

    def decode(self, codes: Tensor) -> Tensor:
        shown = (codes[:, :2] * self.gains).clamp(-self.most, self.most)
        colours = torch.cat([0.5 + (shown + self.surplus) / 4, torch.full((len(codes), 1), 0.5)], dim=1)
        return colours[:, :, None, None].expand(-1, -1, SIZE, SIZE)


def read(images: np.ndarray) -> np.ndarray:
    return (images[:, 0, 0, :2] / 255.0 - 0.5) * 4


def plain() -> AffectDirections:
    return AffectDirections(np.eye(2), np.column_stack([np.eye(2), np.zeros(2)]), np.zeros(2))


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.floats(0.3, 2.5)] * 2), st.floats(-0.4, 0.4))
def test_strength_and_offset_undo_those_of_the_decoder(gains: tuple[float, float], surplus: float) -> None:
    model: Any = KnownDecoder(gains, surplus=surplus)
    found = find_strength(model, plain(), NO_FACE_OF_ITS_OWN, read)
    for axis, gain in zip(found, gains, strict=True):
        assert axis.strength == pytest.approx(1 / gain, rel=0.03)
        assert axis.slope == pytest.approx(1, abs=0.02)
        assert axis.offset == pytest.approx(surplus, abs=0.03)
        assert axis.reached
    strength = calibrated(valence=found[0], arousal=found[1])
    read_back = read(walk(model, NO_FACE_OF_ITS_OWN[0], np.array([[0.5, -0.4]]), strength.stretch(plain())).images)
    np.testing.assert_allclose(read_back, [[0.5, -0.4]], atol=0.03)


def test_how_far_a_decoder_gets_that_shows_less_at_any_strength() -> None:
    model: Any = KnownDecoder((0.1, 1.0), most=0.2)
    valence, _ = find_strength(model, plain(), NO_FACE_OF_ITS_OWN, read)
    assert not valence.reached
    assert valence.strength <= MOST
    strength = calibrated(valence=valence)
    assert any("no strength shows as much valence as it is asked for: -0.80 to +0.80 is read as -0.20 to +0.20" in line
               for line in strength.messages)  # fmt: skip


def test_the_trial_that_meets_the_rule_is_chosen() -> None:
    """The slope is right in the second trial only, in which the readings of the ends are further off than in the first."""
    model: Any = KnownDecoder((1.0, 1.0))
    targets = np.linspace(-0.8, 0.8, 5)
    trials = iter([targets * 0.97, targets + np.array([-0.03, 0.05, 0, -0.05, 0.03])])
    calls = []

    def scripted(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        if len(calls) > 2:
            return read(images)
        return np.tile(np.column_stack([next(trials), targets]), (len(NO_FACE_OF_ITS_OWN), 1))

    valence, _ = find_strength(model, plain(), NO_FACE_OF_ITS_OWN, scripted)
    assert valence.slope == pytest.approx(1, abs=0.02)
    assert valence.error == pytest.approx(0.03)


def test_a_reading_that_does_not_follow_is_an_error() -> None:
    model: Any = KnownDecoder((0.0, 1.0))
    with pytest.raises(DataError, match="valence does not follow"):
        find_strength(model, plain(), NO_FACE_OF_ITS_OWN, read)
    with pytest.raises(DataError, match="there are none"):
        find_strength(model, plain(), NO_FACE_OF_ITS_OWN[:0], read)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_slope_of_a_line_is_its_slope(offset: float, slope: float) -> None:
    targets = np.linspace(-0.8, 0.8, 7)
    found, r = slope_of(targets, offset + slope * targets)
    assert found == pytest.approx(slope, abs=1e-9)
    assert abs(slope) < 1e-6 or abs(r) == pytest.approx(1, abs=1e-6)


def calibrated(**fields: Any) -> Strength:
    axis = AxisStrength(strength=2.0, slope=0.99, r=0.97, targets=(-0.8, 0.8), readings=(-0.8, 0.8))
    facts = {"valence": axis, "arousal": axis, "reader": "chooser", "people": 3, "faces": 9, "usual_error": 0.01}
    return Strength(**{**facts, **fields})


def test_a_strength_is_kept_in_the_run_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert Strength.read(tmp_path) is None
    calibrated().save(tmp_path)
    assert Strength.read(tmp_path) == calibrated()
    assert calibrated().messages == [
        "strength 2.00 (valence) and 2.00 (arousal), calibrated on 9 faces of 3 validation people, read by chooser"
    ]
    for text, message in (("{", "missing or damaged"), ('{"valence": 2}', "damaged")):
        (tmp_path / "strength.json").write_text(text)
        with pytest.raises(RunError, match=rf"{message} .*delete it, and --strength auto makes it again"):
            Strength.read(tmp_path)
