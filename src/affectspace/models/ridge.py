"""Ridge regression in closed form, for read-outs that a model keeps."""

import torch
from torch import Tensor

PENALTIES = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)
UNCHECKED = 1.0  # the penalty where validation has no label to choose by


def fit_ridge(codes: Tensor, labels: Tensor, validation: Tensor, validation_labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (dimensions, axes) and intercepts (axes,) that map codes to labels, in double precision.

    codes (rows, dimensions); labels (rows, axes), NaN left out per axis. Minimises sum (y - zw - b)^2 + penalty |w|^2;
    each axis takes the penalty with the least squared error on validation, ties the larger. An axis without a label has NaN.
    """
    codes, labels = codes.double(), labels.double()
    validation, validation_labels = validation.double(), validation_labels.double()
    weight = codes.new_zeros(codes.shape[1], labels.shape[1])
    bias = codes.new_full((labels.shape[1],), torch.nan)
    for axis in range(labels.shape[1]):
        known, checked = ~labels[:, axis].isnan(), ~validation_labels[:, axis].isnan()
        if not known.any():
            continue
        mean, centre = codes[known].mean(dim=0), labels[known, axis].mean()
        around = codes[known] - mean
        values, vectors = torch.linalg.eigh(around.T @ around)
        toward = vectors.T @ (around.T @ (labels[known, axis] - centre))
        best = torch.inf
        for penalty in sorted(PENALTIES, reverse=True) if checked.any() else (UNCHECKED,):
            guess = vectors @ (toward / (values.clamp(min=0) + penalty))
            offset = centre - mean @ guess
            error = (validation[checked] @ guess + offset - validation_labels[checked, axis]).square().mean().item()
            if not checked.any() or error < best:
                best, weight[:, axis], bias[axis] = error, guess, offset
    return weight, bias
