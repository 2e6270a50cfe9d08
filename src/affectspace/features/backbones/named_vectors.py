"""Vectors in a file that another program wrote: read, and matched with rows by name."""

from __future__ import annotations

import math
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError, listed, quoted
from affectspace.media.content import CLIPS, IMAGES, SOUNDS
from affectspace.media.files import plain_name
from affectspace.tables import SUFFIXES
from affectspace.tables.reading import EMPTY, read_table

Pool = Literal["mean", "max", "last"]
PICKLES = (".pkl", ".pickle", ".p")
RECIPE = '''\
import pickle
import numpy as np

class Arrays(pickle.Unpickler):
    """Opens arrays, texts, numbers, lists and dictionaries, and nothing that could run code."""

    def find_class(self, module, name):
        if (module.split(".")[0], name) in {
            ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy", "_reconstruct"), ("numpy", "scalar"), ("_codecs", "encode"),
            ("numpy", "_frombuffer"),
        }:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no array")

with open("FILE.pkl", "rb") as file:
    parts = Arrays(file, encoding="latin1").load()  # part -> {"id": names, "vision": (n, time, width), ...}
names = ["_".join(np.ravel(name).astype(str)).replace("$_$", "_") for part in parts.values() for name in part["id"]]
for kind in ("vision", "audio"):
    np.savez(f"{kind}.npz", x=np.concatenate([part[kind] for part in parts.values()]), files=names)
'''
MOST_SHOWN = 8  # arrays in a message
_SUFFIXES = frozenset((*SOUNDS, *CLIPS, *IMAGES))


@dataclass(frozen=True, eq=False)
class NamedVectors:
    """Vectors of a file by name. keys : (n,) as written; matrix : (n, d); columns : names of the dimensions"""

    path: Path
    keys: Sequence[str]
    matrix: np.ndarray
    columns: tuple[str, ...] | None

    @classmethod
    def read(
        cls, path: Path, *, array: str | None = None, names: str | None = None, pool: Pool | None = None
    ) -> NamedVectors:
        """Read an .npz, .csv or .parquet file as `read_vectors` does. Raises DataError, ConfigError for a wrong `pool`."""
        if pool is not None and pool not in get_args(Pool):
            raise ConfigError(f"pool is {quoted(pool)}; choose {', '.join(get_args(Pool))}")
        suffix = path.suffix.lower()
        if not path.is_file():
            raise DataError(f"{path}: {'this is a folder' if path.is_dir() else 'there is no such file'}, not vectors")
        if suffix in PICKLES:
            raise DataError(
                f"{path}: a pickle can run code when it is opened, so it is not read. This script makes .npz files of it; then "
                f"give --vectors vision.npz --set pool=mean:\n\n{RECIPE.replace('FILE.pkl', path.name)}"
            )
        if suffix not in (".npz", *SUFFIXES):
            raise DataError(
                f"{path}: vectors are read from .npz, .csv, .tsv, .xlsx, .jsonl or .parquet, not {suffix or 'other files'}"
            )
        keys, matrix, columns = _read_npz(path, array, names, pool) if suffix == ".npz" else _read_columns(path)
        if not matrix.size:
            raise DataError(f"{path}: there are no vectors (shape {matrix.shape})")
        repeated = [key for key, count in Counter(map(_normal, keys)).items() if count > 1]
        if repeated:
            raise DataError(
                f"{path}: {len(repeated):,} names occur twice, such as {quoted(str(repeated[0]))}; give one vector per name"
            )
        return cls(path, keys, matrix, columns)

    def match(self, rows: Sequence[Sequence[str | None]]) -> Matches:
        """Find the vector of each row by the row's names: its id, and the paths of its files.

        An equal name comes first. Else the longest end of a name that a vector has too, such as ``A/001`` of
        ``wav/A/001.wav``, at least the file name, if no other vector and no row of other files has it. Suffixes of media do
        not count.
        """
        equal = {_normal(key): number for number, key in enumerate(self.keys)}
        found, by_name = np.full(len(rows), -1), np.zeros(len(rows), bool)
        for place, row in enumerate(rows):
            found[place] = next((equal[key] for key in (_normal(name) for name in row if name) if key in equal), -1)
        if (found >= 0).all():
            return Matches(found, by_name, ())
        parts = [[_parts(name) for name in names if name] for names in rows]
        owners: dict[str, set[object]] = defaultdict(set)  # part of a name -> rows that have it
        for row, names in zip(rows, parts, strict=True):
            owner = tuple(row[1:]) if any(row[1:]) else row[0]  # rows of one file are one
            for name in names:
                for end in _tails(name):
                    if end in self._tails:
                        owners[end].add(owner)
        ambiguous: dict[str, None] = {}
        for place in np.flatnonzero(found < 0).tolist():
            for name in parts[place]:
                tail = next((end for end in _tails(name) if end in self._tails), None)
                if tail is not None and len(self._tails[tail]) == len(owners[tail]) == 1:
                    [found[place]] = self._tails[tail]
                    by_name[place] = tail not in ("/".join(name), "/".join(_parts(self.keys[found[place]])))
                    break
                if tail is not None:
                    ambiguous[tail] = None
        unused = {*range(len(self.keys))} - {*found.tolist()}
        return Matches(found, by_name, tuple(end for end in ambiguous if unused.intersection(self._tails[end])))

    @cached_property
    def _tails(self) -> dict[str, list[int]]:
        """Last part, last two parts, ... of the names -> numbers of the vectors."""
        tails: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(self.keys):
            for tail in _tails(_parts(key)):
                tails[tail].append(number)
        return dict(tails)


