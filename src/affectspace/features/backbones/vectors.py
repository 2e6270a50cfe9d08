"""Ready-made vectors, which enter a store as a modality with a name of its own."""

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
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.features.items import SOURCES
from affectspace.tables.reading import read_table

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


class VectorsBackbone(BaseBackbone):
    """A backbone that returns vectors which were computed elsewhere."""

    def __init__(self, modality: str, dimension: int, revision: str, columns: tuple[str, ...] | None, licence: str):
        super().__init__()
        self.name, self.modality, self.dimension = f"{modality}:vectors", modality, dimension
        self.licence, self.revision, self.columns = licence, revision, columns
        self.settings: dict[str, Any] = {}

    def load(self, item: Item) -> np.ndarray:
        """Return the vector. Raises UnreadableItem if it is not finite."""
        assert item.vector is not None
        if not np.isfinite(item.vector).all():
            raise UnreadableItem("the ready-made vector has missing or infinite numbers")
        return item.vector

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch).astype(np.float32)


@dataclass(frozen=True, eq=False)
class NamedVectors:
    """Vectors of a file by name. keys : (n,) as written; matrix : (n, d); columns : names of the dimensions"""

    path: Path
    keys: Sequence[str]
    matrix: np.ndarray
    columns: tuple[str, ...] | None

    @classmethod
    def read(cls, path: Path, *, array: str | None = None, names: str = "files") -> NamedVectors:
        """Read an .npz, .csv or .parquet file as `read_vectors` does. Raises DataError."""
        if not path.is_file():
            raise DataError(f"{path}: there is no such file of vectors")
        keys, matrix, columns = _read_npz(path, array, names) if path.suffix == ".npz" else _read_table(path)
        repeated = len(keys) - len({_stem(key) for key in keys})
        if repeated:
            raise DataError(f"{path}: {repeated:,} names occur twice; give one vector per name")
        return cls(path, keys, matrix, columns)

    def find(self, *names: object) -> np.ndarray | None:
        """Return the vector of the first name that is present. Folders and suffixes are ignored."""
        stems = (_stem(name) for name in names if isinstance(name, str))
        return next((self.matrix[self._rows[stem]] for stem in stems if stem in self._rows), None)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {_stem(key): row for row, key in enumerate(self.keys)}


def read_vectors(
    path: Path, modality: str, corpus: Corpus, *, array: str | None = None, names: str = "files"
) -> tuple[VectorsBackbone, list[Item]]:
    """Read vectors from a file and match them with the rows of a corpus, by id or by the name of the media file.

    Parameters
    ----------
    path : Path
        An .npz with an (n, d) array and an array of n names; or a .csv or .parquet with a column ``id`` and columns of
        numbers.
    modality : str
        Name of the new modality.
    corpus : Corpus
        The corpus.
    array, names : str, optional
        Names of the arrays in an .npz. Default: the only array with two dimensions, and ``files``.

    Returns
    -------
    backbone : Backbone
        For `extract`.
    items : list of Item
        For `extract`.

    Raises
    ------
    ConfigError
        If the modality has the name of a built-in one.
    DataError
        If the file cannot be read, has other shapes, names a row twice, or matches no row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.corpora import Corpus, build_table
    >>> corpus = Corpus("talk", build_table("talk", {"id": ["a", "b"], "text": ["no", "yes"]}, where="example"))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "smiles.csv"
    ...     _ = path.write_text("id,smile\\nb,0.5\\n")
    ...     backbone, items = read_vectors(path, "smiles", corpus)
    >>> backbone.columns, items[0].id
    (('smile',), 'b')
    """
    if modality in SOURCES:
        raise ConfigError(
            f"ready-made vectors need a modality name of their own, not {modality!r}; try --modality my_units"
        )
    vectors = NamedVectors.read(path, array=array, names=names)
    media = [corpus.table[name] for name in ("audio", "video", "image")]
    items = []
    for name, *files in zip(corpus.table["id"], *media, strict=True):
        vector = vectors.find(name, *files)
        if vector is not None:
            items.append(Item(str(name), vector=vector))
    if not items:
        raise DataError(
            f"{path}: none of its {len(vectors.keys):,} names ({vectors.keys[0]}, ...) is an id or a file of corpus "
            f"{corpus.name} ({corpus.table['id'].iloc[0]}, ...)"
        )
    revision = hashlib.sha256(np.ascontiguousarray(vectors.matrix).tobytes()).hexdigest()[:16]
    return VectorsBackbone(modality, vectors.matrix.shape[1], revision, vectors.columns, corpus.licence), items


def _stem(name: str) -> str:
    """Return the last part of a name without suffix: 03-01-01.wav and Actor_01/03-01-01.flac are the same."""
    return PurePosixPath(name.replace("\\", "/")).stem


def _read_npz(path: Path, array: str | None, names: str) -> tuple[Sequence[str], np.ndarray, None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not an .npz that can be read without unpickling ({error})") from error
    matrices = {name: value for name, value in arrays.items() if value.ndim == 2 and value.dtype.kind in "fiu"}
    if names not in arrays or arrays[names].dtype.kind not in "US":
        raise DataError(f"{path}: no array of names {names!r}; it has {', '.join(arrays)} (--set names=...)")
    if array is None and len(matrices) != 1:
        raise DataError(
            f"{path}: {len(matrices)} arrays of vectors ({', '.join(matrices)}); choose one (--set array=...)"
        )
    chosen = array or next(iter(matrices))
    if chosen not in matrices:
        raise DataError(f"{path}: no (n, d) array of numbers {chosen!r}; it has {', '.join(matrices)}")
    if len(matrices[chosen]) != len(arrays[names]):
        raise DataError(f"{path}: {len(matrices[chosen]):,} vectors for {len(arrays[names]):,} names")
    return [str(name) for name in arrays[names]], matrices[chosen].astype(np.float32), None


def _read_table(path: Path) -> tuple[Sequence[str], np.ndarray, tuple[str, ...]]:
    frame = read_table(path, ("id",), as_text=False, dtype={"id": str}, keep_default_na=True)
    unnamed = np.flatnonzero(frame["id"].isna())
    if len(unnamed):
        raise DataError(f"{path}: row {unnamed[0] + 1} has no id ({len(unnamed):,} such rows); name it, or remove it")
    numbers = frame.drop(columns="id")
    text = [name for name in numbers if not pd.api.types.is_numeric_dtype(numbers[name])]
    if text or not len(numbers.columns):
        raise DataError(f"{path}: {', '.join(map(str, text)) or 'no column'} besides id must hold numbers")
    return [str(name) for name in frame["id"]], numbers.to_numpy(np.float32), tuple(map(str, numbers.columns))
