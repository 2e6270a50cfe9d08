"""The affective manifold's objective (Eq. 11): which rows enter which term, and the weighted sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from affectspace.models.affect_model import FeatureBatch
from affectspace.models.emotion_terms import PRIVATE_FLOOR, emotion_correlation, emotion_dependence, emotion_error
from affectspace.models.gathering import gather_rows
from affectspace.models.independence_penalties import correlation_penalty, covariance_penalty, hsic_penalty
from affectspace.models.losses import LossTerms
from affectspace.models.manifold_terms import (
    Part,
    anchor_error,
    discordance,
    gaussian_kl,
    gaussian_nll,
    reconstruction_error,
    reduce,
    warmed,
    without_value,
)
from affectspace.models.posteriors import Posterior

if TYPE_CHECKING:
    from affectspace.models.manifold import Manifold

SHARED_FLOOR = 0.01  # share of the labels' variance below which an axis of z_vad counts as collapsed


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


def manifold_loss(
    model: Manifold, batch: FeatureBatch, generator: torch.Generator | None, progress: float
) -> LossTerms:
    """Named terms, unweighted, and their weighted sum."""
    config = model.config
    if model.training and config.modality_dropout > 0:
        batch = drop_modalities(batch, config.modality_dropout, generator)
    encoded = {name: _encode(model, name, batch, generator) for name in config.modalities}
    terms, total = {}, batch.affect.new_zeros(())
    penalty = warmed(progress, config.penalty_warmup)

    def add(name: str, weight: float, value: Tensor) -> None:
        nonlocal total
        terms[name] = value
        total = total + weight * value

    joint = _joint(model, batch, encoded, generator) if config.joint_weight > 0 else None
    own, cross, fused = _reconstruction(model, batch, encoded, joint)
    add("self", config.self_weight, reduce(own, config.reduction))
    if config.cross_weight > 0 and len(encoded) > 1:
        add("cross", config.cross_weight, reduce(cross, config.reduction))
    if joint is not None:
        add("joint", config.joint_weight, reduce(fused, config.reduction))
    add("kl", config.kl_weight * config.beta * warmed(progress, config.kl_warmup), _kl(model, encoded, joint))
    if config.anchor_weight > 0:
        add("anchor", config.anchor_weight, _label_anchor(model, batch, encoded))
        if config.lexicon_weight > 0 and config.lexicon_modality in encoded:
            weight = config.anchor_weight * config.lexicon_weight
            add("lexicon", weight, _lexicon_anchor(model, batch, encoded[config.lexicon_modality]))
    if config.independence != "none" and config.independence_weight > 0:
        add("independence", config.independence_weight * penalty, _independence(model, encoded))
    if config.prototype_weight > 0:
        add("prototypes", config.prototype_weight, _prototypes(model, batch, encoded))
    if config.private_emotion in ("linear", "hsic"):
        add("private_emotion", config.private_emotion_weight * penalty, _private_emotion(model, batch, encoded))
    if config.private_emotion == "adversarial":
        terms["probe"] = _probe(model, batch, encoded, config.private_emotion_weight * penalty)
        total = total + without_value(terms["probe"])
    if config.uncertainty == "head":
        terms["uncertainty"] = _uncertainty(model, batch, encoded)
        total = total + without_value(terms["uncertainty"])
    return LossTerms(total, terms)


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


def _encode(model: Manifold, name: str, batch: FeatureBatch, generator: torch.Generator | None) -> Encoded:
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


def _joint(
    model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded], generator: torch.Generator | None
) -> Joint:
    precision = model.prior_precision.diagonal().repeat(len(batch), 1)
    weighted = precision * model.prior_mean
    for each in encoded.values():
        expert = torch.exp(-each.shared.log_variance)
        precision = precision.index_add(0, each.rows, expert)
        weighted = weighted.index_add(0, each.rows, expert * each.shared.mean)
    known = torch.stack(list(batch.present.values())).any(dim=0)
    posterior = Posterior((weighted / precision)[known], -precision[known].log())
    return Joint(known.cumsum(0) - 1, posterior, posterior.sample(generator))


def _reconstruction(
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
            Part(reconstruction_error(one, _of(there.features, position)) / _divisor(model, target))
            for one, position in zip(made, positions, strict=True)
        ]
        if joint is not None:
            fused.append(parts.pop())
        own.append(parts[0])
        cross += parts[1:]
    return own, cross, fused


def _kl(model: Manifold, encoded: dict[str, Encoded], joint: Joint | None) -> Tensor:
    """Eq. 10, nats; the joint posterior as if it were one more modality of mean width."""
    parts = []
    for name, each in encoded.items():
        kl = gaussian_kl(each.shared, model.prior_mean, model.prior_precision) + each.private.kl_to_standard().sum(
            dim=1
        )
        parts.append(Part(kl / _divisor(model, name)))
    if joint is not None:
        mean_width = sum(_divisor(model, name) for name in encoded) / len(encoded)
        kl = gaussian_kl(joint.posterior, model.prior_mean, model.prior_precision)
        parts.append(Part(kl / mean_width))
    return reduce(parts, model.config.reduction)


def _divisor(model: Manifold, name: str) -> int:
    """What a modality's reconstruction and KL are divided by: its width, or 1 in the paper's reduction."""
    return model.config.modalities[name] if model.config.reduction == "default" else 1


def _anchored(model: Manifold, each: Encoded) -> Tensor:
    return each.shared.mean if model.config.anchor_on == "mean" else each.shared_code


def _label_anchor(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded]) -> Tensor:
    """L_GT on all modalities, each row against its corpus' labels."""
    config = model.config
    shift, scale = model.links.links()
    value = batch.affect.new_zeros(())
    if config.anchor_loss != "ccc":
        parts = []
        for each in encoded.values():
            corpus = batch.corpus[each.rows]
            weight = model.links.weights[corpus] if config.label_weighting == "variance" else None
            linked = shift[corpus] + scale[corpus] * _anchored(model, each)
            parts.append(anchor_error(linked, batch.affect[each.rows], weight))
        value = value + reduce(parts, config.reduction)
    if config.anchor_loss != "mse":
        target = model.in_pooled_units(batch.affect, batch.corpus).detach()
        parts = [discordance(_anchored(model, each), target[each.rows]) for each in encoded.values()]
        value = value + reduce(parts, config.reduction)
    return value


