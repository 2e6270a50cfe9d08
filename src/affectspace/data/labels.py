"""Valence, arousal and dominance of a corpus: its ratings, or values transferred from its emotions (Algorithm 1, line 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from affectspace.affect import AXES, CATEGORIES
from affectspace.annotation import AnnotationTransfer
from affectspace.corpora.transferred import transferred_values
from affectspace.data.configuration import LabelConfig
from affectspace.errors import ConfigError, DataError, counted

FEW = 5  # training rows of an emotion below which a training warns
Draws = Callable[[int], np.ndarray]  # epoch -> (n, 3) float32, NaN in rows whose label is not drawn


def step_seed(seed: int, epoch: int, step: int, rank: int = 0) -> int:
    """Return a seed below 2^63 for one step of one epoch in one process."""
    entropy = [seed, epoch, step, rank] if rank else [seed, epoch, step]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True, eq=False)
class LabelDraws:
    """Transferred labels that are samples: a function of the epoch.

    emotions : (n,) names, None in rows whose label is not drawn
    stream : number of the corpus, so that two corpora do not get the same draws
    """

    transfer: AnnotationTransfer
    emotions: np.ndarray
    distribution: str
    redraw: bool
    seed: int
    stream: int

    def __call__(self, epoch: int) -> np.ndarray:
        """Return the labels of an epoch, (n, 3) float32."""
        state = step_seed(self.seed, epoch if self.redraw else 0, self.stream) % 2**32
        return _on_all_axes(self.transfer, self.emotions, self.distribution, state)


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of one corpus, a row each.

    affect : (n, 3) float32, ratings or centres, NaN without a label
    draws : samples for training; None if training uses `affect`
    kind : (n,) "rated", "transferred" or None
    notes : remarks for the log
    """

    affect: np.ndarray
    draws: Draws | None
    kind: np.ndarray
    notes: list[str] = field(default_factory=list)


def make_labels(
    table: pd.DataFrame, config: LabelConfig, *, seed: int, stream: int = 0, where: str = "labels"
) -> Labels:
    """Make the labels of a corpus' table.

    Parameters
    ----------
    table : DataFrame
        With the columns valence, arousal, dominance, emotion and label_kind.
    config : LabelConfig
        Complete settings (`LabelConfig.complete`).
    seed, stream : int
        Seed of the draws, and the number of the corpus.
    where : str
        Key of the settings, for messages.

    Raises
    ------
    DataError
        If `config.source` asks for labels that no row has, or if the reference has no deviations to draw with.
    ConfigError
        If ratings are to be permuted.
    """
    rated = table[list(AXES)].to_numpy(np.float32)
    kind = table["label_kind"].to_numpy(object, copy=True)
    has_rating = np.isfinite(rated).any(axis=1)
    if config.source == "none":
        return Labels(np.full_like(rated, np.nan), None, np.full(len(table), None, object))
    if config.source == "rated" and not has_rating.any():
        raise DataError(f"{where}.source: rated, but no row has a rating; use transferred, auto or none")
    unrated = np.ones(len(table), bool) if config.source == "transferred" else ~has_rating
    named = table["emotion"].notna().to_numpy()
    if config.source == "transferred" and not named.any():
        raise DataError(f"{where}.source: transferred, but no row has an emotion; use rated, auto or none")
    if config.source == "rated" or not (unrated & named).any():
        if config.permute is not None:
            raise ConfigError(f"{where}.permute moves ellipses, but these labels are ratings; set source: transferred")
        return Labels(rated, None, kind)
    transfer = read_transfer(str(config.reference))
    known = table["emotion"].isin(list(transfer.classes_)).to_numpy()
    rows = unrated & known
    if not rows.any():
        names = ", ".join(sorted(set(table.loc[unrated & named, "emotion"])))
        raise DataError(
            f"{where}.reference: {config.reference} knows none of the emotions {names} (it knows "
            f"{', '.join(transfer.classes_)}); fit a transfer that does (`affectspace annotate fit`)"
        )
    categories, _ = encode_categories(table["emotion"])
    ellipse_of = dict(zip(categories, permuted(categories, config.permute), strict=True))
    emotions = table["emotion"].where(rows, None).map(ellipse_of, na_action="ignore").to_numpy(object)
    emotions[~rows] = None
    centres = _on_all_axes(transfer, emotions, "centres")
    affect = np.where(unrated[:, None], centres, rated).astype(np.float32)
    kind[unrated] = None
    kind[rows] = "transferred"
    draws = None
    if config.distribution != "centres":
        draws = LabelDraws(transfer, emotions, str(config.distribution), bool(config.redraw), seed, stream)
        draws(0)  # a reference without deviations fails here, before the training
    unknown = table.loc[unrated & named & ~known, "emotion"].value_counts()
    notes = [f"{counted(int(rows.sum()), 'row', 'has')} labels transferred from their emotion ({config.reference})"]
    notes += [
        f"no labels for {counted(n, 'row')} of {name}: {config.reference} does not know it"
        for name, n in unknown.items()
    ]
    return Labels(affect, draws, kind, notes)


