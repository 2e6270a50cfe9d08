"""The offline picture of a face: shape, settings, the same twice."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectspace.errors import ConfigError
from affectspace.features import Item, make_backbone


def test_an_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "face.png"
    Image.fromarray(random.integers(0, 255, (80, 64, 3), dtype=np.uint8)).save(path)
    backbone = make_backbone("video", "gradients", crop=False, frames=2)
    one = backbone.load(Item("a", path=path))
    assert backbone.encode([one, one]).shape == (2, backbone.dimension)
    assert backbone.dimension == 1568
    assert np.isfinite(one).all()
    assert one.std() > 0
    np.testing.assert_array_equal(one, backbone.load(Item("b", path=path)))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="size 60"):
        make_backbone("video", "gradients", size=60)
    with pytest.raises(ConfigError, match="frames is 0"):
        make_backbone("video", "gradients", frames=0)
