"""An encoder of transformers that is fine-tuned to predict valence, arousal and dominance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.errors import ConfigError, RunError
from affectspace.features.backbone import make_backbone
from affectspace.features.backbones.packages import require_package
from affectspace.features.backbones.pretrained import PretrainedBackbone, weights_hash
from affectspace.files import write_text
from affectspace.models.adapter.config import AdapterConfig
from affectspace.models.base import LossTerms, Pretrained, Step
from affectspace.models.statistics import PooledLabels, pool_labels
from affectspace.tensors import UNSEALED, write_sealed

TOGETHER = 32  # samples that are predicted at a time
UNUSED = ("pooler", "masked_spec_embed")  # parts of encoders that do not reach the pooled vector


@dataclass(frozen=True, eq=False)
class ItemBatch:
    """Decoded samples with the labels of their rows.

    items : (rows,) samples as the backbone decoded them; labels : their labels
    """

    items: list[Any]
    labels: Batch

    @property
    def affect(self) -> Tensor:
        """Valence, arousal and dominance of the rows, (rows, 3)."""
        return self.labels.affect

    def to(self, device: torch.device | str) -> ItemBatch:
        """Return the batch on a device; the backbone moves the samples itself."""
        return replace(self, labels=self.labels.to(device))


class Adapter(Pretrained):
    """A pretrained encoder, low-rank changes of its linear layers, and a linear layer from its vector to V, A and D.

    Only what training changes is saved: `state_dict` leaves out the frozen weights.

    Parameters
    ----------
    config : AdapterConfig

    Examples
    --------
    >>> adapter = Adapter(AdapterConfig(encoder="minilm"))  # doctest: +SKIP
    >>> adapter.backbone.dimension                          # doctest: +SKIP
    1152
    """

    config_class = AdapterConfig
    reads = "items"
    config: AdapterConfig

    @classmethod
    def size_of(cls, config: Any) -> float:
        """Return 0: the encoder's own files say how large it is, and its changes are small."""
        return 0.0

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        backbone = make_backbone(config.modality, config.encoder, **config.settings)
        if not isinstance(backbone, PretrainedBackbone):
            raise ConfigError(
                f"model.encoder: {config.encoder} is not an encoder of transformers, so it cannot be adapted"
            )
        revision = weights_hash(backbone.model)
        if config.revision not in (None, revision):
            raise RunError(
                f"revision {config.revision} of {config.encoder} was adapted, and the weights here are {revision}; install the "
                "weights that were adapted, or adapt again"
            )
        self.config = config.model_copy(update={"revision": revision})
        self.backbone, self.encoder = backbone, backbone.model
        self._freeze()
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(backbone.dimension, len(AXES))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("mean", torch.zeros(len(AXES)))
        self.register_buffer("spread", torch.ones(len(AXES)))
        self.register_buffer("shift", torch.zeros(len(config.corpora), len(AXES)))
        self.register_buffer("scale", torch.ones(len(config.corpora), len(AXES)))

    mean: Tensor
    spread: Tensor
    shift: Tensor
    scale: Tensor

    def _freeze(self) -> None:
        if self.config.method == "full":
            self.encoder.requires_grad_(True)
            for name, parameter in self.encoder.named_parameters():
                parameter.requires_grad_(name.split(".")[0] not in UNUSED)
            return
        require_package("peft", "adapt", "low-rank changes")
        from peft import LoraConfig, inject_adapter_in_model

        self.encoder.requires_grad_(False)
        layers = [
            name
            for name, module in self.encoder.named_modules()
            if isinstance(module, nn.Linear) and name.split(".")[0] not in UNUSED
        ]
        lora = self.config.lora
        inject_adapter_in_model(
            LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=layers),
            self.encoder,
        )

    def to(self, *args: Any, **kwargs: Any) -> Adapter:
        super().to(*args, **kwargs)
        self.backbone.device = str(self.head.weight.device)
        return self

    def prepare(self, labels: Batch) -> None:
        """Take the units of the labels from the training rows: those of every corpus are brought to one mean and spread."""
        pooled = pool_labels(labels.affect, labels.corpus, len(self.config.corpora), "affine")
        for name, value in zip(("mean", "spread", "shift", "scale"), _units(pooled), strict=True):
            getattr(self, name).copy_(value)

    def standardise(self, labels: Batch) -> Tensor:
        """Express labels in standard deviations of the training labels around their mean, (rows, 3)."""
        units = PooledLabels(self.mean, self.spread, self.spread, self.shift, self.scale)
        return units.standardise(labels.affect, labels.corpus)

    def forward(self, items: list[Any]) -> Tensor:
        """Predict valence, arousal and dominance of decoded samples in the units of all training labels, (rows, 3)."""
        return self.mean + self.spread * self.standard_scores(items)

    def in_corpus_units(self, affect: Tensor, deviation: Tensor, corpus: int) -> tuple[Tensor, Tensor]:
        """Convert affect and its deviation, each (rows, 3), to the units of the training corpus with that index."""
        return self.shift[corpus] + self.scale[corpus] * affect, self.scale[corpus] * deviation

    def standard_scores(self, items: list[Any]) -> Tensor:
        """Predict in standard deviations of the training labels around their mean, (rows, 3)."""
        if self.training or len(items) <= TOGETHER:
            return self.head(self.dropout(self.backbone.vectors(items))).float()
        order = sorted(range(len(items)), key=lambda row: self.backbone.length(items[row]))
        parts = [order[start : start + TOGETHER] for start in range(0, len(order), TOGETHER)]
        scores = torch.cat([self.standard_scores([items[row] for row in part]) for part in parts])
        return scores[torch.tensor(order, device=scores.device).argsort()]

    def terms(self, batch: Any, step: Step) -> LossTerms:
        """Compute the squared error in variances of the labels, and 1 - concordance over the batch.

        Training minimises both. Validation is judged by the second alone, because the epoch with the least squared error is
        often that of the least varied predictions.
        """
        target = self.standardise(batch.labels)
        known = ~target.isnan()
        guess, target = self.standard_scores(batch.items), torch.where(known, target, 0.0)
        squared = torch.where(known, guess - target, 0.0).square().sum() / known.sum().clamp(min=1)
        disagreement = discordance(guess, target, known)
        total = squared + self.config.concordance * disagreement if self.training else disagreement
        return LossTerms(total, {"squared_error": squared, "discordance": disagreement})

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        state = super().state_dict(*args, **kwargs)
        kept = self._kept()
        return {name: value for name, value in state.items() if name in kept}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        missing = sorted(self._kept() - state_dict.keys())
        if missing and strict:
            raise RuntimeError(f"{missing[0]} is missing")
        result = super().load_state_dict(dict(state_dict), strict=False, assign=assign)
        result.missing_keys.clear()
        return result

    def _save_pretrained(self, save_directory: Path) -> None:
        """Save the configuration and what was trained; low-rank changes in 16 bits."""
        write_text(save_directory / "config.json", self.config.model_dump_json(indent=2) + "\n")
        low_rank = self.config.method == "lora"
        tensors = {
            name: (value.half() if low_rank and name.startswith("encoder.") else value).detach().cpu().contiguous()
            for name, value in self.state_dict().items()
        }
        write_sealed(save_directory / "model.safetensors", lambda path: save_file(tensors, path, dict(UNSEALED)))

    def _kept(self) -> set[str]:
        """Names of what is trained, and of our own statistics."""
        trained = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        return trained | {"mean", "spread", "shift", "scale"}


def discordance(guess: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return 1 - Lin's concordance of the known rows, averaged over the axes that have two or more."""
    losses = []
    for axis in range(guess.shape[1]):
        rows = known[:, axis]
        if rows.sum() < 2:
            continue
        x, y = guess[rows, axis], target[rows, axis]
        covariance = ((x - x.mean()) * (y - y.mean())).mean()
        scale = x.var(correction=0) + y.var(correction=0) + (x.mean() - y.mean()).square()
        losses.append(1.0 - 2.0 * covariance / scale.clamp(min=1e-6))
    return torch.stack(losses).mean() if losses else guess.sum() * 0.0


def _units(pooled: PooledLabels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return pooled.mean, pooled.deviation, pooled.shift, pooled.scale
