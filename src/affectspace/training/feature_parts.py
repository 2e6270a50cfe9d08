"""What a FeatureSet is made of: a table and arrays, ordered by part, from a configuration's files or from arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError
from affectspace.features.store import FeatureStore
from affectspace.progress import Progress
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
from affectspace.training.widths import open_stores

BLOCK = 65_536  # rows that are copied from a store at once


@dataclass(frozen=True, eq=False)
class FeatureParts:
    """Rows in the order of their parts (train, validation, test).

    table : a row each, with the columns of `FeatureSet.table`
    features : modality -> (n, width) float32, zero where absent; present : modality -> (n,) bool
    lexicon : (n, 3), NaN without a score; corpora : their names in order; weights : of the corpora
    draws : epoch -> (training rows, 3) labels, where those of training are samples
    """

    table: pd.DataFrame
    features: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    lexicon: np.ndarray
    corpora: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    draws: Callable[[int], np.ndarray] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def parts_of_files(config: FeatureTrainConfig, progress: Progress) -> FeatureParts:
    """Read the corpora and the stores that a configuration names."""
    data = config.data
    if not data.corpora:
        raise ConfigError("data.corpora is empty: name a corpus and its stores, or pass a FeatureSet to fit")
    stores = {name: found for name, found in open_stores(data).items() if name in config.model.modalities}
    require_widths(config.model.modalities, stores)
    corpora: list[CorpusRows] = []
    for number, (name, corpus) in enumerate(data.corpora.items()):
        progress(number, len(data.corpora), f"reading {name}")
        own = {modality: found[name] for modality, found in stores.items() if name in found}
        corpora.append(read_rows(name, corpus, own, config.fit.seed, number))
    table = pd.concat([rows.table for rows in corpora], ignore_index=True)
    order = order_of_parts(table)
    table = table.iloc[order].reset_index(drop=True)
    features, present = _read_features(config, stores, table, progress)
    lexicon = np.full((len(table), len(AXES)), np.nan, np.float32)
    texts = (table["corpus"].isin([rows.name for rows in corpora if rows.scored]) & table["text"].notna()).to_numpy()
    lexicon[texts] = lexicon_scores(table.loc[texts, "text"], data.lexicon)
    facts: dict[str, Any] = {
        "corpora": {rows.name: rows.facts for rows in corpora},
        "modalities": {name: backbone_facts(stores[name]) for name in features},
    }
    if data.lexicon is not None:
        facts["lexicon"] = {"path": str(data.lexicon.path), "method": data.lexicon.method}
    given = [corpus.weight for corpus in data.corpora.values() if corpus.weight is not None]
    weights = tuple(given) or None
    return FeatureParts(
        table, features, present, lexicon, tuple(data.corpora), weights, _draws(corpora, table, order), facts
    )


def parts_of_arrays(
    features: Mapping[str, np.ndarray],
    part: Any,
    *,
    present: Mapping[str, Any] | None,
    affect: np.ndarray | None,
    lexicon: np.ndarray | None,
    columns: Mapping[str, Any],
    corpora: tuple[str, ...],
    weights: Mapping[str, float] | None,
    draws: Callable[[int], np.ndarray] | None,
    facts: dict[str, Any] | None,
) -> FeatureParts:
    """Check arrays and put them in order; see `FeatureSet.from_arrays`."""
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
    scores = nothing if lexicon is None else np.asarray(lexicon, np.float32)
    kinds = np.where(np.isfinite(rated).any(axis=1), "rated", "").astype(object)
    kinds[kinds == ""] = None
    start = {
        "id": [f"row {row}" for row in range(n)],
        "corpus": "corpus",
        "person": None,
        "part": np.asarray(part, object),
    }
    axes = dict(zip(AXES, rated.T, strict=True))
    named = {name: np.asarray(values, object) for name, values in columns.items() if values is not None}
    table = pd.DataFrame({**start, "emotion": None, **axes, "label_kind": kinds, "text": None, **named}, index=range(n))
    strange = sorted(set(table["part"]) - set(PARTS), key=str)
    if strange:
        raise DataError(f"part holds {', '.join(map(repr, strange))}; parts are {', '.join(PARTS)}")
    order = order_of_parts(table)
    names = corpora or tuple(dict.fromkeys(table["corpus"]))
    train = order[: int((table["part"] == "train").sum())]
    parts = FeatureParts(
        table.iloc[order].reset_index(drop=True),
        {name: np.where(known[name][:, None], values, 0)[order] for name, values in given.items()},
        {name: mask[order] for name, mask in known.items()},
        scores[order],
        names,
        None if weights is None else tuple(float(weights[name]) for name in names),
        None if draws is None else SomeDraws(draws, train),
        facts or {"corpora": {name: {} for name in names}, "modalities": {}},
    )
    for name, values in parts.features.items():
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            row = parts.table["id"].iloc[bad[0]]
            raise DataError(
                f"features of {name}: the vector of {row!r} has NaN or infinite numbers ({len(bad)} such rows)"
            )
    return parts


def order_of_parts(table: pd.DataFrame) -> np.ndarray:
    """Positions of the rows: train, validation, test, each as they came."""
    return np.argsort(pd.Categorical(table["part"], PARTS).codes, kind="stable")


def _read_features(
    config: FeatureTrainConfig, stores: dict[str, dict[str, FeatureStore]], table: pd.DataFrame, progress: Progress
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """modality -> (n, width) vectors, zero where there is none, and which there are."""
    asked = config.model.modalities
    features = {name: _allocate((len(table), width), config.data.cache) for name, width in asked.items()}
    present = {name: np.zeros(len(table), bool) for name in asked}
    for number, name in enumerate(asked):
        progress(number, len(asked), f"reading features: {name}")
        for corpus, store in stores[name].items():
            rows = np.flatnonzero(table["corpus"] == corpus)
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                features[name][block], present[name][block] = read_vectors(store, table["id"].iloc[block])
    return features, present


def _allocate(shape: tuple[int, int], folder: Path | None) -> np.ndarray:
    """Zeros: in memory, where pages that nobody writes take none, or in an unnamed file that goes with the process."""
    if folder is None:
        return np.zeros(shape, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


class SomeDraws:
    """Labels of training per epoch, of some of the rows that a function gives."""

    def __init__(self, draws: Callable[[int], np.ndarray], rows: np.ndarray) -> None:
        self.draws, self.rows = draws, rows

    def __call__(self, epoch: int) -> np.ndarray:
        return np.ascontiguousarray(np.asarray(self.draws(epoch))[self.rows], np.float32)


class CorpusDraws:
    """Labels per epoch of all corpora one after the other: samples where rows are sampled, else what evaluation has."""

    def __init__(self, parts: list[tuple[AffectDraws | None, np.ndarray]]) -> None:
        self.parts = parts

    def __call__(self, epoch: int) -> np.ndarray:
        drawn = []
        for draws, fixed in self.parts:
            sampled = fixed if draws is None else draws(epoch)
            drawn.append(np.where(np.isnan(sampled), fixed, sampled))
        return np.concatenate(drawn)


def _draws(corpora: list[CorpusRows], table: pd.DataFrame, order: np.ndarray) -> SomeDraws | None:
    if all(rows.labels.draws is None for rows in corpora):
        return None
    train = order[: int((table["part"] == "train").sum())]
    return SomeDraws(CorpusDraws([(rows.labels.draws, rows.labels.affect) for rows in corpora]), train)
