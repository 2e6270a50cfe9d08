"""The projector's loss: how surprised the frozen language model is by the sentence behind the soft tokens and the prompt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from affectspace.generation.steering.examples import ExampleBatch
from affectspace.generation.steering.language_model import LanguageModel, token_losses
from affectspace.models.losses import LossTerms
from affectspace.models.projector import Projector
from affectspace.training.module import Training
from affectspace.training.projector_configuration import ProjectorFitConfig


def sentence_loss(
    projector: Projector, model: LanguageModel, batch: ExampleBatch, affect: Tensor, private: Tensor
) -> tuple[Tensor, Tensor]:
    """Summed negative log-likelihood of each row's sentence, nats, and its tokens, (rows,) each."""
    return token_losses(model, projector(affect, private), batch.targets, batch.prompts)


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
