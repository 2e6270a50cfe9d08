"""Feature vectors of several corpora with labels and parts: what trainings and evaluations on features share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from affectspace.affect import AXES
from affectspace.configuration import explain
from affectspace.data.batches import FeatureBatch
from affectspace.errors import ConfigError, DataError
from affectspace.progress import Progress, silent
from affectspace.training.feature_batches import FeatureSamples
from affectspace.training.feature_configuration import FeatureTrainConfig
from affectspace.training.feature_parts import FeatureParts, SomeDraws, parts_of_arrays, parts_of_files
from affectspace.training.feature_reading import PARTS
from affectspace.training.labels import encode_categories
from affectspace.training.runs import Run
from affectspace.training.split_record import require_split


class FeatureSet:
    """Rows of all corpora, ordered by part (train, validation, test) and then as the corpora have them.

    table : a row each: id, corpus, person (after its corpus' name), part, emotion, valence, arousal, dominance (ratings or
        centres), label_kind, text and whatever else the corpora have
    features : all rows as one FeatureBatch; `batch(part)` is a view of it
    modalities : name -> width; categories, corpora : in the order of the batch's indices
    weights : share of each corpus in a step; None: its number of rows
    facts : what a run records of the corpora and of the backbones
    """

    def __init__(self, config: FeatureTrainConfig, progress: Progress = silent) -> None:
        """Read what a configuration names. Raises DataError or ConfigError with file and remedy."""
        self._take(parts_of_files(config, progress), tuple(config.model.categories))

    @classmethod
    def from_arrays(
        cls,
        features: Mapping[str, np.ndarray],
        part: Any,
        *,
        present: Mapping[str, Any] | None = None,
        affect: np.ndarray | None = None,
        lexicon: np.ndarray | None = None,
        emotion: Any = None,
        person: Any = None,
        corpus: Any = None,
        ids: Any = None,
        categories: tuple[str, ...] = (),
        corpora: tuple[str, ...] = (),
        weights: Mapping[str, float] | None = None,
        draws: Callable[[int], np.ndarray] | None = None,
        columns: Mapping[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> FeatureSet:
        """A set of arrays, for experiments and tests.

        features : modality -> (n, width) numbers; part : (n,) "train", "validation", "test"
        present : modality -> (n,) bool; by default a row lacks a modality where its vector is NaN throughout
        affect, lexicon : (n, 3), NaN where unknown; emotion, person, corpus, ids : (n,) names
        categories, corpora : their order; by default those that occur. weights : corpus -> share of a step
        draws : epoch -> (n, 3) labels of training. columns : further columns of the table
        Raises DataError for arrays of different lengths, NaN in a vector that is present, and what `fit` cannot use.
        """
        named = {"emotion": emotion, "person": person, "corpus": corpus, "id": ids, **(columns or {})}
        self = cls.__new__(cls)
        parts = parts_of_arrays(
            features, part, present=present, affect=affect, lexicon=lexicon, columns=named, corpora=corpora,
            weights=weights, draws=draws, facts=facts,
        )  # fmt: skip
        self._take(parts, categories)
        return self

    @classmethod
    def of_run(cls, run: Run, progress: Progress = silent) -> FeatureSet:
        """The rows of a run in the parts that its training had.

        Raises RunError where they are not those that were trained on any more, and for a run on images.
        """
        data = cls(run.feature_config, progress)
        require_split(run, data.split_table())
        return data

    def _take(self, parts: FeatureParts, categories: tuple[str, ...]) -> None:
        self.corpora, self.weights, self.facts, self._draws = parts.corpora, parts.weights, parts.facts, parts.draws
        self._place(parts.table)
        occur = set(self.table["emotion"].dropna())
        listed = tuple(name for name in categories if name in occur) if categories else None
        self.categories, category = encode_categories(self.table["emotion"], listed)
        corpus = pd.Index(self.corpora).get_indexer(pd.Index(self.table["corpus"])).astype(np.int64)
        affect = self.table[list(AXES)].to_numpy(np.float32, copy=True)
        self.features = FeatureBatch(
            {name: _tensor(values, np.float32) for name, values in parts.features.items()},
            {name: _tensor(mask, bool) for name, mask in parts.present.items()},
            _tensor(affect, np.float32),
            _tensor(parts.lexicon, np.float32),
            torch.from_numpy(category),
            torch.from_numpy(corpus),
        )
        self.require_usable()

    def _place(self, table: pd.DataFrame) -> None:
        self.table = table
        edges = np.searchsorted(pd.Categorical(table["part"], PARTS).codes, range(len(PARTS) + 1))
        self._slices = {part: slice(int(edges[i]), int(edges[i + 1])) for i, part in enumerate(PARTS)}

    @property
    def modalities(self) -> dict[str, int]:
        """name -> width of its vectors."""
        return {name: values.shape[1] for name, values in self.features.features.items()}

    def require_usable(self) -> None:
        """Raise DataError where a training would have nothing to learn from."""
        for part in ("train", "validation"):
            if not len(self.rows(part)):
                raise DataError(f"the {part} part is empty; look at the split's scheme and fractions")
        train = self.batch("train")
        for name, mask in train.present.items():
            if not mask.any():
                raise DataError(
                    f"modality {name!r} is in no row of train; leave it out of model.modalities and of the features, or "
                    "look at the split"
                )
        if not torch.isfinite(train.affect).any():
            raise DataError(
                "no row of train has valence, arousal or dominance; use a corpus with ratings, or labels.source: transferred "
                "where it has emotions"
            )

    def relabelled(self, config: FeatureTrainConfig) -> FeatureSet:
        """The same rows for another configuration: with the modalities of its model, without rows that have none of them.

        Labels and parts stay. Raises ConfigError where a width differs.
        """
        for name, width in config.model.modalities.items():
            if self.modalities.get(name) != width:
                raise ConfigError(f"model.modalities.{name} is {width}; the features have {self.modalities.get(name)}")
        return self if set(config.model.modalities) == set(self.modalities) else self.only(*config.model.modalities)

    def only(self, *modalities: str) -> FeatureSet:
        """The rows that have one of these modalities, with these alone."""
        other = copy.copy(self)
        kept = torch.stack([self.features.present[name] for name in modalities]).any(dim=0)
        batch = self.features.take(kept)
        other.features = replace(
            batch,
            features={name: batch.features[name] for name in modalities},
            present={name: batch.present[name] for name in modalities},
        )
        other._draws = None if self._draws is None else SomeDraws(self._draws, kept[self._slices["train"]].numpy())
        other._place(self.table[kept.numpy()].reset_index(drop=True))
        other.require_usable()
        return other

    def complete(self, config: FeatureTrainConfig) -> FeatureTrainConfig:
        """The configuration with the set's categories and corpora in its model.

        Raises ConfigError where the model needs emotions and there are none.
        """
        fields = config.model.model_dump() | {"categories": self.categories, "corpora": self.corpora}
        kind = type(config.model)
        try:
            return config.model_copy(update={"model": kind.model_validate(fields)})
        except ValidationError as error:
            occur = ", ".join(self.categories) or "none"
            raise ConfigError(f"{explain(error, kind, ('model',))}; emotions in the corpora: {occur}") from None

    def rows(self, part: str) -> np.ndarray:
        """Positions in `table` of one part."""
        found = self._slices[part]
        return np.arange(found.start, found.stop)

    def batch(self, part: str) -> FeatureBatch:
        """One part as a batch, without a copy."""
        return self.features.take(self._slices[part])

    def samples(self, part: str) -> FeatureSamples:
        """Features and labels of one part; labels of the training part may change with the epoch."""
        return FeatureSamples(
            self.batch(part),
            self.table["id"].to_numpy(object)[self._slices[part]],
            self.weights,
            self._draws if part == "train" else None,
        )

    def run_facts(self) -> dict[str, Any]:
        """What a run records: rows and people per part, corpora with their licences, backbones of the modalities."""
        parts = {part: self.table.iloc[self._slices[part]] for part in PARTS}
        kinds = self.table.groupby("corpus")["label_kind"].agg(lambda kind: sorted(set(kind.dropna())))
        corpora = {
            name: {
                **self.facts["corpora"].get(name, {}),
                "with": {
                    modality: int((mask & (self.features.corpus == index)).sum())
                    for modality, mask in self.features.present.items()
                },
                "rows": {part: int((rows["corpus"] == name).sum()) for part, rows in parts.items()},
                "label_kind": kinds.get(name, []),
            }
            for index, name in enumerate(self.corpora)
        }
        return {
            **self.facts,
            "modalities": {name: self.facts["modalities"].get(name) for name in self.modalities},
            "corpora": corpora,
            "categories": list(self.categories),
            "rows": {part: len(rows) for part, rows in parts.items()},
            "people": {part: int(rows["person"].nunique()) for part, rows in parts.items()},
        }

    def split_table(self) -> pd.DataFrame:
        """id, corpus, person and part of every row."""
        return self.table[["id", "corpus", "person", "part"]]


def _tensor(values: np.ndarray, dtype: Any) -> torch.Tensor:
    """Without a copy where the array is of that type and in order."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype))
