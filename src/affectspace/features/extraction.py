"""Extraction: a corpus and a backbone make a store, shard by shard; what is there already is not made again.

A shard holds rows that follow each other in the corpus. Its files are decoded by threads while the shard before it is encoded;
its batches are of like length and fixed by the shard, so that a store that was stopped anywhere and continued equals one
that was not, bit for bit. Memory holds two shards at most.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from affectspace.errors import RunError
from affectspace.features.backbone import Backbone, Item
from affectspace.features.engines import Engine, Threads
from affectspace.features.identity import identity_of
from affectspace.features.items import Files, files_of, items_of
from affectspace.features.store import FeatureStore

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

Progress = Callable[[int, int, str], None]
T = TypeVar("T")
SHARD_ROWS = 256
MARKING = 16  # threads that look at the ends of files


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    made, failed, kept, without : rows encoded, unreadable, there already, and without this modality
    failed_before : rows that an earlier extraction could not read, of the same input; they are not tried again
    reasons : how many rows failed for which reason; remarks : what the backbone noticed of rows that it read, by remark
    failures : id, file ("" for a text) and reason of every row without a vector, earlier ones included
    seconds : of the rows that were encoded or failed
    """

    store: FeatureStore
    made: int = 0
    failed: int = 0
    kept: int = 0
    without: int = 0
    failed_before: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: float = 0.0


def extract(
    corpus: Corpus,
    backbone: Backbone,
    out: str | Path,
    *,
    items: Sequence[Item] | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    engine: Engine | None = None,
    force: bool = False,
    progress: Progress = lambda done, total, text: None,
) -> Extraction:
    """Vectors of every row of a corpus that has the backbone's modality, in the store `out`, continued where it stopped.

    items : instead of the corpus' own, such as ready-made vectors. batch_size : rows that go through the model at once.
    workers : decoding threads. engine : who makes the shards; default threads of this process, `RayEngine` a cluster, with
    the same store either way. force : make all anew. A row whose input changed since is made again.
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
            made_by = engine or Threads(workers)
            return _fill(store, given, len(corpus) - len(given), files, backbone, batch_size, made_by, progress)
    except Timeout:
        raise RunError(f"{folder}: another process is extracting into this folder; wait for it") from None


def shards_of(items: Sequence[T], size: int) -> list[list[T]]:
    """Rows in shards of one size, the last one shorter."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _fill(
    store: FeatureStore,
    items: list[Item],
    without: int,
    files: Files,
    backbone: Backbone,
    batch_size: int,
    engine: Engine,
    progress: Progress,
) -> Extraction:
    known = dict(zip(store.index["id"], store.index["mark"], strict=True))
    todo = [(item, mark) for item, mark in zip(items, _marks(files, items), strict=True) if known.get(item.id) != mark]
    shards = shards_of(todo, getattr(backbone, "shard_rows", SHARD_ROWS))
    started, done, made = time.perf_counter(), 0, 0
    reasons: Counter[str] = Counter()
    remarks: Counter[str] = Counter()
    with closing(engine.encode(backbone, files, shards, batch_size)) as encoded:
        for shard, noticed in encoded:
            store.add(shard)
            made += len(shard.ids)
            reasons.update(reason for _, _, reason in shard.failed)
            remarks.update(noticed)
            done += len(shard.ids) + len(shard.failed)
            rate = done / max(time.perf_counter() - started, 1e-9)
            progress(done, len(todo), f"{backbone.name}, {rate:,.1f} samples/s")
    store.close_index()
    failed, failures = sum(reasons.values()), _failures(store, items)
    before = len(failures) - failed
    return Extraction(
        store, made, failed, len(items) - len(todo) - before, without, before, dict(reasons), dict(remarks), failures,
        time.perf_counter() - started,
    )  # fmt: skip


def _failures(store: FeatureStore, items: Sequence[Item]) -> list[tuple[str, str, str]]:
    """Id, file and reason of the items that have no vector in the store, in their order."""
    index = store.index
    bad = index[index["row"] < 0]
    reasons = dict(zip(bad["id"], bad["reason"], strict=True))
    return [
        (item.id, "" if item.path is None else item.path.as_posix(), reasons[item.id])
        for item in items
        if item.id in reasons
    ]


def _marks(files: Files, items: Sequence[Item]) -> list[str]:
    """What tells a changed input, of each item; many files are looked at at once."""
    if all(item.path is None for item in items):
        return [files.mark(item) for item in items]
    with ThreadPoolExecutor(MARKING, thread_name_prefix="mark") as pool:
        return list(pool.map(files.mark, items))


def _clear(folder: Path) -> None:
    """Remove a store's own files; what is not ours stays and is refused later."""
    if not (folder / "backbone.json").is_file():
        return
    for path in [*folder.glob("shard-*.safetensors"), folder / "index.parquet", folder / "backbone.json"]:
        path.unlink(missing_ok=True)
