"""The schedule has a rate for every number of steps that a training can have."""

import pytest
import torch

from affectspace.training.configuration import ImageFitConfig
from affectspace.training.loop import optimizer_of


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 14, 99])
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step")
def test_one_cycle_rises_and_falls_to_nothing(steps: int) -> None:
    config = ImageFitConfig(epochs=1, learning_rate=1.0)
    _, schedule = optimizer_of(torch.nn.Linear(1, 1).parameters(), config, steps)
    assert schedule is not None
    rates = [schedule.get_last_lr()[0]]
    for _ in range(steps):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert all(0 < rate <= 1.0 + 1e-9 for rate in rates)
    assert rates[-1] < 1e-3
    assert rates[0] < max(rates) or steps == 1
