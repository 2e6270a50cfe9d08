"""How well the validation part is predicted at the end of a training: what `affectspace train` prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.models.adapter.model import Adapter
from affectspace.models.levasa.model import VA, Levasa
from affectspace.progress import Progress, silent
from affectspace.training.adapters import predict_part

BATCH, IMAGES = 4096, 256  # vectors, and images, that pass the model together


@torch.no_grad()
def validation_scores(model: Any, data: Dataset, progress: Progress = silent) -> dict[str, dict[str, float]]:
    """Compute Pearson's r and Lin's concordance of each axis on the validation rows: axis -> r, ccc, n.

    Axes with fewer than three labelled rows, or whose labels or predictions do not vary, are left out, and so is every axis for
    a model on images without heads for them. Settings may have been chosen on these rows, so that the test part is what counts.
    """
    rows = data.rows("validation")
    if data.pixels is not None:
        if not isinstance(model, Levasa) or not set(VA) <= set(model.heads):
            return {}
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), BATCH)).round().astype(int)]  # of very many, some
    labels = data.features.take(torch.from_numpy(rows))
    if data.pixels is not None:
        affect = torch.full((len(rows), len(AXES)), float("nan"))
        for start in range(0, len(rows), IMAGES):
            image = to_image(data.images(rows[start : start + IMAGES]))
            affect[start : start + IMAGES, :2] = model.read_affect(model.encode(image).mean)
    elif isinstance(model, Adapter):
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
