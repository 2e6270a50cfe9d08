"""What a training of images, or of features, is to the machinery: a model, its module, batches, and what the run records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch

from affectspace.errors import ConfigError
from affectspace.models import MODELS, AffectModel, Pretrained, training_statistics
from affectspace.training.batches import EpochBatches
from affectspace.training.feature_batches import FeatureBatches
from affectspace.training.feature_configuration import FeatureTrainConfig
from affectspace.training.feature_set import FeatureSet
from affectspace.training.feature_training import FeatureData, FeatureTraining
from affectspace.training.image_configuration import TrainConfig
from affectspace.training.image_training import ImageData, ImageTraining
from affectspace.training.labels import few_of_a_kind
from affectspace.training.module import Training
from affectspace.training.training_set import PARTS, TrainingSet


@dataclass(frozen=True, eq=False)
class Task:
    """A training that is ready to start.

    rows : training rows of an epoch; unit : what they are called
    finish : what is done with the trained model before it is saved
    facts : what run.json records
    notes : lines for the log
    """

    module: Training
    batches: L.LightningDataModule
    rows: int
    unit: str
    finish: Callable[[], None]
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


def image_task(config: TrainConfig, data: TrainingSet) -> Task:
    """Training of LeVAsa or of its ceiling on a corpus of images."""
    settings, model_config = config.fit, config.model
    if model_config.kind == "classifier" or model_config.alignment == "categories":
        expected = tuple(model_config.categories)
        if expected != data.labels.categories:
            raise ConfigError(f"model.categories is {expected}, the corpus has {data.labels.categories}")
    training, validation = data.samples("train"), data.samples("validation")
    model = _new_model(model_config.kind, model_config, settings.seed)
    if settings.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = len(EpochBatches(training, settings.batch_size, seed=0, epoch=0))
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
        module=ImageTraining(model, settings, steps),
        batches=ImageData(training, validation, settings),
        rows=len(training),
        unit="images",
        finish=lambda: None,
        facts=facts,
        notes=(
            *facts["warnings"],
            *(f"left out: {row.image}: {row.reason}" for row in data.unreadable.itertuples()),
        ),
    )


def feature_task(config: FeatureTrainConfig, data: FeatureSet) -> Task:
    """Training of a model on feature vectors; its statistics come from the training part alone."""
    settings, complete = config.fit, data.complete(config)
    training, validation = data.samples("train"), data.samples("validation")
    batches = FeatureBatches(training, settings.batch_size, seed=0, epoch=0)
    if len(batches.whole[0]) < 2 * settings.devices or len(validation) < settings.devices:
        raise ConfigError(f"{len(training)} training rows are too few for {settings.devices} devices")
    model = _new_model(config.kind, complete.model, settings.seed)
    assert isinstance(model, AffectModel)
    model.prepare(training_statistics(training.batch, complete.model, validation.batch))

    facts = data.run_facts()
    facts["warnings"] = few_of_a_kind(data.categories, training.batch.category.numpy())
    told = [f"{name}: {note}" for name, corpus in facts["corpora"].items() for note in corpus.get("notes", [])]

    def finish() -> None:
        model.after_training(training.batch, validation.batch)

    return Task(
        module=FeatureTraining(model, settings, len(batches)),
        batches=FeatureData(training, validation, settings),
        rows=sum(map(len, batches.whole)),
        unit="rows",
        finish=finish,
        facts=facts,
        notes=(*facts["warnings"], *told),
    )


def _new_model(kind: str, config: Any, seed: int) -> Pretrained:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[kind](config)
