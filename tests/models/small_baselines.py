"""Small MVAEs and MISAs and a toy problem that they can learn, for their tests."""

import math
from typing import Any

import torch

from affectspace.data.batches import Batch
from affectspace.models import Misa, MisaConfig, Mvae, MvaeConfig
from affectspace.models.baseline import BaselineModel

NAN = math.nan
WIDTHS = {"text": 12, "audio": 7, "video": 9}
# MISA's difference grows with rows^2 / width^3: this weight is at width 16 what 0.3 is at width 128
NARROW = {"hidden": 16, "feedforward": 32, "difference_weight": 0.005}
KINDS: dict[str, tuple[type[BaselineModel], type, dict[str, Any]]] = {
    "mvae": (Mvae, MvaeConfig, {"latent": 8, "hidden": (32,), "kl_weight": 0.2}),
    "mvae_vad": (Mvae, MvaeConfig, {"latent": 8, "hidden": (32,), "kl_weight": 0.2, "vad_modality": True}),
    "misa": (Misa, MisaConfig, NARROW),
    "misa_dropout": (Misa, MisaConfig, {**NARROW, "missing": "dropout"}),
}


def make_model(kind: str, widths: dict[str, int] = WIDTHS, **fields: Any) -> BaselineModel:
    model, config, small = KINDS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model(config(modalities=widths, **{**small, **fields})).eval()


def make_batch(rows: int, seed: int = 0, share: float = 1.0, widths: dict[str, int] = WIDTHS) -> Batch:
    """Features are linear in affect and in a private part, other units in each modality; `share` of the modalities is there."""
    maps = torch.Generator().manual_seed(99)
    generator = torch.Generator().manual_seed(seed)
    affect = 0.4 * torch.randn(rows, 3, generator=generator)
    features, present = {}, {}
    for index, (name, width) in enumerate(widths.items()):
        loading, other = torch.randn(3, width, generator=maps), torch.randn(4, width, generator=maps)
        private = torch.randn(rows, 4, generator=generator)
        made = affect @ loading / 0.4 + 0.5 * private @ other + 0.2 * torch.randn(rows, width, generator=generator)
        features[name] = 3.0 ** (index - 1) * made + 5.0
        present[name] = torch.rand(rows, generator=generator) < share
    missing = torch.full((rows, 3), NAN)
    return Batch(features, present, affect, missing, torch.full((rows,), -1), torch.zeros(rows, dtype=torch.long))