def read_transfer(reference: str) -> AnnotationTransfer:
    """Return the published reference of that name, or the fitted transfer in that JSON file."""
    if reference.endswith(".json") or Path(reference).is_file():
        return AnnotationTransfer.from_json(Path(reference))
    return AnnotationTransfer.reference(reference)


def infer_emotions(affect: np.ndarray) -> np.ndarray:
    """Return the emotion whose centre in AffectNet is nearest to each row's valence and arousal (Algorithm 1, line 6).

    affect : (n, 2 or more); rows without both get None
    """
    emotions = np.full(len(affect), None, object)
    known = np.isfinite(affect[:, :2]).all(axis=1)
    if known.any():
        emotions[known] = AnnotationTransfer.reference("affectnet").predict(affect[known, :2])
    return emotions


def encode_categories(
    emotions: pd.Series, categories: tuple[str, ...] | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the emotions that occur, in our order, and each row's index among them, -1 without an emotion."""
    if categories is None:
        present = set(emotions.dropna().unique())
        categories = tuple(name for name in CATEGORIES if name in present)
    index = pd.Index(categories).get_indexer(pd.Index(emotions))
    return categories, index.astype(np.int64)


def few_of_a_kind(categories: Sequence[str], training: np.ndarray) -> list[str]:
    """Return a warning for each emotion with fewer than five training rows. training : (n,) indices, -1 for none."""
    counts = np.bincount(training[training >= 0], minlength=len(categories))
    return [
        f"emotion {name!r} has {f'{count} row' + 's' * (count > 1) if count else 'no row'} in training, so results on it "
        "are unreliable; leave it out with data.where, or add rows"
        for name, count in zip(categories, counts.tolist(), strict=True)
        if count < FEW
    ]


def permuted(categories: tuple[str, ...], seed: int | None) -> tuple[str, ...]:
    """Return the emotion whose ellipse each emotion gets: itself, or with a seed another one for every emotion."""
    if seed is None or len(categories) < 2:
        return categories
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(categories))
        if not (order == np.arange(len(categories))).any():
            return tuple(categories[index] for index in order)


@dataclass(frozen=True, eq=False)
class ReorderedDraws:
    """Draws of some rows, in another order."""

    draws: Draws
    rows: np.ndarray

    def __call__(self, epoch: int) -> np.ndarray:
        return np.asarray(self.draws(epoch))[self.rows]


@dataclass(frozen=True, eq=False)
class JoinedDraws:
    """Draws of several corpora, one after the other."""

    parts: list[tuple[Draws | None, int]]

    def __call__(self, epoch: int) -> np.ndarray:
        nothing = [
            np.full((n, len(AXES)), np.nan, np.float32) if draws is None else draws(epoch) for draws, n in self.parts
        ]
        return np.concatenate(nothing)


def draws_of(labels: Sequence[Labels], order: np.ndarray | None = None) -> Draws | None:
    """Join the draws of several corpora, with their rows in this order; None if no label is drawn."""
    if all(own.draws is None for own in labels):
        return None
    joined = JoinedDraws([(own.draws, len(own.affect)) for own in labels])
    return joined if order is None else ReorderedDraws(joined, order)


def _on_all_axes(
    transfer: AnnotationTransfer, emotions: np.ndarray, distribution: str, random_state: int | None = None
) -> np.ndarray:
    """(n, 3) float32; NaN on axes that the transfer lacks."""
    axes = [axis for axis in AXES if axis in transfer.axes_]
    if not axes:
        raise DataError(f"the transfer has the axes {', '.join(transfer.axes_)}, none of {', '.join(AXES)}")
    values = np.full((len(emotions), len(AXES)), np.nan, np.float32)
    values[:, [AXES.index(axis) for axis in axes]] = transferred_values(
        transfer, emotions, axes, distribution, random_state
    )
    return values
