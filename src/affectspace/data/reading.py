"""The rows of one corpus of a configuration: which rows have inputs, and in which part they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.corpora import Corpus, read_corpus
from affectspace.corpora.splits import PARTS
from affectspace.data.configuration import CorpusConfig, DataConfig, LabelConfig, LexiconConfig
from affectspace.data.labels import Labels, infer_emotions, make_labels
from affectspace.data.stores import TEXTUAL, in_store, require_same_inputs
from affectspace.errors import ConfigError, DataError, counted
from affectspace.features.backbone import Item
from affectspace.features.items import items_of
from affectspace.features.store import FeatureStore
from affectspace.progress import Progress


@dataclass(frozen=True, eq=False)
class CorpusRows:
    """The rows of one corpus that are in a part and have an input.

    table : the corpus' table, with its own name in `corpus`, and `part`
    pixels, pixel_rows : decoded images of the corpus, and which of them the rows have
    items, media : samples of the rows, and the folder or zip of their files
    unreadable : images that cannot be read, with the reason
    scored : whether a lexicon scores its texts
    facts : what the run records: reader, licence, citation, notes, counts of rows left out
    """

    name: str
    table: pd.DataFrame
    scored: bool
    facts: dict[str, Any]
    pixels: np.ndarray | None = None
    pixel_rows: np.ndarray | None = None
    items: Sequence[Item] = ()
    media: Path | None = None
    unreadable: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"image": [], "reason": []}))


def open_corpus(config: CorpusConfig) -> Corpus:
    """Read the corpus that a configuration names, with its filter and limit."""
    named: dict[str, Any] = {"media": config.media, "columns": config.columns or None, "scale": config.scale}
    named["axes"] = config.axes
    options = {key: value for key, value in named.items() if value is not None} | config.options
    corpus = read_corpus(config.corpus, config.path, where=config.where, **options)
    if config.limit is not None and config.limit < len(corpus.table):
        drawn = np.random.default_rng(config.split.seed).choice(len(corpus.table), config.limit, replace=False)
        corpus = corpus.take(np.sort(drawn))
    return corpus


def read_image_rows(name: str, config: CorpusConfig, size: int, cache: Any, progress: Progress) -> CorpusRows:
    """Read a corpus, decode its images and split the rows whose image can be read."""
    corpus = open_corpus(config)
    images = corpus.images(size, cache=cache, progress=progress)
    readable = np.flatnonzero(images.ok)
    if not len(readable):
        first = images.failures.iloc[0]
        raise DataError(
            f"none of {counted(len(corpus.table), 'image')} can be read; the first, {first['image']}: {first['reason']}"
        )
    table, kept, facts = _split_rows(name, config, corpus.take(readable), None)
    return CorpusRows(name, table, False, facts, images.pixels, readable[kept], unreadable=images.failures)


def read_feature_rows(name: str, config: CorpusConfig, stores: dict[str, FeatureStore]) -> CorpusRows:
    """Read a corpus and split it. stores : modality -> store, of the modalities that the model has."""
    if not stores:
        raise ConfigError(
            f"data.corpora.{name} has no features of the model's modalities (it has {', '.join(config.features) or 'none'}); "
            "name a store of one of them, or leave the corpus out"
        )
    corpus = open_corpus(config)
    there = np.zeros(len(corpus), bool)
    for store in stores.values():
        there |= in_store(store, corpus.table["id"], name)
        require_same_inputs(store, corpus, f"data.corpora.{name}")
    table, _, facts = _split_rows(name, config, corpus, there)
    scored = config.lexicon
    if scored is None:
        scored = any(store.modality in TEXTUAL for store in stores.values())
    return CorpusRows(name, table, scored, facts)


def read_item_rows(name: str, config: CorpusConfig, modality: str) -> CorpusRows:
    """Read a corpus and split the rows that have a modality. Texts that are empty do not count."""
    corpus = open_corpus(config)
    items = {item.id: item for item in items_of(corpus, modality) if item.path or (item.text or "").strip()}
    there = corpus.table["id"].astype(str).isin(items.keys()).to_numpy()
    table, _, facts = _split_rows(name, config, corpus, there)
    return CorpusRows(name, table, False, facts, items=[items[str(row)] for row in table["id"]], media=corpus.media)


def _split_rows(
    name: str, config: CorpusConfig, corpus: Corpus, there: np.ndarray | None
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """The rows that are in a part and have an input, their positions, and what the run records."""
    split = config.split
    part = corpus.split(split.scheme, fold=split.fold, folds=split.folds, seed=split.seed, fractions=split.fractions)
    placed = part.notna().to_numpy()
    there = np.ones(len(corpus), bool) if there is None else there
    kept = np.flatnonzero(placed & there)
    if not len(kept):
        raise DataError(f"data.corpora.{name}: no row of {len(corpus)} is in a part of the split and has an input")
    table = corpus.table.iloc[kept].reset_index(drop=True)
    facts = {
        "name": corpus.name,
        "reader": config.corpus,
        "licence": corpus.licence,
        "citation": corpus.citation,
        "synthetic": corpus.synthetic,
        "left_out": {"in no part": int((~placed).sum()), "without features": int((placed & ~there).sum())},
        "notes": [str(note) for note in part.attrs.get("notes", [])],
    }
    return table.assign(corpus=name, part=part.to_numpy()[kept]), kept, facts


def labels_of(sources: Sequence[CorpusRows], data: DataConfig, seed: int, *, images: bool) -> list[Labels]:
    """Make the labels of each corpus."""
    configs: list[LabelConfig] = [config.labels.complete(images) for config in data.corpora.values()]
    return [
        make_labels(rows.table, config, seed=seed, stream=number, where=f"data.corpora.{rows.name}.labels")
        for number, (rows, config) in enumerate(zip(sources, configs, strict=True))
    ]


def join(sources: Sequence[CorpusRows], labels: Sequence[Labels], *, infer: bool = False) -> pd.DataFrame:
    """Join the tables of the corpora, with their labels. With several corpora their names stand before the persons'.

    infer : give each row an emotion by its valence and arousal, and an `emotion_kind`, where no row has an emotion
    """
    tables = []
    for rows, own in zip(sources, labels, strict=True):
        table = rows.table.assign(label_kind=own.kind, **dict(zip(AXES, own.affect.T, strict=True)))
        if len(sources) > 1:
            person = table["person"].astype(object)
            table["person"] = (rows.name + ":" + person).where(person.notna(), None)
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    if not infer or table["emotion"].notna().any():
        return table
    return table.assign(emotion=infer_emotions(table[list(AXES)].to_numpy(float)), emotion_kind="inferred")


def facts_of(sources: Sequence[CorpusRows], labels: Sequence[Labels]) -> dict[str, Any]:
    """Return what a run records of each corpus."""
    facts = {}
    for rows, own in zip(sources, labels, strict=True):
        complete = {**rows.facts, "notes": [*own.notes, *rows.facts["notes"]]}
        facts[rows.name] = {key: value for key, value in complete.items() if value}
    return facts


def table_of_arrays(affect: np.ndarray, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Make the table of a dataset from ratings, (n, 3), and columns, of which those that are None get defaults.

    Raises DataError for a part that does not exist.
    """
    n = len(affect)
    rated = np.isfinite(affect).any(axis=1)
    defaults = {
        "id": [f"row {row}" for row in range(n)], "corpus": "corpus", "person": None, "emotion": None, "text": None,
        "label_kind": np.array([None, "rated"], object)[rated.astype(int)], **dict(zip(AXES, affect.T, strict=True)),
    }  # fmt: skip
    given = {name: np.asarray(values, object) for name, values in columns.items() if values is not None}
    table = pd.DataFrame({**defaults, **given}, range(n))
    strange = sorted(set(table["part"]) - set(PARTS), key=str)
    if strange:
        raise DataError(f"part holds {', '.join(map(repr, strange))}; parts are {', '.join(PARTS)}")
    return table


