"""Batches of feature vectors: order is a function of (seed, epoch), several corpora are mixed by weight, ranks share a step."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.training.batches import drawing_weights


@dataclass(frozen=True, eq=False)
class FeatureSamples:
    """Features and labels of one part.

    batch : all rows of the part; affect as evaluation has it
    ids : (n,) names of the rows, for messages
    weights : share of each corpus in a step, by its index in the batch; None: the corpora's numbers of rows
    affect : function of the epoch -> (n, 3) float32 where training labels are samples; None: those of `batch`
    """

    batch: FeatureBatch
    ids: np.ndarray
    weights: tuple[float, ...] | None = None
    affect: Callable[[int], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.batch)


class FeatureBatches:
    """The batches of one epoch. Iterating twice gives the same batches.

    An epoch is so long that every row of every corpus comes at least once: with weights, the corpus with the most rows for
    its weight comes once and the others come round again, each row once before any comes twice. In every batch each corpus
    has its share, to a row. With `balance` rows of a corpus are drawn with replacement instead. Rows that do not fill a
    batch wait for the next epoch's order, unless there is less than one batch in all. shuffle=False, for validation: all
    rows in the same batches at any epoch, of nearly equal sizes, with the corpora in the same shares.

    rank, ranks : of several processes each takes its share of every batch, so that together they have the same rows
    """

    def __init__(
        self,
        samples: FeatureSamples,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        balance: float = 0.0,
        shuffle: bool = True,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if not len(samples):
            raise DataError("no rows to make batches of: this part of the split is empty")
        self.samples, self.epoch, self.shuffle = samples, epoch, shuffle
        order = mixed_order(
            samples, np.random.default_rng([seed, epoch if shuffle else 0]), balance if shuffle else 0.0
        )
        if shuffle:
            number = max(len(order) // batch_size, 1)
            self.whole = np.array_split(order[: number * batch_size], number)
        else:
            self.whole = np.array_split(order, math.ceil(len(order) / batch_size))
        self.parts = [part[rank::ranks] for part in self.whole]

    def __len__(self) -> int:
        return len(self.parts)

    def names(self, step: int) -> list[str]:
        """Return the names of a step's rows, of all processes."""
        return [str(name) for name in self.samples.ids[self.whole[step]]]

    def __iter__(self) -> Iterator[FeatureBatch]:
        batch = self.samples.batch
        if self.shuffle and self.samples.affect is not None:
            batch = replace(batch, affect=torch.from_numpy(self.samples.affect(self.epoch)))
        for part in self.parts:
            yield batch.take(torch.from_numpy(part))


def mixed_order(samples: FeatureSamples, random: np.random.Generator, balance: float) -> np.ndarray:
    """Rows of one epoch in their order."""
    corpus = samples.batch.corpus.numpy()
    category = samples.batch.category.numpy()
    rows = [np.flatnonzero(corpus == index) for index in np.unique(corpus)]
    counts = rows_per_epoch([len(part) for part in rows], _weights(samples.weights, np.unique(corpus)))
    drawn = [_drawn(part, count, category[part], balance, random) for part, count in zip(rows, counts, strict=True)]
    if len(drawn) == 1:
        return drawn[0]
    # each corpus is spread evenly over the epoch, so that every batch has its share of it
    places = [(np.arange(len(part)) + random.random()) / len(part) for part in drawn]
    return np.concatenate(drawn)[np.argsort(np.concatenate(places), kind="stable")]


def rows_per_epoch(sizes: list[int], weights: list[float] | None) -> list[int]:
    """How many rows of each corpus an epoch has: in the ratio of the weights, and none has less than all of its rows."""
    if weights is None:
        return sizes
    unit = max(size / weight for size, weight in zip(sizes, weights, strict=True))
    return [max(round(unit * weight), size) for size, weight in zip(sizes, weights, strict=True)]


def _weights(weights: tuple[float, ...] | None, present: np.ndarray) -> list[float] | None:
    return None if weights is None else [weights[index] for index in present]


def _drawn(
    rows: np.ndarray, count: int, category: np.ndarray, balance: float, random: np.random.Generator
) -> np.ndarray:
    if balance > 0:
        return random.choice(rows, count, p=drawing_weights(category, balance))
    rounds = math.ceil(count / len(rows))
    return np.concatenate([random.permutation(rows) for _ in range(rounds)])[:count]
