"""A corpus with decoded images, labels and parts: what trainings and evaluations share."""

import copy
from typing import Any

import numpy as np
import pandas as pd

from affectspace.corpora import Corpus, read_corpus
from affectspace.errors import DataError
from affectspace.progress import Progress, silent
from affectspace.training.batches import ImageSamples
from affectspace.training.image_configuration import DataConfig, TrainConfig
from affectspace.training.labels import Labels, make_labels
from affectspace.training.runs import Run
from affectspace.training.split_record import require_split

PARTS = ("train", "validation", "test")
__all__ = ["PARTS", "Progress", "TrainingSet", "open_corpus", "silent"]


def open_corpus(data: DataConfig) -> Corpus:
    """The corpus that a configuration names, filtered; its rows are those of the run's split."""
    options: dict[str, Any] = {}
    if data.media is not None:
        options["media"] = data.media
    if data.columns:
        options["columns"] = data.columns
    if data.scale is not None:
        options["scale"] = data.scale
    corpus = read_corpus(data.corpus, data.path, where=data.where, **options)
    if data.limit is not None and data.limit < len(corpus.table):
        drawn = np.random.default_rng(data.split.seed).choice(len(corpus.table), data.limit, replace=False)
        corpus = corpus.take(np.sort(drawn))
    return corpus


class TrainingSet:
    """A corpus with decoded images, labels and parts: what trainings and evaluations share.

    Rows whose image cannot be read are left out and counted in `unreadable`.
    """

    def __init__(self, config: TrainConfig, corpus: Corpus | None = None, progress: Progress = silent) -> None:
        data = config.data
        corpus = corpus if corpus is not None else open_corpus(data)
        images = corpus.images(config.model.image_size, cache=data.cache, progress=progress)
        self.unreadable = images.failures
        readable = np.flatnonzero(images.ok)
        if not len(readable):
            first = images.failures.iloc[0]
            raise DataError(
                f"none of {len(corpus.table)} images can be read; the first, {first['image']}: {first['reason']}"
            )
        split = data.split
        part = corpus.take(readable).split(
            split.scheme, fold=split.fold, folds=split.folds, seed=split.seed, fractions=split.fractions
        )
        self.corpus, self.pixels = corpus.take(readable), images.pixels
        self.pixel_rows = readable
        self.part = part.to_numpy()
        self.labels: Labels = make_labels(self.corpus.table, config.labels, config.fit.seed)

    @classmethod
    def of_run(cls, run: Run, progress: Progress = silent) -> "TrainingSet":
        """The corpus of a run in the parts that its training had.

        Raises RunError where the corpus is not the one that was trained on any more, and for a run on features.
        """
        data = cls(run.image_config, progress=progress)
        require_split(run, data.split_table())
        return data

    def relabelled(self, config: TrainConfig) -> "TrainingSet":
        """The same images in the same parts, with the labels that another configuration asks for."""
        other = copy.copy(self)
        other.labels = make_labels(self.corpus.table, config.labels, config.fit.seed)
        return other

    def split_table(self) -> pd.DataFrame:
        """id, person and part of every row."""
        return self.table[["id", "person"]].assign(part=self.part).reset_index(drop=True)

    @property
    def table(self) -> pd.DataFrame:
        return self.corpus.table

    def rows(self, part: str) -> np.ndarray:
        """Positions in `table` of one part."""
        return np.flatnonzero(self.part == part)

    def samples(self, part: str) -> ImageSamples:
        """Images and labels of one part; labels of the training part may change with the epoch."""
        rows, labels = self.rows(part), self.labels
        evaluation = labels.evaluation[rows]
        training = part == "train"
        return ImageSamples(
            pixels=self.pixels,
            rows=self.pixel_rows[rows],
            affect=(lambda epoch: labels.training(epoch)[rows]) if training else (lambda epoch: evaluation),
            category=labels.category[rows],
            ids=self.table["id"].to_numpy()[rows],
        )
