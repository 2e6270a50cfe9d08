"""Predictions of many samples in shards: in this process or on a Ray cluster, kept so that a killed job continues."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from affectspace import __version__
from affectspace.features.backbone import package_versions
from affectspace.features.ray_engine import RayEngine
from affectspace.files import parse_json, write_text
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Failure, Outcome, of_record, to_record
from affectspace.prediction.sample import FILES, Sample

ROWS = 512  # of a shard; a multiple of the samples that a Predictor reads together

Shard = Sequence[Sample | Failure]


def predict_shards(
    predictor: Predictor,
    shards: Iterable[Shard],
    *,
    out: Path | None = None,
    engine: RayEngine | None = None,
    reopen: Callable[[], Predictor] | None = None,
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each shard, in order.

    Parameters
    ----------
    predictor : Predictor
        Predicts in this process.
    shards : iterable of sequences of Sample
    out : path, optional
        Table that the caller writes. Finished shards are kept in the folder `<out>.parts` until the last one has been
        taken, and read from there by the same job.
    engine : RayEngine, optional
        Predicts on a cluster instead.
    reopen : callable
        Opens the same predictor in another process; needed for an engine.

    Raises
    ------
    RunError
        If the cluster has no room or other versions, or an actor is lost too often.
    """
    parts = None if out is None else Parts(out.with_name(f"{out.name}.parts"), identity_of(predictor))
    waiting: deque[tuple[Path | None, bool]] = deque()  # where a shard is kept, and whether it is there

    def told(outcomes: list[Outcome], notices: Sequence[str]) -> list[Outcome]:
        predictor.notices += [notice for notice in notices if notice not in predictor.notices]
        return outcomes

    def missing() -> Iterator[Shard]:
        for number, shard in enumerate(shards):
            path = None if parts is None else parts.path(number, shard)
            finished = path is not None and path.is_file()
            waiting.append((path, finished))
            if not finished:
                yield shard

    computed: Iterable[tuple[list[Outcome], Sequence[str]]]
    if engine is None:
        computed = ((predictor.predict_many(shard), predictor.notices) for shard in missing())
    else:
        assert reopen is not None
        arguments = (reopen, os.getcwd())
        computed = engine.run(PredictorActor, lambda ray: arguments, missing())
    for outcomes, notices in computed:
        while waiting[0][1]:
            yield told(*read_part(waiting.popleft()[0]))
        path, _ = waiting.popleft()
        if path is not None:
            records = [to_record(outcome) for outcome in outcomes]
            write_text(path, json.dumps({"outcomes": records, "notices": list(notices)}))
        yield told(outcomes, notices)
    while waiting:
        yield told(*read_part(waiting.popleft()[0]))
    if parts is not None:
        shutil.rmtree(parts.folder, ignore_errors=True)


class Parts:
    """The folder of finished shards. identity : of the predictor; another one computes all shards again"""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self._identity = folder, identity

    def path(self, number: int, shard: Shard) -> Path:
        """Return the file of a shard, which is named after its inputs."""
        digest = hashlib.sha256(self._identity.encode())
        for sample in shard:
            digest.update(json.dumps(_description(sample)).encode())
        return self.folder / f"{number:06d}-{digest.hexdigest()[:16]}.json"


def read_part(path: Path | None) -> tuple[list[Outcome], list[str]]:
    """Read the outcomes of a finished shard, and the messages for the user."""
    assert path is not None
    part = parse_json(path.read_text("utf-8"))
    return [of_record(record) for record in part["outcomes"]], part["notices"]


def identity_of(predictor: Predictor) -> str:
    """Return a text that differs for other models, as far as their run.json tells."""
    run = Path(predictor.name) / "run.json"
    return "\n".join([__version__, predictor.name, predictor.settings, run.read_text("utf-8") if run.is_file() else ""])


def _description(sample: Sample | Failure) -> list[Any]:
    """What a prediction depends on, as JSON; files by size and time of change."""
    if isinstance(sample, Failure):
        return [sample.reason]
    marks: list[Any] = []
    for kind in FILES:
        source = getattr(sample, kind)
        if isinstance(source, bytes):
            marks.append([hashlib.sha256(source).hexdigest()])
            continue
        mark: list[Any] = [str(source)]
        with suppress(OSError, ValueError):
            if source is not None:
                status = os.stat(source)
                mark += [status.st_size, status.st_mtime_ns]
        marks.append(mark)
    vectors = {name: hashlib.sha256(vector.tobytes()).hexdigest() for name, vector in sample.vectors.items()}
    return [sample.text, marks, vectors, sample.start, sample.end, sample.box, sample.track]


class PredictorActor:
    """Runs in a Ray actor: predicts one shard after the other.

    reopen : opens the predictor, at the first call; folder : to which paths are relative
    """

    def __init__(self, reopen: Callable[[], Predictor], folder: str) -> None:
        self._reopen, self._lock = reopen, threading.Lock()
        self._predictor: Predictor | None = None
        with suppress(OSError):  # a machine without this folder reads absolute paths
            os.chdir(folder)

    def host(self) -> tuple[str, dict[str, str]]:
        """Return the machine's name, and its versions of the packages that compute."""
        return platform.node(), package_versions()

    def shard(self, samples: Shard) -> tuple[list[Outcome], list[str]]:
        """Predict one shard; return the messages for the user, too."""
        with self._lock:
            if self._predictor is None:
                self._predictor = self._reopen()
            return self._predictor.predict_many(samples), self._predictor.notices