def _lexicon_anchor(model: Manifold, batch: FeatureBatch, text: Encoded) -> Tensor:
    """L_lex on the modality that the lexicon reads."""
    shift, scale = model.links.links()
    weight = model.links.weights[-1] if model.config.label_weighting == "variance" else None
    linked = shift[-1] + scale[-1] * _anchored(model, text)
    return reduce([anchor_error(linked, batch.lexicon[text.rows], weight)], model.config.reduction)


def _uncertainty(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded]) -> Tensor:
    """Negative log-likelihood of the labels in standard deviations; mean over all that are known, whatever the reduction."""
    target = model.standard_affect(model.in_pooled_units(batch.affect, batch.corpus)).detach()
    parts = [
        gaussian_nll(model.standard_affect(each.shared.mean), (each.deviation / model.spread).log(), target[each.rows])
        for each in encoded.values()
    ]
    return reduce(parts, "default")


def _independence(model: Manifold, encoded: dict[str, Encoded]) -> Tensor:
    """Eqs. 8-9 or what stands for them, over the rows of all processes; the sum (paper) or mean over modalities."""
    config = model.config
    values = []
    for each in encoded.values():
        on_mean = config.independence_on == "mean"
        shared = gather_rows(each.shared.mean if on_mean else each.shared_code)
        private = gather_rows(each.private.mean if on_mean else each.private_code)
        if config.independence == "covariance":
            penalty = covariance_penalty(shared, private)
            values.append(penalty if config.reduction == "paper" else penalty / (shared.shape[1] * private.shape[1]))
        elif config.independence == "correlation":
            shared = model.standard_affect(shared)
            values.append(correlation_penalty(shared, private, SHARED_FLOOR, PRIVATE_FLOOR))
        else:
            values.append(hsic_penalty(shared, private))
    return _over_modalities(model, values)


def _over_modalities(model: Manifold, values: list[Tensor]) -> Tensor:
    total = torch.stack(values).sum()
    return total if model.config.reduction == "paper" else total / len(values)


def _prototypes(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded]) -> Tensor:
    """Cross-entropy of the emotions: by distance in the shared space, or of a head that tells them apart, and of several such
    heads together. Their distances teach the temperature only."""
    usable = ~model.prototypes.centres.isnan().any(dim=1)

    def error(logits: Tensor, rows: Tensor) -> Part:
        return emotion_error(logits, batch.category[rows], model.emotion_weights, usable)

    parts, temperature = [], []
    for each in encoded.values():
        if each.log_emotion is None:
            parts.append(error(model.prototypes(model.standard_affect(_anchored(model, each))), each.rows))
            continue
        parts.append(error(each.log_emotion, each.rows))
        temperature.append(error(model.prototypes(model.standard_affect(each.shared.mean.detach())), each.rows))
    several, together = _together(batch, encoded)
    if len(several):
        parts.append(error(together, several))
    value = reduce(parts, model.config.reduction)
    return value + without_value(reduce(temperature, "default")) if temperature else value


def _together(batch: FeatureBatch, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor]:
    """Rows that two or more heads tell an emotion of, and their summed log-probabilities (product of experts)."""
    heads = [each for each in encoded.values() if each.log_emotion is not None]
    number = batch.category.new_zeros(len(batch))
    for each in heads:
        number = number.index_add(0, each.rows, torch.ones_like(each.rows))
    several = (number > 1).nonzero().squeeze(1)
    if not len(several):
        return several, batch.affect.new_zeros(0, 0)
    summed = sum(
        each.log_emotion.new_zeros(len(batch), each.log_emotion.shape[1]).index_add(0, each.rows, each.log_emotion)
        for each in heads
        if each.log_emotion is not None
    )
    return several, torch.as_tensor(summed)[several]


def _private_emotion(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded]) -> Tensor:
    """Emotion in the private means, over the rows of all processes."""
    categories = len(model.config.categories)
    measure = emotion_correlation if model.config.private_emotion == "linear" else emotion_dependence
    values = [
        measure(gather_rows(each.private.mean), gather_rows(batch.category[each.rows]), categories)
        for each in encoded.values()
    ]
    return _over_modalities(model, values)


def _probe(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded], strength: float) -> Tensor:
    """Cross-entropy of the adversaries, whose reversed gradient the private heads get."""
    usable = torch.ones_like(model.emotion_weights, dtype=torch.bool)
    parts = [
        emotion_error(
            model.probes[name](each.private.mean, strength), batch.category[each.rows], model.emotion_weights, usable
        )
        for name, each in encoded.items()
    ]
    return reduce(parts, "default")
