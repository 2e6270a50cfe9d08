"""What a walk takes from a run folder: the model, its geometry, and faces to start from."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from affectspace.corpora.splits import PARTS
from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.errors import DataError, RunError
from affectspace.files import write_atomic
from affectspace.models import Levasa
from affectspace.progress import Progress, silent
from affectspace.tensors import require_unchanged
from affectspace.training.runs import Run
from affectspace.walks.directions import AffectDirections, fit_directions
from affectspace.walks.geometry import WalkGeometry, fit_geometry
from affectspace.walks.pictures import Geometry
from affectspace.walks.strength import Strength

SAMPLE = 2000  # training images that are encoded for a geometry, if the run has not kept its codes
BATCH = 256


def walkable_model(run: Run) -> Levasa:
    """Load the model of a run.

    Raises RunError if it decodes no images, has no heads for valence and arousal, or has not finished training.
    """
    config = run.image_config.model
    remedy = "walks need a run with model.kind: levasa and model.alignment: continuous or discrete"
    if config.kind != "levasa":
        raise RunError(
            f"{run.folder} holds a {config.kind}, which decodes no images; {remedy}. "
            f"`affectspace evaluate` evaluates a {config.kind}"
        )
    if config.alignment not in ("continuous", "discrete"):
        name = "a Vanilla VAE (alignment: none)" if config.alignment == "none" else "a control with an emotion head"
        raise RunError(f"{run.folder} holds {name} without heads for valence and arousal; {remedy}")
    model = run.model()
    assert isinstance(model, Levasa)
    return model


def run_geometry(
    run: Run,
    model: Levasa,
    method: str,
    strength: Strength | float | Sequence[float] = 1.0,
    progress: Progress = silent,
    data: Dataset | None = None,
) -> Geometry:
    """Return how the codes of a run move: by "directions", stretched by `strength`, or by "heads".

    Raises RunError as `run_directions` and `run_head_geometry`, and DataError for a strength that is not above 0.
    """
    if method == "directions":
        directions = run_directions(run, model, progress, data)
        return strength.stretch(directions) if isinstance(strength, Strength) else directions.stretched(strength)
    return run_head_geometry(run, model, progress, data)


def run_directions(
    run: Run, model: Levasa, progress: Progress = silent, data: Dataset | None = None
) -> AffectDirections:
    """Read the run's directions.safetensors, or fit and write it from the codes and labels of the training images.

    Raises RunError if the corpus cannot be read any more, or its labels give no directions.
    """
    path = run.folder / "directions.safetensors"
    if path.is_file():
        return AffectDirections.read(path, (2, 2 * model.config.chunk))
    data = data if data is not None else open_data(run, progress)
    rows = data.rows("train")
    mean = _kept_codes(run.folder / "representations.safetensors")
    if mean is None or len(mean) != len(rows):
        mean = encode_rows(model, data, rows, progress)
    try:
        people = data.table["person"].to_numpy()[rows]
        directions = fit_directions(mean[:, : 2 * model.config.chunk], data.affect[rows, :2], people)
    except DataError as error:
        raise RunError(f"{run.folder}: {error}; --method heads needs no labels") from error
    with suppress(RunError):  # a run that cannot be written is only slower
        write_atomic(path, directions.save)
    return directions


def run_head_geometry(
    run: Run, model: Levasa, progress: Progress = silent, data: Dataset | None = None
) -> WalkGeometry:
    """Read the run's geometry.safetensors, or fit and write it from the run's codes or else from 2,000 training images.

    Raises RunError if there are no codes and the corpus cannot be read any more.
    """
    path = run.folder / "geometry.safetensors"
    if path.is_file():
        return WalkGeometry.read(path, (2, model.config.chunk, model.config.chunk))
    mean = _kept_codes(run.folder / "representations.safetensors")
    if mean is None:
        data = data if data is not None else open_data(run, progress)
        rows = data.rows("train")
        spaced = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round().astype(int)
        mean = encode_rows(model, data, rows[np.unique(spaced)], progress)
    geometry = fit_geometry(model, mean)
    with suppress(RunError):
        write_atomic(path, geometry.save)
    return geometry


def open_data(run: Run, progress: Progress = silent) -> Dataset:
    """Open the images that the run was trained on. Raises RunError if its corpus cannot be read any more."""
    try:
        return run.dataset("images", progress)
    except (DataError, FileNotFoundError) as error:
        raise RunError(
            f"{run.folder} was trained on {run.image_config.data.first.path}, which cannot be read any more ({error}); "
            "put the corpus back, or name another place of it with --moved"
        ) from error


def dataset_faces(data: Dataset, part: str, number: int) -> tuple[list[str], np.ndarray]:
    """Return names and pixels, (n, size, size, 3), of the first rows of a part, of different people as long as possible.

    Raises DataError if the part is unknown or empty.
    """
    if part not in PARTS:
        raise DataError(f"unknown part {part!r}; choose one of {', '.join(PARTS)}")
    rows = data.rows(part)
    if not len(rows):
        raise DataError(f"the run's {part} part has no images")
    people = data.table["person"].iloc[rows]
    repeats = people.groupby(people).cumcount().to_numpy()
    chosen = rows[np.argsort(repeats, kind="stable")[:number]]
    names = [str(name) for name in data.table["id"].iloc[chosen]]
    return names, np.array(data.images(chosen))


@torch.no_grad()
def encode_rows(model: Levasa, data: Dataset, rows: np.ndarray, progress: Progress = silent) -> np.ndarray:
    """Return the posterior means, (n, latent), of rows of the corpus."""
    codes = []
    for start in range(0, len(rows), BATCH):
        codes.append(model.encode(to_image(data.images(rows[start : start + BATCH]))).mean.numpy())
        progress(min(start + BATCH, len(rows)), len(rows), "codes of training images")
    return np.concatenate(codes)


def _kept_codes(path: Path) -> np.ndarray | None:
    """Read the training codes that an evaluation has kept in the run, or return None."""
    if not path.is_file():
        return None
    try:
        require_unchanged(path, "delete it, and it is computed again")
        with safe_open(path, framework="numpy") as tensors:
            return tensors.get_tensor("mean/train")
    except SafetensorError as error:
        raise RunError(f"{path} is damaged or holds no codes ({error}); delete it, and it is computed again") from error
