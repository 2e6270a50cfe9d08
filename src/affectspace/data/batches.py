"""Batches: what a model is trained on in one step. Their order is a function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from affectspace.affect import AXES
from affectspace.errors import DataError

if TYPE_CHECKING:
    from affectspace.data.dataset import Dataset

IMAGE = "image"
NEIGHBOURS = 16  # batches that exchange rows to hold samples of similar length


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows with their inputs and labels. A row may lack any of them.

    Attributes
    ----------
    features : dict of str to Tensor
        Modality -> (batch, width) vectors as the backbone made them; "image" -> (batch, 3, size, size) in [0, 1]. Values in
        absent rows are never read.
    present : dict of str to Tensor
        Modality -> (batch,) bool.
    affect : Tensor
        Valence, arousal and dominance on [-1, 1], (batch, 3), NaN where not annotated.
    lexicon : Tensor
        The lexicon's score of the text, (batch, 3), NaN without one.
    category : Tensor
        Index of the emotion, (batch,), -1 where not annotated.
    corpus : Tensor
        Index of the corpus that the row comes from, (batch,).
    person : Tensor or None
        Number of the row's person, or of its document in a corpus without people, (batch,), -1 where unknown. None: unknown
        throughout.
    """

    features: dict[str, Tensor]
    present: dict[str, Tensor]
    affect: Tensor
    lexicon: Tensor
    category: Tensor
    corpus: Tensor
    person: Tensor | None = None

    @classmethod
    def of_images(cls, image: Tensor, affect: Tensor, category: Tensor) -> Batch:
        """Make a batch of images, (batch, 3, size, size), with valence and arousal (and dominance), and emotions."""
        rows = len(image)
        unknown = torch.full((rows, len(AXES)), torch.nan, dtype=affect.dtype, device=affect.device)
        affect = torch.cat([affect, unknown[:, affect.shape[1] :]], dim=1)
        there = torch.ones(rows, dtype=torch.bool, device=image.device)
        return cls({IMAGE: image}, {IMAGE: there}, affect, unknown, category, torch.zeros_like(category))

    def __len__(self) -> int:
        return len(self.affect)

    @property
    def image(self) -> Tensor:
        """The images, (batch, 3, size, size), float in [0, 1]."""
        return self.features[IMAGE]

    def with_image(self, image: Tensor) -> Batch:
        """Return the batch with other images."""
        return replace(self, features={**self.features, IMAGE: image})

    def take(self, rows: Tensor | slice) -> Batch:
        """Return the rows at these positions or of a mask; those of a slice without a copy."""
        return self._map(lambda values: values[rows])

    def to(self, device: torch.device | str, **options: Any) -> Batch:
        """Return the batch on a device."""
        return self._map(lambda values: values.to(device, **options))

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            {name: change(values) for name, values in self.features.items()},
            {name: change(values) for name, values in self.present.items()},
            change(self.affect),
            change(self.lexicon),
            change(self.category),
            change(self.corpus),
            None if self.person is None else change(self.person),
        )


