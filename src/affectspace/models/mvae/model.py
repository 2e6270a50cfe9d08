"""The multimodal VAE of Wu & Goodman (2018) as a baseline: one latent, a product of Gaussian experts, sub-sampled ELBOs.

Source: "Multimodal Generative Models for Scalable Weakly-Supervised Learning", sections 2.2 and 2.3.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.models.base import LossTerms, Posterior, Representation, Step, product_of_experts, warmed
from affectspace.models.baseline import BaselineModel
from affectspace.models.gathering import mean_count
from affectspace.models.mvae.config import MvaeConfig
from affectspace.models.statistics import fit_ridge

LOG_VARIANCES = (-12.0, 6.0)


class Mvae(BaselineModel):
    """Multimodal VAE with one shared code and no private ones.

    Modalities are in the order of `config.modalities`, VAD after them where it is one.

    Parameters
    ----------
    config : MvaeConfig

    Examples
    --------
    >>> model = Mvae(MvaeConfig(modalities={"text": 8, "audio": 6}))
    >>> model.encode([torch.zeros(5, 8), torch.zeros(5, 6)], torch.ones(2, 5, dtype=torch.bool)).mean.shape
    torch.Size([5, 16])
    """

    config_class = MvaeConfig
    config: MvaeConfig

    def __init__(self, config: MvaeConfig) -> None:
        super().__init__(config)
        code, hidden = config.latent, config.hidden
        widths = [(width, width) for width in config.modalities.values()]
        if config.vad_modality:
            widths.append((2 * len(AXES), len(AXES)))  # the axes, and which of them are known
        self.encoders = nn.ModuleList(_layers(inputs, hidden, 2 * code) for inputs, _ in widths)
        self.decoders = nn.ModuleList(_layers(code, hidden[::-1], outputs) for _, outputs in widths)
        if not config.vad_modality:
            self.register_buffer("readout_weight", torch.zeros(len(self.names) + 1, code, len(AXES)))
            self.register_buffer("readout_bias", torch.full((len(self.names) + 1, len(AXES)), torch.nan))

    readout_weight: Tensor
    readout_bias: Tensor

    def experts(self, rows: list[Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of each modality's expert, (modalities, batch, latent).

        rows, present : as `rows` gives them; a modality that no row has is not encoded
        """
        exporting = torch.compiler.is_compiling()  # an export cannot look at values
        outputs = [
            encoder(values)
            if exporting or self.training or mask.any()
            else values.new_zeros(values.shape[0], 2 * self.config.latent)
            for encoder, values, mask in zip(self.encoders, rows, present, strict=False)
        ]
        mean, log_variance = torch.stack(outputs).chunk(2, dim=-1)
        return mean, log_variance.clamp(*LOG_VARIANCES)

    def encode(self, rows: list[Tensor], present: Tensor) -> Posterior:
        """Return the joint posterior given the present modalities, (batch, latent); the prior where none is.

        rows : standardised features of each modality, as `rows` gives them; present : (modalities, batch)
        """
        return product_of_experts(*self.experts(rows, present), present)

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute minus the sum of a row's ELBOs (`elbo_masks`), mean over the rows that have anything.

        Each ELBO reconstructs its own modalities, 0.5 (x - x')^2 weighted by 1 / width. Its KL is divided by the width of the
        widest modality, so that the total is the usual ELBO over that width.
        """
        rows, present = self.rows(batch.features, batch.present)
        known = torch.ones_like(batch.affect, dtype=torch.bool)
        if self.config.vad_modality:
            known = ~batch.affect.isnan()
            labels = torch.where(known, (batch.affect - self.label_mean) / self.label_scale, 0.0).to(rows[0].dtype)
            rows = [*rows, torch.cat([labels, known.to(labels.dtype)], dim=1)]
            present = torch.cat([present, known.any(dim=1)[None]])
        masks = elbo_masks(present, step.generator)
        mean, log_variance = self.experts(rows, present)
        posterior = product_of_experts(mean[:, None], log_variance[:, None], masks)
        code = posterior.sample(step.noise)
        error = code.new_zeros(code.shape[:2])
        for index, values in enumerate(rows):
            term, row = masks[index].nonzero(as_tuple=True)
            decoded = self.decoders[index](code[term, row])
            squared = 0.5 * (decoded - values[row, : decoded.shape[1]]).square()
            counted = known[row] if index == len(self.names) else torch.ones_like(squared, dtype=torch.bool)
            share = torch.where(counted, squared, 0.0).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
            error = error.index_put((term, row), share, accumulate=True)
        kl = posterior.kl_to_standard().sum(dim=-1) / max(self.config.modalities.values())
        rows_with_any = mean_count(present.any(dim=0).sum()).clamp(min=torch.finfo(kl.dtype).tiny)
        reconstruction = error.sum() / rows_with_any
        divergence = torch.where(masks.any(dim=0), kl, 0.0).sum() / rows_with_any
        total = reconstruction + warmed(step.progress, self.config.kl_warmup) * self.config.kl_weight * divergence
        return LossTerms(total, {"reconstruction": reconstruction, "kl": divergence})

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Compute posteriors and affect of rows; see `AffectModel.represent`.

        `shared` is the posterior given each modality alone. Fused affect is read from the joint posterior. Affect is NaN
        until `after_training` has fitted the read-out.
        """
        rows, mask = self.rows(features, present)
        distances = self.distances(features, dict(zip(self.names, mask, strict=True)))
        mean, log_variance = self.experts(self.discounted(rows, distances), mask)
        single = [
            product_of_experts(mean[index, None], log_variance[index, None], mask[index, None])
            for index in range(len(self.names))
        ]
        joint = product_of_experts(mean, log_variance, mask)
        affect = [
            self.read_affect(posterior.mean, torch.full_like(mask[0], index, dtype=torch.long))
            for index, posterior in enumerate(single)
        ]
        fused = self.read_affect(joint.mean, self.view(mask))
        return self.representation(dict(zip(self.names, single, strict=True)), {}, affect, fused, mask, distances)

    def read_affect(self, code: Tensor, view: Tensor) -> Tensor:
        """Read VAD from a code, (batch, latent) -> (batch, 3); view : (batch,), index of the read-out."""
        if self.config.vad_modality:
            return self.decoders[-1](code) * self.label_scale + self.label_mean
        return torch.einsum("bk,bka->ba", code, self.readout_weight[view]) + self.readout_bias[view]

    def fit_readout(self, train: Batch, validation: Batch) -> None:
        """Fit a ridge per view from posterior means to VAD; a view without labelled rows takes the joint view's."""
        if self.config.vad_modality:
            return
        codes, present = self._means(train)
        checked, checked_present = self._means(validation)
        train_rows, validation_rows = self.members(present), self.members(checked_present)
        for view in reversed(range(len(train_rows))):
            rows, others = train_rows[view], validation_rows[view]
            weight, bias = fit_ridge(
                codes[view, rows], train.affect[rows], (checked[view, others], validation.affect[others])
            )
            unknown = bias.isnan()
            self.readout_weight[view] = torch.where(unknown, self.readout_weight[-1], weight.to(codes.dtype))
            self.readout_bias[view] = torch.where(unknown, self.readout_bias[-1], bias.to(codes.dtype))

    def _means(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Posterior means of every view, (views, rows, latent), and who has which modality, (modalities, rows)."""
        codes, present = [], []
        for piece in self.pieces(batch):
            rows, mask = self.rows(piece.features, piece.present)
            mean, log_variance = self.experts(rows, mask)
            views = torch.cat([torch.diag_embed(mask.T).permute(2, 1, 0), mask[:, None]], dim=1)
            codes.append(product_of_experts(mean[:, None], log_variance[:, None], views).mean)
            present.append(mask)
        return torch.cat(codes, dim=1), torch.cat(present, dim=1)


def elbo_masks(present: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Choose the modalities of each ELBO of each row, (modalities, batch) -> (modalities, terms, batch) bool.

    Terms: all that the row has; each of them alone, where it has several; one random subset of two or more but not all,
    where it has three or more. So 5 terms for a row with three modalities, 3 with two, 1 with one; a term that a row does
    not have is empty. The subset is drawn once for each combination of modalities in the batch, so that a row without a
    modality is treated as by a model that never had it.
    """
    several = present.sum(dim=0) > 1
    alone = torch.diag_embed(present.T & several[:, None]).permute(2, 1, 0)
    terms = [present[:, None], alone]
    if len(present) > 2:
        combinations_, index_of_row = present.T.unique(dim=0, return_inverse=True)
        drawn = torch.zeros_like(combinations_)
        for index, members in enumerate(combinations_):
            drawn[index, _random_subset(members.nonzero().flatten().tolist(), generator)] = True
        terms.append(drawn[index_of_row].T[:, None])
    return torch.cat(terms, dim=1)


def _random_subset(members: list[int], generator: torch.Generator | None) -> list[int]:
    subsets = [subset for size in range(2, len(members)) for subset in combinations(members, size)]
    if not subsets:
        return []
    device = "cpu" if generator is None else generator.device
    return list(subsets[int(torch.randint(len(subsets), (1,), generator=generator, device=device))])


def _layers(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Module:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
