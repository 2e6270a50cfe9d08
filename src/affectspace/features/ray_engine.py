"""Extraction and prediction on a Ray cluster. This process writes the results, in order, as without Ray.

Each actor makes its model once; a backbone is made from its recipe, or sent itself without one. Actors receive the rows
of a shard and return its vectors or predictions. Every machine must see the media files and local models under the same
paths, and must have the same versions of the packages that compute.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectspace.errors import AffectspaceError, ConfigError, RunError
from affectspace.features.backbone import Backbone, identity_of, package_versions, remake_backbone
from affectspace.features.extraction import Encoded, Rows, encode_shard, load_item, one_blas_thread, take_remarks
from affectspace.features.items import ItemFiles, open_item_files

SHARDS_PER_ACTOR = 2  # one is decoded while the other is encoded
SHARDS_AHEAD = 4  # per actor: finished shards that wait for their turn to be written
RETRIES = 3  # of a shard whose actor or machine was lost


@dataclass(frozen=True)
class RayEngine:
    """Compute shards on a Ray cluster, see `extract` and `affectspace.prediction.shards`."""

    address: str | None = None  # for example "auto"; default $RAY_ADDRESS, else a temporary cluster on this machine
    actors: int | None = None  # each with a copy of the model; default as many as the cluster has room for
    workers: int = 1  # decoding threads and cores of each actor
    device: str = "cpu"  # of the actors' networks
    gpus: float = 0.0  # of each actor; with 0.5, two actors share a GPU

    def encode(
        self, backbone: Backbone, files: ItemFiles, shards: Sequence[Rows], batch_size: int
    ) -> Generator[Encoded, None, None]:
        """Yield the shards of these rows, in order. Raises RunError as `run`."""
        if not shards:
            return
        media = None if files.media is None else Path(files.media.path).resolve()

        def arguments(ray: Any) -> tuple[Any, ...]:
            return _backbone_source(ray, backbone), self.device, media, batch_size, self.workers

        yield from self.run(ShardActor, arguments, shards, len(shards))

    def run(
        self,
        actor_class: type[Any],
        arguments: Callable[[Any], tuple[Any, ...]],
        shards: Iterable[Any],
        most: int | None = None,
    ) -> Generator[Any, None, None]:
        """Pass shards to actors, and yield what they return in the order of the shards.

        actor_class : has `host()`, the machine's name and versions of packages, and `shard(rows)`
        arguments : makes the arguments of the actors, from the connected ray; most : actors that can be busy
        Raises RunError without room, with other versions, or after lost actors.
        """
        ray = _import_ray()
        connected_here = not ray.is_initialized()
        if connected_here:
            self._connect(ray)
        actors: list[Any] = []
        try:
            given = arguments(ray)  # references are held here, for actors that restart
            actors += self._start_actors(ray, actor_class, given, most)
            yield from _shards_in_order(ray, actors, shards)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AffectspaceError):
                raise error.cause from None
            raise
        except ray.exceptions.RayActorError as error:
            reason = " ".join(str(error).split())[:300]
            raise RunError(
                f"an actor was lost {RETRIES + 1} times ({reason}); the same command continues. Give each actor more memory "
                "(fewer --actors), or leave out the file on which it fails"
            ) from error
        finally:
            for actor in actors:
                ray.kill(actor)
            if connected_here:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self.address or os.environ.get("RAY_ADDRESS")
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            cores = max(os.cpu_count() or 1, (self.actors or 1) * self.workers)
            settings |= {"num_cpus": cores, "include_dashboard": False}
        _require_answer(address)
        try:
            ray.init(self.address, **settings)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"no Ray cluster at {address or 'this machine'} ({reason}); start one with `ray start --head`"
            ) from error

    def _start_actors(self, ray: Any, actor_class: type[Any], given: tuple[Any, ...], most: int | None) -> list[Any]:
        """Start the actors, and wait until they are ready."""
        resources = ray.cluster_resources()
        room = int(resources.get("CPU", 0) // self.workers)
        if self.gpus:
            room = min(room, int(resources.get("GPU", 0) / self.gpus))
        if room < (self.actors or 1):
            size = f"{self.workers} cores" + (f" and {self.gpus:g} GPUs" if self.gpus else "")
            raise RunError(
                f"the Ray cluster has room for {room} actors of {size} each (it has {resources.get('CPU', 0):g} cores and "
                f"{resources.get('GPU', 0):g} GPUs), but {self.actors or 1} are needed; use fewer --actors, or add machines"
            )
        options = {
            "num_cpus": self.workers, "num_gpus": self.gpus, "max_concurrency": SHARDS_PER_ACTOR,
            "max_restarts": RETRIES, "max_task_retries": RETRIES,
        }  # fmt: skip
        remote = ray.remote(**options)(actor_class)
        count = self.actors or room
        actors = [remote.remote(*given) for _ in range(count if most is None else min(count, most))]
        here = package_versions()
        for machine, there in ray.get([actor.host.remote() for actor in actors]):
            differences = [
                f"{package} {there.get(package, 'absent')} there, {here.get(package, 'absent')} here"
                for package in sorted({*here, *there})
                if there.get(package) != here.get(package)
            ]
            if differences:
                raise RunError(
                    f"{machine} would compute other numbers ({'; '.join(differences)}); install the same versions there"
                )
        return actors


class ShardActor:
    """Runs in an actor: encodes one shard after the other.

    source : the backbone, or its identity, from which it is made at the first call (whose errors reach the caller)
    """

    def __init__(
        self, source: Backbone | dict[str, Any], device: str, media: Path | None, batch_size: int, workers: int
    ) -> None:
        self._source, self._device, self._media, self._batch_size = source, device, media, batch_size
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._starting, self._encoding = threading.Lock(), threading.Lock()
        self._open = ExitStack()
        self._open.enter_context(one_blas_thread())
        self._ready: tuple[Backbone, ItemFiles] | None = None

    def _prepare(self) -> tuple[Backbone, ItemFiles]:
        with self._starting:
            if self._ready is None:
                source = self._source
                backbone = remake_backbone(source, device=self._device) if isinstance(source, dict) else source
                take_remarks(backbone)  # those of work before it was sent
                self._ready = backbone, self._open.enter_context(open_item_files(self._media))
            return self._ready

    def host(self) -> tuple[str, dict[str, str]]:
        """Return the machine's name, and its versions of the packages that compute the vectors."""
        self._prepare()
        return platform.node(), package_versions()

    def shard(self, rows: Rows) -> Encoded:
        """Encode one shard. Another thread may decode the next one meanwhile."""
        backbone, files = self._prepare()
        loaded = list(self._pool.map(lambda row: load_item(backbone, files, row[0]), rows))
        with self._encoding:
            return encode_shard(backbone, rows, loaded, self._batch_size), take_remarks(backbone)


