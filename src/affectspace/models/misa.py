"""MISA (Hazarika et al. 2020) as a baseline: modality-invariant and modality-specific codes of utterance vectors.

Source: "MISA: Modality-Invariant and -Specific Representations for Multimodal Sentiment Analysis", section 3, with the
details of the authors' code where the text has none. What is ours (masks, label scale, missing modalities) is in
docs/baselines.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from affectspace.affect import AXES
from affectspace.data.batches import FeatureBatch
from affectspace.models.affect_model import FeatureModelConfig, Representation
from affectspace.models.baseline import BaselineModel
from affectspace.models.gathering import gather_rows, mean_count
from affectspace.models.losses import LossTerms
from affectspace.models.moment_discrepancy import moment_discrepancy
from affectspace.models.posteriors import Posterior

NO_WIDTH = -20.0  # log-variance of codes that have none


class MisaConfig(FeatureModelConfig):
    """What a MISA is and how it is weighed; the defaults are the paper's. `fusion` is not used: its transformer fuses."""

    kind: Literal["misa"] = "misa"
    hidden: int = Field(128, ge=1, description="width of projections and codes")
    heads: int = Field(2, ge=1, description="of the transformer layer; divides `hidden`")
    feedforward: int = Field(
        2048, ge=1, description="inner width of the transformer layer; PyTorch's default, as theirs"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="of the last layers")
    attention_dropout: float = Field(0.1, ge=0, lt=1, description="of the transformer layer")
    difference_weight: float = Field(0.3, ge=0)
    similarity_weight: float = Field(1.0, ge=0, description="of the central moment discrepancy")
    reconstruction_weight: float = Field(1.0, ge=0)
    moments: int = Field(5, ge=1, description="of the central moment discrepancy")
    missing: Literal["zero", "dropout"] = Field(
        "zero",
        description="tokens of an absent modality: zero-filled, or masked from attention by a model that learnt to do "
        "without, modalities being dropped in training",
    )
    modality_dropout: float = Field(
        0.3, ge=0, lt=1, description="share of a row's modalities dropped, missing: dropout"
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> MisaConfig:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self


class Misa(BaselineModel):
    """Shared and private codes of each modality in [0, 1], fused by a transformer layer into valence, arousal, dominance.

    Modalities are in the order of `config.modalities`.

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
        """Projected features, private and shared codes, each (modalities, batch, hidden), of standardised rows."""
        projected = [project(values) for project, values in zip(self.project, rows, strict=True)]
        private = [private(values) for private, values in zip(self.private, projected, strict=True)]
        together = torch.stack(projected)
        return together, torch.stack(private), self.shared(together)

    def predict(self, private: Tensor, shared: Tensor, there: Tensor) -> Tensor:
        """VAD in standard deviations of the labels, (batch, 3), of the modalities that are there, (modalities, batch)."""
        tokens = torch.cat([private, shared]).transpose(0, 1)
        seen = torch.cat([there, there]).T
        tokens = torch.where(seen[..., None], tokens, 0.0)
        if self.config.missing == "zero":
            fused = self.transformer(tokens)
        else:
            hidden = ~seen & seen.any(dim=1, keepdim=True)  # a row with nothing attends to its zeros: no NaN
            fused = torch.where(seen[..., None], self.transformer(tokens, src_key_padding_mask=hidden), 0.0)
        return self.head(fused.flatten(start_dim=1))

    def loss(
        self, batch: FeatureBatch, generator: torch.Generator | None = None, *, progress: float = 1.0
    ) -> LossTerms:
        """MSE + difference_weight L_diff + similarity_weight L_CMD + reconstruction_weight L_recon.

        Dropout follows the generator. Rows enter each term with the modalities and labels that they have.
        """
        config = self.config
        rows, there = self.rows(batch.features, batch.present)
        projected, private, shared = self.codes(rows)
        with _noise(generator, shared.device):
            kept = self._drop(there) if self.training and config.missing == "dropout" else there
            guess = self.predict(private, shared, kept)
        prediction = self._prediction_error(guess, batch.affect, kept)
        difference, similarity = self._structure(private, shared, there)
        reconstruction = self._reconstruction_error(projected, private + shared, there)
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
        """Codes as posteriors without width. Affect per modality: the head given only that one; fused: given all present."""
        rows, there = self.rows(features, present)
        with self._without_dropout():
            _, private, shared = self.codes(rows)
            guesses = []
            for index in range(len(self.names) + 1):
                only = torch.zeros_like(there)
                only[index : index + 1] = there[index : index + 1]
                seen = there if index == len(self.names) else only
                guesses.append(self.predict(private, shared, seen) * self.label_scale + self.label_mean)
        return self.representation(self._points(shared), self._points(private), guesses[:-1], guesses[-1], there)

    def _points(self, codes: Tensor) -> dict[str, Posterior]:
        width = torch.full_like(codes[0], NO_WIDTH)
        return {name: Posterior(code, width) for name, code in zip(self.names, codes, strict=True)}

    def _prediction_error(self, guess: Tensor, affect: Tensor, there: Tensor) -> Tensor:
        """Squared error in standard deviations of the labels, mean over the known axes of the rows that have a modality."""
        known = ~affect.isnan() & there.any(dim=0)[:, None]
        target = torch.where(known, (affect - self.label_mean) / self.label_scale, 0.0)
        error = torch.where(known, (guess - target).square(), 0.0).sum()
        return error / mean_count(known.sum()).clamp(min=torch.finfo(error.dtype).tiny)

    def _structure(self, private: Tensor, shared: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Difference, summed over pairs of private codes and over private and shared of each modality; similarity,
        mean over the pairs of modalities that the batch has. Pairs are taken over the rows that have both."""
        differences, similarities = [], []
        none = private.sum() * 0.0 + shared.sum() * 0.0
        for index, mask in enumerate(there):
            differences.append(difference(gather_rows(private[index, mask]), gather_rows(shared[index, mask])))
        for one, other in combinations(range(len(there)), 2):
            both = there[one] & there[other]
            differences.append(difference(gather_rows(private[one, both]), gather_rows(private[other, both])))
            codes = gather_rows(shared[one, both]), gather_rows(shared[other, both])
            if len(codes[0]) > 1:
                similarities.append(moment_discrepancy(*codes, self.config.moments))
        similarity = torch.stack(similarities).mean() if similarities else none
        return torch.stack(differences).sum() + none, similarity

    def _reconstruction_error(self, projected: Tensor, codes: Tensor, there: Tensor) -> Tensor:
        """Squared error of each projected feature, mean over its rows and dimensions and over the modalities in the batch."""
        rebuilt = torch.stack([layer(code) for layer, code in zip(self.reconstruct, codes, strict=True)])
        error = (rebuilt - projected).square().mean(dim=-1)
        count = mean_count(there.sum(dim=1))
        mean = torch.where(there, error, 0.0).sum(dim=1) / torch.where(count > 0, count, 1.0)
        return mean.sum() / (count > 0).sum().clamp(min=1)

    def _drop(self, there: Tensor) -> Tensor:
        """Modalities that a row keeps in training, at least one of those it has."""
        draw = torch.where(there, torch.rand(there.shape, device=there.device), -1.0)
        return there & ((draw >= self.config.modality_dropout) | (draw == draw.amax(dim=0)))

    @contextmanager
    def _without_dropout(self) -> Iterator[None]:
        if not self.training:
            yield
            return
        self.eval()
        try:
            yield
        finally:
            self.train()


def difference(one: Tensor, other: Tensor) -> Tensor:
    """MISA's difference: mean square of the entries of A^T B, A and B being the codes about their mean, rows of length 1.

    one, other : (rows, dimensions) of the same rows; 0 for fewer than two. The lengths carry no gradient, as in the authors'
    code. A sum over rows stands inside the square, so that its size depends on the batch; with no more rows than dimensions it
    cannot tell independent codes from identical ones.
    """
    if len(one) < 2:
        return one.sum() * 0.0 + other.sum() * 0.0
    first, second = _directions(one), _directions(other)
    return (first.T @ second).square().mean()


def _directions(codes: Tensor) -> Tensor:
    around = codes - codes.mean(dim=0)
    return around / (around.detach().norm(dim=1, keepdim=True) + 1e-6)


@contextmanager
def _noise(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """PyTorch's own dropout draws from the global state: seed it from the generator, and put the state back."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
