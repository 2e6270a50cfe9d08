"""Training examples of a projector: sentences with their latents, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affectspace.steering.language_model import LanguageModel
from affectspace.steering.masking import Masker
from affectspace.training.configuration import ProjectorTrainConfig

POOL = 16  # batches whose sentences are sorted by length together, so that there is little padding
STRONG_OFFSET = 0.15  # sd, added to a sentence's distance from the mean, so that neutral ones are drawn as well


@dataclass(frozen=True, eq=False)
class Examples:
    """n sentences of one part, with what the projector and the language model need of them.

    tokens : of each text, with the one that ends it; private : (n, width), in standard deviations of the training rows
    affect, rated : (n, 3), by the encoder and by raters, in sd of the corpus; rated is NaN where there is no label
    """

    texts: list[str]
    ids: np.ndarray
    tokens: list[list[int]]
    affect: np.ndarray
    rated: np.ndarray
    private: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def mean_tokens(self) -> float:
        """Mean number of tokens of a sentence."""
        return float(np.mean([len(row) for row in self.tokens]))

    def take(self, rows: np.ndarray) -> Examples:
        """Select examples by their places."""
        texts, tokens = [self.texts[row] for row in rows], [self.tokens[row] for row in rows]
        return Examples(texts, self.ids[rows], tokens, self.affect[rows], self.rated[rows], self.private[rows])

    def strong(self, number: int, power: float, seed: int) -> Examples:
        """Draw at most `number` examples, more often those whose affect (rated and encoded) lies far from the mean.

        Most sentences of a corpus are nearly neutral and teach little of what affect does to a sentence.
        """
        rated = np.where(np.isfinite(self.rated), self.rated, self.affect)
        weights = (STRONG_OFFSET + np.linalg.norm((rated + self.affect) / 2, axis=1)) ** power
        random = np.random.default_rng([seed, len(self)])
        count = min(number, len(self))
        return self.take(np.sort(random.choice(len(self), count, replace=False, p=weights / weights.sum())))


@dataclass(frozen=True, eq=False)
class ExampleBatch:
    """Rows that pass the language model together.

    affect : (rows, 3); private : (rows, width); prompts, targets : tokens of each row; a prompt may be empty
    """

    affect: Tensor
    private: Tensor
    prompts: list[list[int]]
    targets: list[list[int]]

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> ExampleBatch:
        return ExampleBatch(self.affect.to(device), self.private.to(device), self.prompts, self.targets)


class ExampleBatches:
    """Batches of one epoch. Iterating twice gives the same ones.

    Order, hidden words, the choice between rated and encoded affect, and dropped latents are functions of (seed, epoch).
    Sentences of similar length share a batch, and the order of batches is random. Rows that do not fill a batch are left to
    the next epoch. Batches for validation (training=False) are the same in every epoch.
    """

    def __init__(
        self,
        examples: Examples,
        model: LanguageModel,
        masker: Masker | None,
        config: ProjectorTrainConfig,
        *,
        epoch: int = 0,
        training: bool = True,
    ) -> None:
        self.examples, self.model, self.masker, self.config, self.training = examples, model, masker, config, training
        self._seed, size = [config.fit.seed, epoch, int(training)], config.fit.batch_size
        random = np.random.default_rng(self._seed)
        order = np.arange(len(examples))
        if training:
            order = random.permutation(len(examples))[: batch_count(len(examples), config) * size]
        lengths = np.array([len(row) for row in examples.tokens])
        pools = [order[start : start + POOL * size] for start in range(0, len(order), POOL * size)]
        order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
        self.parts = [order[start : start + size] for start in range(0, len(order), size)]
        if training:
            self.parts = [self.parts[place] for place in random.permutation(len(self.parts))]

    def __len__(self) -> int:
        return len(self.parts)

    def names(self, step: int) -> list[str]:
        """Return the names of a step's rows."""
        return [str(self.examples.ids[row]) for row in self.parts[step]]

    def __iter__(self) -> Iterator[ExampleBatch]:
        random = np.random.default_rng([*self._seed, 1])
        for part in self.parts:
            yield self._batch(part, random)

    def _batch(self, part: np.ndarray, random: np.random.Generator) -> ExampleBatch:
        examples, config = self.examples, self.config
        rated = np.isfinite(examples.rated[part]).all(axis=1)
        if self.training:
            rated &= random.random(len(part)) < config.fit.label_share
        else:
            rated &= config.fit.label_share > 0.5
        affect = np.where(rated[:, None], examples.rated[part], examples.affect[part])
        private = examples.private[part]
        if self.training:
            affect = np.where(random.random((len(part), 1)) < config.model.affect_dropout, 0.0, affect)
            private = np.where(random.random((len(part), 1)) < config.model.private_dropout, 0.0, private)
        prompts: list[list[int]] = [[] for _ in part]
        if self.masker is not None:
            masked = [self.masker.training_prompt(examples.texts[row], random, config.mask.spans) for row in part]
            prompts = [self.model.encode_prompt(text) for text in masked]
        return ExampleBatch(
            torch.from_numpy(affect.astype(np.float32)),
            torch.from_numpy(private.astype(np.float32)),
            prompts,
            [examples.tokens[row] for row in part],
        )


def batch_count(examples: int, config: ProjectorTrainConfig) -> int:
    """Number of batches of an epoch."""
    return max(examples // config.fit.batch_size, 1)