def _backbone_source(ray: Any, backbone: Backbone) -> Any:
    """Return what an actor makes the backbone from: its identity, or the backbone itself if it has no recipe."""
    if getattr(backbone, "recipe", None) is not None:
        return identity_of(backbone)
    try:
        return ray.put(backbone)
    except TypeError as error:
        raise ConfigError(
            f"backbone {backbone.name} cannot be sent to other processes ({str(error).splitlines()[0]}); give it a "
            "recipe, the arguments with which make_backbone makes it"
        ) from error


def _shards_in_order(ray: Any, actors: Sequence[Any], shards: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield computed shards in their order, whichever is finished first. A limited number waits for its turn."""
    free = deque([*actors] * SHARDS_PER_ACTOR)
    waiting: deque[Any] = deque()  # results in the order of the shards
    running: dict[Any, Any] = {}  # unfinished result -> its actor
    remaining = iter(shards)
    rows = next(remaining, None)
    while waiting or rows is not None:
        while rows is not None and free and len(waiting) < SHARDS_AHEAD * len(actors):
            actor = free.popleft()
            result = actor.shard.remote(rows)
            running[result] = actor
            waiting.append(result)
            rows = next(remaining, None)
        if waiting[0] not in running:
            yield ray.get(waiting.popleft())
            continue
        for result in ray.wait([*running], num_returns=1)[0]:
            free.append(running.pop(result))


def _require_answer(address: str | None) -> None:
    """Raise RunError if nothing answers at host:port. Ray itself would wait for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise RunError(
            f"no Ray cluster at {address} ({error.strerror or error}); correct the address, or start one: ray start --head"
        ) from error


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray: pip install 'affectspace[ray]'") from error
    return ray
