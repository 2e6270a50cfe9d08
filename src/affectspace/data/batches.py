"""What a model is trained on in one step: images or feature vectors, with whatever labels their rows have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


class ImageBatch(NamedTuple):
    """A batch of images with whatever labels its rows have.

    image : (batch, 3, size, size), float in [0, 1]
    affect : (batch, 2), valence and arousal on [-1, 1], NaN where not annotated
    category : (batch,), index of the emotion, -1 where not annotated
    """

    image: Tensor
    affect: Tensor
    category: Tensor

    def to(self, device: torch.device | str) -> ImageBatch:
        """The batch on a device."""
        return ImageBatch(*(values.to(device) for values in self))


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """A batch of feature vectors with whatever labels its rows have.

    features : modality -> (batch, width), as the backbone gave them; what stands in absent rows is never read
    present : modality -> (batch,) bool
    affect : (batch, 3), valence, arousal, dominance on [-1, 1], NaN where not annotated
    lexicon : (batch, 3), the lexicon's score of the text, NaN without one
    category : (batch,) index of the emotion, -1 where not annotated
    corpus : (batch,) index of the corpus that the row comes from
    """

    features: dict[str, Tensor]
    present: dict[str, Tensor]
    affect: Tensor
    lexicon: Tensor
    category: Tensor
    corpus: Tensor

    def __len__(self) -> int:
        return len(self.affect)

    def take(self, rows: Tensor | slice) -> FeatureBatch:
        """The rows at these positions, or of a mask; of a slice without a copy."""
        return self._each(lambda values: values[rows])

    def to(self, device: torch.device | str, **options: Any) -> FeatureBatch:
        """The batch on a device."""
        return self._each(lambda values: values.to(device, **options))

    def _each(self, change: Callable[[Tensor], Tensor]) -> FeatureBatch:
        return FeatureBatch(
            {name: change(values) for name, values in self.features.items()},
            {name: change(values) for name, values in self.present.items()},
            change(self.affect),
            change(self.lexicon),
            change(self.category),
            change(self.corpus),
        )
