"""Ready-made vectors enter a store as a modality of their own name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.features.items import SOURCES

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

_MEDIA = ("audio", "video", "image")


class Vectors:
    """A backbone that hands on what was made elsewhere."""

    def __init__(self, modality: str, dimension: int, revision: str, columns: tuple[str, ...] | None, licence: str):
        self.name, self.modality, self.dimension = f"{modality}:vectors", modality, dimension
        self.licence, self.revision, self.columns = licence, revision, columns
        self.settings: dict[str, Any] = {}

    def load(self, item: Item) -> np.ndarray:
        """The vector. Raises UnreadableItem where it has gaps."""
        assert item.vector is not None
        if not np.isfinite(item.vector).all():
            raise UnreadableItem("the ready-made vector has missing or infinite numbers")
        return item.vector

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch).astype(np.float32)


@dataclass(frozen=True, eq=False)
class NamedVectors:
    """Vectors of a file by their names. keys : (n,) as they are written; matrix : (n, d); columns : names of the dimensions"""

    path: Path
    keys: Sequence[str]
    matrix: np.ndarray
    columns: tuple[str, ...] | None

    @classmethod
    def read(cls, path: Path, *, array: str | None = None, names: str = "files") -> NamedVectors:
        """The vectors in an .npz, .csv or .parquet, as `read_vectors` says. Raises DataError."""
        if not path.is_file():
            raise DataError(f"{path}: there is no such file of vectors")
        keys, matrix, columns = _npz(path, array, names) if path.suffix == ".npz" else _table(path)
        twice = len(keys) - len({_stem(key) for key in keys})
        if twice:
            raise DataError(f"{path}: {twice:,} names stand twice; a row needs one vector")
        return cls(path, keys, matrix, columns)

    def find(self, *names: object) -> np.ndarray | None:
        """The vector of the first of these names that is there; folders and suffixes do not count."""
        stems = (_stem(one) for one in names if isinstance(one, str))
        return next((self.matrix[self._rows[stem]] for stem in stems if stem in self._rows), None)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {_stem(key): row for row, key in enumerate(self.keys)}


def read_vectors(
    path: Path, modality: str, corpus: Corpus, *, array: str | None = None, names: str = "files"
) -> tuple[Vectors, list[Item]]:
    """Vectors in a file, matched with a corpus' rows by id, or by the name of their sound, clip or image.

    path : .npz with a (n, d) array and one of n names; or .csv, .parquet with a column id and numbers
    array, names : the arrays of an .npz; the only two-dimensional one, and "files", by default
    Raises DataError where the file cannot be read, has other shapes, names a row twice, or fits no row of the corpus.
    """
    if modality in SOURCES:
        raise ConfigError(
            f"ready-made vectors are a modality of their own name, not {modality!r}; try --modality my_units"
        )
    given = NamedVectors.read(path, array=array, names=names)
    table, items = corpus.table, []
    for row in table.index:
        vector = given.find(table.at[row, "id"], *(table.at[row, name] for name in _MEDIA))
        if vector is not None:
            items.append(Item(str(table.at[row, "id"]), vector=vector))
    if not items:
        raise DataError(
            f"{path}: none of its {len(given.keys):,} names ({given.keys[0]}, ...) is an id or a file of corpus "
            f"{corpus.name} ({table['id'].iloc[0]}, ...)"
        )
    revision = hashlib.sha256(np.ascontiguousarray(given.matrix).tobytes()).hexdigest()[:16]
    return Vectors(modality, given.matrix.shape[1], revision, given.columns, corpus.licence), items


def _stem(name: str) -> str:
    """The last part of a name without its suffix: 03-01-01.wav and Actor_01/03-01-01.flac are one."""
    return PurePosixPath(name.replace("\\", "/")).stem


def _npz(path: Path, array: str | None, names: str) -> tuple[Sequence[str], np.ndarray, None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not an .npz that can be read without unpickling ({error})") from error
    flat = {name: value for name, value in held.items() if value.ndim == 2 and value.dtype.kind in "fiu"}
    if names not in held or held[names].dtype.kind not in "US":
        raise DataError(f"{path}: no array of names {names!r}; it has {', '.join(held)} (--set names=...)")
    if array is None and len(flat) != 1:
        raise DataError(f"{path}: {len(flat)} arrays of vectors ({', '.join(flat)}); choose one (--set array=...)")
    chosen = array or next(iter(flat))
    if chosen not in flat:
        raise DataError(f"{path}: no (n, d) array of numbers {chosen!r}; it has {', '.join(flat)}")
    if len(flat[chosen]) != len(held[names]):
        raise DataError(f"{path}: {len(flat[chosen]):,} vectors for {len(held[names]):,} names")
    return [str(name) for name in held[names]], flat[chosen].astype(np.float32), None


def _table(path: Path) -> tuple[Sequence[str], np.ndarray, tuple[str, ...]]:
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix not in readers:
        raise DataError(f"{path}: vectors come as .npz, .csv or .parquet")
    try:
        frame = pd.read_csv(path, dtype={"id": str}) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a table that can be read ({' '.join(str(error).split())})") from error
    if "id" not in frame:
        raise DataError(f"{path}: no column id; it has {', '.join(map(str, frame.columns))}")
    absent = np.flatnonzero(frame["id"].isna())
    if len(absent):
        raise DataError(f"{path}: row {absent[0] + 1} has no id ({len(absent):,} such rows); name it, or remove it")
    numbers = frame.drop(columns="id")
    text = [name for name in numbers if not pd.api.types.is_numeric_dtype(numbers[name])]
    if text or not len(numbers.columns):
        raise DataError(f"{path}: {', '.join(map(str, text)) or 'no column'} besides id must hold numbers")
    return [str(name) for name in frame["id"]], numbers.to_numpy(np.float32), tuple(map(str, numbers.columns))
