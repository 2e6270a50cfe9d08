"""Extraction of a corpus into a store.

A shard holds rows that follow each other in the corpus. Its batches hold samples of similar length and depend on the
rows of the shard only. A store that was interrupted anywhere and continued therefore equals an uninterrupted one bit
for bit. Engines decide where the work is done (threads of this process, or a Ray cluster) and give the same shards in
the same order.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from affectspace.errors import RunError, UnreadableItem
from affectspace.features.backbone import Backbone, BaseBackbone, Item, encode_by_length, identity_of
from affectspace.features.items import ItemFiles, items_of, open_item_files
from affectspace.features.store import FeatureStore, Shard
from affectspace.files import locked_folder, remove_partials
from affectspace.progress import Progress, silent, take_notes

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus

Rows: TypeAlias = Sequence[tuple[Item, str]]  # items with the fingerprints of their input
Encoded: TypeAlias = tuple[Shard, Counter[str]]  # a shard, and the remarks of the backbone on its rows

FINGERPRINT_THREADS = 16


class Engine(Protocol):
    """Encodes shards."""

    def encode(
        self, backbone: Backbone, files: ItemFiles, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """Yield the shards of these rows, in order."""


@dataclass(frozen=True)
class ThreadEngine:
    """Encode in this process. Threads decode the files of a shard while the previous shard is encoded.

    workers : number of threads; default one per core, at most 8
    """

    workers: int | None = None

    def encode(
        self, backbone: Backbone, files: ItemFiles, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """Yield the shards of these rows, in order. Two shards are in memory at most."""
        workers = self.workers or min(os.cpu_count() or 1, 8)
        take_remarks(backbone)  # those of earlier work
        with one_blas_thread(), ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:

            def submit(rows: Rows) -> list[Future[Any]]:
                return [pool.submit(load_item, backbone, files, item) for item, _ in rows]

            try:
                ahead = submit(shards[0]) if shards else []
                for number, rows in enumerate(shards):
                    loaded = [future.result() for future in ahead]
                    ahead = submit(shards[number + 1]) if number + 1 < len(shards) else []
                    shard = encode_shard(backbone, rows, loaded, batch_size)
                    del loaded
                    yield shard, take_remarks(backbone)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def one_blas_thread() -> AbstractContextManager[Any]:
    """Run NumPy's matrix products on one thread: rows run in parallel, and more threads would round differently."""
    return threadpool_limits(1, user_api="blas")


def take_remarks(backbone: Backbone) -> Counter[str]:
    """Return the remarks that a backbone has counted so far, and reset its counter."""
    counts: Counter[str] | None = getattr(backbone, "counts", None)
    return Counter() if counts is None else take_notes(counts)


def load_item(backbone: Backbone, files: ItemFiles, item: Item) -> Any:
    """Decode one item; return the UnreadableItem if that fails."""
    try:
        return backbone.load(files.locate(item))
    except UnreadableItem as reason:
        return reason


def encode_shard(backbone: Backbone, rows: Rows, loaded: Sequence[Any], batch_size: int) -> Shard:
    """Encode one shard. loaded : result of `load_item` for each row"""
    failed = [
        (item.id, fingerprint, str(sample))
        for (item, fingerprint), sample in zip(rows, loaded, strict=True)
        if isinstance(sample, UnreadableItem)
    ]
    readable = {row: sample for row, sample in enumerate(loaded) if not isinstance(sample, UnreadableItem)}
    features = np.zeros((len(rows), backbone.dimension), np.float32)
    for row, vector in encode_by_length(backbone, readable, batch_size):
        features[row] = vector
    finite = np.asarray(np.isfinite(features).all(axis=1))
    failed += [(rows[row][0].id, rows[row][1], "the vector is not finite") for row in readable if not finite[row]]
    kept = [row for row in readable if finite[row]]
    return Shard([rows[row][0].id for row in kept], [rows[row][1] for row in kept], features[kept], failed)


