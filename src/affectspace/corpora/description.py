"""What a corpus holds, in numbers: for people to read before they train on it."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES, CATEGORIES
from affectspace.corpora import agreement
from affectspace.corpora.schema import COLUMNS
from affectspace.corpora.splits import PARTS, SESSION_SCHEMES, compared, leakage, schemes_of
from affectspace.errors import DataError
from affectspace.media.files import open_media

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LOOKED_AT = 200  # images whose size is read where the table does not say it
PLAYED = ("cremad",)  # corpora whose emotion is what the actor was asked for, beside what raters perceived
_MOST_VALUES = 12  # of an extra column of words, to be listed


def describe_corpus(corpus: Corpus) -> dict[str, Any]:
    """Counts, ranges, image sizes, splits with their leakage, licence and citation; fit for JSON."""
    table = corpus.table
    return {
        "name": corpus.name,
        "rows": len(table),
        "people": int(table["person"].nunique()),
        "sessions": int(table["session"].nunique()),
        "images": int(table["image"].notna().sum()),
        "audio": int(table["audio"].notna().sum()),
        "video": int(table["video"].notna().sum()),
        "texts": int(table["text"].notna().sum()),
        "ratings": _ratings(corpus),
        "agreement": _agreement(corpus),
        "media": None if corpus.media is None else str(corpus.media),
        "rows_per_person": None if table["person"].isna().all() else _spread(table["person"].value_counts()),
        "emotions": _emotions(table),
        "label_kind": {str(kind): int(n) for kind, n in table["label_kind"].value_counts().items()},
        "axes": {axis: _spread(table[axis]) for axis in (*AXES, "sentiment") if table[axis].notna().any()},
        "image_size": _image_size(corpus),
        "extras": _extras(table),
        "scale": None if corpus.scale is None else corpus.scale.name,
        "splits": {scheme: _split(corpus, scheme) for scheme in schemes_of(table) if scheme != "loso"},
        "licence": corpus.licence,
        "citation": corpus.citation,
        "kept": corpus.report.kept,
        "left_out": dict(corpus.report.left_out),
        "repaired": dict(corpus.report.repaired),
        "notes": list(corpus.report.notes),
    }


def _spread(values: pd.Series) -> dict[str, float]:
    known = values.dropna().to_numpy(dtype=np.float64)
    quantiles = np.quantile(known, _QUANTILES)
    return {
        "n": len(known),
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "min": float(known.min()),
        **{f"q{100 * q:02.0f}": float(value) for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "max": float(known.max()),
    }


def _ratings(corpus: Corpus) -> dict[str, int] | None:
    """Rows of ratings by channel, or by rater; None without any."""
    if corpus.ratings is None:
        return None
    who = next(name for name in ("channel", "rater", "id") if name in corpus.ratings)
    if who == "id":
        return {"": len(corpus.ratings)}
    return {str(name): int(n) for name, n in corpus.ratings[who].value_counts().items()}


def _agreement(corpus: Corpus) -> dict[str, Any]:
    """How far raters agree, on the axes, on emotions and between channels; empty lists without ratings."""
    if corpus.ratings is None:
        return {"axes": [], "emotions": [], "channels": [], "channel_emotions": [], "raters": []}
    acted = corpus.table.set_index("id")["emotion"] if corpus.name in PLAYED else None
    found = {
        "axes": agreement.axis_agreement(corpus.ratings),
        "emotions": agreement.emotion_agreement(corpus.ratings, acted),
        "channels": agreement.channel_correlations(corpus.ratings),
        "channel_emotions": agreement.channel_emotions(corpus.ratings),
        "raters": agreement.rater_correlations(corpus.ratings),
    }
    return {name: [_without_nan(row) for row in frame.to_dict("records")] for name, frame in found.items()}


def _without_nan(row: dict[Any, Any]) -> dict[str, Any]:
    """None instead of NaN, which JSON does not have."""
    return {str(name): None if value != value else value for name, value in row.items()}


def _emotions(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Category -> rows and people, in our order."""
    groups = table.groupby("emotion")
    rows, people = groups.size(), groups["person"].nunique()
    return {name: {"rows": int(rows[name]), "people": int(people[name])} for name in CATEGORIES if name in rows}