@dataclass(frozen=True, eq=False)
class Matches:
    """Which vectors belong to the rows of a corpus.

    vectors : (n,) number of each row's vector, -1 without one
    by_name : (n,) bool, whether only the file name is the same, and the folders differ
    ambiguous : names that several rows or several vectors have
    """

    vectors: np.ndarray
    by_name: np.ndarray
    ambiguous: tuple[str, ...]

    def notes(self, path: Path) -> list[str]:
        """Say in sentences which names of a file are doubtful."""
        notes = []
        if self.ambiguous:
            notes.append(
                f"{path.name}: {len(self.ambiguous):,} names fit several rows, or several vectors, and are not used (such as "
                f"{quoted(self.ambiguous[0])}); name vectors by the ids of the rows, or by the paths of the files"
            )
        if self.by_name.any():
            notes.append(
                f"{path.name}: {self.by_name.sum():,} rows get the vector of the same file name in another folder, as no other "
                "row and no other vector has that name"
            )
        return notes


def _normal(name: str) -> str:
    """Return a name with forward slashes, without ``./``, and with composed characters."""
    return plain_name(name if name.isascii() else unicodedata.normalize("NFC", name))


def _parts(name: str) -> tuple[str, ...]:
    """Return folders and file name, without the suffix of a media file."""
    parts = [part for part in _normal(name).split("/") if part not in ("", ".")]
    stem, dot, suffix = parts[-1].rpartition(".") if parts else ("", "", "")
    if stem and (dot + suffix).lower() in _SUFFIXES:
        parts[-1] = stem
    return tuple(parts)


def _tails(parts: Sequence[str]) -> list[str]:
    """Return the complete name, the name without its first folder, ..., the file name."""
    return ["/".join(parts[start:]) for start in range(len(parts))]


@dataclass(frozen=True)
class _Header:
    """What an array in an .npz says about itself."""

    shape: tuple[int, ...]
    kind: str  # of its dtype

    @property
    def holds(self) -> str:
        kinds = {"f": "numbers", "i": "numbers", "u": "numbers", "U": "texts", "S": "texts", "O": "Python objects"}
        return f"{kinds.get(self.kind, 'other values')}, shape {self.shape}"


def _read_npz(
    path: Path, array: str | None, names: str | None, pool: Pool | None
) -> tuple[list[str], np.ndarray, None]:
    """Read the array of names and the array of vectors; others are not loaded."""
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: not an .npz; write it with np.savez(path, x=vectors, files=names)")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            headers = {name: _header(file, name) for name in file.files}
            keys_of, chosen = _choose(path, headers, array, names, pool)
            keys = [key.decode("utf-8") if isinstance(key, bytes) else str(key) for key in file[keys_of].tolist()]
            matrix = file[chosen]
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise DataError(f"{path}: not an .npz that can be read without unpickling ({error}); make it again") from error
    with np.errstate(over="ignore"):  # too large numbers are infinite, and their rows are reported
        return keys, _pooled(matrix.astype(np.float32), pool) if pool else matrix.astype(np.float32), None


