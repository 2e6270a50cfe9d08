"""What a judge learns from: emotions or people of a corpus, its ratings, or faces drawn for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affectspace.data.dataset import Dataset
from affectspace.models import EmotionClassifier
from affectspace.progress import Progress
from affectspace.studies.walks.networks import AffectRegressor, JudgeSettings, train_network

DRAWN_SEED = 86028121  # the seed of no corpus of ours: other people


def teach_classifier(
    network: EmotionClassifier,
    data: Dataset,
    rows: np.ndarray,
    labels: np.ndarray,
    settings: JudgeSettings,
    progress: Progress,
    text: str,
) -> None:
    """Train on rows of the corpus, all classes drawn equally often. labels : (corpus,) index of the class."""
    target = torch.as_tensor(labels[rows], dtype=torch.int64)
    counts = np.bincount(labels[rows], minlength=len(network.config.categories))
    train_network(
        network,
        lambda chosen: data.images(rows[chosen]),
        lambda out, chosen: torch.nn.functional.cross_entropy(out, target[chosen]),
        1.0 / counts[labels[rows]],
        settings,
        progress=progress,
        text=text,
    )


def teach_regressor(
    network: AffectRegressor,
    read: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    targets: np.ndarray,
    settings: JudgeSettings,
    progress: Progress,
    text: str,
) -> None:
    """Train on the images read(rows) with targets (n, outputs); each output's error counts in its own deviation."""
    network.set_scale(np.asarray(targets, dtype=np.float64))
    scaled = (torch.as_tensor(np.asarray(targets, dtype=np.float32)) - network.mean) / network.deviation

    def loss(out: Tensor, chosen: np.ndarray) -> Tensor:
        return ((out - network.mean) / network.deviation - scaled[chosen]).square().mean()

    weights = np.ones(len(rows))
    train_network(network, lambda chosen: read(rows[chosen]), loss, weights, settings, progress=progress, text=text)


def drawn_faces(
    folder: Path, size: int, names: tuple[str, ...], settings: JudgeSettings, progress: Progress, seed: int = DRAWN_SEED
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw faces of people that are in no corpus; return pixels, rows and truth."""
    from affectspace.synthetic.faces import make_faces

    n, people = settings.drawn_faces, max(2, settings.drawn_faces // 60)
    corpus = make_faces(folder / f"faces-{n}", n=n, people=people, size=size, seed=seed, progress=progress)
    images = corpus.images(size, progress=progress)
    rows = np.flatnonzero(images.ok)
    return images.pixels, rows, corpus.table[list(names)].to_numpy(np.float64)[rows]
