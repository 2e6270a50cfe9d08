"""Extraction of a corpus into a store, in threads of one process or in any other engine.

Engines differ in where the work is done, never in what comes out: shards come in order, and a shard depends on its rows only.

A shard holds rows that follow each other in the corpus. Its files are decoded by threads while the shard before it is encoded;
its batches are of like length and fixed by the shard, so that a store that was stopped anywhere and continued equals one
that was not, bit for bit. Memory holds two shards at most.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from affectspace.errors import RunError, UnreadableItem
from affectspace.features.backbone import Backbone, Item, identity_of
from affectspace.features.items import Files, files_of, items_of
from affectspace.features.store import FeatureStore, Shard

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus


Rows: TypeAlias = Sequence[tuple[Item, str]]  # items with the marks of their input
Encoded: TypeAlias = tuple[Shard, Counter[str]]  # a shard, and what the backbone noticed meanwhile


class Engine(Protocol):
    """Makes shards."""

    def encode(
        self, backbone: Backbone, files: Files, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """The shards of these rows, in order."""


@dataclass(frozen=True)
class Threads:
    """This process: the files of a shard are decoded by threads while the shard before it is encoded.

    workers : threads; default one a core, at most 8
    """

    workers: int | None = None

    def encode(
        self, backbone: Backbone, files: Files, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """The shards of these rows, in order; two of them are in memory at most."""
        remarks = Remarks(backbone)
        workers = self.workers or min(os.cpu_count() or 1, 8)
        with one_blas_thread(), ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:

            def submit(rows: Rows) -> list[Future[Any]]:
                return [pool.submit(load_row, backbone, files, item) for item, _ in rows]

            try:
                ahead = submit(shards[0]) if shards else []
                for number, rows in enumerate(shards):
                    loaded = [one.result() for one in ahead]
                    ahead = submit(shards[number + 1]) if number + 1 < len(shards) else []
                    shard = encode_shard(backbone, rows, loaded, batch_size)
                    del loaded
                    yield shard, remarks.news()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def one_blas_thread() -> AbstractContextManager[Any]:
    """NumPy's products on one thread: rows are what runs in parallel, and more threads would round in another order."""
    return threadpool_limits(1, user_api="blas")


class Remarks:
    """What a backbone counts on its way, such as texts that were cut, since it was last asked."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._told = self._counts()

    def _counts(self) -> Counter[str]:
        return Counter(getattr(self._backbone, "counts", {}))

    def news(self) -> Counter[str]:
        """Remark -> how often since the last call."""
        now = self._counts()
        new = now - self._told
        self._told = now
        return new


def load_row(backbone: Backbone, files: Files, item: Item) -> Any:
    """What the backbone reads of one row, or the UnreadableItem that says why not."""
    try:
        with files.at(item) as there:
            return backbone.load(there)
    except UnreadableItem as reason:
        return reason


def encode_shard(backbone: Backbone, rows: Rows, loaded: Sequence[Any], batch_size: int) -> Shard:
    """The vectors of one shard. loaded : what `load_row` gave for each row."""
    failed = [
        (item.id, mark, str(one))
        for (item, mark), one in zip(rows, loaded, strict=True)
        if isinstance(one, UnreadableItem)
    ]
    good = [place for place, one in enumerate(loaded) if not isinstance(one, UnreadableItem)]
    lengths = [backbone.length(loaded[place]) for place in good]
    order = [good[k] for k in np.argsort(lengths, kind="stable")]
    batch_size = getattr(backbone, "batch_rows", batch_size)
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