def vectors_of_arrays(
    features: Mapping[str, Any], present: Mapping[str, Any], ids: pd.Series, order: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return vectors and masks in an order: modality -> (n, width), zero where absent, and modality -> (n,) bool.

    Raises DataError for arrays of other lengths, and for NaN in a vector that is present.
    """
    arrays = {name: np.asarray(values) for name, values in features.items()}
    wrong = [name for name, values in arrays.items() if values.ndim != 2 or len(values) != len(order)]
    if wrong or not arrays:
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in wrong) or "there are none"
        raise DataError(f"features must be matrices of {len(order)} rows, one a name in `part`; {shapes}")
    known = {name: ~np.isnan(values).all(axis=1) for name, values in arrays.items()}
    known |= {name: np.asarray(mask, bool) for name, mask in present.items()}
    vectors = {name: np.where(known[name][:, None], values, 0)[order] for name, values in arrays.items()}
    for name, values in vectors.items():
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise DataError(
                f"features of {name}: the vector of {ids.iloc[bad[0]]!r} has NaN or infinite numbers ({len(bad)} such rows)"
            )
    return vectors, {name: mask[order] for name, mask in known.items()}


def order_of_parts(table: pd.DataFrame) -> np.ndarray:
    """Return the positions of the rows: train, validation, test, each as they came."""
    return np.argsort(pd.Categorical(table["part"], PARTS).codes, kind="stable")


def numbered_people(table: pd.DataFrame) -> np.ndarray:
    """Return the number of each row's person, or of its document where it has no person; -1 without both."""
    names = table["person"].astype(object)
    if "document" in table:
        names = names.where(names.notna(), "document " + table["document"].astype(str).where(table["document"].notna()))
    return pd.factorize(names)[0].astype(np.int64)


def lexicon_scores(table: pd.DataFrame, sources: Sequence[CorpusRows], config: LexiconConfig | None) -> np.ndarray:
    """Return valence, arousal and dominance of texts by the lexicon of L_lex, (rows, 3) float32; NaN without a hit.

    sources : corpora, of which some are not scored
    """
    scores = np.full((len(table), len(AXES)), np.nan, np.float32)
    named = table["corpus"].isin([rows.name for rows in sources if rows.scored])
    texts = table.loc[named & table["text"].notna(), "text"]
    if config is None or not len(texts):
        return scores
    from affectspace.lexicon import Lexicon, score_texts

    try:
        lexicon = Lexicon.read(config.path)
    except DataError as error:
        raise DataError(
            f"data.lexicon: {error}; a training takes the layouts that it knows by their first line: save another lexicon "
            "with tabs, the header term, valence, arousal, dominance, and values on -1..1"
        ) from error
    scored = score_texts(texts, lexicon, config.method)
    for place, axis in enumerate(AXES):
        if axis in scored:
            scores[texts.index, place] = scored[axis].to_numpy(np.float32)
    return scores
