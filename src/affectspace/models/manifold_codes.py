"""Which rows of a batch are encoded and decoded by an affective manifold, and from which codes (Eqs. 1-7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from affectspace.data.batches import FeatureBatch
from affectspace.models.manifold_terms import Part, reconstruction_error
from affectspace.models.posteriors import Posterior

if TYPE_CHECKING:
    from affectspace.models.manifold import Manifold


@dataclass(frozen=True)
class Encoded:
    """What one modality's encoder made of the n rows that have it, in their order.

    rows : (n,) positions in the batch; position : (batch,) the reverse, meaningless where absent
    features : (n, width), standardised
    shared_code, private_code : one sample of each posterior, (n, 3) and (n, private)
    deviation : (n, 3), of affect
    log_emotion : (n, categories) of a head that tells emotions apart, else None
    """

    rows: Tensor
    position: Tensor
    features: Tensor
    shared: Posterior
    private: Posterior
    shared_code: Tensor
    private_code: Tensor
    deviation: Tensor
    log_emotion: Tensor | None


def drop_modalities(batch: FeatureBatch, rate: float, generator: torch.Generator | None) -> FeatureBatch:
    """Each row without each of its modalities with probability `rate`; a row that would lose all keeps all."""
    names = list(batch.present)
    present = torch.stack([batch.present[name] for name in names])
    kept = present & (torch.rand(present.shape, generator=generator, device=present.device) >= rate)
    kept = torch.where(kept.any(dim=0), kept, present)
    return FeatureBatch(
        batch.features,
        dict(zip(names, kept, strict=True)),
        batch.affect,
        batch.lexicon,
        batch.category,
        batch.corpus,
    )


def _of(values: Tensor, rows: Tensor) -> Tensor:
    """These rows, ascending and each once; no copy where they are all."""
    return values if len(rows) == len(values) else values.index_select(0, rows)


def encode_present(model: Manifold, name: str, batch: FeatureBatch, generator: torch.Generator | None) -> Encoded:
    """Posteriors and samples of the rows that have this modality, and of no others."""
    present = batch.present[name]
    rows = present.nonzero().squeeze(1)
    features = model.scaled(name, _of(batch.features[name], rows))
    word = model.encode(name, features, generator)
    codes = word.shared.sample(generator), word.private.sample(generator)
    position = present.cumsum(0) - 1
    return Encoded(rows, position, features, word.shared, word.private, *codes, word.deviation, word.log_emotion)


@dataclass(frozen=True)
class Joint:
    """Product of the prior's and all present modalities' Gaussian experts on z_vad (Wu & Goodman 2018).

    position : (batch,) where a row's code is; code : (rows with any modality, 3), one sample each
    """

    position: Tensor
    posterior: Posterior
    code: Tensor


def joint_code(
    model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded], generator: torch.Generator | None
) -> Joint:
    """The joint posterior of every row with any modality, and a sample of it."""
    precision = model.prior_precision.diagonal().repeat(len(batch), 1)
    weighted = precision * model.prior_mean
    for each in encoded.values():
        expert = torch.exp(-each.shared.log_variance)
        precision = precision.index_add(0, each.rows, expert)
        weighted = weighted.index_add(0, each.rows, expert * each.shared.mean)
    known = torch.stack([batch.present[name] for name in encoded]).any(dim=0)
    posterior = Posterior((weighted / precision)[known], -precision[known].log())
    return Joint(known.cumsum(0) - 1, posterior, posterior.sample(generator))


def reconstructions(
    model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded], joint: Joint | None
) -> tuple[list[Part], list[Part], list[Part]]:
    """Eqs. 5 and 7, one decoder call for all codes of a modality: its own, those with each other's shared code, the joint."""
    own, cross, fused = [], [], []
    for target, there in encoded.items():
        every = torch.arange(len(there.rows), device=there.rows.device)
        shared, positions = [there.shared_code], [every]
        for source, other in encoded.items():
            if source != target and model.config.cross_weight > 0:
                both = (batch.present[source] & batch.present[target]).nonzero().squeeze(1)
                shared.append(_of(other.shared_code, other.position[both]))
                positions.append(there.position[both])
        if joint is not None:
            shared.append(joint.code[joint.position[there.rows]])
            positions.append(every)
        private = torch.cat([_of(there.private_code, position) for position in positions])
        made = model.decode(target, torch.cat(shared), private).split([len(position) for position in positions])
        parts = [
            Part(reconstruction_error(one, _of(there.features, position)) / divisor(model, target))
            for one, position in zip(made, positions, strict=True)
        ]
        if joint is not None:
            fused.append(parts.pop())
        own.append(parts[0])
        cross += parts[1:]
    return own, cross, fused


def divisor(model: Manifold, name: str) -> int:
    """What a modality's reconstruction and KL are divided by: its width, or 1 in the paper's reduction."""
    return model.config.modalities[name] if model.config.reduction == "default" else 1
