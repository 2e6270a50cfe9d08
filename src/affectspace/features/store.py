"""The store of a corpus' vectors.

A store is a folder: `backbone.json` (what computed the vectors), `shard-00000.safetensors` ... (vectors; ids,
fingerprints of the input, reasons of failures and hashes in the header, so that a shard is one file), and `index.parquet`
(the headers as one table, for people). Headers are checked when a store is opened, vectors when they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from affectspace.errors import DataError, RunError, quoted
from affectspace.features.backbone import IDENTITY_KEYS
from affectspace.files import write_atomic, write_text
from affectspace.tensors import version_of

_KINDS: dict[str, type] = {  # of the values in backbone.json
    "name": str, "modality": str, "licence": str, "revision": str, "settings": dict, "versions": dict,
}  # fmt: skip
_verified: set[tuple[Any, ...]] = set()  # versions of shards whose vectors have the hash of their header


@dataclass(frozen=True, eq=False)
class Shard:
    """Vectors of some rows, and the rows that could not be read.

    ids, marks : names of the rows and fingerprints of their input, in the order of the vectors
    features : (rows, dimension) float32
    failed : id, fingerprint and reason of the rows that could not be read
    """

    ids: list[str]
    marks: list[str]
    features: np.ndarray
    failed: list[tuple[str, str, str]]


class FeatureStore:
    """The vectors of one modality of a corpus, by the ids of its rows. `extract` makes a store, and shows an example.

    Raises RunError if the folder holds no store, or the store is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open the store in a folder. `backbone` is the content of its backbone.json."""
        self.folder = Path(folder)
        path, remedy = self.folder / "backbone.json", "extract again with --force"
        try:
            self.backbone: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self.dimension = int(self.backbone["dimension"])
            wrong = [key for key, kind in _KINDS.items() if not isinstance(self.backbone.get(key, kind()), kind)]
            columns = self.backbone.get("columns") or []
        except OSError:
            raise RunError(f"{self.folder} is not a store of features; `affectspace extract` makes one") from None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise RunError(f"{path} is damaged ({error}); {remedy}") from error
        if self.dimension < 1 or "name" not in self.backbone:
            wrong.append("dimension" if self.dimension < 1 else "name")
        if not isinstance(columns, list) or len(columns) not in (0, self.dimension):
            wrong.append("columns")
        if wrong:
            raise RunError(f"{path} is damaged ({wrong[0]} is {quoted(self.backbone.get(wrong[0]))}); {remedy}")
        self._index: pd.DataFrame | None = None
        self._hashes: dict[str, str] = {}  # name of a shard -> hash of its vectors

    @classmethod
    def create(cls, folder: Path, identity: dict[str, Any]) -> FeatureStore:
        """Open the store in a folder, or make one. Raises RunError if the folder holds other features or other files."""
        if not (folder / "backbone.json").is_file():
            if folder.exists() and (not folder.is_dir() or any(path.name != ".lock" for path in folder.iterdir())):
                raise RunError(f"{folder} is not empty and not a store of features; choose another --out")
            write_text(folder / "backbone.json", json.dumps(identity, indent=2) + "\n")
        store = cls(folder)
        stored, new = store.backbone, json.loads(json.dumps(identity))
        if stored.get("name") == new["name"] and stored.get("revision") != new["revision"]:
            raise RunError(
                f"{folder} was made by revision {stored.get('revision')!r} of {new['name']}, whose vectors have "
                f"{store.dimension} numbers; this is revision {new['revision']!r} with {new['dimension']}. Training can use "
                "the store as it is. To extract, choose another --out, or recompute everything with --force"
            )
        for key in IDENTITY_KEYS:
            if stored.get(key) != new.get(key):
                raise RunError(
                    f"{folder} holds features of another backbone ({key}: {stored.get(key)!r} in the store, "
                    f"{new.get(key)!r} here); choose another --out, or recompute everything with --force"
                )
        return store

    @property
    def modality(self) -> str:
        """Modality of the vectors."""
        return str(self.backbone["modality"])

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the dimensions, if the backbone names them."""
        names = self.backbone.get("columns")
        return None if names is None else tuple(names)

    def shards(self) -> list[Path]:
        """List the files of the shards, in order."""
        return sorted(self.folder.glob("shard-*.safetensors"))

    @property
    def index(self) -> pd.DataFrame:
        """One row per id: shard, row (-1 if it could not be read), reason, and mark, the fingerprint of the input."""
        if self._index is None:
            self._index = self._read_index()
        return self._index

    def _read_index(self) -> pd.DataFrame:
        headers = {path: _read_header(path, self.dimension) for path in self.shards()}
        self._hashes = {path.name: header["sha256"] for path, header in headers.items()}
        parts = [_index_of(path, header) for path, header in headers.items()]
        columns = ["id", "shard", "row", "reason", "mark"]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        return frame.drop_duplicates("id", keep="last").reset_index(drop=True)

    def add(self, shard: Shard) -> Path:
        """Write a shard, completely or not at all."""
        shards = self.shards()
        number = int(shards[-1].stem.removeprefix("shard-")) + 1 if shards else 0
        path = self.folder / f"shard-{number:05d}.safetensors"
        rows = {"ids": shard.ids, "marks": shard.marks, "failed": shard.failed}
        header = {**rows, "sha256": _digest(shard.features), "file": path.name, "rows_sha256": _digest_rows(rows)}
        text = {"rows": json.dumps(header, ensure_ascii=False)}
        features = np.ascontiguousarray(shard.features, dtype=np.float32)
        write_atomic(path, lambda partial: save_file({"features": features}, partial, metadata=text))
        self._index = None
        return path

    def require_sound(self) -> None:
        """Raise DataError where the vectors of a shard have changed since they were written. Reads every shard once."""
        for name in sorted(set(self.index["shard"])):
            _read_vectors(self.folder / name, self._hashes[name])

    def write_index(self) -> None:
        """Write index.parquet, the content of `index`."""
        index = self.index
        write_atomic(self.folder / "index.parquet", lambda partial: index.to_parquet(partial, index=False))

    def read(self, ids: Sequence[str] | pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Read the vectors of some ids.

        Parameters
        ----------
        ids : sequence of str
            Names of the rows, in any order.

        Returns
        -------
        vectors : ndarray of shape (n, dimension), float32
            Zero for ids without a vector.
        present : ndarray of shape (n,), bool
            Which ids have a vector.
        """
        wanted = [str(name) for name in ids]
        place = self.index.set_index("id")[["shard", "row"]].reindex(wanted)
        rows = place["row"].fillna(-1).to_numpy(np.int64)
        present = rows >= 0
        vectors = np.zeros((len(wanted), self.dimension), np.float32)
        shards, names = pd.factorize(place["shard"])
        for number, name in enumerate(names):
            at = np.flatnonzero(present & (shards == number))
            vectors[at] = _read_vectors(self.folder / name, self._hashes[name])[rows[at]]
        return vectors, present

    def __iter__(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Iterate over ids and vectors, shard by shard. Rows that a later shard replaces are left out."""
        newest = self.index.set_index("id")["shard"]
        for path in self.shards():
            header = _read_header(path, self.dimension)
            vectors = _read_vectors(path, header["sha256"])
            rows = [row for row, name in enumerate(header["ids"]) if newest[name] == path.name]
            yield [header["ids"][row] for row in rows], vectors[rows]


def _digest(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features, dtype="<f4").tobytes()).hexdigest()


