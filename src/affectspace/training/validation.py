"""How well the validation part is predicted at the end of a training: what `affectspace train` prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.models.adapter.model import Adapter
from affectspace.progress import Progress, silent
from affectspace.training.adapters import predict_part

BATCH = 4096


@torch.no_grad()
def validation_scores(model: Any, data: Dataset, progress: Progress = silent) -> dict[str, dict[str, float]]:
    """Compute Pearson's r and Lin's concordance of each axis on the validation rows: axis -> r, ccc, n.

    Axes with fewer than three labelled rows, or whose labels or predictions do not vary, are left out. Settings may have been
    chosen on these rows, so that the test part is what counts.
    """
    labels = data.batch("validation")
    if isinstance(model, Adapter):
        affect = predict_part(model, data, "validation", progress).clone()
    else:
        pieces = (labels.take(slice(start, start + BATCH)) for start in range(0, len(labels), BATCH))
        affect = torch.cat([model.represent(piece.features, piece.present).fused for piece in pieces])
    if hasattr(model, "in_corpus_units"):
        for corpus in labels.corpus.unique().tolist():
            rows = labels.corpus == corpus
            affect[rows] = model.in_corpus_units(affect[rows], torch.ones_like(affect[rows]), corpus)[0]
    truth, predictions = labels.affect.double().numpy(), affect.double().numpy()
    scores = {}
    for place, axis in enumerate(AXES):
        known = np.isfinite(truth[:, place]) & np.isfinite(predictions[:, place])
        x, y = truth[known, place], predictions[known, place]
        if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
            covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
            r = covariance / float(x.std() * y.std())
            ccc = 2 * covariance / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
            scores[axis] = {"r": round(r, 4), "ccc": round(ccc, 4), "n": len(x)}
    return scores
