"""Where the corpora, stores and lexicons of a run are now: a run may be moved with them, or copied without them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from affectspace.files import answered

HASHED = 1 << 26  # bytes of a file that are hashed
SEARCHED = 300  # folders near a run
_OUTPUTS = ("data.cache",)


def paths_of(config: BaseModel) -> dict[str, Path]:
    """Return the files and folders that a configuration names, by their keys, such as data.corpora.mine.path."""

    def walk(fields: Mapping[str, Any], key: str) -> Iterator[tuple[str, Path]]:
        for name, value in fields.items():
            if isinstance(value, dict):
                yield from walk(value, f"{key}{name}.")
            elif isinstance(value, Path):
                yield f"{key}{name}", value

    return {key: path for key, path in walk(config.model_dump(), "") if key not in _OUTPUTS}


def with_paths(config: Any, paths: Mapping[str, Path]) -> Any:
    """Return a configuration with other paths. paths : key -> path"""

    def changed(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
        return {
            name: changed(value, f"{key}{name}.") if isinstance(value, dict) else paths.get(f"{key}{name}", value)
            for name, value in fields.items()
        }

    update = {}
    for name in {key.partition(".")[0] for key in paths}:
        value, part = getattr(config, name), config.model_dump()[name]
        whole = isinstance(value, BaseModel)
        update[name] = type(value).model_validate(changed(part, f"{name}.")) if whole else paths[name]
    return config.model_copy(update=update)


def places_of(config: BaseModel, folder: Path) -> dict[str, dict[str, str]]:
    """Return what a run records of each existing path: its place relative to the run's folder, and its fingerprint."""
    return {key: place_of(path, folder) for key, path in paths_of(config).items() if path.exists()}


def place_of(path: Path, folder: Path) -> dict[str, str]:
    """Return the place of a file or folder relative to a run's folder, and its fingerprint."""
    return {"relative": Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix(), "sha256": fingerprint(path)}


def fingerprint(path: Path) -> str:
    """Return a digest of a file (its size and first 64 MB), or of a folder: names and sizes, and the content of small files."""
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(str(path.stat().st_size).encode())
        with path.open("rb") as file:
            digest.update(file.read(HASHED))
        return digest.hexdigest()
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith("."):
                size = entry.stat().st_size if answered(entry.is_file) else 0
                digest.update(f"{entry.name}\0{size}\0".encode())
                if 0 < size <= 1 << 16:
                    digest.update(Path(entry.path).read_bytes())
    return digest.hexdigest()


def located(config: Any, folder: Path, places: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a run's configuration with each path where it is now.

    That is the place relative to the run, or else the path as it is written, or else a file or folder near the run with the
    same name and content. A path that is nowhere stays as it is. places : what `places_of` recorded
    """
    moved = {}
    for key, path in paths_of(config).items():
        if key not in places:
            continue
        beside = folder / places[key]["relative"]
        if path.exists() and (not beside.exists() or path.samefile(beside)):
            continue
        if beside.exists():
            moved[key] = Path(os.path.normpath(beside))
            continue
        name = Path(places[key]["relative"]).name
        found = (place for place in near(folder, name) if fingerprint(place) == places[key]["sha256"])
        if place := next(found, None):
            moved[key] = place
    return with_paths(config, moved) if moved else config


def near(folder: Path, name: str) -> Iterator[Path]:
    """Yield files and folders of a name beside a run or beside its folder, and at most two levels below that."""
    folder = folder.absolute()
    waiting, seen = [place for place in folder.parents[:2] if place != Path(place.anchor)], set[Path]()
    levels = [2] * len(waiting)
    while waiting and len(seen) < SEARCHED:
        place, level = waiting.pop(0), levels.pop(0)
        if place in seen:
            continue
        seen.add(place)
        if (place / name).exists() and not folder.is_relative_to(place / name):
            yield place / name
        if level:
            try:
                with os.scandir(place) as entries:
                    below = sorted(
                        Path(entry.path) for entry in entries if answered(entry.is_dir) and entry.name[0] != "."
                    )
            except OSError:
                below = []
            waiting += below
            levels += [level - 1] * len(below)