def _digest_rows(rows: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([rows["ids"], rows["marks"], rows["failed"]]).encode()).hexdigest()


def _damaged(path: Path, reason: object) -> DataError:
    return DataError(f"{path} is damaged ({reason}); delete this file and extract again, which computes its rows alone")


def _read_header(path: Path, dimension: int) -> dict[str, Any]:
    """Read and check what a shard says about its rows. Raises DataError where it is damaged or of another store."""
    try:
        with safe_open(path, framework="np") as file:
            features = file.get_slice("features")
            shape, dtype = list(features.get_shape()), features.get_dtype()
            header = json.loads(file.metadata()["rows"])
            ids, marks, failed = header["ids"], header["marks"], header["failed"]
            texts = [*ids, *marks, *(text for row in failed for text in row), header["sha256"]]
            complete = len(ids) == len(marks) and all(len(row) == 3 for row in failed)
            unchanged = "rows_sha256" not in header or header["rows_sha256"] == _digest_rows(header)
    except PermissionError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); ask its owner for the right to read it") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not complete or not unchanged or not all(isinstance(text, str) for text in texts):
        raise _damaged(path, "its list of rows has changed since it was written")
    if header.get("file", path.name) != path.name:
        raise _damaged(path, f"it was written as {header['file']}")
    if shape != [len(ids), dimension] or dtype != "F32":
        raise _damaged(
            path, f"its vectors have shape {tuple(shape)} and type {dtype}, not {(len(ids), dimension)} and F32"
        )
    return dict(header)


def _read_vectors(path: Path, sha256: str) -> np.ndarray:
    """Read the vectors of a shard. The first time that this process reads this version of the file, their hash is checked."""
    try:
        version = version_of(path)
        with safe_open(path, framework="np") as file:
            vectors = file.get_tensor("features")
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if version is None or (version, sha256) not in _verified:
        if _digest(vectors) != sha256:
            raise _damaged(path, "its vectors have changed since they were written")
        if version is not None:
            _verified.add((version, sha256))
    return vectors


def _index_of(path: Path, header: dict[str, Any]) -> pd.DataFrame:
    """Build the index of one shard."""
    ids, marks, failed = list(header["ids"]), list(header["marks"]), header["failed"]
    return pd.DataFrame(
        {
            "id": ids + [row[0] for row in failed],
            "shard": path.name,
            "row": [*range(len(ids)), *[-1] * len(failed)],
            "reason": [""] * len(ids) + [row[2] for row in failed],
            "mark": marks + [row[1] for row in failed],
        }
    )
