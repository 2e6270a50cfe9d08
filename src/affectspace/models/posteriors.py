"""Diagonal Gaussian posteriors."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Posterior:
    """q(z | x) = N(mean, diag(exp(log_variance))).

    mean, log_variance : (batch, dimensions)
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One reparameterised sample a row (Kingma & Welling 2014), (batch, dimensions)."""
        noise = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def kl_to_standard(self) -> Tensor:
        """KL(q || N(0, 1)) of every dimension, in nats, (batch, dimensions)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1.0 - self.log_variance)
