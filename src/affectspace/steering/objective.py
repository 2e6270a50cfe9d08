"""Training examples and the loss of a projector."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from affectspace.models.losses import LossTerms
from affectspace.models.projector import Projector
from affectspace.steering.language_model import LanguageModel
from affectspace.steering.masking import Masker
from affectspace.training.module import Training
from affectspace.training.projector_configuration import ProjectorFitConfig

POOL = 16  # batches whose sentences are sorted by length together, so that little is padded


@dataclass(frozen=True, eq=False)
class Examples:
    """Sentences of one part.

    texts, ids : n of them; tokens : of each text, with the one that ends it
    encoded, labels : (n, 3) affect by the encoder and by raters, in sd of the corpus; labels NaN where there is none
    private : (n, width), standardised
    """

    texts: list[str]
    ids: np.ndarray
    tokens: list[list[int]]
    encoded: np.ndarray
    labels: np.ndarray
    private: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def mean_tokens(self) -> float:
        """Tokens of a sentence, on average."""
        return float(np.mean([len(row) for row in self.tokens]))

    def take(self, rows: np.ndarray) -> Examples:
        """The rows at these positions."""
        return Examples(
            [self.texts[row] for row in rows], self.ids[rows], [self.tokens[row] for row in rows], self.encoded[rows],
            self.labels[rows], self.private[rows],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ExampleBatch:
    """Rows that go through the language model together.

    affect : (rows, 3); private : (rows, width); prompts, targets : tokens of each row; a prompt may be empty
    """

    affect: Tensor
    private: Tensor
    prompts: list[list[int]]
    targets: list[list[int]]

    def __len__(self) -> int:
        return len(self.targets)


class ExampleBatches:
    """The batches of one epoch; iterating twice gives the same ones. Validation (shuffle=False) never changes.

    Order, hidden words, which rows have the rated label, and which lack a latent are functions of (seed, epoch). Sentences of
    like length go together, in batches whose order is random. Rows that do not fill a batch wait for the next epoch's order.
    """

    def __init__(
        self, examples: Examples, model: LanguageModel, masker: Masker | None, config: ProjectorFitConfig, spans: float,
        *, epoch: int = 0, shuffle: bool = True, dropout: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        self.examples, self.model, self.masker, self.config, self.spans = examples, model, masker, config, spans
        self.seed, self.shuffle, self.dropout = [config.seed, epoch, int(shuffle)], shuffle, dropout
        size = config.batch_size
        random = np.random.default_rng(self.seed)
        order = random.permutation(len(examples)) if shuffle else np.arange(len(examples))
        if shuffle:
            order = order[: max(len(order) // size, 1) * size]
        lengths = np.array([len(row) for row in examples.tokens])
        pools = [order[start : start + POOL * size] for start in range(0, len(order), POOL * size)]
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        self.parts = [parts[place] for place in random.permutation(len(parts))] if shuffle else parts

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[ExampleBatch]:
        random = np.random.default_rng([*self.seed, 1])
        for part in self.parts:
            yield self._batch(part, random)

    def _batch(self, part: np.ndarray, random: np.random.Generator) -> ExampleBatch:
        rows = self.examples
        rated = np.isfinite(rows.labels[part]).all(axis=1)
        if self.shuffle:
            rated &= random.random(len(part)) < self.config.label_share
        else:
            rated &= self.config.label_share > 0.5
        affect = np.where(rated[:, None], rows.labels[part], rows.encoded[part])
        private = rows.private[part]
        if self.shuffle:
            affect = np.where(random.random((len(part), 1)) < self.dropout[0], 0.0, affect)
            private = np.where(random.random((len(part), 1)) < self.dropout[1], 0.0, private)
        prompts: list[list[int]] = [[] for _ in part]
        if self.masker is not None:
            prompts = [
                self.model.encode_prompt(self.masker.training_prompt(rows.texts[row], random, self.spans))
                for row in part
            ]
        return ExampleBatch(
            torch.from_numpy(affect.astype(np.float32)),
            torch.from_numpy(private.astype(np.float32)),
            prompts,
            [rows.tokens[row] for row in part],
        )


class ExampleData(L.LightningDataModule):
    """Training batches of the trainer's current epoch, and validation batches that never change."""

    def __init__(
        self, training: Examples, validation: Examples, model: LanguageModel, masker: Masker | None,
        config: ProjectorFitConfig, spans: float, dropout: tuple[float, float],
    ) -> None:  # fmt: skip
        super().__init__()
        self.training, self.validation = training, validation
        self._shared = (model, masker, config, spans)  # in a tuple: nothing of it belongs into a checkpoint
        self._dropout = dropout

    def train_dataloader(self) -> ExampleBatches:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return ExampleBatches(self.training, *self._shared, epoch=epoch, dropout=self._dropout)

    def val_dataloader(self) -> ExampleBatches:
        return ExampleBatches(self.validation, *self._shared, shuffle=False)


def steps_of(examples: int, config: ProjectorFitConfig) -> int:
    """Batches of an epoch."""
    return max(examples // config.batch_size, 1)


def optimiser_steps(batches: int, config: ProjectorFitConfig) -> int:
    """Steps of the optimiser in an epoch of so many batches."""
    return math.ceil(batches / config.accumulate)


def sentence_loss(
    projector: Projector, model: LanguageModel, batch: ExampleBatch, affect: Tensor, private: Tensor
) -> tuple[Tensor, Tensor]:
    """Summed negative log-likelihood of each row's sentence, nats, and its tokens, (rows,) each."""
    return model.token_losses(projector(affect, private), batch.targets, batch.prompts)


class ProjectorTraining(Training):
    """Steps of a projector. The language model is no part of the module: neither optimised, nor saved.

    A loss is the mean over tokens: the sum over a batch's tokens by the number that as many rows have on average in that part,
    so that accumulated batches are one large batch to the letter, and an epoch's mean is the mean over its tokens.
    """

    model: Projector

    def __init__(
        self, projector: Projector, config: ProjectorFitConfig, steps: int, language_model: LanguageModel,
        mean_tokens: tuple[float, float], names: list[str],
    ) -> None:  # fmt: skip
        super().__init__(projector, config, steps)
        self._frozen, self._mean_tokens, self._names = language_model, mean_tokens, names

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self._frozen.to(self.device)

    def step_loss(self, batch: ExampleBatch, seed: int, progress: float, training: bool) -> LossTerms:
        tokens = len(batch) * self._mean_tokens[0 if training else 1]

        def loss(affect: Tensor, private: Tensor) -> Tensor:
            return sentence_loss(self.model, self._frozen, batch, affect, private)[0].sum() / tokens

        own = loss(batch.affect, batch.private)
        if training:
            return LossTerms(own, {})
        # another row's latents, and another row's affect alone: what the projector uses of them makes the difference
        affect, private = batch.affect.roll(1, dims=0), batch.private.roll(1, dims=0)
        shuffled = {"shuffled_latents": loss(affect, private), "shuffled_affect": loss(affect, batch.private)}
        return LossTerms(own, shuffled)

    def transfer_batch_to_device(self, batch: ExampleBatch, device: torch.device, dataloader_idx: int) -> Any:
        if device.type == "cpu":
            return batch
        return ExampleBatch(batch.affect.to(device), batch.private.to(device), batch.prompts, batch.targets)

    def rows_of(self, step: int) -> list[str]:
        batches = self.trainer.train_dataloader
        return [self._names[row] for row in batches.parts[step]] if batches else []
