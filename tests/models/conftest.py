"""Noise that is the same in any batch."""

import pytest
import torch

from affectspace.models import Posterior


@pytest.fixture
def fixed_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise of a row depends on its mean only, so that a row is sampled alike in any batch."""

    def sample(self: Posterior, generator: torch.Generator | None = None) -> torch.Tensor:
        noise = torch.sin(30 * self.mean.detach().double()).float()
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    monkeypatch.setattr(Posterior, "sample", sample)