def _image_size(corpus: Corpus) -> dict[str, Any] | None:
    """Spread of the shorter and the longer side in pixels, as the table says it, else as some of the files do."""
    table = corpus.table
    if {"width", "height"} <= set(table.columns):
        sides = table[["width", "height"]].apply(pd.to_numeric, errors="coerce").dropna()
        source = "the table's width and height"
    elif corpus.media is not None and table["image"].notna().any():
        names = table["image"].dropna()
        looked_at = names.iloc[np.unique(np.linspace(0, len(names) - 1, _LOOKED_AT).astype(int))]
        sides = pd.DataFrame(_sizes_of(corpus, looked_at.tolist()))
        source = f"{len(sides)} of {len(names):,} files"
    else:
        return None
    if not len(sides):
        return None
    return {"source": source, "shorter": _spread(sides.min(axis=1)), "longer": _spread(sides.max(axis=1))}


def _sizes_of(corpus: Corpus, names: list[str]) -> list[tuple[int, int]]:
    from PIL import Image

    sizes = []
    assert corpus.media is not None
    with open_media(corpus.media) as media:
        for name in names:
            try:
                with Image.open(BytesIO(media.read(name))) as image:
                    sizes.append(image.size)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
                continue  # counted where it is decoded
    return sizes


def _extras(table: pd.DataFrame) -> dict[str, Any]:
    """Extra column -> counts of its values, or the number of different ones where they are many."""
    found: dict[str, Any] = {}
    for column in table.columns:
        if column in COLUMNS:
            continue
        counts = table[column].value_counts()
        fractions = pd.api.types.is_float_dtype(table[column]) and bool((counts.index % 1 != 0).any())
        if len(counts) <= _MOST_VALUES and not (fractions and len(counts) > 2):
            shown: Counter[str] = Counter()
            for value, n in counts.items():
                shown[_shown(value)] += int(n)
            found[str(column)] = dict(shown.most_common())
        elif pd.api.types.is_numeric_dtype(table[column]):
            found[str(column)] = f"{counts.index.min():g} .. {counts.index.max():g}"
        else:
            found[str(column)] = f"{len(counts):,} values"
    return found


def _shown(value: Any) -> str:
    """A value of an extra column; an empty cell by name, a whole number without its .0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or "(empty)"


def _split(corpus: Corpus, scheme: str) -> dict[str, Any]:
    """Parts under the default seed, the emotions in each, what parts share; the reason where it cannot be.

    Of splits by session, the fold that tests the last one ("session5" is that of "loso").
    """
    last = scheme in SESSION_SCHEMES and scheme != "session5"
    try:
        split = corpus.split(scheme, fold=corpus.table["session"].nunique() - 1 if last else None)
    except DataError as error:
        return {"impossible": str(error)}
    table, parts = corpus.table, {}
    for part in PARTS:
        rows = table[split.to_numpy() == part]
        counts = rows["emotion"].value_counts()
        share = {name: float(counts[name] / counts.sum()) for name in CATEGORIES if name in counts}
        parts[part] = {"rows": len(rows), "people": int(rows["person"].nunique()), "emotions": share}
    shared = leakage(table, split)
    between = {column: {pair: len(values) for pair, values in pairs.items()} for column, pairs in shared.items()}
    rows = {column: {pair: _touched(table, split, column, pair, values) for pair, values in pairs.items()}
            for column, pairs in shared.items()}  # fmt: skip
    return {"parts": parts, "shared": between, "shared_rows": rows, "notes": list(split.attrs["notes"])}


def _touched(table: pd.DataFrame, split: pd.Series, column: str, pair: str, values: list[str]) -> float:
    """Share of the later part's rows that hold a value which the earlier part has too."""
    later = table.loc[(split == pair.partition("/")[2]).to_numpy(), column]
    return float(compared(later, column).isin(values).mean())