def _header(file: Any, name: str) -> _Header:
    """Read what an array says about itself. Raises ValueError where its data have another size, as a damaged one's have."""
    members = file.zip.NameToInfo
    member = members.get(f"{name}.npy") or members[name]
    with file.zip.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        size = member.file_size - stream.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"the array {name!r} states shape {shape} of {dtype}, but has {size:,} bytes")
    return _Header(shape, dtype.kind)


def _choose(
    path: Path, headers: dict[str, _Header], array: str | None, names: str | None, pool: Pool | None
) -> tuple[str, str]:
    """Return the names of the arrays of names and of vectors."""
    content = "; ".join(f"{name}: {header.holds}" for name, header in list(headers.items())[:MOST_SHOWN])
    texts = [name for name, header in headers.items() if header.kind in "US" and len(header.shape) == 1]
    keys_of = names or ("files" if "files" in texts or len(texts) != 1 else texts[0])
    if keys_of not in texts:
        raise DataError(f"{path}: no array of names {keys_of!r} (--set names=...); it has {content}")
    dimensions = 3 if pool else 2
    numbers = {name: len(header.shape) for name, header in headers.items() if header.kind in "fiu"}
    fitting = [name for name, count in numbers.items() if count == dimensions and array in (None, name)]
    if not fitting and not pool and 3 in (numbers.get(name) for name in ([array] if array else numbers)):
        raise DataError(
            f"{path}: it has sequences (n, time, d), not vectors (n, d); pool them over time with --set pool=mean (or max, or "
            f"last). It has {content}"
        )
    if len(fitting) > 1:
        raise DataError(f"{path}: {len(fitting)} arrays of vectors ({listed(fitting)}); choose one (--set array=...)")
    if not fitting:
        shape = "(n, time, d) array of sequences, as pool needs" if pool else "(n, d) array of numbers"
        objects = any(header.kind == "O" for header in headers.values())
        remedy = "; pad sequences of different lengths with zeros to one array, and pool it" if objects else ""
        raise DataError(f"{path}: no {shape}{f' {array!r}' if array else ''}; it has {content}{remedy}")
    count, rows = headers[keys_of].shape[0], headers[fitting[0]].shape[0]
    if count != rows:
        raise DataError(f"{path}: {rows:,} vectors ({fitting[0]}) for {count:,} names ({keys_of})")
    return keys_of, fitting[0]


def _pooled(sequences: np.ndarray, pool: Pool) -> np.ndarray:
    """Turn sequences (n, time, d) into vectors (n, d). Zeros at either end are padding; a sequence of zeros becomes NaN."""
    steps = np.arange(sequences.shape[1])
    used = (sequences != 0).any(axis=2)
    first = np.where(used, steps, len(steps)).min(axis=1, initial=len(steps))
    last = np.where(used, steps, -1).max(axis=1, initial=-1)
    vectors = np.full((len(sequences), sequences.shape[2]), np.nan, np.float32)
    for row in np.flatnonzero(last >= 0):
        sequence = sequences[row, first[row] : last[row] + 1]
        vectors[row] = sequence[-1] if pool == "last" else getattr(sequence, pool)(axis=0)
    return vectors


def _read_columns(path: Path) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    frame = read_table(path, ("id",))
    unnamed = np.flatnonzero(frame["id"].isna() | (frame["id"] == ""))
    if len(unnamed):
        raise DataError(f"{path}: row {unnamed[0] + 1} has no id ({len(unnamed):,} such rows); name it, or remove it")
    numbers = frame.drop(columns="id")
    cells = numbers.to_numpy(dtype=object).ravel()  # at once: there may be thousands of columns
    values = pd.to_numeric(cells, errors="coerce")
    unread = [
        i for i in np.flatnonzero(np.isnan(values)).tolist() if str(cells[i]).strip().lower().lstrip("-") not in EMPTY
    ]
    text = dict.fromkeys(numbers.columns[i % numbers.shape[1]] for i in unread)
    text |= dict.fromkeys(str(name) for name, kind in numbers.dtypes.items() if pd.api.types.is_bool_dtype(kind))
    if text or not len(numbers.columns):
        raise DataError(f"{path}: {listed(text) or 'no column'} besides id must hold numbers")
    with np.errstate(over="ignore"):
        matrix = values.astype(np.float32).reshape(numbers.shape)
    return [str(name) for name in frame["id"]], matrix, tuple(map(str, numbers.columns))
