"""The stores of a configuration's features: opened, checked against each other and the model, and read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.corpora import Corpus
from affectspace.data.configuration import DataConfig
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features.backbone import differing_keys, is_ready_made
from affectspace.features.items import SOURCES, items_of, open_item_files, text_mark
from affectspace.features.store import FeatureStore
from affectspace.files import cannot_write
from affectspace.progress import Progress

BLOCK = 65_536  # rows that are copied from a store at once
SHOWN = 3  # ids in a message
TEXTUAL = ("text", "words")  # modalities that are made of a row's text

Stores = dict[str, dict[str, FeatureStore]]  # modality -> corpus -> store


def open_stores(data: DataConfig, where: str = "configuration") -> Stores:
    """Open the stores. Raises ConfigError for a store of another modality, and for different backbones of a modality."""
    stores: Stores = {}
    for name, corpus in data.corpora.items():
        for modality, folder in corpus.features.items():
            key = f"{where}: data.corpora.{name}.features.{modality}"
            try:
                store = FeatureStore(folder)
            except RunError as error:
                raise ConfigError(f"{key}: {error}") from error
            if modality in SOURCES and store.modality in SOURCES and modality != store.modality:
                raise ConfigError(
                    f"{key}: {folder} holds vectors of {store.modality} ({store.backbone['name']}), not of {modality}; "
                    f"write {store.modality}: {folder}, or name a store of {modality} (`affectspace extract --modality "
                    f"{modality}` makes one)"
                )
            stores.setdefault(modality, {})[name] = store
    for modality, by_corpus in stores.items():
        (first, reference), *others = by_corpus.items()
        for name, store in others:
            differs = differing_keys(reference.backbone, store.backbone)
            if differs:
                values = f"{reference.backbone.get(differs[0])!r} and {store.backbone.get(differs[0])!r}"
                raise ConfigError(
                    f"{where}: {modality} of {first} and of {name} were made by different backbones ({differs[0]}: "
                    f"{values}); extract both with the same one, or give them different names of modality"
                )
    return stores


def store_widths(data: DataConfig, where: str = "configuration") -> dict[str, int]:
    """Return modality -> width of its vectors. Raises ConfigError where there is no store."""
    widths = {name: next(iter(stores.values())).dimension for name, stores in open_stores(data, where).items()}
    if not widths and not data.corpora:
        raise ConfigError(
            f"{where}: data names no corpus; write data.corpora.<name> with corpus, path and features, or pass the widths of "
            "arrays as model.modalities"
        )
    if not widths:
        raise ConfigError(
            f"{where}: no modality: name stores in data.corpora.<name>.features (`affectspace extract` makes them), "
            "or the widths in model.modalities where the features are passed as arrays"
        )
    return widths


def stores_of_model(data: DataConfig, modalities: dict[str, int]) -> Stores:
    """Open the stores of a model's modalities. Raises ConfigError where one is missing or has another width."""
    stores = {name: by_corpus for name, by_corpus in open_stores(data).items() if name in modalities}
    for name, width in modalities.items():
        if name not in stores:
            raise ConfigError(
                f"model.modalities has {name!r}, which no corpus has features of (they have {', '.join(stores) or 'none'}); "
                f"name its store in data.corpora.<name>.features, or leave it out"
            )
        dimension = next(iter(stores[name].values())).dimension
        if dimension != width:
            raise ConfigError(
                f"model.modalities.{name} is {width}, its vectors have {dimension} numbers; leave model.modalities out and "
                "the widths are taken from the stores"
            )
    return stores


def in_store(store: FeatureStore, ids: pd.Series, corpus: str) -> np.ndarray:
    """Return which ids have a vector, (n,) bool. Raises DataError where none has."""
    index = store.index
    present = ids.isin(index.loc[index["row"] >= 0, "id"]).to_numpy()
    if not present.any():
        theirs = ", ".join(map(repr, index["id"].head(SHOWN))) or "none"
        raise DataError(
            f"{store.folder}: none of the {len(ids)} rows of data.corpora.{corpus} ({', '.join(map(repr, ids[:SHOWN]))}, ...) "
            f"has a vector there (its ids: {theirs}, ...). It was made of another corpus, or extraction failed for all rows. "
            "Name the right store, or run `affectspace extract` on this corpus"
        )
    return present


def require_same_inputs(store: FeatureStore, corpus: Corpus, where: str) -> None:
    """Raise DataError where a store's vectors were made of other texts or files under the same ids, such as numbers of rows.

    Files that are not there do not count: a model on features needs none. See `ItemFiles.changed`. where : the corpus, for the
    message
    """
    textual = store.modality in TEXTUAL
    if store.modality not in SOURCES or is_ready_made(store.backbone) or (corpus.media is None and not textual):
        return
    if corpus.table[list(SOURCES[store.modality])].isna().all(axis=None):
        return
    marks = dict(zip(store.index["id"], store.index["mark"], strict=True))
    items = [item for item in items_of(corpus, store.modality) if marks.get(item.id)]
    if textual:
        other = [item for item in items if marks[item.id] != text_mark(item.text or "")]
    else:
        with open_item_files(corpus.media) as files:
            other = files.changed(items, [marks[item.id] for item in items])
    if other:
        what = "texts" if textual else "files, or other cuts of them"
        raise DataError(
            f"{store.folder}: the vectors of {len(other):,} rows of {where} were made of other {what} (ids "
            f"{', '.join(repr(item.id) for item in other[:SHOWN])}). The store belongs to another table, or its content has "
            "changed: name the right store, or run `affectspace extract` on this corpus again"
        )


def read_features(
    stores: Stores, modalities: dict[str, int], table: pd.DataFrame, cache: Path | None, progress: Progress
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Read the vectors of a table's rows: modality -> (n, width), zero without a vector, and modality -> (n,) bool."""
    features = {name: _allocate((len(table), width), cache) for name, width in modalities.items()}
    present = {name: np.zeros(len(table), bool) for name in modalities}
    for number, name in enumerate(modalities):
        progress(number, len(modalities), f"reading features: {name}")
        for corpus, store in stores[name].items():
            rows = np.flatnonzero(table["corpus"] == corpus)
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                features[name][block], present[name][block] = _read_vectors(store, table["id"].iloc[block])
    return features, present


def _read_vectors(store: FeatureStore, ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """`FeatureStore.read` of finite vectors. Raises DataError that names the row and the dimension of one that is not."""
    features, present = store.read(ids)
    bad = ~np.isfinite(features.sum(axis=1, dtype=np.float64))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        dimension = int(np.flatnonzero(~np.isfinite(features[row]))[0])
        called = f"{dimension} ({store.columns[dimension]})" if store.columns else str(dimension)
        raise DataError(
            f"{store.folder}: the vector of {ids.iloc[row]!r} is {features[row, dimension]} in dimension {called} "
            f"({int(bad.sum())} such rows); extract it again with --force, or leave the rows out with `where`"
        )
    return features, present


def _allocate(shape: tuple[int, int], folder: Path | None) -> np.ndarray:
    """Zeros: in memory, where unwritten pages take none, or in an unnamed file that disappears with the process."""
    if folder is None:
        return np.zeros(shape, np.float32)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            return np.memmap(file, np.float32, "w+", shape=shape)
    except OSError as error:
        raise cannot_write(folder, error) from error


def backbone_facts(stores: dict[str, FeatureStore]) -> dict[str, Any]:
    """Return what makes a modality's vectors, as `predict` needs it to make more of them."""
    first = next(iter(stores.values())).backbone
    return {**first, "stores": {name: str(store.folder) for name, store in stores.items()}}
