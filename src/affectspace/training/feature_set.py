"""Feature vectors of several corpora with labels and parts: what trainings and evaluations on features share."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features.store import FeatureStore
from affectspace.models.affect_model import FeatureBatch
from affectspace.scales import AXES
from affectspace.training.feature_batches import FeatureSamples
from affectspace.training.feature_configuration import FeatureTrainConfig
from affectspace.training.feature_labels import AffectDraws
from affectspace.training.feature_reading import (
    PARTS,
    CorpusRows,
    backbone_facts,
    lexicon_scores,
    read_rows,
    read_vectors,
    require_widths,
)
from affectspace.training.labels import encode_categories
from affectspace.training.progress import Progress, silent
from affectspace.training.runs import Run
from affectspace.training.split_record import require_split
from affectspace.training.widths import open_stores


class FeatureSet:
    """Rows of all corpora, ordered by part (train, validation, test) and then as the corpora have them.

    table : a row each: id, corpus, person (after its corpus' name), part, emotion, valence, arousal, dominance (ratings or
        centres), label_kind, text and whatever else the corpora have
    features : all rows as one FeatureBatch; `batch(part)` is a view of it
    modalities : name -> width; categories, corpora : in the order of the batch's indices
    facts : what a run records of the corpora and of the backbones
    """

    def __init__(self, config: FeatureTrainConfig, progress: Progress = silent) -> None:
        """Read what a configuration names. Raises DataError or ConfigError with file and remedy."""
        data = config.data
        if not data.corpora:
            raise ConfigError("data.corpora is empty: name a corpus and its stores, or pass a FeatureSet to fit")
        stores = {name: found for name, found in open_stores(data).items() if name in config.model.modalities}
        corpora: list[CorpusRows] = []
        for number, (name, corpus) in enumerate(data.corpora.items()):
            progress(number, len(data.corpora), f"reading {name}")
            own = {modality: found[name] for modality, found in stores.items() if name in found}
            corpora.append(read_rows(name, corpus, own, config.fit.seed, number))
        table = pd.concat([rows.table for rows in corpora], ignore_index=True)
        order = np.argsort(pd.Categorical(table["part"], PARTS).codes, kind="stable")
        table = table.iloc[order].reset_index(drop=True)
        weights = [corpus.weight for corpus in data.corpora.values()]
        self._set_rows(table, tuple(data.corpora), tuple(config.model.categories))
        self.weights = None if None in weights else tuple(float(weight) for weight in weights if weight is not None)
        self.facts: dict[str, Any] = {"corpora": {rows.name: rows.facts for rows in corpora}, "modalities": {}}
        scored = [rows.name for rows in corpora if rows.scored]
        features, present = self._read_features(config, stores, progress)
        for modality, found in stores.items():
            if modality in features:
                self.facts["modalities"][modality] = backbone_facts(found)
        lexicon = np.full((len(table), len(AXES)), np.nan, np.float32)
        texts = table["corpus"].isin(scored) & table["text"].notna()
        lexicon[texts] = lexicon_scores(table.loc[texts, "text"], data.lexicon)
        if data.lexicon is not None:
            self.facts["lexicon"] = {"path": str(data.lexicon.path), "method": data.lexicon.method}
        affect = table[list(AXES)].to_numpy(np.float32)
        self._set_batch(features, present, affect, lexicon)
        self._draws: Callable[[int], np.ndarray] | None = _draws_in_order(corpora, order, self.rows("train"))
        self.require_usable()

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
        given = {name: np.asarray(values) for name, values in features.items()}
        n = len(np.asarray(part))
        wrong = [name for name, values in given.items() if values.ndim != 2 or len(values) != n]
        if wrong or not given:
            shapes = ", ".join(f"{name} {given[name].shape}" for name in wrong) or "there are none"
            raise DataError(f"features must be matrices of {n} rows, one a name in `part`; {shapes}")
        known = {name: ~np.isnan(values).all(axis=1) for name, values in given.items()}
        known |= {name: np.asarray(mask, bool) for name, mask in (present or {}).items()}
        nothing = np.full((n, len(AXES)), np.nan, np.float32)
        rated = nothing if affect is None else np.asarray(affect, np.float32)
        table = pd.DataFrame(
            {
                "id": [f"row {row}" for row in range(n)] if ids is None else np.asarray(ids, object),
                "corpus": "corpus" if corpus is None else np.asarray(corpus, object),
                "person": None if person is None else np.asarray(person, object),
                "part": np.asarray(part, object),
                "emotion": None if emotion is None else np.asarray(emotion, object),
                **dict(zip(AXES, rated.T, strict=True)),
                "label_kind": pd.Series("rated", range(n), object).where(np.isfinite(rated).any(axis=1), None),
                "text": None,
                **(columns or {}),
            }
        )
        strange = sorted(set(table["part"]) - set(PARTS), key=str)
        if strange:
            raise DataError(f"part holds {', '.join(map(repr, strange))}; parts are {', '.join(PARTS)}")
        order = np.argsort(pd.Categorical(table["part"], PARTS).codes, kind="stable")
        self = cls.__new__(cls)
        found = corpora or tuple(dict.fromkeys(table["corpus"]))
        self._set_rows(table.iloc[order].reset_index(drop=True), found, categories)
        self.weights = None if weights is None else tuple(float(weights[name]) for name in found)
        self.facts = facts or {"corpora": {name: {} for name in found}, "modalities": {}}
        scores = nothing if lexicon is None else np.asarray(lexicon, np.float32)
        self._set_batch(
            {name: np.where(known[name][:, None], values, 0)[order] for name, values in given.items()},
            {name: mask[order] for name, mask in known.items()},
            rated[order],
            scores[order],
        )
        self._draws = None if draws is None else _Kept(draws, order[self.rows("train")])
        for name, values in self.features.features.items():
            bad = self.features.present[name] & ~torch.isfinite(values).all(dim=1)
            if bad.any():
                row = int(bad.nonzero()[0, 0])
                raise DataError(
                    f"features of {name}: the vector of {self.table['id'][row]!r} has NaN or infinite numbers"
                )
        self.require_usable()
        return self

    @classmethod
    def of_run(cls, run: Run, progress: Progress = silent) -> FeatureSet:
        """The rows of a run in the parts that its training had.

        Raises RunError where they are not those that were trained on any more.
        """
        config = run.config
        if not isinstance(config, FeatureTrainConfig):
            raise RunError(f"{run.folder} is a run of kind {config.model.kind}, on images; use TrainingSet.of_run")
        data = cls(config, progress)
        require_split(run, data.split_table())
        return data

    def _set_rows(self, table: pd.DataFrame, corpora: tuple[str, ...], categories: tuple[str, ...]) -> None:
        self.corpora = corpora
        self._place(table)
        occur = set(table["emotion"].dropna())
        chosen = tuple(name for name in categories if name in occur) if categories else None
        self.categories, self._category = encode_categories(table["emotion"], chosen)

    def _place(self, table: pd.DataFrame) -> None:
        self.table = table
        edges = np.searchsorted(pd.Categorical(table["part"], PARTS).codes, range(len(PARTS) + 1))
        self._slices = {part: slice(int(edges[i]), int(edges[i + 1])) for i, part in enumerate(PARTS)}

    def _set_batch(
        self,
        features: dict[str, np.ndarray],
        present: dict[str, np.ndarray],
        affect: np.ndarray,
        lexicon: np.ndarray,
    ) -> None:
        self.modalities = {name: values.shape[1] for name, values in features.items()}
        corpus = pd.Index(self.corpora).get_indexer(pd.Index(self.table["corpus"])).astype(np.int64)
        self.features = FeatureBatch(
            {name: torch.from_numpy(np.ascontiguousarray(values, np.float32)) for name, values in features.items()},
            {name: torch.from_numpy(np.ascontiguousarray(mask, bool)) for name, mask in present.items()},
            torch.from_numpy(np.ascontiguousarray(affect)),
            torch.from_numpy(np.ascontiguousarray(lexicon)),
            torch.from_numpy(self._category),
            torch.from_numpy(corpus),
        )

    def _read_features(
        self, config: FeatureTrainConfig, stores: dict[str, dict[str, FeatureStore]], progress: Progress
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """modality -> (n, width) vectors, zero where there is none, and which there are."""
        table, asked = self.table, config.model.modalities
        require_widths(asked, stores)
        allocate = partial(_allocate, folder=config.data.cache)
        features = {name: allocate((len(table), width)) for name, width in asked.items()}
        present = {name: np.zeros(len(table), bool) for name in asked}
        for number, name in enumerate(asked):
            progress(number, len(asked), f"reading features: {name}")
            for corpus, store in stores[name].items():
                rows = np.flatnonzero(table["corpus"] == corpus)
                for start in range(0, len(rows), BLOCK):
                    block = rows[start : start + BLOCK]
                    features[name][block], present[name][block] = read_vectors(store, table["id"].iloc[block])
        return features, present

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
        other.modalities = {name: self.modalities[name] for name in modalities}
        other._draws = None if self._draws is None else _Kept(self._draws, kept[self._slices["train"]].numpy())
        other._place(self.table[kept.numpy()].reset_index(drop=True))
        other.require_usable()
        return other

    def complete(self, config: FeatureTrainConfig) -> FeatureTrainConfig:
        """The configuration with the set's categories and corpora in its model."""
        fields = config.model.model_dump() | {"categories": self.categories, "corpora": self.corpora}
        return config.model_copy(update={"model": type(config.model).model_validate(fields)})

    def rows(self, part: str) -> np.ndarray:
        """Positions in `table` of one part."""
        found = self._slices[part]
        return np.arange(found.start, found.stop)

    def batch(self, part: str) -> FeatureBatch:
        """One part as a batch, without a copy."""
        found = self._slices[part]
        return self.features.take(found)

    def samples(self, part: str) -> FeatureSamples:
        """Features and labels of one part; labels of the training part may change with the epoch."""
        training = part == "train"
        return FeatureSamples(
            self.batch(part),
            self.table["id"].to_numpy(object)[self._slices[part]],
            self.weights,
            self._draws if training else None,
        )

    def run_facts(self) -> dict[str, Any]:
        """What a run records: rows and people per part, corpora with their licences, backbones of the modalities."""
        parts = {part: self.table.iloc[self._slices[part]] for part in PARTS}
        kinds = self.table.groupby("corpus")["label_kind"].agg(lambda kind: sorted(set(kind.dropna())))
        corpora = {
            name: {
                **self.facts["corpora"].get(name, {}),
                "rows": {part: int((rows["corpus"] == name).sum()) for part, rows in parts.items()},
                "label_kind": kinds.get(name, []),
            }
            for name in self.corpora
        }
        return {
            **self.facts,
            "corpora": corpora,
            "categories": list(self.categories),
            "rows": {part: len(rows) for part, rows in parts.items()},
            "people": {part: int(rows["person"].nunique()) for part, rows in parts.items()},
        }

    def split_table(self) -> pd.DataFrame:
        """id, corpus, person and part of every row."""
        return self.table[["id", "corpus", "person", "part"]]


