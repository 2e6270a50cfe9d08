"""MISA (Hazarika et al. 2020) as a baseline: modality-invariant and modality-specific codes of utterance vectors.

Source: "MISA: Modality-Invariant and -Specific Representations for Multimodal Sentiment Analysis", section 3; details that
the text leaves out are those of the authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import torch
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import Batch
from affectspace.models.base import LossTerms, Posterior, Representation, Step, evaluating
from affectspace.models.baseline import BaselineModel
from affectspace.models.gathering import gather_rows, mean_count
from affectspace.models.misa.config import MisaConfig

POINT_LOG_VARIANCE = -20.0  # of codes, which have no variance
EPSILON = 1e-8  # inside the roots of the discrepancy


class Misa(BaselineModel):
    """Shared and private codes of each modality in [0, 1], fused by a transformer layer into valence, arousal, dominance.

    Modalities are in the order of `config.modalities`.

    Parameters
    ----------
    config : MisaConfig

    Examples
    --------
    >>> model = Misa(MisaConfig(modalities={"text": 8, "audio": 6}))
    >>> [codes.shape for codes in model.codes([torch.zeros(5, 8), torch.zeros(5, 6)])[1:]]
    [torch.Size([2, 5, 128]), torch.Size([2, 5, 128])]
    """

    config_class = MisaConfig
    config: MisaConfig

    def __init__(self, config: MisaConfig) -> None:
        super().__init__(config)
        hidden, count = config.hidden, len(config.modalities)
        self.project = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.LayerNorm(hidden))
            for width in config.modalities.values()
        )
        self.private = nn.ModuleList(nn.Sequential(nn.Linear(hidden, hidden), nn.Sigmoid()) for _ in range(count))
        self.shared = nn.Sequential(nn.Linear(hidden, hidden), nn.Sigmoid())
        self.reconstruct = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(count))
        self.transformer = nn.TransformerEncoderLayer(
            hidden, config.heads, config.feedforward, config.attention_dropout, batch_first=True
        )
        self.head = nn.Sequential(
            nn.Linear(2 * count * hidden, count * hidden),
            nn.Dropout(config.dropout),
            nn.ReLU(),
            nn.Linear(count * hidden, len(AXES)),
        )

    def codes(self, rows: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Compute projected features, private and shared codes of standardised rows, each (modalities, batch, hidden)."""
        projected = [project(values) for project, values in zip(self.project, rows, strict=True)]
        private = [private(values) for private, values in zip(self.private, projected, strict=True)]
        together = torch.stack(projected)
        return together, torch.stack(private), self.shared(together)

    def predict(self, private: Tensor, shared: Tensor, present: Tensor) -> Tensor:
        """Predict VAD in standard deviations of the labels, (batch, 3), from the present modalities, (modalities, batch)."""
        tokens = torch.cat([private, shared]).transpose(0, 1)
        visible = torch.cat([present, present]).T
        tokens = torch.where(visible[..., None], tokens, 0.0)
        if self.config.missing == "zero":
            fused = self.transformer(tokens)
        else:
            hidden = ~visible & visible.any(dim=1, keepdim=True)  # a row with nothing attends to its zeros: no NaN
            fused = torch.where(visible[..., None], self.transformer(tokens, src_key_padding_mask=hidden), 0.0)
        return self.head(fused.flatten(start_dim=1))

    def terms(self, batch: Batch, step: Step) -> LossTerms:
        """Compute MSE + difference_weight L_diff + similarity_weight L_CMD + reconstruction_weight L_recon.

        The generator seeds dropout; there are no latent samples. Rows enter each term with the modalities and labels that
        they have.
        """
        config = self.config
        rows, present = self.rows(batch.features, batch.present)
        projected, private, shared = self.codes(rows)
        with _seeded(step.generator, shared.device):
            kept = self._drop(present) if self.training and config.missing == "dropout" else present
            guess = self.predict(private, shared, kept)
        prediction = self._prediction_error(guess, batch.affect, kept)
        difference, similarity = self._structure(private, shared, present)
        reconstruction = self._reconstruction_error(projected, private + shared, present)
        total = (
            prediction
            + config.difference_weight * difference
            + config.similarity_weight * similarity
            + config.reconstruction_weight * reconstruction
        )
        terms = {
            "prediction": prediction,
            "difference": difference,
            "similarity": similarity,
            "reconstruction": reconstruction,
        }
        return LossTerms(total, terms)

    def represent(self, features: dict[str, Tensor], present: dict[str, Tensor]) -> Representation:
        """Compute codes and affect of rows; see `AffectModel.represent`.

        The codes are posteriors without variance. Affect of a modality is the head's output given only that one.
        """
        rows, mask = self.rows(features, present)
        distances = self.distances(features, dict(zip(self.names, mask, strict=True)))
        with evaluating(self):
            _, private, shared = self.codes(self.discounted(rows, distances))
            guesses = []
            for index in range(len(self.names) + 1):
                only = torch.zeros_like(mask)
                only[index : index + 1] = mask[index : index + 1]
                visible = mask if index == len(self.names) else only
                guesses.append(self.predict(private, shared, visible) * self.label_scale + self.label_mean)
        return self.representation(
            self._points(shared), self._points(private), guesses[:-1], guesses[-1], mask, distances
        )

    def _points(self, codes: Tensor) -> dict[str, Posterior]:
        log_variance = torch.full_like(codes[0], POINT_LOG_VARIANCE)
        return {name: Posterior(code, log_variance) for name, code in zip(self.names, codes, strict=True)}

    def _prediction_error(self, guess: Tensor, affect: Tensor, present: Tensor) -> Tensor:
        """Squared error in standard deviations of the labels, mean over the known axes of the rows that have a modality."""
        known = ~affect.isnan() & present.any(dim=0)[:, None]
        target = torch.where(known, (affect - self.label_mean) / self.label_scale, 0.0)
        error = torch.where(known, (guess - target).square(), 0.0).sum()
        return error / mean_count(known.sum()).clamp(min=torch.finfo(error.dtype).tiny)

    def _structure(self, private: Tensor, shared: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Difference and similarity, over the rows that have both sides.

        Difference: summed over pairs of private codes, and over private and shared code of each modality. Similarity: mean
        over the pairs of modalities that the batch has.
        """
        differences, similarities = [], []
        zero = private.sum() * 0.0 + shared.sum() * 0.0
        for index, mask in enumerate(present):
            differences.append(code_difference(gather_rows(private[index, mask]), gather_rows(shared[index, mask])))
        for first, second in combinations(range(len(present)), 2):
            both = present[first] & present[second]
            differences.append(code_difference(gather_rows(private[first, both]), gather_rows(private[second, both])))
            codes = gather_rows(shared[first, both]), gather_rows(shared[second, both])
            if len(codes[0]) > 1:
                similarities.append(moment_discrepancy(*codes, self.config.moments))
        similarity = torch.stack(similarities).mean() if similarities else zero
        return torch.stack(differences).sum() + zero, similarity

    def _reconstruction_error(self, projected: Tensor, codes: Tensor, present: Tensor) -> Tensor:
        """Squared error of each projected feature, mean over its rows and dimensions and over the modalities in the batch."""
        rebuilt = torch.stack([layer(code) for layer, code in zip(self.reconstruct, codes, strict=True)])
        error = (rebuilt - projected).square().mean(dim=-1)
        count = mean_count(present.sum(dim=1))
        mean = torch.where(present, error, 0.0).sum(dim=1) / torch.where(count > 0, count, 1.0)
        return mean.sum() / (count > 0).sum().clamp(min=1)

    def _drop(self, present: Tensor) -> Tensor:
        """Choose the modalities that a row keeps in training, at least one of those it has."""
        draw = torch.where(present, torch.rand(present.shape, device=present.device), -1.0)
        return present & ((draw >= self.config.modality_dropout) | (draw == draw.amax(dim=0)))


def code_difference(first: Tensor, second: Tensor) -> Tensor:
    """MISA's difference: mean square of the entries of A^T B, A and B being the centred codes with rows of length 1.

    first, second : (rows, dimensions) of the same rows; 0 for fewer than two. The lengths carry no gradient, as in the
    authors' code. The sum over rows is inside the square, so that the size depends on the batch; with no more rows than
    dimensions the term cannot tell independent codes from identical ones.
    """
    if len(first) < 2:
        return first.sum() * 0.0 + second.sum() * 0.0
    return (_directions(first).T @ _directions(second)).square().mean()


def _directions(codes: Tensor) -> Tensor:
    centred = codes - codes.mean(dim=0)
    return centred / (centred.detach().norm(dim=1, keepdim=True) + 1e-6)


def moment_discrepancy(first: Tensor, second: Tensor, moments: int = 5) -> Tensor:
    """Central moment discrepancy of codes in [0, 1] (Zellinger et al. 2017), MISA's similarity, a scalar.

    The distance of the means plus those of the central moments of order 2 .. `moments`. first, second : (rows, dimensions),
    each with at least one row; the numbers of rows may differ. The root of every distance has an epsilon inside, because its
    gradient is infinite where the moments are equal; its root is subtracted, so that identical codes have exactly 0.
    """
    means = first.mean(dim=0), second.mean(dim=0)
    centred = first - means[0], second - means[1]
    distances = [_distance(*means)]
    for order in range(2, moments + 1):
        distances.append(_distance(centred[0].pow(order).mean(dim=0), centred[1].pow(order).mean(dim=0)))
    return torch.stack(distances).sum()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return torch.sqrt((first - second).square().sum() + EPSILON) - math.sqrt(EPSILON)


@contextmanager
def _seeded(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's global generator, which its dropout draws from, from another one, and restore it afterwards."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
