"""Extraction: a corpus and a backbone make a store, shard by shard; what is there already is not made again.

A shard holds rows that follow each other in the corpus. Its files are decoded by threads while the shard before it is encoded;
its batches are of like length and fixed by the shard, so that a store that was stopped anywhere and continued equals one
that was not, bit for bit. Memory holds two shards at most.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout

from affectspace.errors import RunError
from affectspace.features.backbone import Backbone, Item, UnreadableItem
from affectspace.features.items import Files, files_of, items_of
from affectspace.features.store import FeatureStore, Shard

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

Progress = Callable[[int, int, str], None]
T = TypeVar("T")
SHARD_ROWS = 256
PACKAGES = ("numpy", "torch", "transformers", "librosa", "soundfile", "soxr", "av", "dlib-bin")


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    made, failed, kept, without : rows encoded, unreadable, there already, and without this modality
    reasons : how many rows failed for which reason; remarks : what the backbone noticed, by reason
    seconds : of the rows that were encoded or failed
    """

    store: FeatureStore
    made: int = 0
    failed: int = 0
    kept: int = 0
    without: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def extract(
    corpus: Corpus,
    backbone: Backbone,
    out: str | Path,
    *,
    items: Sequence[Item] | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    force: bool = False,
    progress: Progress = lambda done, total, text: None,
) -> Extraction:
    """Vectors of every row of a corpus that has the backbone's modality, in the store `out`, continued where it stopped.

    items : instead of the corpus' own, such as ready-made vectors. batch_size : rows that go through the model at once.
    workers : decoding threads. force : make all anew. A row whose input changed since is made again.
    Raises RunError where `out` holds another backbone's features or another process writes them, DataError without such rows.
    """
    folder = Path(out)
    given = list(items_of(corpus, backbone.modality) if items is None else items)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0), files_of(corpus) as files:
            if force:
                _clear(folder)
            store = FeatureStore.create(folder, identity_of(backbone))
            return _fill(store, given, len(corpus) - len(given), files, backbone, batch_size, workers, progress)
    except Timeout:
        raise RunError(f"{folder}: another process is extracting into this folder; wait for it") from None


def identity_of(backbone: Backbone) -> dict[str, Any]:
    """What backbone.json says."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    columns = getattr(backbone, "columns", None)
    return {
        "name": backbone.name, "modality": backbone.modality, "dimension": backbone.dimension,
        "licence": backbone.licence, "revision": backbone.revision, "settings": backbone.settings,
        "columns": None if columns is None else list(columns), "versions": versions,
    }  # fmt: skip


def shards_of(items: Sequence[T], size: int) -> list[list[T]]:
    """Rows in shards of one size, the last one shorter."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def encode_shard(backbone: Backbone, rows: Sequence[tuple[Item, str]], loaded: Sequence[Any], batch_size: int) -> Shard:
    """The vectors of one shard. loaded : what `Backbone.load` gave for each row, or the UnreadableItem."""
    failed = [
        (item.id, mark, str(one))
        for (item, mark), one in zip(rows, loaded, strict=True)
        if isinstance(one, UnreadableItem)
    ]
    good = [place for place, one in enumerate(loaded) if not isinstance(one, UnreadableItem)]
    lengths = [backbone.length(loaded[place]) for place in good]
    order = [good[k] for k in np.argsort(lengths, kind="stable")]
    features = np.zeros((len(rows), backbone.dimension), np.float32)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        vectors = np.asarray(backbone.encode([loaded[place] for place in part]), dtype=np.float32)
        if vectors.shape != (len(part), backbone.dimension):
            raise RunError(
                f"backbone {backbone.name} gave vectors of shape {vectors.shape} for {len(part)} rows; "
                f"it declares dimension {backbone.dimension}"
            )
        features[part] = vectors
    finite = np.asarray(np.isfinite(features).all(axis=1))
    failed += [(rows[place][0].id, rows[place][1], "its vector is not finite") for place in good if not finite[place]]
    good = [place for place in good if finite[place]]
    ids, marks = [rows[place][0].id for place in good], [rows[place][1] for place in good]
    return Shard(ids, marks, features[good], failed)


def load_row(backbone: Backbone, files: Files, item: Item) -> Any:
    """What the backbone reads of one row, or the UnreadableItem that says why not."""
    try:
        with files.at(item) as there:
            return backbone.load(there)
    except UnreadableItem as reason:
        return reason


def _fill(
    store: FeatureStore,
    items: list[Item],
    without: int,
    files: Files,
    backbone: Backbone,
    batch_size: int,
    workers: int | None,
    progress: Progress,
) -> Extraction:
    known = dict(zip(store.index["id"], store.index["mark"], strict=True))
    marked = [(item, files.mark(item)) for item in items]
    todo = [(item, mark) for item, mark in marked if known.get(item.id) != mark]
    shards = shards_of(todo, getattr(backbone, "shard_rows", SHARD_ROWS))
    started, done, made = time.perf_counter(), 0, 0
    reasons: Counter[str] = Counter()
    with ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 8), thread_name_prefix="decode") as pool:

        def submit(rows: list[tuple[Item, str]]) -> list[Future[Any]]:
            return [pool.submit(load_row, backbone, files, item) for item, _ in rows]

        try:
            ahead = submit(shards[0]) if shards else []
            for number, rows in enumerate(shards):
                loaded = [one.result() for one in ahead]
                ahead = submit(shards[number + 1]) if number + 1 < len(shards) else []
                shard = encode_shard(backbone, rows, loaded, batch_size)
                store.add(shard)
                made += len(shard.ids)
                reasons.update(reason for _, _, reason in shard.failed)
                done += len(rows)
                rate = done / max(time.perf_counter() - started, 1e-9)
                progress(done, len(todo), f"{backbone.name}, {rate:,.1f} samples/s")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    store.close_index()
    return Extraction(
        store, made, sum(reasons.values()), len(marked) - len(todo), without, dict(reasons),
        dict(getattr(backbone, "counts", {})), time.perf_counter() - started,
    )  # fmt: skip


def _clear(folder: Path) -> None:
    """Remove a store's own files; what is not ours stays and is refused later."""
    if not (folder / "backbone.json").is_file():
        return
    for path in [*folder.glob("shard-*.safetensors"), folder / "index.parquet", folder / "backbone.json"]:
        path.unlink(missing_ok=True)