@dataclass(frozen=True)
class Extraction:
    """Result of an extraction.

    made : rows that were encoded; failed : rows that could not be read; kept : rows that the store had already
    without : rows of the corpus that do not have this modality
    failed_before : rows that an earlier extraction could not read; they are tried again when their input changes
    reasons : reason -> failed rows; remarks : remark -> rows that were read with it
    failures : id, file ("" for a text) and reason, also of an earlier extraction
    changed : rows whose vectors replace earlier ones, as their input has changed
    """

    store: FeatureStore
    made: int
    failed: int
    kept: int
    without: int
    failed_before: int
    reasons: dict[str, int]
    remarks: dict[str, int]
    failures: list[tuple[str, str, str]]
    seconds: float
    changed: int


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
    progress: Progress = silent,
) -> Extraction:
    """Compute one vector per row of a corpus and store them. The same call continues an interrupted extraction.

    Rows whose input has changed are computed again. Rows that cannot be read are recorded with the reason.

    Parameters
    ----------
    corpus : Corpus
        The corpus.
    backbone : Backbone
        The encoder. Rows without its modality are left out.
    out : path
        Folder of the store.
    items : sequence of Item, optional
        Items to encode instead of those of the corpus, for example ready-made vectors.
    batch_size : int
        Number of rows that pass the model together.
    workers : int, optional
        Number of decoding threads. Default: one per core, at most 8.
    engine : Engine, optional
        Where the work is done. Default: threads of this process. `RayEngine` uses a cluster and gives the same store.
    force : bool
        Recompute everything.
    progress : callable
        Called with (rows done, rows, text).

    Returns
    -------
    Extraction

    Raises
    ------
    RunError
        If `out` holds the features of another backbone, or of another table whose ids are numbers of rows too, or another
        process is writing to it.
    DataError
        If no row of the corpus has the modality.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from affectspace.corpora import Corpus, build_table
    >>> class Letters:
    ...     name, modality, dimension, columns = "text:letters", "text", 1, None
    ...     licence, revision, settings = "none", "1", {}
    ...     def load(self, item): return item.text
    ...     def length(self, loaded): return len(loaded)
    ...     def encode(self, batch): return [[len(text)] for text in batch]
    >>> corpus = Corpus("talk", build_table("talk", {"id": ["a", "b"], "text": ["no", "yes"]}, where="example"))
    >>> with TemporaryDirectory() as folder:
    ...     vectors, present = extract(corpus, Letters(), folder).store.read(["b", "a"])
    >>> vectors.ravel().tolist()
    [3.0, 2.0]
    """
    folder = Path(out)
    if folder.is_file():
        raise RunError(f"{folder} is a file; name a folder for the store")
    items = list(items_of(corpus, backbone.modality) if items is None else items)
    started, made = time.perf_counter(), 0
    reasons: Counter[str] = Counter()
    remarks: Counter[str] = Counter()
    with ExitStack() as stack:
        files = stack.enter_context(open_item_files(corpus.media))
        marked = _marked(files, items)
        identity = identity_of(backbone)
        finished = None if force else _finished_store(folder, identity, marked)
        if finished is None:  # one that needs nothing is only read: it may belong to somebody else
            stack.enter_context(locked_folder(folder, "extracting"))
            remove_partials(folder)
        if force:
            _remove_store(folder)
        store = finished or FeatureStore.create(folder, identity)
        store.require_sound()
        rows = _rows_to_encode(store, marked)
        changed = _changed(store, corpus, rows)
        size = getattr(backbone, "shard_rows", BaseBackbone.shard_rows)
        shards = [rows[start : start + size] for start in range(0, len(rows), size)]
        with closing((engine or ThreadEngine(workers)).encode(backbone, files, shards, batch_size)) as encoded:
            for shard, noticed in encoded:
                store.add(shard)
                made += len(shard.ids)
                reasons.update(reason for _, _, reason in shard.failed)
                remarks.update(noticed)
                done = made + reasons.total()
                rate = done / max(time.perf_counter() - started, 1e-9)
                progress(done, len(rows), f"{backbone.name}, {rate:,.1f} samples/s")
        if finished is None:
            store.write_index()
    failures = _failures(store, items)
    failed_before = len(failures) - reasons.total()
    return Extraction(
        store, made, reasons.total(), len(items) - len(rows) - failed_before, len(corpus) - len(items), failed_before,
        dict(reasons), dict(remarks), failures, time.perf_counter() - started, changed,
    )  # fmt: skip


def _failures(store: FeatureStore, items: Sequence[Item]) -> list[tuple[str, str, str]]:
    """List id, file and reason of the items that have no vector in the store, in their order."""
    failed = store.index[store.index["row"] < 0]
    reasons = dict(zip(failed["id"], failed["reason"], strict=True))
    return [
        (item.id, "" if item.path is None else item.path.as_posix(), reasons[item.id])
        for item in items
        if item.id in reasons
    ]


def _marked(files: ItemFiles, items: Sequence[Item]) -> Rows:
    """Return the items with their fingerprints. Several threads read the files."""
    with ThreadPoolExecutor(FINGERPRINT_THREADS, thread_name_prefix="fingerprint") as pool:
        run = map if all(item.path is None for item in items) else pool.map
        return list(zip(items, run(files.fingerprint, items), strict=True))


def _finished_store(folder: Path, identity: dict[str, Any], marked: Rows) -> FeatureStore | None:
    """Open the store in a folder if it has every row already."""
    if not all((folder / name).is_file() for name in ("backbone.json", "index.parquet")):
        return None
    store = FeatureStore.create(folder, identity)
    return None if _rows_to_encode(store, marked) else store


def _rows_to_encode(store: FeatureStore, marked: Rows) -> Rows:
    """Select the items that the store does not have, or not with this fingerprint."""
    stored = dict(zip(store.index["id"], store.index["mark"], strict=True))
    return [(item, fingerprint) for item, fingerprint in marked if stored.get(item.id) != fingerprint]


def _changed(store: FeatureStore, corpus: Corpus, rows: Rows) -> int:
    """Count the rows to encode that the store has, of another input.

    Raises RunError where these are most of the rows that a table without ids and the store have in common: numbers of rows do
    not tell one table from another.
    """
    stored = set(store.index.loc[store.index["row"] >= 0, "id"])
    changed = sum(item.id in stored for item, _ in rows)
    shared = len(stored.intersection(corpus.table["id"]))
    if corpus.numbered and 2 * changed > shared:
        raise RunError(
            f"{store.folder} has vectors of {changed:,} of these rows already, and they were made of other texts or files. The "
            "table has no ids, so its rows are numbered, and the store seems to belong to another table: choose another --out, "
            "give the table a column id, or replace the vectors with --force"
        )
    return changed


def _remove_store(folder: Path) -> None:
    """Remove the files of a store. Other files stay, and are refused later."""
    if not (folder / "backbone.json").is_file():
        return
    for path in [*folder.glob("shard-*.safetensors"), folder / "index.parquet", folder / "backbone.json"]:
        path.unlink(missing_ok=True)
