"""Shards made by the actors of a Ray cluster, or of a local one; the store is written here, in order, as without Ray.

Each actor makes the backbone once, by its recipe (one of somebody's own without a recipe is sent as it is); rows go out
shard by shard and vectors come back. Every machine must see the media, and models in folders, under the same path, and have
the same versions of the packages that make the numbers.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectspace.errors import AffectspaceError, ConfigError, RunError
from affectspace.features.backbone import Backbone, identity_of, remake_backbone, versions
from affectspace.features.extraction import Encoded, Remarks, Rows, encode_shard, load_row, one_blas_thread
from affectspace.features.items import Files, open_files

AT_ONCE = 2  # shards that an actor holds: one is decoded while the other is encoded
AHEAD = 4  # shards an actor, made before their turn to be written
RETRIES = 3  # of a shard whose actor or machine was lost


@dataclass(frozen=True)
class RayEngine:
    """Makes shards on a Ray cluster.

    address : of the cluster ("auto", "ray://head:10001"); None is $RAY_ADDRESS, or else a cluster on this machine for the time
    actors : how many hold the model; None is as many as there is room for, and no more than there are shards
    workers : decoding threads of each, and the cores that each takes
    device : where the actors' networks run; gpus : of each, a share such as .5 lets two have one
    """

    address: str | None = None
    actors: int | None = None
    workers: int = 1
    device: str = "cpu"
    gpus: float = 0.0

    def encode(
        self, backbone: Backbone, files: Files, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """The shards of these rows, in order. Raises RunError without room, with other versions, or after lost actors."""
        if not shards:
            return
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            self._connect(ray)
        crew: list[Any] = []
        try:
            media = None if files.media is None else Path(files.media.path).resolve()
            sent = _sent(ray, backbone)  # kept, for actors that begin anew
            crew += self._hire(ray, sent, media, batch_size, len(shards))
            yield from _in_order(ray, crew, shards)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AffectspaceError):
                raise error.cause from None
            raise
        except ray.exceptions.RayActorError as error:
            reason = " ".join(str(error).split())[:300]
            raise RunError(
                f"an actor was lost {RETRIES + 1} times ({reason}); the same command goes on where it stopped: give each more "
                "memory (fewer --actors), or leave out the file that it dies of"
            ) from error
        finally:
            for actor in crew:
                ray.kill(actor)
            if ours:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is None and not os.environ.get("RAY_ADDRESS"):
            cores = max(os.cpu_count() or 1, (self.actors or 1) * self.workers)
            settings |= {"num_cpus": cores, "include_dashboard": False}
        _knock(self.address or os.environ.get("RAY_ADDRESS"))
        try:
            ray.init(self.address, **settings)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = self.address or os.environ.get("RAY_ADDRESS") or "this machine"
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"no Ray cluster at {where} ({reason}); start one with `ray start --head`") from error

    def _hire(self, ray: Any, sent: Any, media: Path | None, batch_size: int, shards: int) -> list[Any]:
        """The actors, ready."""
        has = ray.cluster_resources()
        room = int(has.get("CPU", 0) // self.workers)
        if self.gpus:
            room = min(room, int(has.get("GPU", 0) / self.gpus))
        each = f"{self.workers} cores" + (f" and {self.gpus:g} GPUs" if self.gpus else "")
        if room < (self.actors or 1):
            raise RunError(
                f"the Ray cluster has room for {room} actors of {each} each (it has {has.get('CPU', 0):g} cores and "
                f"{has.get('GPU', 0):g} GPUs), asked are {self.actors or 1}; ask for fewer, or add machines"
            )
        options = {
            "num_cpus": self.workers, "num_gpus": self.gpus, "max_concurrency": AT_ONCE,
            "max_restarts": RETRIES, "max_task_retries": RETRIES,
        }  # fmt: skip
        kind = ray.remote(**options)(Maker)
        crew = [
            kind.remote(sent, self.device, media, batch_size, self.workers)
            for _ in range(min(self.actors or room, shards))
        ]
        here = versions()
        for name, there in ray.get([actor.host.remote() for actor in crew]):
            other = [
                f"{package} {there.get(package, 'absent')} there, {here.get(package, 'absent')} here"
                for package in sorted({*here, *there})
                if there.get(package) != here.get(package)
            ]
            if other:
                raise RunError(f"{name} would make other numbers ({'; '.join(other)}); install the same there")
        return crew


class Maker:
    """What runs in an actor: a backbone and the media, and one shard after the other.

    backbone : itself, or its identity, by which it is made on this machine; not before the first call, whose errors come back
    """

    def __init__(
        self, backbone: Backbone | dict[str, Any], device: str, media: Path | None, batch_size: int, workers: int
    ) -> None:
        self._given, self._device, self._media, self._batch_size = backbone, device, media, batch_size
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._starting, self._encoding = threading.Lock(), threading.Lock()
        self._open = ExitStack()
        self._open.enter_context(one_blas_thread())
        self._made: tuple[Backbone, Files, Remarks] | None = None

    def _tools(self) -> tuple[Backbone, Files, Remarks]:
        with self._starting:
            if self._made is None:
                given = self._given
                backbone = remake_backbone(given, device=self._device) if isinstance(given, dict) else given
                self._made = backbone, self._open.enter_context(open_files(self._media)), Remarks(backbone)
            return self._made

    def host(self) -> tuple[str, dict[str, str]]:
        """The machine, and its versions of the packages that make the numbers."""
        self._tools()
        return platform.node(), versions()

    def shard(self, rows: Rows) -> Encoded:
        """One shard; while it is encoded, the next may be decoded in another thread."""
        backbone, files, remarks = self._tools()
        loaded = list(self._pool.map(lambda row: load_row(backbone, files, row[0]), rows))
        with self._encoding:
            return encode_shard(backbone, rows, loaded, self._batch_size), remarks.news()


def _sent(ray: Any, backbone: Backbone) -> Any:
    """What an actor makes the backbone of: its identity, or where that has no recipe, itself."""
    if getattr(backbone, "recipe", None) is not None:
        return identity_of(backbone)
    try:
        return ray.put(backbone)
    except TypeError as error:
        raise ConfigError(
            f"backbone {backbone.name} cannot be sent to other processes ({str(error).splitlines()[0]}); give it a "
            "recipe, the arguments of make_backbone that make it"
        ) from error


def _in_order(ray: Any, crew: Sequence[Any], shards: Sequence[Rows]) -> Generator[Encoded, None, None]:
    """Shards as they follow each other, whoever is done first; a bounded number waits for its turn."""
    free = deque([*crew] * AT_ONCE)
    waiting: deque[Any] = deque()  # answers, in the order of the shards
    busy: dict[Any, Any] = {}  # answer that is not there yet -> its actor
    following = iter(shards)
    rows = next(following, None)
    while waiting or rows is not None:
        while rows is not None and free and len(waiting) < AHEAD * len(crew):
            actor = free.popleft()
            answer = actor.shard.remote(rows)
            busy[answer] = actor
            waiting.append(answer)
            rows = next(following, None)
        if waiting[0] not in busy:
            yield ray.get(waiting.popleft())
            continue
        for answer in ray.wait([*busy], num_returns=1)[0]:
            free.append(busy.pop(answer))


def _knock(address: str | None) -> None:
    """Raises RunError where nobody answers at host:port; Ray itself would wait for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise RunError(
            f"no Ray cluster at {address} ({error.strerror or error}); start one with `ray start --head`, or mend it"
        ) from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray: pip install 'affectspace[ray]'") from error
    return ray
