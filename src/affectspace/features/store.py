"""Cached vectors of a corpus: shards that are written whole, an index that says what happened to every row.

A store is a folder: `backbone.json` (what made the vectors), `shard-00000.safetensors` ... (vectors of the rows that could be
read; ids, marks and reasons in the header, so that a shard is one file), and `index.parquet`, the shards' headers as one table,
which is made anew from them where it is missing or old.
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
from affectspace.features.backbone import SAME
from affectspace.files import write_atomic, write_text


@dataclass(frozen=True, eq=False)
class Shard:
    """Vectors of some rows, and why others have none.

    ids, marks : names of the rows and what their input was, in the order of the vectors
    features : (rows, dimension) float32
    failed : id, mark and reason of the rows that could not be read
    """

    ids: list[str]
    marks: list[str]
    features: np.ndarray
    failed: list[tuple[str, str, str]]


class FeatureStore:
    """Vectors of one modality by the ids of a corpus.

    >>> store = FeatureStore("features/emobank-text")        # doctest: +SKIP
    >>> vectors, present = store.read(corpus.table["id"])    # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        """Open a store. Raises RunError where the folder holds none, or one that is damaged."""
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
        """The store in a folder, made where there is none. Raises RunError where it holds other features, or other files."""
        if not (folder / "backbone.json").is_file():
            if folder.exists() and (not folder.is_dir() or any(p.name != ".lock" for p in folder.iterdir())):
                raise RunError(f"{folder} is not empty and no store of features; choose another --out")
            write_text(folder / "backbone.json", json.dumps(identity, indent=2) + "\n")
        store = cls(folder)
        there, asked = store.backbone, json.loads(json.dumps(identity))
        if there.get("name") == asked["name"] and there.get("revision") != asked["revision"]:
            raise RunError(
                f"{folder} was made by revision {there.get('revision')!r} of {asked['name']}, whose vectors have "
                f"{store.dimension} numbers; this is revision {asked['revision']!r} with {asked['dimension']}. Trainings read "
                "it as it is; to extract, choose another --out, or make all anew with --force"
            )
        for key in SAME:
            if there.get(key) != asked.get(key):
                raise RunError(
                    f"{folder} holds features of another kind ({key}: {there.get(key)!r} there, "
                    f"{asked.get(key)!r} asked); choose another --out, or make them anew with --force"
                )
        return store

    @property
    def modality(self) -> str:
        return str(self.backbone["modality"])

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the dimensions, where the backbone has any."""
        names = self.backbone.get("columns")
        return None if names is None else tuple(names)

    def shards(self) -> list[Path]:
        """The shards' files, in order."""
        return sorted(self.folder.glob("shard-*.safetensors"))

    @property
    def index(self) -> pd.DataFrame:
        """A row an id: shard, row (-1 where it could not be read), reason, mark of its input. The newest of an id counts."""
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
                pass  # made anew below
        parts = [_rows_of(shard) for shard in shards]
        columns = ["id", "shard", "row", "reason", "mark"]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        frame = frame.drop_duplicates("id", keep="last").reset_index(drop=True)
        frame.attrs["shards"] = names
        return frame

    def add(self, shard: Shard) -> Path:
        """Write a shard, whole or not at all."""
        shards = self.shards()
        number = int(shards[-1].stem.removeprefix("shard-")) + 1 if shards else 0
        path = self.folder / f"shard-{number:05d}.safetensors"
        header = {"ids": shard.ids, "marks": shard.marks, "failed": shard.failed, "sha256": _digest(shard.features)}
        text = {"rows": json.dumps(header, ensure_ascii=False)}
        features = np.ascontiguousarray(shard.features, dtype=np.float32)
        write_atomic(path, lambda partial: save_file({"features": features}, partial, metadata=text))
        self._index = None
        return path

    def close_index(self) -> None:
        """Write index.parquet."""
        index = self.index
        write_atomic(self.folder / "index.parquet", lambda partial: index.to_parquet(partial, index=False))

    def read(self, ids: Sequence[str] | pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of these ids, (n, dimension) float32, zero where there is none, and which there are, (n,) bool."""
        wanted = [str(name) for name in ids]
        place = self.index.set_index("id")[["shard", "row"]].reindex(wanted)
        rows = place["row"].fillna(-1).to_numpy(np.int64)
        present = rows >= 0
        features = np.zeros((len(wanted), self.dimension), np.float32)
        shards = place["shard"].to_numpy()
        for name in sorted(set(shards[present])):
            at = np.flatnonzero(present & (shards == name))
            features[at] = _load(self.folder / name)[rows[at]]
        return features, present

    def __iter__(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Ids and vectors, shard by shard; what a later shard replaced is left out."""
        newest = self.index.set_index("id")["shard"]
        for path in self.shards():
            header, features = _header(path), _load(path)
            keep = [row for row, name in enumerate(header["ids"]) if newest[name] == path.name]
            yield [header["ids"][row] for row in keep], features[keep]

    def check(self) -> None:
        """Raises DataError where a shard's vectors are not those that were written, or cannot be read."""
        for path in self.shards():
            if _digest(_load(path)) != _header(path)["sha256"]:
                raise DataError(f"{path} was changed since it was written; delete it and extract again")


def _digest(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features, dtype="<f4").tobytes()).hexdigest()


def _header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="np") as file:
            return json.loads(file.metadata()["rows"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and extract again") from error


def _load(path: Path) -> np.ndarray:
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor("features")
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and extract again") from error


def _rows_of(path: Path) -> pd.DataFrame:
    header = _header(path)
    ids, marks = list(header["ids"]), list(header["marks"])
    failed = header["failed"]
    return pd.DataFrame(
        {
            "id": ids + [row[0] for row in failed],
            "shard": path.name,
            "row": [*range(len(ids)), *[-1] * len(failed)],
            "reason": [""] * len(ids) + [row[2] for row in failed],
            "mark": marks + [row[1] for row in failed],
        }
    )
