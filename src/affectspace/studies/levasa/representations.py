"""What a trained member computes for every image: latents, read-outs, reconstructions. Computed once for a run, then kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from affectspace.corpora.splits import PARTS
from affectspace.data.dataset import Dataset
from affectspace.data.images import to_image
from affectspace.evaluation import image_mse, image_ssim, psnr_of
from affectspace.models import EmotionClassifier, Levasa
from affectspace.progress import Progress, silent
from affectspace.studies.engine import keep_on_disk
from affectspace.tensors import UNSEALED, require_unchanged, write_sealed
from affectspace.training.runs import Run

BATCH = 256
SHOWN = 8
BY_PART = ("mean", "log_variance", "affect", "levels", "errors")


@dataclass(frozen=True)
class Representations:
    """The outputs of one run, by part of the split (train, validation, test).

    sizes : dimensions of z_v, z_a and z_z; empty for the classifier
    mean, log_variance : (n, latent), the posterior's; for the classifier `mean` holds its logits (n, categories)
    affect : (n, 2), valence and arousal that the heads read from the means; empty without such heads
    levels : (n, 2, levels), log-probabilities of the discrete heads; empty without them
    errors : of test images: "mse", "psnr", "ssim", each (n,), of the decoded means against the images in [0, 1]
    shown, decoded : (8, size, size, 3) uint8 test images, one for each person, and their reconstructions
    """

    sizes: tuple[int, ...]
    mean: dict[str, np.ndarray]
    log_variance: dict[str, np.ndarray]
    affect: dict[str, np.ndarray]
    levels: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    shown: np.ndarray
    decoded: np.ndarray

    def chunks(self, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the means of z_v, z_a and z_z, (n, dimensions)."""
        valence, arousal, rest = np.split(self.mean[part], np.cumsum(self.sizes)[:2], axis=1)
        return valence, arousal, rest

    @classmethod
    def of(cls, run: Run, data: Dataset, progress: Progress = silent, *, force: bool = False) -> Representations:
        """Compute the representations of a finished run on its corpus; they are kept in its folder. force : again"""

        def read(path: Path) -> dict[str, np.ndarray] | None:
            require_unchanged(path, "it is computed again")
            tensors = load_file(path)
            same = all(len(tensors[f"mean/{part}"]) == len(data.rows(part)) for part in PARTS)
            return tensors if same and not force else None

        def write(tensors: dict[str, np.ndarray], path: Path) -> None:
            write_sealed(path, lambda partial: save_file(tensors, partial, dict(UNSEALED)))

        path = run.folder / "representations.safetensors"
        tensors = keep_on_disk(path, read, lambda: _compute(run, data, progress), write)
        by_part: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in BY_PART}
        for name, values in tensors.items():
            kind, _, part = name.partition("/")
            if part:
                by_part[kind][part] = values
        sizes = getattr(run.image_config.model, "sizes", ())
        return cls(sizes, **by_part, shown=tensors["shown"], decoded=tensors["decoded"])


def shown_rows(data: Dataset) -> np.ndarray:
    """Choose test rows for pictures: one for each person, in the order of the table, at most 8."""
    rows = data.rows("test")
    people = data.table["person"].iloc[rows].reset_index(drop=True)
    first = np.flatnonzero(~people.duplicated().to_numpy())
    return rows[first[np.linspace(0, len(first) - 1, min(SHOWN, len(first))).round().astype(int)]]


@torch.no_grad()
def _compute(run: Run, data: Dataset, progress: Progress) -> dict[str, np.ndarray]:
    """Compute all tensors of a run, named kind/part."""
    model = run.model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    blocks: dict[str, list[np.ndarray]] = {}

    def keep(name: str, value: torch.Tensor | np.ndarray) -> None:
        blocks.setdefault(name, []).append(np.ascontiguousarray(value))

    for part in PARTS:
        rows = data.rows(part)
        for start in range(0, len(rows), BATCH):
            progress(start, len(rows), f"representations of {run.folder.name}, {part}")
            image = to_image(data.images(rows[start : start + BATCH]))
            if isinstance(model, EmotionClassifier):
                keep(f"mean/{part}", model(image))
                continue
            assert isinstance(model, Levasa)
            posterior = model.encode(image)
            keep(f"mean/{part}", posterior.mean)
            keep(f"log_variance/{part}", posterior.log_variance)
            if model.config.alignment in ("continuous", "discrete"):
                keep(f"affect/{part}", model.read_affect(posterior.mean))
            if model.config.alignment == "discrete":
                projected = model.project(posterior.mean)
                logits = [projected[axis][:, : model.config.levels] for axis in ("valence", "arousal")]
                keep(f"levels/{part}", torch.stack(logits, dim=1).log_softmax(dim=2))
            if part == "test":
                decoded = model.decode(posterior.mean).permute(0, 2, 3, 1).numpy()
                truth = image.permute(0, 2, 3, 1).numpy()
                errors = image_mse(truth, decoded)
                for name, values in (("mse", errors), ("psnr", psnr_of(errors)), ("ssim", image_ssim(truth, decoded))):
                    keep(f"errors/{name}", values.astype(np.float32))
    shown = data.images(shown_rows(data))
    decoded = np.zeros_like(shown)
    if isinstance(model, Levasa):
        images = model.decode(model.encode(to_image(shown)).mean).permute(0, 2, 3, 1)
        decoded = (images.numpy() * 255).round().astype(np.uint8)
    tensors = {name: np.concatenate(parts) for name, parts in blocks.items()}
    return {**tensors, "shown": np.array(shown), "decoded": decoded}
