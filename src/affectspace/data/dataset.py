"""The rows of all corpora of a configuration, with inputs, labels and parts: what trainings and evaluations share."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectspace.affect import AXES
from affectspace.corpora.splits import PARTS
from affectspace.data.batches import IMAGE, Batch
from affectspace.data.configuration import DataConfig
from affectspace.data.images import Pixels, to_image
from affectspace.data.labels import Draws, ReorderedDraws, draws_of, encode_categories
from affectspace.data.reading import (
    CorpusRows,
    facts_of,
    join,
    labels_of,
    lexicon_scores,
    numbered_people,
    order_of_parts,
    read_feature_rows,
    read_image_rows,
    read_item_rows,
    table_of_arrays,
    vectors_of_arrays,
)
from affectspace.data.stores import backbone_facts, read_features, stores_of_model
from affectspace.errors import ConfigError, DataError
from affectspace.features.backbone import Item
from affectspace.progress import Progress, silent


class Dataset:
    """Rows of all corpora, with inputs, labels and parts.

    Attributes
    ----------
    table : DataFrame
        A row each: id, corpus, person, part, emotion, valence, arousal, dominance (ratings, or centres of transferred labels),
        label_kind, text and whatever else the corpora have. With several corpora their names stand before the persons'.
    features : Batch
        All rows with their vectors and labels, without images. `batch(part)` and `take(rows)` have the images too.
    categories, corpora : tuple of str
        Emotions and corpora in the order of the batch's indices.
    weights : tuple of float or None
        Share of each corpus in a step; None: its number of rows.
    draws : callable or None
        Epoch -> (n, 3) labels of training, NaN in rows whose label is not drawn.
    pixels : Pixels or None
        Decoded images.
    items : list of (Item, Path or None), or None
        Samples, and the folder or zip of their files, where an encoder itself is trained.
    unreadable : DataFrame
        Images that cannot be read, with the reason. Their rows are left out.
    facts : dict
        What a run records of the corpora and of the backbones.
    """

    table: pd.DataFrame
    features: Batch
    categories: tuple[str, ...]
    corpora: tuple[str, ...]
    weights: tuple[float, ...] | None
    draws: Draws | None
    pixels: Pixels | None
    items: list[tuple[Item, Path | None]] | None = None
    unreadable: pd.DataFrame
    facts: dict[str, Any]

    def __init__(
        self,
        table: pd.DataFrame,
        features: Mapping[str, np.ndarray],
        present: Mapping[str, np.ndarray],
        *,
        corpora: tuple[str, ...],
        lexicon: np.ndarray | None = None,
        weights: tuple[float, ...] | None = None,
        draws: Draws | None = None,
        facts: dict[str, Any],
        categories: tuple[str, ...] = (),
        pixels: Pixels | None = None,
        sources: Sequence[CorpusRows] = (),
    ) -> None:
        self.corpora, self.weights, self.draws, self.facts, self.pixels = corpora, weights, draws, facts, pixels
        self.unreadable = pd.concat([rows.unreadable for rows in sources]) if sources else pd.DataFrame()
        self._sources = sources
        occur = set(table["emotion"].dropna())
        listed = tuple(name for name in categories if name in occur) if categories else None
        self.categories, category = encode_categories(table["emotion"], listed)
        corpus = pd.Index(corpora).get_indexer(pd.Index(table["corpus"])).astype(np.int64)
        scores = np.full((len(table), len(AXES)), np.nan) if lexicon is None else lexicon
        self.features = Batch(
            {name: _tensor(values, np.float32) for name, values in features.items()},
            {name: _tensor(mask, bool) for name, mask in present.items()},
            _tensor(table[list(AXES)].to_numpy(np.float32, copy=True), np.float32),
            _tensor(scores, np.float32),
            torch.from_numpy(category),
            torch.from_numpy(corpus),
            torch.from_numpy(numbered_people(table)),
        )
        self._set_table(table)
        self.require_usable()

    @classmethod
    def of_config(cls, config: Any, progress: Progress = silent) -> Dataset:
        """Read what the configuration of a training (`TrainConfig`) names.

        Parameters
        ----------
        config : TrainConfig
        progress : callable
            Called with (done, total, message).

        Raises
        ------
        DataError, ConfigError
            With the file and the remedy.
        """
        data, seed = config.data, config.fit.seed
        if not data.corpora:
            raise ConfigError("data.corpora is empty: name a corpus, or pass a Dataset to fit")
        if config.reads_images:
            emotional = config.kind == "classifier" or config.model.alignment == "categories"
            return cls._of_images(data, config.model.image_size, seed, progress, emotional)
        if config.reads == "items":
            return cls._of_items(data, config.model.modality, seed)
        return cls._of_features(data, config.model.modalities, tuple(config.model.categories), seed, progress)

    @classmethod
    def _of_images(cls, data: DataConfig, size: int, seed: int, progress: Progress, emotional: bool) -> Dataset:
        sources = [read_image_rows(name, config, size, data.cache, progress) for name, config in data.corpora.items()]
        labels = labels_of(sources, data, seed, images=True)
        table = join(sources, labels, infer=emotional)
        arrays = tuple(rows.pixels for rows in sources if rows.pixels is not None)
        index = np.concatenate([rows.pixel_rows for rows in sources if rows.pixel_rows is not None])
        return cls(
            table, {}, {IMAGE: np.ones(len(table), bool)}, corpora=tuple(data.corpora), weights=data.weights,
            draws=draws_of(labels), facts={"corpora": facts_of(sources, labels), "modalities": {}}, sources=sources,
            pixels=Pixels(arrays, np.repeat(np.arange(len(sources)), [len(rows.table) for rows in sources]), index),
        )  # fmt: skip

    @classmethod
    def _of_items(cls, data: DataConfig, modality: str, seed: int) -> Dataset:
        sources = [read_item_rows(name, config, modality) for name, config in data.corpora.items()]
        labels = labels_of(sources, data, seed, images=False)
        table = join(sources, labels)
        dataset = cls(
            table, {}, {modality: np.ones(len(table), bool)}, corpora=tuple(data.corpora), weights=data.weights,
            draws=draws_of(labels), facts={"corpora": facts_of(sources, labels), "modalities": {}}, sources=sources,
        )  # fmt: skip
        dataset.items = [(item, rows.media) for rows in sources for item in rows.items]
        return dataset

    @classmethod
    def _of_features(
        cls, data: DataConfig, modalities: dict[str, int], categories: tuple[str, ...], seed: int, progress: Progress
    ) -> Dataset:
        stores = stores_of_model(data, modalities)
        sources: list[CorpusRows] = []
        for number, (name, config) in enumerate(data.corpora.items()):
            progress(number, len(data.corpora), f"reading {name}")
            own = {modality: by_corpus[name] for modality, by_corpus in stores.items() if name in by_corpus}
            sources.append(read_feature_rows(name, config, own))
        labels = labels_of(sources, data, seed, images=False)
        table = join(sources, labels)
        order = order_of_parts(table)  # so that a part is a slice of the arrays, without a copy
        table = table.iloc[order].reset_index(drop=True)
        features, present = read_features(stores, modalities, table, data.cache, progress)
        facts: dict[str, Any] = {
            "corpora": facts_of(sources, labels),
            "modalities": {name: backbone_facts(stores[name]) for name in features},
        }
        if data.lexicon is not None:
            facts["lexicon"] = {"path": str(data.lexicon.path), "method": data.lexicon.method}
        return cls(
            table, features, present, corpora=tuple(data.corpora), weights=data.weights,
            lexicon=lexicon_scores(table, sources, data.lexicon),
            draws=draws_of(labels, order), facts=facts, categories=categories, sources=sources,
        )  # fmt: skip

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
        draws: Draws | None = None,
        columns: Mapping[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> Dataset:
        """Make a dataset of vectors from arrays, for experiments and tests. Its rows are ordered by part.

        Parameters
        ----------
        features : mapping of str to array
            Modality -> (n, width) numbers.
        part : array of str
            "train", "validation" or "test", (n,).
        present : mapping of str to array, optional
            Modality -> (n,) bool; by default a row lacks a modality where its vector is NaN throughout.
        affect, lexicon : array, optional
            (n, 3), NaN where unknown.
        emotion, person, corpus, ids : array of str, optional
            (n,) names.
        categories, corpora : tuple of str
            Their order; by default those that occur.
        weights : mapping of str to float, optional
            Corpus -> share of a step.
        draws : callable, optional
            Epoch -> (n, 3) labels of training.
        columns, facts : mapping, optional
            Further columns of the table, and what a run records of the corpora and modalities.

        Raises
        ------
        DataError
            For arrays of different lengths, NaN in a vector that is present, and data that a training cannot use.
        """
        unknown = np.full((len(np.asarray(part)), len(AXES)), np.nan, np.float32)
        named = {"emotion": emotion, "person": person, "corpus": corpus, "id": ids, "part": part, **(columns or {})}
        table = table_of_arrays(unknown if affect is None else np.asarray(affect, np.float32), named)
        order = order_of_parts(table)
        table = table.iloc[order].reset_index(drop=True)
        vectors, known = vectors_of_arrays(features, present or {}, table["id"], order)
        names = corpora or tuple(dict.fromkeys(table["corpus"]))
        return cls(
            table,
            vectors,
            known,
            corpora=names,
            lexicon=(unknown if lexicon is None else np.asarray(lexicon, np.float32))[order],
            weights=None if weights is None else tuple(float(weights[name]) for name in names),
            draws=None if draws is None else ReorderedDraws(draws, order),
            facts=facts or {"corpora": {name: {} for name in names}, "modalities": {}},
            categories=categories,
        )

    def _set_table(self, table: pd.DataFrame) -> None:
        self.table = table
        part = table["part"].to_numpy()
        self._rows = {name: np.flatnonzero(part == name) for name in PARTS}

    @property
    def modalities(self) -> dict[str, int]:
        """Modality -> width of its vectors; images have none."""
        return {name: values.shape[1] for name, values in self.features.features.items()}

    @property
    def image_size(self) -> int:
        """Width and height of the images."""
        return 0 if self.pixels is None else int(self.pixels.arrays[0].shape[1])

    @property
    def affect(self) -> np.ndarray:
        """Ratings or centres, (n, 3) float32, NaN without a label."""
        return self.features.affect.numpy()

    @property
    def category(self) -> np.ndarray:
        """Index of each row's emotion, (n,), -1 without one."""
        return self.features.category.numpy()

    @property
    def corpus_index(self) -> np.ndarray:
        """Index of each row's corpus, (n,)."""
        return self.features.corpus.numpy()

    @property
    def part(self) -> np.ndarray:
        """Part of each row, (n,)."""
        return self.table["part"].to_numpy()

    @property
    def name(self) -> str:
        """Names of the corpora, for titles."""
        return self.corpus_fact("name") or ", ".join(self.corpora)

    @property
    def label_kind(self) -> str:
        """ "rated", "transferred", both, or "" without labels."""
        return " and ".join(sorted(set(self.table["label_kind"].dropna())))

    @property
    def inferred(self) -> bool:
        """Whether emotions are inferred from valence and arousal, for a model of emotions on a corpus without them."""
        return "emotion_kind" in self.table

    @property
    def drawn(self) -> bool:
        """Whether affectspace drew all faces."""
        return all(facts.get("synthetic") for facts in self.facts["corpora"].values())

    def corpus_fact(self, key: str) -> str:
        """Return a fact of the corpora, such as "licence" or "citation"; different ones are joined."""
        values = [str(facts[key]) for facts in self.facts["corpora"].values() if facts.get(key)]
        return "; ".join(dict.fromkeys(values))

    def require_usable(self) -> None:
        """Raise DataError where a training would have nothing to learn from."""
        for part in ("train", "validation"):
            if not len(self.rows(part)):
                raise DataError(f"the {part} part is empty; look at the split's scheme and fractions")
        train = self.rows("train")
        for name, mask in self.features.present.items():
            if not mask[_selector(train)].any():
                raise DataError(
                    f"modality {name!r} is in no row of train; leave it out of model.modalities and of the features, or "
                    "look at the split"
                )
        if not torch.isfinite(self.features.affect[_selector(train)]).any():
            raise DataError(
                "no row of train has valence, arousal or dominance; use a corpus with ratings, or labels.source: transferred "
                "where it has emotions (a table's column is named with columns: {emotion: ...})"
            )

    def for_config(self, config: Any) -> Dataset:
        """Return the same rows in the same parts for another configuration.

        They get the labels that it asks for, and the modalities of its model without the rows that have none of them. Raises
        ConfigError where a width differs, or where a model on images gets features.
        """
        if config.reads == "items":
            if self.items is None:
                raise ConfigError("model.kind: adapter is trained on samples; leave data out, so that fit reads them")
            return self
        if config.reads_images != (self.pixels is not None):
            ours, theirs = ("images", "features") if config.reads_images else ("features", "images")
            raise ConfigError(f"model.kind: {config.kind} is trained on {ours}, and a Dataset of {theirs} was passed")
        dataset = self._relabelled(config) if self.pixels is not None else self
        wanted = {} if config.reads_images else dict(config.model.modalities)
        for name, width in wanted.items():
            if self.modalities.get(name) != width:
                raise ConfigError(f"model.modalities.{name} is {width}; the features have {self.modalities.get(name)}")
        return dataset if set(wanted) == set(self.modalities) else dataset.only(*wanted)

    def _relabelled(self, config: Any) -> Dataset:
        labels = labels_of(self._sources, config.data, config.fit.seed, images=True)
        dataset = copy.copy(self)
        dataset._set_table(join(self._sources, labels, infer=self.inferred))
        dataset.draws = draws_of(labels)
        affect = dataset.table[list(AXES)].to_numpy(np.float32, copy=True)
        dataset.features = replace(self.features, affect=_tensor(affect, np.float32))
        return dataset

    def only(self, *modalities: str) -> Dataset:
        """Return the rows that have one of these modalities, with these alone."""
        kept = torch.stack([self.features.present[name] for name in modalities]).any(dim=0)
        batch, dataset = self.features.take(kept), copy.copy(self)
        dataset.features = replace(
            batch,
            features={name: batch.features[name] for name in modalities},
            present={name: batch.present[name] for name in modalities},
        )
        dataset.draws = None if self.draws is None else ReorderedDraws(self.draws, np.flatnonzero(kept.numpy()))
        dataset._set_table(self.table[kept.numpy()].reset_index(drop=True))
        dataset.require_usable()
        return dataset

    def rows(self, part: str) -> np.ndarray:
        """Return the positions in `table` of one part, ascending."""
        return self._rows[part]

    def take(self, rows: np.ndarray) -> Batch:
        """Return the rows at these positions, with their images."""
        batch = self.features.take(_selector(rows))
        return batch if self.pixels is None else batch.with_image(to_image(self.pixels.read(rows)))

    def batch(self, part: str) -> Batch:
        """Return one part. Vectors are not copied; images are read into memory."""
        return self.take(self.rows(part))

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of these rows, (len(rows), size, size, 3) uint8."""
        if self.pixels is None:
            raise DataError("these rows have features and no images")
        return self.pixels.read(rows)

    def training_affect(self, epoch: int) -> np.ndarray:
        """Return the labels of training in an epoch, (n, 3) float32: drawn ones where labels are drawn."""
        if self.draws is None:
            return self.affect
        drawn = self.draws(epoch)
        return np.ascontiguousarray(np.where(np.isnan(drawn), self.affect, drawn), np.float32)

    def run_facts(self) -> dict[str, Any]:
        """Return what a run records: rows and people per part, corpora with their licences, backbones of the modalities."""
        parts = {part: self.table.iloc[self.rows(part)] for part in PARTS}
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
        train = self.features.take(_selector(self.rows("train")))
        learned = (torch.isfinite(train.affect) | torch.isfinite(train.lexicon)).any(dim=0).tolist()
        return {
            **self.facts,
            "axes": [axis for axis, known in zip(AXES, learned, strict=True) if known],
            "modalities": {name: self.facts["modalities"].get(name) for name in self.modalities},
            "corpora": corpora,
            "categories": list(self.categories),
            "label_kind": self.label_kind,
            "rows": {part: len(rows) for part, rows in parts.items()},
            "people": {part: int(rows["person"].nunique()) for part, rows in parts.items()},
            "unreadable": len(self.unreadable),
        }

    def split_table(self) -> pd.DataFrame:
        """Return id, corpus, person and part of every row."""
        return self.table[["id", "corpus", "person", "part"]].reset_index(drop=True)


def _selector(rows: np.ndarray) -> Any:
    """What selects these rows of a tensor: a slice where they follow each other, so that nothing is copied."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and bool((np.diff(rows) == 1).all()):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return torch.from_numpy(rows)


def _tensor(values: np.ndarray, dtype: Any) -> torch.Tensor:
    """Without a copy where the array is of that type and in order."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype))
