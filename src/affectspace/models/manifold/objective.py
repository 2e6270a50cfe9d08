"""The affective manifold's objective (Eq. 11): which rows are encoded and decoded, and what enters each term."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from affectspace.data.batches import Batch
from affectspace.models.base import LossTerms, Posterior, Step, product_of_experts, warmed
from affectspace.models.gathering import gather_rows, mean_count
from affectspace.models.manifold.networks import Encoding, ManifoldNetworks, multiplied_emotions
from affectspace.models.manifold.penalties import (
    PRIVATE_FLOOR,
    correlation_penalty,
    covariance_penalty,
    emotion_correlation,
    emotion_dependence,
    hsic_penalty,
)
from affectspace.models.manifold.terms import (
    Part,
    anchor_error,
    discordance,
    emotion_error,
    gaussian_kl,
    gaussian_nll,
    reconstruction_error,
    reduce,
    without_value,
)

SHARED_FLOOR = 1e-3  # share of the labels' variance below which an axis of z_vad counts as collapsed


def drop_modalities(batch: Batch, rate: float, generator: torch.Generator | None) -> Batch:
    """Remove each modality of each row with probability `rate`; a row that would lose all keeps all."""
    present = torch.stack(list(batch.present.values()))
    kept = present & (torch.rand(present.shape, generator=generator, device=present.device) >= rate)
    kept = torch.where(kept.any(dim=0), kept, present)
    return replace(batch, present=dict(zip(batch.present, kept, strict=True)))


def _select(values: Tensor, rows: Tensor | None) -> Tensor:
    """Select rows; None: all of them, without a copy."""
    return values if rows is None else values.index_select(0, rows)


@dataclass(frozen=True)
class EncodedModality:
    """The n rows of a batch that have a modality, encoded.

    rows : (n,) positions in the batch; position : (batch,) the inverse, meaningless where absent; None where all rows have it
    features : (n, width), standardised
    shared_code, private_code : one sample of each posterior, (n, 3) and (n, private)
    """

    rows: Tensor | None
    position: Tensor | None
    features: Tensor
    encoding: Encoding
    shared_code: Tensor
    private_code: Tensor

    @property
    def shared(self) -> Posterior:
        return self.encoding.shared

    @property
    def private(self) -> Posterior:
        return self.encoding.private

    def positions(self, rows: Tensor) -> Tensor:
        """Return the places, among the n rows, of rows of the batch that have the modality."""
        return rows if self.position is None else self.position.index_select(0, rows)


class JointCode(NamedTuple):
    """Posterior on z_vad given all modalities of a row, and a sample of it, (rows with any modality, 3).

    position : (batch,) the row's place in them, meaningless for a row without any modality; None where all rows have one
    """

    position: Tensor | None
    posterior: Posterior
    code: Tensor


class ManifoldObjective:
    """The objective on one batch. Each modality is encoded once, on the rows that have it and no others."""

    def __init__(self, model: ManifoldNetworks, batch: Batch, step: Step) -> None:
        self.model, self.config, self.step = model, model.config, step
        rate = self.config.inputs.modality_dropout
        self.batch = drop_modalities(batch, rate, step.generator) if model.training and rate > 0 else batch
        self.encoded = {name: self._encode(name) for name in self.config.modalities}

    def _encode(self, name: str) -> EncodedModality:
        present, rows, position = self.batch.present[name], None, None
        if not present.all():
            rows, position = present.nonzero().squeeze(1), present.cumsum(0) - 1
        features = self.model.standardise(name, _select(self.batch.features[name], rows))
        encoding = self.model.encode(name, features, self.step.generator)
        codes = encoding.shared.sample(self.step.noise), encoding.private.sample(self.step.noise)
        return EncodedModality(rows, position, features, encoding, *codes)

    def loss(self) -> LossTerms:
        """Return the named terms, unweighted, and their weighted sum."""
        config, progress = self.config, self.step.progress
        terms, total = {}, self.batch.affect.new_zeros(())

        def add(name: str, weight: float, value: Tensor) -> None:
            nonlocal total
            terms[name] = value
            total = total + weight * value

        weights = config.reconstruction
        joint = self._joint() if weights.joint_weight > 0 else None
        own, cross, fused = self._reconstructions(joint)
        add("self", weights.self_weight, reduce(own, config.reduction))
        if weights.cross_weight > 0 and len(self.encoded) > 1:
            add("cross", weights.cross_weight, reduce(cross, config.reduction))
        if joint is not None:
            add("joint", weights.joint_weight, reduce(fused, config.reduction))
        add("kl", config.kl.weight * config.kl.beta * warmed(progress, config.kl.warmup), self._kl(joint))
        if config.anchors.weight > 0:
            add("anchor", config.anchors.weight, self._label_anchor())
            lexicon = config.anchors.lexicon
            if lexicon.weight > 0 and lexicon.modality in self.encoded:
                add("lexicon", config.anchors.weight * lexicon.weight, self._lexicon_anchor(lexicon.modality))
        if config.independence.kind != "none" and config.independence.weight > 0:
            weight = config.independence.weight * warmed(progress, config.independence.warmup)
            add("independence", weight, self._independence())
        if config.prototypes.weight > 0:
            add("prototypes", config.prototypes.weight, self._prototypes())
        emotion_weight = config.private.emotion.weight * warmed(progress, config.private.emotion.warmup)
        if config.private.emotion.kind in ("linear", "hsic"):
            add("private_emotion", emotion_weight, self._private_emotion())
        if config.private.emotion.kind == "adversarial":
            terms["probe"] = self._probe(emotion_weight)
            total = total + without_value(terms["probe"])
        if config.uncertainty == "head":
            terms["uncertainty"] = self._uncertainty()
            total = total + without_value(terms["uncertainty"])
        return LossTerms(total, terms)

    def _divisor(self, name: str) -> int:
        """What a modality's reconstruction and KL are divided by: its width, or 1 in the paper's reduction."""
        return self.config.modalities[name] if self.config.reduction == "default" else 1

    def _joint(self) -> JointCode:
        """Multiply the prior and the experts of all present modalities on z_vad, in every row with any modality."""
        mean, log_variance = (
            torch.stack(
                [self._scatter(getattr(encoded.shared, kind), encoded.rows) for encoded in self.encoded.values()]
            )
            for kind in ("mean", "log_variance")
        )
        present = torch.stack([self.batch.present[name] for name in self.encoded])
        known, position = present.any(dim=0), None
        if not known.all():
            mean, log_variance, present = mean[:, known], log_variance[:, known], present[:, known]
            position = known.cumsum(0) - 1
        prior = Posterior(self.model.prior_mean, -self.model.prior_precision.diagonal().log())
        posterior = product_of_experts(mean, log_variance, present, prior)
        return JointCode(position, posterior, posterior.sample(self.step.noise))

    def _scatter(self, values: Tensor, rows: Tensor | None) -> Tensor:
        """Put the values of some rows at their positions in the batch; zero elsewhere."""
        if rows is None:
            return values
        return values.new_zeros(len(self.batch), values.shape[1]).index_copy(0, rows, values)

    def _reconstructions(self, joint: JointCode | None) -> tuple[list[Part], list[Part], list[Part]]:
        """Eqs. 5 and 7, with one decoder call per modality: from its own code, those of the others, and the joint one."""
        own, cross, fused = [], [], []
        for target, encoded in self.encoded.items():
            shared: list[Tensor] = [encoded.shared_code]
            positions: list[Tensor | None] = [None]
            for source in self.encoded if self.config.reconstruction.cross_weight > 0 else ():
                if source != target:
                    code, position = self._shared_with(source, target)
                    shared.append(code)
                    positions.append(position)
            if joint is not None:
                rows = encoded.rows if joint.position is None else _select(joint.position, encoded.rows)
                shared.append(_select(joint.code, rows))
                positions.append(None)
            private = torch.cat([_select(encoded.private_code, position) for position in positions])
            decoded = self.model.decode(target, torch.cat(shared), private)
            errors = self._errors(decoded, encoded.features, positions)
            divisor = self._divisor(target)
            parts = [Part(error if divisor == 1 else error / divisor) for error in errors]
            if joint is not None:
                fused.append(parts.pop())
            own.append(parts[0])
            cross += parts[1:]
        return own, cross, fused

    def _shared_with(self, source: str, target: str) -> tuple[Tensor, Tensor | None]:
        """Shared codes of a source in the rows that have the target too, and the places of these rows in the target."""
        code, encoded = self.encoded[source], self.encoded[target]
        if code.rows is None and encoded.rows is None:
            return code.shared_code, None
        both = (self.batch.present[source] & self.batch.present[target]).nonzero().squeeze(1)
        return _select(code.shared_code, code.positions(both)), encoded.positions(both)

    @staticmethod
    def _errors(decoded: Tensor, features: Tensor, positions: list[Tensor | None]) -> Iterable[Tensor]:
        """Errors of decoded features, for each group of rows; the groups follow one another in `decoded`."""
        if all(position is None for position in positions):
            return reconstruction_error(decoded.unflatten(0, (len(positions), len(features))), features)
        sizes = [len(features) if position is None else len(position) for position in positions]
        pairs = zip(decoded.split(sizes), positions, strict=True)
        return [reconstruction_error(rows, _select(features, position)) for rows, position in pairs]

    def _kl(self, joint: JointCode | None) -> Tensor:
        """Eq. 10, nats; the joint posterior counts as one more modality of mean width."""
        precision = self.model.prior_precision
        prior = self.model.prior_mean, precision, torch.linalg.slogdet(precision).logabsdet
        parts = []
        for name, encoded in self.encoded.items():
            kl = gaussian_kl(encoded.shared, *prior) + encoded.private.kl_to_standard().sum(dim=1)
            divisor = self._divisor(name)
            parts.append(Part(kl if divisor == 1 else kl / divisor))
        if joint is not None:
            mean_width = sum(map(self._divisor, self.encoded)) / len(self.encoded)
            parts.append(Part(gaussian_kl(joint.posterior, *prior) / mean_width))
        return reduce(parts, self.config.reduction)

    def _anchored(self, encoded: EncodedModality) -> Tensor:
        return encoded.shared.mean if self.config.anchors.codes == "mean" else encoded.shared_code

    def _label_anchor(self) -> Tensor:
        """L_GT on all modalities, each row against its corpus' labels."""
        anchors, links, batch = self.config.anchors, self.model.links, self.batch
        shift, scale = links.links()
        value = batch.affect.new_zeros(())
        if anchors.loss != "ccc":
            parts = []
            for encoded in self.encoded.values():
                corpus = _select(batch.corpus, encoded.rows)
                weight = links.weights[corpus] if anchors.label_weighting == "variance" else None
                linked = shift[corpus] + scale[corpus] * self._anchored(encoded)
                parts.append(anchor_error(linked, _select(batch.affect, encoded.rows), weight))
            value = value + reduce(parts, self.config.reduction)
        if anchors.loss != "mse":
            target = self.model.in_pooled_units(batch.affect, batch.corpus).detach()
            parts = [
                discordance(self._anchored(encoded), _select(target, encoded.rows)) for encoded in self.encoded.values()
            ]
            value = value + reduce(parts, self.config.reduction)
        return value

    def _lexicon_anchor(self, modality: str) -> Tensor:
        """L_lex on the modality that the lexicon reads."""
        encoded, links = self.encoded[modality], self.model.links
        shift, scale = links.links()
        weight = links.weights[-1] if self.config.anchors.label_weighting == "variance" else None
        linked = shift[-1] + scale[-1] * self._anchored(encoded)
        return reduce([anchor_error(linked, _select(self.batch.lexicon, encoded.rows), weight)], self.config.reduction)

    def _uncertainty(self) -> Tensor:
        """Negative log-likelihood of errors as shares of the batch's root mean squared error, of each modality and axis.

        The head learns which rows have larger errors than others. How large errors are is learned on validation rows, because
        those of training rows become smaller and smaller.
        """
        model, batch = self.model, self.batch
        target = model.standard_affect(model.in_pooled_units(batch.affect, batch.corpus)).detach()
        parts = []
        for encoded in self.encoded.values():
            error = model.standard_affect(encoded.shared.mean).detach() - _select(target, encoded.rows)
            squares, count = mean_count(error.square().nansum(dim=0)), mean_count((~error.isnan()).sum(dim=0))
            size = (squares / count).sqrt().clamp(min=1e-6)  # over the rows of all processes
            log_deviation = (encoded.encoding.deviation / model.spread).log()
            parts.append(gaussian_nll(torch.zeros_like(error), log_deviation, error / size))
        return reduce(parts, "default")

    def _independence(self) -> Tensor:
        """Eqs. 8-9 or the penalty in their place, over the rows of all processes; sum (paper) or mean over modalities."""
        config = self.config
        values = []
        for encoded in self.encoded.values():
            on_mean = config.independence.codes == "mean"
            shared = gather_rows(encoded.shared.mean if on_mean else encoded.shared_code)
            private = gather_rows(encoded.private.mean if on_mean else encoded.private_code)
            if config.independence.kind == "covariance":
                penalty = covariance_penalty(shared, private)
                if config.reduction == "default":
                    penalty = penalty / (shared.shape[1] * private.shape[1])
            elif config.independence.kind == "correlation":
                standard = self.model.standard_affect(shared)
                penalty = correlation_penalty(standard, private, SHARED_FLOOR, PRIVATE_FLOOR)
            else:
                penalty = hsic_penalty(shared, private)
            values.append((penalty, len(shared)))
        return self._over_modalities(values)

    def _over_modalities(self, values: list[tuple[Tensor, int]]) -> Tensor:
        """Sum (paper) or mean of (penalty, rows), over the modalities that have two rows or more."""
        total = torch.stack([value for value, _ in values]).sum()
        number = sum(rows > 1 for _, rows in values)
        return total if self.config.reduction == "paper" else total / max(number, 1)

    def _emotion_error(self, logits: Tensor, rows: Tensor | None, usable: Tensor) -> Part:
        return emotion_error(logits, _select(self.batch.category, rows), self.model.emotion_weights, usable)

    def _prototypes(self) -> Tensor:
        """Cross-entropy of the emotions: by distance in the shared space, or of the prototype heads and of their product.

        Where a modality has a prototype head, the distances train the temperature only.
        """
        model = self.model
        usable = ~model.prototypes.centres.isnan().any(dim=1)
        parts, temperature = [], []
        for encoded in self.encoded.values():
            if encoded.encoding.log_emotion is None:
                logits = model.prototypes(model.standard_affect(self._anchored(encoded)))
                parts.append(self._emotion_error(logits, encoded.rows, usable))
                continue
            parts.append(self._emotion_error(encoded.encoding.log_emotion, encoded.rows, usable))
            logits = model.prototypes(model.standard_affect(encoded.shared.mean.detach()))
            temperature.append(self._emotion_error(logits, encoded.rows, usable))
        if len(temperature) > 1:
            logits, rows = self._multiplied_heads()
            parts.append(self._emotion_error(logits, rows, usable))
        value = reduce(parts, self.config.reduction)
        return value + without_value(reduce(temperature, "default")) if temperature else value

    def _multiplied_heads(self) -> tuple[Tensor, Tensor]:
        """Product of the prototype heads' probabilities, as logits, in the rows that have two or more, and these rows."""
        log_emotion = {}
        for name, encoded in self.encoded.items():
            if encoded.encoding.log_emotion is not None:
                log_emotion[name] = self._scatter(encoded.encoding.log_emotion, encoded.rows)
        number = torch.stack([self.batch.present[name] for name in log_emotion]).sum(dim=0)
        several = (number > 1).nonzero().squeeze(1)
        return multiplied_emotions(log_emotion, self.batch.present)[several], several

    def _private_emotion(self) -> Tensor:
        """Emotion in the private means, over the rows of all processes."""
        categories = len(self.config.categories)
        measure = emotion_correlation if self.config.private.emotion.kind == "linear" else emotion_dependence
        values = []
        for encoded in self.encoded.values():
            category = gather_rows(_select(self.batch.category, encoded.rows))
            value = measure(gather_rows(encoded.private.mean), category, categories)
            values.append((value, int((category >= 0).sum())))
        return self._over_modalities(values)

    def _probe(self, strength: float) -> Tensor:
        """Cross-entropy of the adversaries; the private networks get its gradient reversed."""
        usable = torch.ones_like(self.model.emotion_weights, dtype=torch.bool)
        parts = [
            self._emotion_error(self.model.probes[name](encoded.private.mean, strength), encoded.rows, usable)
            for name, encoded in self.encoded.items()
        ]
        return reduce(parts, "default")
