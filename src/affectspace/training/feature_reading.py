"""The rows of a configuration's corpora with their stores: which rows have what, in which part, under which label."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.features.store import FeatureStore
from affectspace.training.feature_configuration import CorpusConfig, LexiconConfig
from affectspace.training.feature_labels import FeatureLabels, make_feature_labels

PARTS = ("train", "validation", "test")
SHOWN = 3  # ids in a message
TEXTUAL = ("text", "words")  # modalities that are made of a row's text


@dataclass(frozen=True, eq=False)
class CorpusRows:
    """The rows of one corpus that are in a part.

    table : the corpus' table with `corpus` our name of it, `person` with that name before it, and `part`
    scored : whether a lexicon scores its texts
    facts : what the run records: reader, licence, citation, notes, counts of rows left out
    """

    name: str
    table: pd.DataFrame
    labels: FeatureLabels
    scored: bool
    facts: dict[str, Any] = field(default_factory=dict)


def read_rows(name: str, config: CorpusConfig, stores: dict[str, FeatureStore], seed: int, stream: int) -> CorpusRows:
    """Read a corpus and split it. Rows that are in no part, or in no store, are left out and counted.

    stores : modality -> store, of the modalities that the model has
    """
    if not stores:
        raise ConfigError(
            f"data.corpora.{name} has no features of the model's modalities (it has {', '.join(config.features) or 'none'}); "
            "name a store of one of them, or leave the corpus out"
        )
    named: dict[str, Any] = {"media": config.media, "columns": config.columns or None, "scale": config.scale}
    options = {key: value for key, value in named.items() if value is not None} | config.options
    corpus = read_corpus(config.corpus, config.path, where=config.where, **options)
    if config.limit is not None and config.limit < len(corpus.table):
        drawn = np.random.default_rng(config.split.seed).choice(len(corpus.table), config.limit, replace=False)
        corpus = corpus.take(np.sort(drawn))
    split = config.split
    part = corpus.split(split.scheme, fold=split.fold, folds=split.folds, seed=split.seed, fractions=split.fractions)
    there = np.zeros(len(corpus), bool)
    for store in stores.values():
        there |= in_store(store, corpus.table["id"], name)
    placed = part.notna().to_numpy()
    kept = np.flatnonzero(placed & there)
    if not len(kept):
        raise DataError(f"data.corpora.{name}: no row of {len(corpus)} is in a part of the split and in a store")
    table = corpus.table.iloc[kept].reset_index(drop=True)
    labels = make_feature_labels(table, config.labels, seed=seed, stream=stream, where=f"data.corpora.{name}")
    table = table.assign(
        corpus=name,
        person=(name + ":" + table["person"].astype(object)).where(table["person"].notna(), None),
        part=part.to_numpy()[kept],
        label_kind=labels.kind,
        **dict(zip(AXES, labels.affect.T, strict=True)),
    )
    facts = {
        "reader": config.corpus,
        "licence": corpus.licence,
        "citation": corpus.citation,
        "left_out": {"in no part": int((~placed).sum()), "without features": int((placed & ~there).sum())},
        "notes": [*labels.notes, *map(str, part.attrs.get("notes", []))],
    }
    scored = config.lexicon
    if scored is None:
        scored = any(store.modality in TEXTUAL for store in stores.values())
    return CorpusRows(name, table, labels, scored, {key: value for key, value in facts.items() if value})


def in_store(store: FeatureStore, ids: pd.Series, corpus: str) -> np.ndarray:
    """Which ids have a vector, (n,) bool. Raises DataError where none has."""
    index = store.index
    present = ids.isin(index.loc[index["row"] >= 0, "id"]).to_numpy()
    if not present.any():
        theirs = ", ".join(map(repr, index["id"].head(SHOWN))) or "none"
        raise DataError(
            f"{store.folder}: none of the {len(ids)} rows of data.corpora.{corpus} ({', '.join(map(repr, ids[:SHOWN]))}, ...) "
            f"has a vector there (its ids: {theirs}, ...); it was made of another corpus, or extraction failed for all: "
            "name the right store, or run `affectspace extract` on this corpus"
        )
    return present


def read_vectors(store: FeatureStore, ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """`FeatureStore.read` of finite vectors. Raises DataError that names the row and the dimension of one that is not."""
    features, present = store.read(ids)
    bad = ~np.isfinite(features.sum(axis=1, dtype=np.float64))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        dimension = int(np.flatnonzero(~np.isfinite(features[row]))[0])
        names = store.columns
        called = f"{dimension} ({names[dimension]})" if names else str(dimension)
        raise DataError(
            f"{store.folder}: the vector of {ids.iloc[row]!r} is {features[row, dimension]} in dimension {called} "
            f"({int(bad.sum())} such rows); extract it again with --force, or leave the rows out with `where`"
        )
    return features, present


def lexicon_scores(texts: pd.Series, config: LexiconConfig | None) -> np.ndarray:
    """Valence, arousal and dominance of texts by the lexicon of L_lex, (n, 3) float32; NaN without a hit."""
    scores = np.full((len(texts), len(AXES)), np.nan, np.float32)
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
    found = score_texts(texts, lexicon, config.method)
    for place, axis in enumerate(AXES):
        if axis in found:
            scores[:, place] = found[axis].to_numpy(np.float32)
    return scores


def backbone_facts(stores: dict[str, FeatureStore]) -> dict[str, Any]:
    """What makes a modality's vectors, as `predict` needs it to make more of them."""
    first = next(iter(stores.values())).backbone
    return {**first, "stores": {name: str(store.folder) for name, store in stores.items()}}


def require_widths(modalities: dict[str, int], stores: dict[str, dict[str, FeatureStore]]) -> None:
    """Raise ConfigError where the model's modalities are not those of the stores."""
    found = {name: next(iter(by_corpus.values())).dimension for name, by_corpus in stores.items()}
    for name, width in modalities.items():
        if name not in found:
            raise ConfigError(
                f"model.modalities has {name!r}, which no corpus has features of (they have {', '.join(found) or 'none'}); "
                f"name its store in data.corpora.<name>.features, or leave it out"
            )
        if found[name] != width:
            raise ConfigError(
                f"model.modalities.{name} is {width}, its vectors have {found[name]} numbers; leave model.modalities out and "
                "the widths are taken from the stores"
            )
