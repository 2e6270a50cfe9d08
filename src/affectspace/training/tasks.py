"""The trainings of images and of feature vectors: a model, its batches and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from affectspace.data.batches import FeatureBatch, ImageBatch
from affectspace.errors import ConfigError
from affectspace.models import MODELS, AffectModel, LossTerms, Pretrained, training_statistics
from affectspace.training.batches import EpochBatches, ImageSamples, augment
from affectspace.training.feature_batches import FeatureBatches, FeatureSamples
from affectspace.training.feature_configuration import FeatureFitConfig, FeatureTrainConfig
from affectspace.training.feature_set import FeatureSet
from affectspace.training.image_configuration import FitConfig, TrainConfig
from affectspace.training.labels import few_of_a_kind
from affectspace.training.loop import Training
from affectspace.training.training_set import PARTS, TrainingSet


class ImageTraining(Training):
    """Training on images. Augmentation is a function of (seed, epoch, step)."""

    unit = "images"
    config: FitConfig

    def __init__(self, model: Pretrained, config: FitConfig, train: ImageSamples, validation: ImageSamples) -> None:
        steps = len(EpochBatches(train, config.batch_size, seed=0, epoch=0))
        super().__init__(model, config, steps, len(train))
        self.train, self.validation = train, validation

    def batches(self, epoch: int, rank: int, ranks: int) -> EpochBatches:
        config = self.config
        return EpochBatches(self.train, config.batch_size, seed=config.seed, epoch=epoch, balance=config.balance)

    def validation_batches(self, rank: int, ranks: int) -> EpochBatches:
        return EpochBatches(self.validation, self.config.batch_size, seed=self.config.seed, epoch=0, shuffle=False)

    def loss(self, batch: ImageBatch, seed: int, progress: float, training: bool) -> LossTerms:
        image = batch.image
        if training:
            image = augment(image, self.config.augmentation, torch.Generator().manual_seed(seed))
        generator = torch.Generator(image.device).manual_seed(seed)
        return self.model.loss(ImageBatch(image, batch.affect, batch.category), generator)


class FeatureTraining(Training):
    """Training on feature vectors."""

    model: AffectModel
    config: FeatureFitConfig

    def __init__(
        self, model: AffectModel, config: FeatureFitConfig, train: FeatureSamples, validation: FeatureSamples
    ) -> None:
        batches = FeatureBatches(train, config.batch_size, seed=0, epoch=0)
        super().__init__(model, config, len(batches), sum(map(len, batches.whole)))
        self.train, self.validation = train, validation

    def batches(self, epoch: int, rank: int, ranks: int) -> FeatureBatches:
        config = self.config
        return FeatureBatches(
            self.train, config.batch_size, seed=config.seed, epoch=epoch, balance=config.balance, rank=rank, ranks=ranks
        )

    def validation_batches(self, rank: int, ranks: int) -> FeatureBatches:
        config = self.config
        return FeatureBatches(
            self.validation, config.batch_size, seed=config.seed, epoch=0, shuffle=False, rank=rank, ranks=ranks
        )

    def loss(self, batch: FeatureBatch, seed: int, progress: float, training: bool) -> LossTerms:
        generator = torch.Generator(batch.affect.device).manual_seed(seed)
        return self.model.loss(batch, generator, progress=progress)


@dataclass(frozen=True, eq=False)
class Task:
    """A training that is ready to start.

    finish : what is done with the trained model before it is saved
    facts : what run.json records
    notes : lines for the log
    """

    training: Training
    finish: Callable[[], None]
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


def image_task(config: TrainConfig, data: TrainingSet) -> Task:
    """Prepare the training of LeVAsa or of an emotion classifier on a corpus of images."""
    settings, model_config = config.fit, config.model
    if model_config.kind == "classifier" or model_config.alignment == "categories":
        expected = tuple(model_config.categories)
        if expected != data.labels.categories:
            raise ConfigError(f"model.categories is {expected}, the corpus has {data.labels.categories}")
    training, validation = data.samples("train"), data.samples("validation")
    model = _new_model(model_config.kind, model_config, settings.seed)
    if settings.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    people = {part: int(data.table["person"].iloc[data.rows(part)].nunique()) for part in PARTS}
    facts: dict[str, Any] = {
        "label_kind": data.labels.kind,
        "categories": list(data.labels.categories),
        "images": {part: len(data.rows(part)) for part in PARTS},
        "people": people,
        "warnings": few_of_a_kind(data.labels.categories, training.category),
        "unreadable": len(data.unreadable),
        "licence": data.corpus.licence,
        "citation": data.corpus.citation,
    }
    return Task(
        training=ImageTraining(model, settings, training, validation),
        finish=lambda: None,
        facts=facts,
        notes=(
            *facts["warnings"],
            *(f"left out: {row.image}: {row.reason}" for row in data.unreadable.itertuples()),
        ),
    )


def feature_task(config: FeatureTrainConfig, data: FeatureSet) -> Task:
    """Prepare the training of a model on feature vectors. Its statistics come from the training part alone."""
    settings, complete = config.fit, data.complete(config)
    training, validation = data.samples("train"), data.samples("validation")
    if min(len(training), settings.batch_size) < 2 * settings.devices or len(validation) < settings.devices:
        raise ConfigError(f"{len(training)} training rows are too few for {settings.devices} devices")
    model = _new_model(config.kind, complete.model, settings.seed)
    assert isinstance(model, AffectModel)
    model.prepare(training_statistics(training.batch, complete.model, validation.batch))

    facts = data.run_facts()
    facts["warnings"] = few_of_a_kind(data.categories, training.batch.category.numpy())
    notes = [f"{name}: {note}" for name, corpus in facts["corpora"].items() for note in corpus.get("notes", [])]

    def finish() -> None:
        model.after_training(training.batch, validation.batch)

    return Task(
        training=FeatureTraining(model, settings, training, validation),
        finish=finish,
        facts=facts,
        notes=(*facts["warnings"], *notes),
    )


def _new_model(kind: str, config: Any, seed: int) -> Pretrained:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[kind](config)
