"""The store of a corpus' vectors.

A store is a folder: `backbone.json` (what computed the vectors), `shard-00000.safetensors` ... (vectors; ids,
fingerprints of the input and reasons of failures in the header, so that a shard is one file), and `index.parquet` (the
headers as one table, which is rebuilt from the shards if it is missing or out of date).
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

from affectspace.errors import DataError, RunError
from affectspace.features.backbone import IDENTITY_KEYS
from affectspace.files import write_atomic, write_text


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
        try:
            self.backbone: dict[str, Any] = json.loads((self.folder / "backbone.json").read_text("utf-8"))
            self.dimension = int(self.backbone["dimension"])
        except OSError:
            raise RunError(f"{self.folder} is not a store of features; `affectspace extract` makes one") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.folder}/backbone.json is damaged ({error}); extract again with --force") from error
        self._index: pd.DataFrame | None = None

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
        path, shards = self.folder / "index.parquet", self.shards()
        names = [shard.name for shard in shards]
        if path.is_file():
            try:
                frame = pd.read_parquet(path)
                if frame.attrs.get("shards") == names:
                    return frame
            except (OSError, ValueError):
                pass  # rebuilt below
        parts = [_index_of(shard) for shard in shards]
        columns = ["id", "shard", "row", "reason", "mark"]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        frame = frame.drop_duplicates("id", keep="last").reset_index(drop=True)
        frame.attrs["shards"] = names
        return frame

    def add(self, shard: Shard) -> Path:
        """Write a shard, completely or not at all."""
        shards = self.shards()
        number = int(shards[-1].stem.removeprefix("shard-")) + 1 if shards else 0
        path = self.folder / f"shard-{number:05d}.safetensors"
        header = {"ids": shard.ids, "marks": shard.marks, "failed": shard.failed, "sha256": _digest(shard.features)}
        text = {"rows": json.dumps(header, ensure_ascii=False)}
        features = np.ascontiguousarray(shard.features, dtype=np.float32)
        write_atomic(path, lambda partial: save_file({"features": features}, partial, metadata=text))
        self._index = None
        return path

    def write_index(self) -> None:
        """Write index.parquet."""
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
        shards = place["shard"].to_numpy()
        for name in sorted(set(shards[present])):
            at = np.flatnonzero(present & (shards == name))
            vectors[at] = _read_vectors(self.folder / name)[rows[at]]
        return vectors, present

    def __iter__(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Iterate over ids and vectors, shard by shard. Rows that a later shard replaces are left out."""
        newest = self.index.set_index("id")["shard"]
        for path in self.shards():
            header, vectors = _read_header(path), _read_vectors(path)
            rows = [row for row, name in enumerate(header["ids"]) if newest[name] == path.name]
            yield [header["ids"][row] for row in rows], vectors[rows]

    def check(self) -> None:
        """Compare every shard with its hash. Raises DataError if a shard has changed since it was written."""
        for path in self.shards():
            if _digest(_read_vectors(path)) != _read_header(path)["sha256"]:
                raise DataError(f"{path} has changed since it was written; delete it and extract again")


def _digest(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features, dtype="<f4").tobytes()).hexdigest()


def _read_header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="np") as file:
            return json.loads(file.metadata()["rows"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and extract again") from error


def _read_vectors(path: Path) -> np.ndarray:
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor("features")
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and extract again") from error


def _index_of(path: Path) -> pd.DataFrame:
    """Build the index of one shard."""
    header = _read_header(path)
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
