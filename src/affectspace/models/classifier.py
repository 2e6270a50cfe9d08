"""The ceiling: a supervised network with LeVAsa's encoder and an emotion head, and nothing to reconstruct."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from affectspace.configuration import Configuration
from affectspace.data.batches import ImageBatch
from affectspace.models.losses import LossTerms, level_loss, masked_mean
from affectspace.models.networks import ImageEncoder
from affectspace.models.pretrained import Pretrained


class ClassifierConfig(Configuration):
    """The encoder's fields are LevasaConfig's."""

    kind: Literal["classifier"] = "classifier"
    image_size: int = Field(64, ge=32, multiple_of=16)
    width: int = Field(32, ge=4)
    padding: int = Field(1, ge=0, le=1)
    hidden: tuple[int, ...] = ()
    dropout: float = Field(0.3, ge=0, lt=1)
    categories: tuple[str, ...] = Field(min_length=2, description="emotions, in the order of the logits")


class EmotionClassifier(Pretrained):
    """(batch, 3, size, size) in [0, 1] -> logits of the emotions, (batch, categories)."""

    config_class = ClassifierConfig
    config: ClassifierConfig

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config.image_size, config.width, config.padding, config.hidden)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.encoder.outputs, len(config.categories)))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image))

    def loss(self, batch: ImageBatch, generator: torch.Generator | None = None) -> LossTerms:
        """Cross-entropy over the rows that have an emotion, nats."""
        value = masked_mean(*level_loss(self(batch.image), batch.category, "cross_entropy"))
        return LossTerms(value, {"cross_entropy": value})
