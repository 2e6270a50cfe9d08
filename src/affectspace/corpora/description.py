"""What a corpus holds, in numbers: to be read before training on it."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.affect import ALL_AXES, CATEGORIES
from affectspace.corpora import agreement
from affectspace.corpora.schema import COLUMNS
from affectspace.corpora.splits import PARTS, SESSION_SCHEMES, comparable, leakage, schemes_of
from affectspace.errors import DataError, counted
from affectspace.media.files import open_media

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_IMAGES = 200  # whose size is read if the table does not state it
_ACTED = ("cremad",)  # corpora whose emotion is what the actor was asked for, beside what raters perceived
_MOST_VALUES = 12  # of an extra column, to be listed


def describe_corpus(corpus: Corpus) -> dict[str, Any]:
    """Return counts, ranges, image sizes, splits with their leakage, licence and citation, fit for JSON."""
    table = corpus.table
    counts = {"images": "image", "audio": "audio", "video": "video", "texts": "text"}
    return {
        "name": corpus.name,
        "rows": len(table),
        "people": int(table["person"].nunique()),
        "sessions": int(table["session"].nunique()),
        **{name: int(table[column].notna().sum()) for name, column in counts.items()},
        "ratings": _count_ratings(corpus),
        "agreement": _agreement(corpus),
        "media": None if corpus.media is None else str(corpus.media),
        "rows_per_person": None if table["person"].isna().all() else _spread(table["person"].value_counts()),
        "emotions": _emotions(table),
        "label_kind": {str(kind): int(n) for kind, n in table["label_kind"].value_counts().items()},
        "axes": {axis: _spread(table[axis]) for axis in ALL_AXES if table[axis].notna().any()},
        "image_size": _image_size(corpus),
        "extras": {str(column): _values(table[column]) for column in table.columns if column not in COLUMNS},
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


def _count_ratings(corpus: Corpus) -> dict[str, int] | None:
    """Rows of ratings by channel, or else by rater; None if there are none."""
    if corpus.ratings is None:
        return None
    column = next((name for name in ("channel", "rater") if name in corpus.ratings), None)
    if column is None:
        return {"": len(corpus.ratings)}
    return {str(name): int(n) for name, n in corpus.ratings[column].value_counts().items()}


def _agreement(corpus: Corpus) -> dict[str, list[dict[str, Any]]]:
    """Agreement of raters on the axes, on emotions and between channels; empty lists if there are no ratings."""
    names = ("axes", "emotions", "channels", "channel_emotions", "raters")
    if corpus.ratings is None:
        return {name: [] for name in names}
    acted = corpus.table.set_index("id")["emotion"] if corpus.name in _ACTED else None
    frames = (
        agreement.axis_agreement(corpus.ratings),
        agreement.emotion_agreement(corpus.ratings, acted),
        agreement.channel_correlations(corpus.ratings),
        agreement.channel_emotions(corpus.ratings),
        agreement.rater_correlations(corpus.ratings),
    )
    records = {name: frame.to_dict("records") for name, frame in zip(names, frames, strict=True)}
    return {  # None instead of NaN, which JSON does not have
        name: [{str(key): None if value != value else value for key, value in row.items()} for row in rows]
        for name, rows in records.items()
    }


def _emotions(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Category -> rows and people, in our order."""
    groups = table.groupby("emotion")
    rows, people = groups.size(), groups["person"].nunique()
    return {name: {"rows": int(rows[name]), "people": int(people[name])} for name in CATEGORIES if name in rows}


def _image_size(corpus: Corpus) -> dict[str, Any] | None:
    """Spread of the shorter and the longer side in pixels, as the table states it, else of some of the files."""
    table = corpus.table
    if {"width", "height"} <= set(table.columns):
        sides = table[["width", "height"]].apply(pd.to_numeric, errors="coerce").dropna()
        source = "the table's width and height"
    elif corpus.media is not None and table["image"].notna().any():
        names = table["image"].dropna()
        some = names.iloc[np.unique(np.linspace(0, len(names) - 1, _MOST_IMAGES).astype(int))]
        sides = pd.DataFrame(_sizes_of(corpus, some.tolist()))
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
                continue  # reported when the images are decoded
    return sizes


def _values(column: pd.Series) -> dict[str, int] | str:
    """Counts of the values of an extra column; of many values the range, or their number."""
    counts = column.value_counts()
    fractions = pd.api.types.is_float_dtype(column) and bool((counts.index % 1 != 0).any())
    if len(counts) <= _MOST_VALUES and not (fractions and len(counts) > 2):
        shown: Counter[str] = Counter()
        for value, n in counts.items():
            shown[_shown(value)] += int(n)
        return dict(shown.most_common())
    if pd.api.types.is_numeric_dtype(column):
        return f"{counts.index.min():g} .. {counts.index.max():g}"
    return counted(len(counts), "value")


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or "(empty)"


def _split(corpus: Corpus, scheme: str) -> dict[str, Any]:
    """Parts under the default seed, their emotions, and what they share; or the reason why the split is impossible.

    In splits by session, the fold that tests the last session.
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
    shared, shared_rows = {}, {}
    for column, pairs in leakage(table, split).items():
        shared[column] = {pair: len(values) for pair, values in pairs.items()}
        shared_rows[column] = {pair: _share_of_rows(table, split, column, pair, pairs[pair]) for pair in pairs}
    return {"parts": parts, "shared": shared, "shared_rows": shared_rows, "notes": list(split.attrs["notes"])}


def _share_of_rows(table: pd.DataFrame, split: pd.Series, column: str, pair: str, values: list[str]) -> float:
    """Share of the second part's rows whose value is also in the first part."""
    cells = table.loc[(split == pair.partition("/")[2]).to_numpy(), column]
    return float(comparable(cells, column).isin(values).mean())
