"""The affective manifold's objective (Eq. 11): which rows enter which term, and the weighted sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from affectspace.data.batches import FeatureBatch
from affectspace.models.emotion_terms import PRIVATE_FLOOR, emotion_correlation, emotion_dependence, emotion_error
from affectspace.models.gathering import gather_rows
from affectspace.models.independence_penalties import correlation_penalty, covariance_penalty, hsic_penalty
from affectspace.models.losses import LossTerms
from affectspace.models.manifold_codes import (
    Encoded,
    Joint,
    divisor,
    drop_modalities,
    encode_present,
    joint_code,
    reconstructions,
)
from affectspace.models.manifold_terms import (
    Part,
    anchor_error,
    discordance,
    gaussian_kl,
    gaussian_nll,
    reduce,
    warmed,
    without_value,
)

if TYPE_CHECKING:
    from affectspace.models.manifold import Manifold

SHARED_FLOOR = 1e-3  # share of the labels' variance below which an axis of z_vad counts as collapsed


def manifold_loss(
    model: Manifold, batch: FeatureBatch, generator: torch.Generator | None, progress: float
) -> LossTerms:
    """Named terms, unweighted, and their weighted sum."""
    config = model.config
    if model.training and config.modality_dropout > 0:
        batch = drop_modalities(batch, config.modality_dropout, generator)
    encoded = {name: encode_present(model, name, batch, generator) for name in config.modalities}
    terms, total = {}, batch.affect.new_zeros(())
    penalty = warmed(progress, config.penalty_warmup)

    def add(name: str, weight: float, value: Tensor) -> None:
        nonlocal total
        terms[name] = value
        total = total + weight * value

    joint = joint_code(model, batch, encoded, generator) if config.joint_weight > 0 else None
    own, cross, fused = reconstructions(model, batch, encoded, joint)
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


def _kl(model: Manifold, encoded: dict[str, Encoded], joint: Joint | None) -> Tensor:
    """Eq. 10, nats; the joint posterior as if it were one more modality of mean width."""
    parts = []
    for name, each in encoded.items():
        kl = gaussian_kl(each.shared, model.prior_mean, model.prior_precision) + each.private.kl_to_standard().sum(
            dim=1
        )
        parts.append(Part(kl / divisor(model, name)))
    if joint is not None:
        mean_width = sum(divisor(model, name) for name in encoded) / len(encoded)
        kl = gaussian_kl(joint.posterior, model.prior_mean, model.prior_precision)
        parts.append(Part(kl / mean_width))
    return reduce(parts, model.config.reduction)


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
            if config.reduction == "default":
                penalty = penalty / (shared.shape[1] * private.shape[1])
        elif config.independence == "correlation":
            penalty = correlation_penalty(model.standard_affect(shared), private, SHARED_FLOOR, PRIVATE_FLOOR)
        else:
            penalty = hsic_penalty(shared, private)
        values.append((penalty, len(shared)))
    return _over_modalities(model, values)


def _over_modalities(model: Manifold, values: list[tuple[Tensor, int]]) -> Tensor:
    """Sum (paper) or mean of penalties, over the modalities that have two rows or more."""
    total = torch.stack([value for value, _ in values]).sum()
    number = sum(rows > 1 for _, rows in values)
    return total if model.config.reduction == "paper" else total / max(number, 1)


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
    if len(temperature) > 1:
        parts.append(error(*_together(batch, encoded)))
    value = reduce(parts, model.config.reduction)
    return value + without_value(reduce(temperature, "default")) if temperature else value


def _together(batch: FeatureBatch, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor]:
    """Summed log-probabilities (product of experts) of the rows that two or more heads tell an emotion of, and these rows."""
    number = torch.zeros_like(batch.category)
    summed = batch.affect.new_zeros(())
    for each in encoded.values():
        if each.log_emotion is not None:
            number = number.index_add(0, each.rows, torch.ones_like(each.rows))
            own = each.log_emotion.new_zeros(len(batch), each.log_emotion.shape[1])
            summed = summed + own.index_add(0, each.rows, each.log_emotion)
    several = (number > 1).nonzero().squeeze(1)
    return summed[several], several


def _private_emotion(model: Manifold, batch: FeatureBatch, encoded: dict[str, Encoded]) -> Tensor:
    """Emotion in the private means, over the rows of all processes."""
    categories = len(model.config.categories)
    measure = emotion_correlation if model.config.private_emotion == "linear" else emotion_dependence
    values = []
    for each in encoded.values():
        category = gather_rows(batch.category[each.rows])
        value = measure(gather_rows(each.private.mean), category, categories)
        values.append((value, int((category >= 0).sum())))
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
