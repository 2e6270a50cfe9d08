"""Small manifolds and made-up batches with holes, for their tests."""

import math
from typing import Any

import torch

from affectspace.configuration import nested
from affectspace.data.batches import Batch
from affectspace.models import Manifold, ManifoldConfig, training_statistics

NAN = math.nan
WIDTHS = {"text": 7, "audio": 5, "video": 4}
PLAIN: dict[str, Any] = {
    "encoder.dropout": 0.0, "inputs.dropout": 0.0, "encoder.skip.kind": "none", "anchors.link": "none",
    "anchors.label_weighting": "none", "kl.prior": "standard", "uncertainty": "constant",
}  # fmt: skip
PAPER = {
    **PLAIN,
    "reduction": "paper",
    "independence.kind": "covariance",
    "independence.codes": "sample",
    "anchors.codes": "sample",
}
EVERYTHING: dict[str, Any] = {
    "categories": ("neutral", "anger", "calm"), "independence.kind": "hsic", "anchors.loss": "both",
    "private.emotion.kind": "linear", "private.erasure": "both", "prototypes.weight": 0.3,
    "prototypes.class_weights": "balanced", "reconstruction.joint_weight": 0.2, "private.projection": "both",
    "inputs.noise": 0.1,
}  # fmt: skip


def make_model(**fields: Any) -> Manifold:
    """A small manifold; settings are dotted, such as "private.size"."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Manifold(
            ManifoldConfig(
                **nested(
                    {"modalities": WIDTHS, "encoder.hidden": (6,), "private.size": 4, "corpora": ("x", "y"), **fields}
                )
            )
        )


def make_batch(rows: int = 12, seed: int = 0, widths: dict[str, int] = WIDTHS) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    affect = 0.3 * torch.randn(rows, 3, generator=generator)
    affect[torch.rand(rows, 3, generator=generator) < 0.2] = NAN
    lexicon = 0.3 * torch.randn(rows, 3, generator=generator)
    lexicon[::3] = NAN
    features = {name: torch.randn(rows, width, generator=generator) for name, width in widths.items()}
    present = {name: torch.rand(rows, generator=generator) > 0.25 for name in widths}
    category = torch.randint(-1, 3, (rows,), generator=generator)
    return Batch(features, present, affect, lexicon, category, torch.arange(rows) % 2)


def prepared(**fields: Any) -> Manifold:
    model, batch = make_model(**fields), make_batch(80, seed=1)
    model.prepare(training_statistics(batch, model.config))
    return model
