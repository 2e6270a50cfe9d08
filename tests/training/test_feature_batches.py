"""Batches of features: functions of (seed, epoch), corpora mixed by weight, ranks that share a step."""

import numpy as np
import pytest
import torch

from affectspace.data.batches import FeatureBatch
from affectspace.errors import DataError
from affectspace.training.feature_batches import FeatureBatches, FeatureSamples, rows_per_epoch


def samples(
    sizes: tuple[int, ...] = (40, 8), weights: tuple[float, ...] | None = None, **more: object
) -> FeatureSamples:
    n = sum(sizes)
    rows = torch.arange(n, dtype=torch.float32)
    batch = FeatureBatch(
        {"text": rows[:, None].expand(n, 3).contiguous()},
        {"text": torch.ones(n, dtype=torch.bool)},
        torch.zeros(n, 3),
        torch.full((n, 3), torch.nan),
        (torch.arange(n) % 8 == 0).long(),
        torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
    )
    return FeatureSamples(batch, np.arange(n).astype(str), weights, **more)  # type: ignore[arg-type]


def rows_of(batches: FeatureBatches) -> list[list[float]]:
    return [batch.features["text"][:, 0].tolist() for batch in batches]


def flat(lists: list[list[float]]) -> list[float]:
    return [row for rows in lists for row in rows]


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    first, again = (FeatureBatches(samples(), 8, seed=1, epoch=2) for _ in range(2))
    assert rows_of(first) == rows_of(again) == rows_of(first)
    assert rows_of(first) != rows_of(FeatureBatches(samples(), 8, seed=1, epoch=3))
    assert rows_of(first) != rows_of(FeatureBatches(samples(), 8, seed=2, epoch=2))


def test_without_weights_each_row_comes_once_and_each_batch_has_every_corpus_in_proportion() -> None:
    batches = FeatureBatches(samples((80, 16)), 12, seed=0, epoch=0)
    assert sorted(flat(rows_of(batches))) == list(range(96))
    assert all(1 <= int((batch.corpus == 1).sum()) <= 3 for batch in batches)


def test_weights_share_the_steps_and_no_row_is_left_out() -> None:
    batches = FeatureBatches(samples(weights=(1.0, 1.0)), 8, seed=0, epoch=0)
    assert all(3 <= int((batch.corpus == 0).sum()) <= 5 for batch in batches)
    counts = np.bincount(np.array(flat(rows_of(batches)), int), minlength=48)
    assert (counts[:40] == 1).all()
    assert (counts[40:] == 5).all()
    assert rows_per_epoch([40, 8], [1.0, 1.0]) == [40, 40]
    assert rows_per_epoch([40, 8], [1.0, 4.0]) == [40, 160]
    assert rows_per_epoch([40, 8], [10.0, 1.0]) == [80, 8]
    assert rows_per_epoch([40, 8], None) == [40, 8]


def test_balance_draws_rare_emotions_of_each_corpus_as_often_as_others() -> None:
    batches = FeatureBatches(samples((4000, 400)), 100, seed=0, epoch=0, balance=1.0)
    category = torch.cat([batch.category for batch in batches])
    assert category.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_validation_has_all_rows_in_batches_of_nearly_one_size_and_the_same_in_every_epoch() -> None:
    first, later = (FeatureBatches(samples((41, 4)), 8, seed=0, epoch=epoch, shuffle=False) for epoch in (0, 5))
    assert rows_of(first) == rows_of(later)
    assert sorted(flat(rows_of(first))) == list(range(45))
    assert {len(part) for part in first.parts} <= {7, 8}


def test_processes_share_every_batch() -> None:
    whole = FeatureBatches(samples(), 8, seed=0, epoch=4)
    ranks = [FeatureBatches(samples(), 8, seed=0, epoch=4, rank=rank, ranks=3) for rank in range(3)]
    for step, one in enumerate(rows_of(whole)):
        assert sorted(flat([rows_of(rank)[step] for rank in ranks])) == sorted(one)
    assert {len(rank) for rank in ranks} == {len(whole)}


def test_labels_of_training_may_change_with_the_epoch() -> None:
    drawn = samples(affect=lambda epoch: np.full((48, 3), epoch, np.float32))
    assert next(iter(FeatureBatches(drawn, 8, seed=0, epoch=3))).affect[0, 0] == 3
    assert next(iter(FeatureBatches(drawn, 8, seed=0, epoch=3, shuffle=False))).affect[0, 0] == 0


def test_few_rows_are_one_batch_and_none_is_an_error() -> None:
    assert [len(part) for part in FeatureBatches(samples((3,)), 8, seed=0, epoch=0).parts] == [3]
    with pytest.raises(DataError, match="this part of the split is empty"):
        FeatureBatches(samples((0,)), 8, seed=0, epoch=0)