class Batches:
    """The batches of one part in one epoch. Iterating twice gives the same batches.

    An epoch contains every row of every corpus at least once: with weights, the corpus with the most rows for its weight comes
    once and the others are repeated, each row once before any comes twice. Every batch has the corpora in their shares, to a
    row. With `balance` the rows of a corpus are drawn with replacement instead. Rows that do not fill a batch wait for the
    next epoch, unless there is less than one batch in all.

    Parameters
    ----------
    data : Dataset
    part : str
        "train", "validation" or "test".
    batch_size : int
        Rows of a batch, of all processes together.
    seed, epoch : int
        The order is a function of both.
    balance : float
        0 draws rows as they are, 1 all emotions equally often.
    shuffle : bool
        False for validation: every row once, in the same batches in every epoch, of nearly equal sizes.
    rank, ranks : int
        Each of several processes takes its share of every batch.
    lengths : array, optional
        Length of every row's sample, (n,). Batches then hold samples of similar length.
    """

    def __init__(
        self,
        data: Dataset,
        part: str,
        batch_size: int,
        *,
        seed: int,
        epoch: int = 0,
        balance: float = 0.0,
        shuffle: bool = True,
        rank: int = 0,
        ranks: int = 1,
        lengths: np.ndarray | None = None,
    ) -> None:
        self.data, self.epoch, self.shuffle = data, epoch, shuffle
        rows = data.rows(part)
        if not len(rows):
            raise DataError(f"no rows to make batches of: the {part} part is empty")
        random = np.random.default_rng([seed, epoch if shuffle else 0])
        order = rows[mixed_order(data.corpus_index[rows], data.category[rows], data.weights, random, balance * shuffle)]
        if shuffle:
            number = max(len(order) // batch_size, 1)
            self.whole = np.array_split(order[: number * batch_size], number)
        else:
            self.whole = np.array_split(order, math.ceil(len(order) / batch_size))
        if lengths is not None:
            self.whole = of_like_length(self.whole, lengths, random if shuffle else None)
        self.parts = [batch[rank::ranks] for batch in self.whole]

    def __len__(self) -> int:
        return len(self.parts)

    def names(self, step: int) -> list[str]:
        """Return the ids of a step's rows, of all processes."""
        return [str(name) for name in self.data.table["id"].iloc[self.whole[step]]]

    def __iter__(self) -> Iterator[Batch]:
        drawn = None
        if self.shuffle and self.data.draws is not None:
            drawn = torch.from_numpy(self.data.training_affect(self.epoch))
        for rows in self.parts:
            batch = self.data.take(rows)
            yield batch if drawn is None else replace(batch, affect=drawn[torch.from_numpy(rows)])


def of_like_length(
    batches: list[np.ndarray], lengths: np.ndarray, random: np.random.Generator | None
) -> list[np.ndarray]:
    """Exchange rows among neighbouring batches, so that those of a batch have similar lengths; shuffle the batches.

    random : None sorts all batches and keeps their order
    """
    together = NEIGHBOURS if random is not None else len(batches)
    sorted_batches: list[np.ndarray] = []
    for start in range(0, len(batches), together):
        part = batches[start : start + together]
        rows = np.concatenate(part)
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        sorted_batches += np.split(rows, np.cumsum([len(batch) for batch in part])[:-1])
    if random is None:
        return sorted_batches
    return [sorted_batches[place] for place in random.permutation(len(sorted_batches))]


def mixed_order(
    corpus: np.ndarray,
    category: np.ndarray,
    weights: tuple[float, ...] | None,
    random: np.random.Generator,
    balance: float,
) -> np.ndarray:
    """Return positions of the rows of one epoch in their order. corpus, category : (n,) indices."""
    present = np.unique(corpus)
    rows = [np.flatnonzero(corpus == index) for index in present]
    shares = None if weights is None else [weights[index] for index in present]
    counts = rows_per_epoch([len(part) for part in rows], shares)
    drawn = [_drawn(part, count, category[part], balance, random) for part, count in zip(rows, counts, strict=True)]
    if len(drawn) == 1:
        return drawn[0]
    # each corpus is spread evenly over the epoch, so that every batch has its share of it
    places = [(np.arange(len(part)) + random.random()) / len(part) for part in drawn]
    return np.concatenate(drawn)[np.argsort(np.concatenate(places), kind="stable")]


def rows_per_epoch(sizes: list[int], weights: list[float] | None) -> list[int]:
    """Return the rows of each corpus in an epoch: in the ratio of the weights, and never fewer than all of its rows."""
    if weights is None:
        return sizes
    unit = max(size / weight for size, weight in zip(sizes, weights, strict=True))
    return [max(round(unit * weight), size) for size, weight in zip(sizes, weights, strict=True)]


def drawing_weights(category: np.ndarray, balance: float) -> np.ndarray:
    """Return the probability of each row: its emotion's count to the power -balance, normalised, (n,).

    Rows without an emotion count as an emotion of their own.
    """
    _, inverse, counts = np.unique(category, return_inverse=True, return_counts=True)
    weights = counts.astype(np.float64)[inverse] ** -balance
    return weights / weights.sum()


def _drawn(
    rows: np.ndarray, count: int, category: np.ndarray, balance: float, random: np.random.Generator
) -> np.ndarray:
    if balance > 0:
        return random.choice(rows, count, p=drawing_weights(category, balance))
    rounds = math.ceil(count / len(rows))
    return np.concatenate([random.permutation(rows) for _ in range(rounds)])[:count]
