"""What each modality says of rows alone, and what those that tell emotions apart say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Views:
    """Each modality's own word on rows.

    affect, deviation : modality -> (rows, 3), before calibration
    log_emotion : of the modalities whose affect is an expectation over emotions, (rows, categories) log-probabilities
    centres : (categories, 3), affect of those emotions; an emotion without one has probability 0
    """

    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    log_emotion: dict[str, Tensor] = field(default_factory=dict)
    centres: Tensor | None = None

    def take(self, rows: Tensor) -> Views:
        """The rows at these positions, or of a mask."""
        affect, deviation, log_emotion = (
            {name: values[rows] for name, values in part.items()} for part in self._parts()
        )
        return Views(affect, deviation, log_emotion, self.centres)

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        return self.affect, self.deviation, self.log_emotion

    @classmethod
    def concatenated(cls, pieces: list[Views]) -> Views:
        """Pieces of one part, in order."""
        affect, deviation, log_emotion = (
            {name: torch.cat([piece._parts()[kind][name] for piece in pieces]) for name in part}
            for kind, part in enumerate(pieces[0]._parts())
        )
        return cls(affect, deviation, log_emotion, pieces[0].centres)

    def agreed(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Affect of each modality for fusion, (rows, 3): those that tell emotions apart share one word.

        Their experts multiply, p(e) ~ prod p_m(e) over those that the row has, and its expectation stands in for each
        one's own, so that whatever the weights of a fusion, they speak with one voice.
        """
        speaking = [
            torch.where(present[name][:, None], values, torch.zeros_like(values))
            for name, values in self.log_emotion.items()
            if name in present
        ]
        if self.centres is None or len(self.log_emotion) < 2 or not speaking:
            return self.affect
        together = expected_affect(torch.stack(speaking).sum(dim=0), self.centres)
        return {name: together if name in self.log_emotion else values for name, values in self.affect.items()}

    def of_one_voice(self, names: Sequence[str]) -> bool:
        """Whether all of these modalities share one word, so that there is nothing to weigh."""
        several = self.centres is not None and len(self.log_emotion) > 1
        return several and all(name in self.log_emotion for name in names)


def masked_log_softmax(logits: Tensor, centres: Tensor) -> Tensor:
    """Log-probabilities (rows, categories) of the emotions that have a centre; of the others the least number."""
    known = ~centres.isnan().any(dim=1)
    return logits.masked_fill(~known, torch.finfo(logits.dtype).min / 4).log_softmax(dim=1)


def expected_affect(logits: Tensor, centres: Tensor) -> Tensor:
    """Expectation of the centres (categories, 3) under softmax(logits), (rows, 3); emotions without a centre do not count."""
    probability = masked_log_softmax(logits, centres).exp()
    return probability @ centres.nan_to_num(0.0)
