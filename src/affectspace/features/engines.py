"""Who makes the shards of a store: threads of this process, or another engine of the same protocol.

Engines differ in where the work is done, never in what comes out: shards come in order, and a shard depends on its rows only.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from affectspace.errors import RunError, UnreadableItem
from affectspace.features.backbone import Backbone, Item
from affectspace.features.items import Files
from affectspace.features.store import Shard

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