BLOCK = 65_536  # rows that are copied from a store at once


def _allocate(shape: tuple[int, int], folder: Path | None) -> np.ndarray:
    """Zeros: in memory, where pages that nobody writes take none, or in an unnamed file that goes with the process."""
    if folder is None:
        return np.zeros(shape, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


class _Kept:
    """Labels of training per epoch, of some of the rows that a function gives."""

    def __init__(self, draws: Callable[[int], np.ndarray], rows: np.ndarray) -> None:
        self.draws, self.rows = draws, rows

    def __call__(self, epoch: int) -> np.ndarray:
        return np.ascontiguousarray(self.draws(epoch)[self.rows], np.float32)


class _Draws:
    """Labels of training per epoch: samples where rows are sampled, else what evaluation has."""

    def __init__(
        self, parts: list[tuple[AffectDraws | None, int]], fixed: np.ndarray, order: np.ndarray, train: np.ndarray
    ) -> None:
        self.parts, self.fixed, self.rows = parts, fixed, order[train]

    def __call__(self, epoch: int) -> np.ndarray:
        start, affect = 0, self.fixed.copy()
        for draws, size in self.parts:
            if draws is not None:
                drawn = draws(epoch)
                affect[start : start + size] = np.where(np.isnan(drawn), affect[start : start + size], drawn)
            start += size
        return affect[self.rows]


def _draws_in_order(corpora: list[CorpusRows], order: np.ndarray, train: np.ndarray) -> _Draws | None:
    if all(rows.labels.draws is None for rows in corpora):
        return None
    fixed = np.concatenate([rows.labels.affect for rows in corpora])
    return _Draws([(rows.labels.draws, len(rows.table)) for rows in corpora], fixed, order, train)
