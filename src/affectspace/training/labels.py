"""What a training aligns with: rated valence and arousal, or those that Algorithm 1 transfers from emotions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import CATEGORIES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.transferred import transferred_values
from affectspace.errors import ConfigError, DataError
from affectspace.training.batches import step_seed
from affectspace.training.image_configuration import LabelConfig

AXES = ["valence", "arousal"]
FEW = 5  # training rows of an emotion, below which a training warns


@dataclass(frozen=True)
class Labels:
    """Labels of a whole corpus, a row each.

    categories : the emotions that occur, in our order
    category : (n,) index into categories, -1 without an emotion
    training : epoch -> (n, 2) float32; samples from the ellipses where the labels are transferred
    evaluation : (n, 2) float32; ratings, or the centres of the ellipses
    kind : "rated" or "transferred"
    """

    categories: tuple[str, ...]
    category: np.ndarray
    training: Callable[[int], np.ndarray]
    evaluation: np.ndarray
    kind: str


def read_transfer(reference: str) -> AnnotationTransfer:
    """The published reference of that name, or the fitted transfer in that JSON file, restricted to valence and arousal."""
    if reference.endswith(".json") or Path(reference).is_file():
        return AnnotationTransfer.from_json(Path(reference))
    return AnnotationTransfer.reference(reference)


def encode_categories(
    emotions: pd.Series, categories: tuple[str, ...] | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The emotions that occur, in our order, and each row's index among them, -1 where there is none."""
    if categories is None:
        present = set(emotions.dropna().unique())
        categories = tuple(name for name in CATEGORIES if name in present)
    index = pd.Index(categories).get_indexer(pd.Index(emotions))
    return categories, index.astype(np.int64)


def few_of_a_kind(categories: Sequence[str], training: np.ndarray) -> list[str]:
    """A warning for each emotion of which a training sees less than five rows. training : indices of its rows, -1 for none"""
    counts = np.bincount(training[training >= 0], minlength=len(categories))
    return [
        f"emotion {name!r} has {f'{count} row' + 's' * (count > 1) if count else 'no row'} in training: what is said of it "
        "is worth little; leave it out with data.where, or bring more of it"
        for name, count in zip(categories, counts.tolist(), strict=True)
        if count < FEW
    ]


def make_labels(table: pd.DataFrame, config: LabelConfig, seed: int) -> Labels:
    """Labels of a corpus' table.

    Raises DataError where there is neither valence-arousal nor an emotion, or an emotion that the reference lacks.
    """
    categories, category = encode_categories(table["emotion"])
    rated = table[AXES].to_numpy(np.float32)
    has_ratings = bool(np.isfinite(rated).any())
    source = config.source if config.source != "auto" else ("rated" if has_ratings else "transferred")
    if source == "rated":
        if not has_ratings:
            raise DataError("labels.source: rated, but no row has valence or arousal; use labels.source: transferred")
        if config.permute is not None:
            raise ConfigError(
                "labels.permute moves ellipses, but these labels are rated; set labels.source: transferred"
            )
        fixed = rated.copy()
        return Labels(categories, category, lambda epoch: fixed, rated, "rated")
    rows = category >= 0
    if not rows.any():
        raise DataError(
            "no row has an emotion to transfer valence and arousal from; name the column with --columns emotion=..."
        )
    transfer = read_transfer(config.reference)
    lacking = sorted(set(categories) - set(transfer.classes_))
    if lacking:
        raise DataError(
            f"reference {config.reference!r} has no ellipse for {', '.join(lacking)} "
            f"(it has {', '.join(transfer.classes_)}); leave those rows out with --where, or fit a transfer that has them"
        )
    source_names = np.array([*permuted(categories, config.permute), None], dtype=object)[category]  # -1: None
    centres = transferred_values(transfer, source_names, AXES, "centres").astype(np.float32)

    def draw(epoch: int) -> np.ndarray:
        if config.distribution == "centres":
            return centres
        moment = step_seed(seed, epoch if config.redraw else 0, 0) % 2**32
        return transferred_values(transfer, source_names, AXES, config.distribution, moment).astype(np.float32)

    cache: dict[int, np.ndarray] = {}

    def training(epoch: int) -> np.ndarray:
        key = epoch if config.redraw else 0
        if key not in cache:
            cache.clear()
            cache[key] = draw(epoch)
        return cache[key]

    return Labels(categories, category, training, centres, "transferred")


def permuted(categories: tuple[str, ...], seed: int | None) -> tuple[str, ...]:
    """The emotion whose ellipse each emotion gets: itself, or under a seed a derangement, so that none keeps its own."""
    if seed is None or len(categories) < 2:
        return categories
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(categories))
        if not (order == np.arange(len(categories))).any():
            return tuple(categories[index] for index in order)
