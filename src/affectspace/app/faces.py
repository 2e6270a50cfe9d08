"""`/v1/walk`: a face at other valences and arousals, with what an independent network reads in each picture."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request

from affectspace.app.answers import Refusal, finite, image_url
from affectspace.app.notes import noting
from affectspace.app.runs import finished_runs, version_of
from affectspace.app.uploads import Form, received
from affectspace.app.work import compute, stop_if_given_up
from affectspace.errors import ConfigError, RunError
from affectspace.report.differences import difference_images
from affectspace.walks.paths import PATHS, RANGES, grid_points, path_points

if TYPE_CHECKING:
    from affectspace.walks import FaceWalker, WalkedFace
    from affectspace.walks.walker import ExampleFace

DRAWN, KIND = "drawn faces", "levasa"  # the model that ships, and the kind of other runs
EXAMPLES = 8
MOST_GRID, MOST_FRAMES, OPEN = 9, 60, 2  # steps per axis, pictures of a path, and models in memory
NO_DOMINANCE = (
    "A face moves along valence and arousal. Dominance moves sentences only: the faces have no ratings of it."
)
FIELDS = ("file", "face", "model", "crop", "valence", "arousal", "grid", "path", "frames", "difference")
router = APIRouter()


class FaceDesk:
    """The models of a worker that move faces. Each is opened at its first use, and moves one face at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._walkers: dict[tuple[Any, ...], FaceWalker] = {}

    def walk(self, model: str, runs: Mapping[str, Path], request: WalkRequest) -> dict[str, Any]:
        """Move a face as a request asks."""
        with self._lock:
            stop_if_given_up()
            walker = self._open(model, runs)
            pixels, notes = request.pixels(walker)
            stop_if_given_up()
            walked = walker.walk(pixels, request.points)
        return _answer(pixels, walked, [*notes, *walked.notes], request.difference)

    def examples(self, runs: Mapping[str, Path]) -> list[dict[str, Any]]:
        """Return the example faces of the model that ships."""
        with self._lock:
            size = self._open(DRAWN, runs).size
        return [
            {"name": face.name, "image": picture(face.pixels), "valence": face.valence, "arousal": face.arousal}
            for face in _examples(size).values()
        ]

    def _open(self, model: str, runs: Mapping[str, Path]) -> FaceWalker:
        from affectspace.walks import FaceWalker

        if model != DRAWN and model not in runs:
            raise ConfigError(f"there is no model {model!r} of faces; choose from {', '.join([DRAWN, *runs])}")
        version = (DRAWN,) if model == DRAWN else version_of(runs[model])
        if version not in self._walkers:
            walker = FaceWalker.pretrained() if model == DRAWN else FaceWalker.of_run(runs[model])
            while len(self._walkers) >= OPEN:
                self._walkers.pop(next(iter(self._walkers)))
            self._walkers[version] = walker
        return self._walkers[version]


class WalkRequest:
    """A checked request. points : (n, 2) valence and arousal; difference : also pictures of what has changed"""

    def __init__(self, form: Form) -> None:
        self._form = form
        if len(form.files) + (form.text("face") is not None) != 1:
            raise Refusal(422, "give one face: the name of an example as face, or one picture as file")
        self.points = _points(form)
        self.difference = form.flag("difference")

    def pixels(self, walker: FaceWalker) -> tuple[np.ndarray, list[str]]:
        """Return the face, (size, size, 3) uint8, and notes on how it was read."""
        if self._form.files:
            with noting() as messages:
                pixels, notes = walker.face(self._form.files[0].path, self._form.text("crop", "auto") or "auto")
            return pixels, self._form.renamed([*messages, *notes])
        examples, name = _examples(walker.size), self._form.text("face")
        if name not in examples:
            raise Refusal(422, f"there is no example {str(name)[:60]!r}; choose from {', '.join(examples)}")
        return examples[name].pixels, []


