"""The product of Gaussian experts with the prior among them (Wu & Goodman 2018, section 2.2)."""

import torch
from torch import Tensor

from affectspace.models.posteriors import Posterior


def product_of_experts(mean: Tensor, log_variance: Tensor, present: Tensor) -> Posterior:
    """N(0, I) times the Gaussians of the experts that are present, normalised: means weighed by precision.

    mean, log_variance : (experts, ..., dimensions); present : (experts, ...) bool; they broadcast. Gives (..., dimensions).
    Where no expert is present it is the prior. What stands in absent experts is never read. Precisions are added as
    logarithms, so that neither a very sure nor a very unsure expert overflows.
    """
    there = present[..., None]
    log_precision = torch.where(there, -log_variance, torch.full_like(log_variance, -torch.inf))
    total = torch.logsumexp(torch.cat([torch.zeros_like(log_precision[:1]), log_precision]), dim=0)
    share = torch.exp(log_precision - total)
    return Posterior((share * torch.where(there, mean, torch.zeros_like(mean))).sum(dim=0), -total)
