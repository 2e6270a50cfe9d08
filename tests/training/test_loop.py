"""The loop: schedule, accumulation, clipping, and the means of an epoch."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.data.batches import Batch
from affectspace.models import LossTerms, Pretrained
from affectspace.training.configuration import FitConfig
from affectspace.training.loop import Loop, Training, optimizer_of


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 14, 99])
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step")
def test_one_cycle_rises_and_falls_to_nothing(steps: int) -> None:
    config = FitConfig(epochs=1, learning_rate=1.0)
    _, schedule = optimizer_of(torch.nn.Linear(1, 1).parameters(), config, steps)
    assert schedule is not None
    rates = [schedule.get_last_lr()[0]]
    for _ in range(steps):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert all(0 < rate <= 1.0 + 1e-9 for rate in rates)
    assert rates[-1] < 1e-3
    assert rates[0] < max(rates) or steps == 1


class Line(Pretrained):
    """y = weight, with the mean of the batch as its target."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def loss(self, batch: Batch, generator: Any = None, **options: Any) -> LossTerms:
        loss = (self.weight - batch.affect[:, 0]).square().mean()
        return LossTerms(loss, {"error": loss})


class Plain(Training):
    """Batches of given sizes, in order."""

    def __init__(self, config: FitConfig, sizes: list[int]) -> None:
        super().__init__(Line(), config, len(sizes), sum(sizes))
        self.sizes = sizes

    def batches(self, epoch: int, rank: int, ranks: int) -> Any:
        start = np.concatenate([[0], np.cumsum(self.sizes)])
        values = torch.arange(float(self.rows))[:, None].repeat(1, 3)
        made = [values[a:b] for a, b in pairwise(start)]
        return [Batch.of_images(torch.zeros(len(part), 1), part, torch.zeros(len(part)).long()) for part in made]

    def validation_batches(self, rank: int, ranks: int) -> Any:
        return self.batches(0, rank, ranks)

    def loss(self, batch: Batch, seed: int, progress: float, training: bool) -> LossTerms:
        return self.model.loss(batch)


def trained(tmp_path: Path, sizes: list[int], **settings: Any) -> tuple[float, Loop]:
    config = FitConfig(schedule="constant", learning_rate=0.1, weight_decay=0, epochs=1, accelerator="cpu", **settings)
    loop = Loop(Plain(config, sizes), tmp_path, lambda *_: None, lambda text: None)
    loop.run()
    return loop.training.model.weight.item(), loop


def test_accumulated_batches_of_one_size_are_one_large_batch(tmp_path: Path) -> None:
    one, _ = trained(tmp_path / "one", [6])
    two, _ = trained(tmp_path / "two", [3, 3], accumulate=2)
    assert one == pytest.approx(two, abs=1e-7)
    three, _ = trained(tmp_path / "three", [3, 3])
    assert three > two  # two steps


def test_the_last_batches_of_an_epoch_are_a_step_even_if_they_are_fewer(tmp_path: Path) -> None:
    weight, loop = trained(tmp_path, [2, 2, 2], accumulate=2)
    assert weight > 0.15  # two steps of AdamW, each of nearly the learning rate
    assert loop.epoch == 1


def test_means_of_an_epoch_are_weighted_by_rows(tmp_path: Path) -> None:
    _, loop = trained(tmp_path, [4, 2])
    row = loop.recorder.rows[0]
    weight = loop.training.model.weight.item()
    assert row["validation_error"] == pytest.approx(np.mean((weight - np.arange(6)) ** 2), rel=1e-5)


def test_the_gradient_is_clipped_before_the_step_and_after_the_backward_pass(tmp_path: Path) -> None:
    config = FitConfig(schedule="constant", epochs=1, accelerator="cpu", gradient_clip=0.5)
    loop, norms = Loop(Plain(config, [6]), tmp_path, lambda *_: None, lambda text: None), []
    step = loop.optimizer.step

    def seen(*arguments: Any, **options: Any) -> Any:
        norms.append(float(loop.training.model.weight.grad.norm()))  # type: ignore[union-attr]
        return step(*arguments, **options)

    loop.optimizer.step = seen  # type: ignore[method-assign]
    loop.run()
    assert norms == [pytest.approx(0.5, abs=1e-5)]