def _points(form: Form) -> np.ndarray:
    valence, arousal, grid, frames = (form.number(name) for name in ("valence", "arousal", "grid", "frames"))
    path = form.text("path")
    if (grid is not None) + (path is not None) + (valence is not None or arousal is not None) != 1:
        raise Refusal(
            422, "give valence and arousal (one picture), or grid (steps for each axis), or path (an animation)"
        )
    if grid is not None:
        if not (2 <= grid <= MOST_GRID and grid == int(grid)):
            raise Refusal(422, f"the field grid is {grid:g}; give a whole number from 2 to {MOST_GRID}")
        valences, arousals = (np.linspace(*RANGES[axis], int(grid)).round(4).tolist() for axis in RANGES)
        return grid_points(valences, arousals[::-1])
    if path is not None:
        count = 24 if frames is None else frames
        if path not in PATHS:
            raise Refusal(422, f"the field path is {path[:60]!r}; give {' or '.join(PATHS)}")
        if not (2 <= count <= MOST_FRAMES and count == int(count)):
            raise Refusal(422, f"the field frames is {count:g}; give a whole number from 2 to {MOST_FRAMES}")
        return path_points(path, RANGES["valence"], RANGES["arousal"], int(count))
    for name, value in (("valence", valence), ("arousal", arousal)):
        if value is not None and not -1 <= value <= 1:
            raise Refusal(422, f"the field {name} is {value:g}; give a number from -1 to 1")
    return np.array([[np.nan if value is None else value for value in (valence, arousal)]])


def _answer(face: np.ndarray, walked: WalkedFace, notes: list[str], difference: bool) -> dict[str, Any]:
    pictures = []
    for place, image in enumerate(walked.images):
        entry = {
            "valence": finite(walked.targets[place, 0]),
            "arousal": finite(walked.targets[place, 1]),
            "image": picture(image),
            "reading": _reading(walked.readings[place]),
            "reached": not bool(walked.missed[place].any()),
        }
        pictures.append(entry)
    if difference:
        changes, _ = difference_images(walked.images, walked.reconstruction)
        for entry, change in zip(pictures, changes, strict=True):
            entry["difference"] = picture(change)
    return {
        "face": {"image": picture(face), "reading": _reading(walked.start)},
        "reconstruction": {"image": picture(walked.reconstruction)},
        "pictures": pictures,
        "notes": notes,
    }


def _reading(values: np.ndarray) -> dict[str, float] | None:
    if not np.isfinite(values).all():
        return None
    return {"valence": round(float(values[0]), 3), "arousal": round(float(values[1]), 3)}


def picture(pixels: np.ndarray) -> str:
    """Return pixels, (height, width, 3) uint8, as the data URL of a PNG."""
    from PIL import Image

    return image_url(Image.fromarray(pixels), "PNG", compress_level=1)


@lru_cache(maxsize=OPEN)
def _examples(size: int) -> dict[str, ExampleFace]:
    """Return the example faces by their names. They are drawn once for each size."""
    from affectspace.walks.walker import example_faces

    return {face.name: face for face in example_faces(size, EXAMPLES)}


@router.get("/v1/walk")
async def list_faces(request: Request) -> dict[str, Any]:
    """List the models that move faces, the example faces, and the limits of `POST /v1/walk`."""
    runs = await compute(request, finished_runs, request.app.state.settings.runs, KIND)
    notes = [NO_DOMINANCE]
    try:
        faces = await compute(request, request.app.state.faces.examples, runs)
    except RunError as error:
        faces = []
        notes.append(str(error))
    return {
        "models": list(dict.fromkeys([DRAWN, *runs])), "faces": faces, "paths": list(PATHS), "ranges": RANGES,
        "most_grid": MOST_GRID, "most_frames": MOST_FRAMES, "notes": notes,
    }  # fmt: skip


@router.post("/v1/walk")
async def walk(request: Request) -> dict[str, Any]:
    """Move a face: an example (`face`) or a picture (`file`), to a point, over a grid, or along a path.

    `valence` and `arousal`, numbers from -1 to 1, give one picture; `grid`, steps for each axis, gives rows from the highest
    arousal down; `path` (circle, valence or arousal) gives `frames` pictures. `difference` adds pictures of what has changed.
    """
    async with received(request) as form:
        form.only(*FIELDS)
        wanted, model = WalkRequest(form), form.text("model", DRAWN) or DRAWN
        runs = {} if model == DRAWN else await compute(request, finished_runs, request.app.state.settings.runs, KIND)
        return await compute(request, request.app.state.faces.walk, model, runs, wanted)
