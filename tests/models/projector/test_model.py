"""The projector: scales, statistics, start, and that it survives saving."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from affectspace.errors import ConfigError, DataError
from affectspace.models import Projector, ProjectorConfig

CONFIG = ProjectorConfig(tokens=5, hidden=(8, 6), private=2, width=12)


def test_starts_as_its_instruction_at_the_embeddings_size() -> None:
    projector = Projector(CONFIG)
    words = torch.randn(3, 12)
    projector.start(words, size=0.5)
    soft = projector(torch.zeros(4, 3), torch.zeros(4, 2))
    assert soft.shape == (4, 5, 12)
    moved = soft - words[[0, 1, 2, 0, 1]]
    assert 0 < moved.square().mean().sqrt() < 0.25 * 0.5


def test_an_output_of_size_one_has_the_embeddings_size() -> None:
    projector = Projector(CONFIG)
    projector.start(torch.zeros(1, 12), size=0.25)
    last = projector.network[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(1.0)
    assert projector(torch.zeros(1, 3), torch.zeros(1, 2)).unique().tolist() == [0.25]


def test_affect_beyond_reach_is_clipped() -> None:
    projector = Projector(CONFIG)
    far, limit = (torch.tensor([[value, 0.0, 0.0]]) for value in (50.0, CONFIG.reach))
    private = torch.zeros(1, 2)
    assert torch.equal(projector(far, private), projector(limit, private))
    assert not torch.equal(projector(limit, private), projector(0.9 * limit, private))


def test_statistics_leave_out_what_is_not_labelled() -> None:
    affect = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [torch.nan, 0.5, 1.0]])
    projector = Projector(CONFIG)
    projector.take_statistics(affect, torch.tensor([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]]))
    assert projector.affect_mean.tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert projector.standard_affect(projector.affect_mean + projector.affect_scale).tolist() == pytest.approx(
        [1.0] * 3
    )
    assert projector.standard_private(torch.tensor([[2.0, 5.0]])).tolist() == [[0.0, 0.0]]  # a constant code is zero
    with pytest.raises(DataError, match="arousal"):
        projector.take_statistics(torch.tensor([[0.0, 1.0, 0.0], [1.0, torch.nan, 1.0]]), torch.zeros(2, 2))


def test_is_read_as_it_was_saved(tmp_path: Path) -> None:
    projector = Projector(CONFIG).eval()
    projector.start(torch.randn(2, 12), 0.3)
    projector.save_pretrained(tmp_path)
    again = Projector.from_pretrained(tmp_path)
    affect, private = torch.randn(3, 3), torch.randn(3, 2)
    assert torch.equal(projector(affect, private), again(affect, private))
    assert {path.name for path in tmp_path.iterdir()} >= {"config.json", "model.safetensors"}


def test_without_private_codes() -> None:
    assert Projector(ProjectorConfig(tokens=2, private=0, width=4))(torch.zeros(1, 3), torch.zeros(1, 0)).shape == (
        1,
        2,
        4,
    )


def test_configurations_that_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.private and model.width"):
        Projector(ProjectorConfig())
    for bad in ({"tokens": 0}, {"hidden": (0,)}, {"mode": "rhyming"}, {"length": 3}):
        with pytest.raises(ValidationError):
            ProjectorConfig(**bad)
