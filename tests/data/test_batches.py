"""Batches: functions of (seed, epoch), corpora mixed by weight, ranks that share a step."""

import numpy as np
import pytest
import torch

from affectspace.data.batches import Batches, drawing_weights, mixed_order, rows_per_epoch
from affectspace.data.dataset import Dataset
from affectspace.data.labels import step_seed
from affectspace.errors import DataError


def dataset(sizes: tuple[int, ...] = (40, 8), weights: tuple[float, ...] | None = None, **more: object) -> Dataset:
    """Training rows of several corpora, numbered in their only feature, with a rare emotion, and two validation rows."""
    n = sum(sizes)
    names = [f"corpus {index}" for index in range(len(sizes))]
    return Dataset.from_arrays(
        {"text": np.arange(n + 2, dtype=float)[:, None] * np.ones(3)},
        ["train"] * n + ["validation"] * 2,
        affect=np.zeros((n + 2, 3)),
        emotion=np.where(np.arange(n + 2) % 8 == 0, "anger", "happiness"),
        corpus=[*np.repeat(names, sizes), names[0], names[0]],
        corpora=tuple(names),
        weights=None if weights is None else dict(zip(names, weights, strict=True)),
        **more,  # type: ignore[arg-type]
    )


def rows_of(batches: Batches) -> list[list[float]]:
    return [batch.features["text"][:, 0].tolist() for batch in batches]


def flat(lists: list[list[float]]) -> list[float]:
    return [row for rows in lists for row in rows]


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    first, again = (Batches(dataset(), "train", 8, seed=1, epoch=2) for _ in range(2))
    assert rows_of(first) == rows_of(again) == rows_of(first)
    assert rows_of(first) != rows_of(Batches(dataset(), "train", 8, seed=1, epoch=3))
    assert rows_of(first) != rows_of(Batches(dataset(), "train", 8, seed=2, epoch=2))


def test_without_weights_each_row_comes_once_and_each_batch_has_every_corpus_in_proportion() -> None:
    batches = Batches(dataset((80, 16)), "train", 12, seed=0, epoch=0)
    assert sorted(flat(rows_of(batches))) == list(range(96))
    assert all(1 <= int((batch.corpus == 1).sum()) <= 3 for batch in batches)


def test_weights_share_the_steps_and_no_row_is_left_out() -> None:
    batches = Batches(dataset(weights=(1.0, 1.0)), "train", 8, seed=0, epoch=0)
    assert all(3 <= int((batch.corpus == 0).sum()) <= 5 for batch in batches)
    counts = np.bincount(np.array(flat(rows_of(batches)), int), minlength=48)
    assert (counts[:40] == 1).all()
    assert (counts[40:] == 5).all()
    assert rows_per_epoch([40, 8], [1.0, 1.0]) == [40, 40]
    assert rows_per_epoch([40, 8], [1.0, 4.0]) == [40, 160]
    assert rows_per_epoch([40, 8], [10.0, 1.0]) == [80, 8]
    assert rows_per_epoch([40, 8], None) == [40, 8]


def test_balance_draws_rare_emotions_of_each_corpus_as_often_as_others() -> None:
    batches = Batches(dataset((4000, 400)), "train", 100, seed=0, epoch=0, balance=1.0)
    category = torch.cat([batch.category for batch in batches])
    assert category.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_validation_has_all_rows_in_batches_of_nearly_one_size_and_the_same_in_every_epoch() -> None:
    first, later = (Batches(dataset((41, 4)), "train", 8, seed=0, epoch=epoch, shuffle=False) for epoch in (0, 5))
    assert rows_of(first) == rows_of(later)
    assert sorted(flat(rows_of(first))) == list(range(45))
    assert {len(part) for part in first.parts} <= {7, 8}


def test_processes_share_every_batch() -> None:
    whole = Batches(dataset(), "train", 8, seed=0, epoch=4)
    ranks = [Batches(dataset(), "train", 8, seed=0, epoch=4, rank=rank, ranks=3) for rank in range(3)]
    for step, one in enumerate(rows_of(whole)):
        assert sorted(flat([rows_of(rank)[step] for rank in ranks])) == sorted(one)
    assert {len(rank) for rank in ranks} == {len(whole)}


def test_labels_of_training_may_change_with_the_epoch() -> None:
    drawn = dataset(draws=lambda epoch: np.full((50, 3), epoch, np.float32))
    assert next(iter(Batches(drawn, "train", 8, seed=0, epoch=3))).affect[0, 0] == 3
    assert next(iter(Batches(drawn, "train", 8, seed=0, epoch=3, shuffle=False))).affect[0, 0] == 0


def test_few_rows_are_one_batch_and_none_is_an_error() -> None:
    assert [len(part) for part in Batches(dataset((3,)), "train", 8, seed=0).parts] == [3]
    with pytest.raises(DataError, match="the test part is empty"):
        Batches(dataset(), "test", 8, seed=0)


def test_rows_that_fill_no_batch_wait_and_the_ids_of_a_step_are_known() -> None:
    batches = Batches(dataset((41,)), "train", 8, seed=0)
    assert len(batches) == 5
    assert batches.names(2) == [f"row {int(row)}" for row in rows_of(batches)[2]]


def test_balance_draws_rare_emotions_as_often_as_others() -> None:
    category = np.array([0] * 10 + [1] * 90)
    assert drawing_weights(category, 1.0)[:10].sum() == pytest.approx(0.5)
    assert drawing_weights(category, 0.0)[:10].sum() == pytest.approx(0.1)
    order = mixed_order(np.zeros(100, int), category, None, np.random.default_rng(0), 0.0)
    assert sorted(order) == list(range(100))


def test_step_seeds_differ() -> None:
    assert len({step_seed(seed, epoch, step) for seed in range(4) for epoch in range(4) for step in range(4)}) == 64
