"""What each modality alone says about rows, before it is calibrated and fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from affectspace.models.manifold.networks import expected_affect, multiplied_emotions
from affectspace.models.training_rows import EDGE, reliability, widening

INSIDE, OUTSIDE = 1.0, 0.2  # affect is not changed up to INSIDE, and never exceeds their sum


@dataclass(frozen=True)
class ModalityOutputs:
    """What each modality alone says about rows.

    affect, deviation : modality -> (rows, 3), before calibration
    log_emotion : modality -> (rows, categories), log-probabilities, of the modalities with prototype heads
    centres : (categories, 3), affect of these emotions; an emotion without a centre has probability 0
    distance : modality -> (rows,), from the training rows; typical where a modality is not named
    spread : (3,), standard deviation of the training labels, by which distant rows are wider; None: they are not
    edge : distance up to which an estimate counts in full
    """

    affect: dict[str, Tensor]
    deviation: dict[str, Tensor]
    log_emotion: dict[str, Tensor] = field(default_factory=dict)
    centres: Tensor | None = None
    distance: dict[str, Tensor] = field(default_factory=dict)
    spread: Tensor | None = None
    edge: float | Tensor = EDGE

    def discounted(self, location: Tensor, slopes: dict[str, Tensor] | None = None) -> ModalityOutputs:
        """Move affect towards the mean of the training labels (3,), and emotions towards equal ones, in distant rows.

        slopes : modality -> (3,), share of the distance from the mean that is kept in all rows
        """
        affect = {
            name: location + self.share(name) * (slopes or {}).get(name, 1.0) * (values - location)
            for name, values in self.affect.items()
        }
        log_emotion = {name: self.share(name) * values for name, values in self.log_emotion.items()}
        return replace(self, affect=affect, log_emotion=log_emotion)

    def share(self, name: str) -> Tensor:
        """Share of a modality's estimate that counts, (rows, 1)."""
        if name not in self.distance:
            return torch.ones_like(self.affect[name][:, :1])
        return reliability(self.distance[name], self.edge)[:, None]

    def weights(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Factor of the weight of each modality in a fusion, (rows, 1). present : of the modalities that are fused"""
        return {name: self.share(name) * values for name, values in self._trust(present).items()}

    def experts(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Log-probabilities of the emotions that multiply, by the trust in each modality; (rows, categories) each."""
        heads = {name: present[name] for name in self.log_emotion if name in present}
        return {name: trust * self.log_emotion[name] for name, trust in self._trust(heads).items()} if heads else {}

    def _trust(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weight of a modality beside the row's most typical one, (rows, 1): it falls with the distance.

        What `discounted` does to rows that are far is apart from it. It matters where modalities lie at different distances,
        such as a voice on the telephone beside a face in good light.
        """
        near = {
            name: 1.0 - widening(self.distance[name])
            if name in self.distance
            else torch.ones_like(self.affect[name][:, 0])
            for name in self.affect
            if name in present
        }
        values = torch.stack([torch.where(present[name], values, 0.0) for name, values in near.items()])
        relative = values / values.amax(dim=0).clamp(min=torch.finfo(values.dtype).tiny)
        return {name: share[:, None] for name, share in zip(near, relative, strict=True)}

    def added_variance(self, name: str) -> Tensor:
        """Variance that distant rows have on top, (rows, 3)."""
        if self.spread is None or name not in self.distance:
            return torch.zeros_like(self.affect[name])
        return widening(self.distance[name])[:, None] * self.spread.square()

    def take(self, rows: Tensor) -> ModalityOutputs:
        """Select rows by their positions or a mask."""
        affect, deviation, log_emotion, distance = (
            {name: values[rows] for name, values in part.items()}
            for part in (self.affect, self.deviation, self.log_emotion, self.distance)
        )
        return ModalityOutputs(affect, deviation, log_emotion, self.centres, distance, self.spread, self.edge)

    @classmethod
    def concatenated(cls, pieces: Sequence[ModalityOutputs]) -> ModalityOutputs:
        """Join pieces in their order."""
        affect, deviation, log_emotion, distance = (
            {name: torch.cat([getattr(piece, part)[name] for piece in pieces]) for name in getattr(pieces[0], part)}
            for part in ("affect", "deviation", "log_emotion", "distance")
        )
        return cls(affect, deviation, log_emotion, pieces[0].centres, distance, pieces[0].spread, pieces[0].edge)

    def affect_to_fuse(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Affect of each modality for a fusion, (rows, 3).

        Where several modalities have prototype heads, their experts multiply, p(e) ~ prod p_m(e)^t_m over those that the row
        has, and the expectation of the product replaces the affect of each of them. t_m is the trust in a modality.
        """
        experts = self.experts(present)
        if self.centres is None or len(self.log_emotion) < 2 or not experts:
            return self.affect
        product = expected_affect(multiplied_emotions(experts, present), self.centres)
        return {name: product if name in self.log_emotion else values for name, values in self.affect.items()}

    def share_emotions(self, names: Sequence[str]) -> bool:
        """Whether all of these modalities have the same affect to fuse, so that there is nothing to weigh."""
        several = self.centres is not None and len(self.log_emotion) > 1
        return several and all(name in self.log_emotion for name in names)


def within_range(affect: Tensor) -> Tensor:
    """Keep affect on [-1.2, 1.2], smoothly; labels are on [-1, 1], and affect in this range is not changed."""
    inside = affect.clamp(-INSIDE, INSIDE)
    return inside + OUTSIDE * torch.tanh((affect - inside) / OUTSIDE)
