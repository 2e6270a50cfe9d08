"""Eq. 6: vectors of one modality made from another's affect. Do they find their own moment, and its emotion?

The paper's generated vector takes the private content of the moment that it is compared with, which tells that moment whatever
the affect is. For retrieval the private code therefore stands at its mean over the training rows: the affect alone speaks.
With the moment's own private content, as in Eq. 6, the error is compared with that under another moment's affect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectspace.evaluation import MetricsFile, fixed_rows, mean_interval, retrieval
from affectspace.evaluation.folds import Fold
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.sheet import Sheet

TOP = (1, 5, 10)
ROWS = 1000
LABELS = "labels"  # the corpus' own valence, arousal and dominance instead of a modality's: what three numbers can tell

Models = Callable[[str], list[list[Any]]]  # name -> seed -> fold -> trained model


@dataclass(frozen=True, eq=False)
class Generated:
    """Vectors of one modality for rows that have it, in standard deviations of its dimensions on train.

    true, made : (rows, width), the vectors themselves; made from affect, the private code at its mean over train
    rebuilt, crossed, exchanged : (rows,), squared error of the vector made with its own private code and the affect of its own
        modality; of the source; of the source in another moment
    size : (rows,), squared length of the true vectors
    """

    true: np.ndarray
    made: np.ndarray
    rebuilt: np.ndarray
    crossed: np.ndarray
    exchanged: np.ndarray
    size: np.ndarray


@torch.no_grad()
def generate(
    model: Any, codes: Codes, features: Mapping[str, np.ndarray], affect: np.ndarray, target: str, rows: np.ndarray,
    train: np.ndarray,
) -> Generated:  # fmt: skip
    """Vectors of `target` made for rows from `affect` (rows, 3), which is in the units of the model's shared latent.

    codes : what the model says of all rows; train : rows whose mean private code stands for no content in particular
    """
    there = torch.ones(len(rows), dtype=torch.bool)
    true = model.standardise(target, torch.from_numpy(np.ascontiguousarray(features[target][rows], np.float32)), there)
    private = torch.from_numpy(codes.private[target][rows])
    known = train[codes.present[target][train]]
    middle = torch.from_numpy(codes.private[target][known].mean(axis=0)).expand_as(private)
    given = torch.from_numpy(np.ascontiguousarray(affect, np.float32))
    own = torch.from_numpy(codes.shared[target][rows])
    other = given[torch.from_numpy(_moved_on(len(rows)))]

    def error(shared: Tensor) -> np.ndarray:
        return (model.decode(target, shared, private) - true).square().sum(dim=1).double().numpy()

    made = model.decode(target, given, middle)
    return Generated(
        true.double().numpy(), made.double().numpy(), error(own), error(given), error(other),
        true.square().sum(dim=1).double().numpy(),
    )  # fmt: skip


def _moved_on(n: int) -> np.ndarray:
    """Another row for each of n, in a random order, the same every time."""
    order = np.random.default_rng(0).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def generation_table(
    metrics: MetricsFile, panel: Panel, trained: Models, models: Sequence[str], modalities: Sequence[str]
) -> None:
    """For each ordered pair of modalities, and from the labels themselves: retrieval by what was made, and its error."""
    sheet = Sheet(metrics, f"{panel.name}_generated", panel.protocol)
    pairs = [*permutations(modalities, 2), *((LABELS, one) for one in modalities)]
    for name in models:
        each = panel.of(name)
        if not each or not all(codes.private and codes.shared for seed in each for codes in seed):
            continue
        networks = trained(name)
        for source, target in pairs:
            found = [
                [
                    _of_fold(panel, fold, codes, network, source, target)
                    for fold, codes, network in zip(panel.folds, seed, folds, strict=True)
                ]
                for seed, folds in zip(each, networks, strict=True)
            ]
            if min(len(rows) for rows, _ in found[0]) > 1:
                _tell(sheet, panel, f"{name}: {source} to {target}", found, panel.seeds.get(name, ()))


def _of_fold(
    panel: Panel, fold: Fold, codes: Codes, network: Any, source: str, target: str
) -> tuple[np.ndarray, Generated]:
    rows = fold.test[codes.present[target][fold.test]]
    if source == LABELS:
        rows = rows[np.isfinite(panel.truth[rows]).all(axis=1)]
        rows = rows[fixed_rows(len(rows), ROWS)]
        affect = _pooled(network, panel.truth[rows])
    else:
        rows = rows[codes.present[source][rows]]
        rows = rows[fixed_rows(len(rows), ROWS)]
        affect = codes.shared[source][rows]
    return rows, generate(network, codes, panel.features, affect, target, rows, fold.train)


def _pooled(network: Any, labels: np.ndarray) -> np.ndarray:
    """Labels of the one corpus of a training in the units of the shared latent."""
    given = torch.from_numpy(np.ascontiguousarray(labels, np.float32))
    with torch.no_grad():
        pooled: Tensor = network.in_pooled_units(given, torch.zeros(len(given), dtype=torch.int64))
    return pooled.numpy()


def _tell(
    sheet: Sheet,
    panel: Panel,
    row: str,
    found: list[list[tuple[np.ndarray, Generated]]],
    seeds: Sequence[int],
) -> None:
    """Every figure of one pair. found : seed -> fold -> rows and what was made for them."""
    groups = np.concatenate([panel.groups[rows] for rows, _ in found[0]])
    said = [[retrieval(one.made, one.true, k=TOP, metric="cosine") for _, one in seed] for seed in found]
    for k in said[0][0].top:
        hits = [np.concatenate([result.hits[k] for result in seed]) for seed in said]
        chances = [np.concatenate([np.full(len(result.ranks), result.chance[k]) for result in seed]) for seed in said]
        above = [hit - chance for hit, chance in zip(hits, chances, strict=True)]
        sheet.interval(row, f"top_{k}", mean_interval(hits, groups), seeds, "by cosine, the private code at its mean")
        sheet.value(row, f"top_{k}_chance", float(np.mean(chances)), len(groups))
        sheet.interval(row, f"top_{k}_above_chance", mean_interval(above, groups), seeds)
    if "emotion" in panel.table:
        emotions = panel.table["emotion"].to_numpy(object)
        pairs = [[_same_emotion(one, emotions[rows]) for rows, one in seed] for seed in found]
        shares = [np.concatenate([share for share, _ in seed]) for seed in pairs]
        above = [np.concatenate([share - chance for share, chance in seed]) for seed in pairs]
        note = f"of the {TOP[-1]} nearest true vectors of other moments, those with the emotion"
        sheet.interval(row, "same_emotion", mean_interval(shares, groups), seeds, note)
        sheet.interval(row, "same_emotion_above_chance", mean_interval(above, groups), seeds)
    size = [float(np.concatenate([one.size for _, one in seed]).mean()) for seed in found]
    for metric in ("rebuilt", "crossed", "exchanged"):
        errors = [np.concatenate([getattr(one, metric) for _, one in seed]).mean() for seed in found]
        sheet.spread(
            row, f"r2_{metric}", [1 - one / total for one, total in zip(errors, size, strict=True)], len(groups), seeds
        )
    gains = [
        np.concatenate([(one.exchanged - one.crossed) / total for _, one in seed])
        for seed, total in zip(found, size, strict=True)
    ]
    sheet.interval(
        row, "r2_gain", mean_interval(gains, groups), seeds, "Eq. 6 less the same with another moment's affect"
    )


def _same_emotion(one: Generated, emotions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows,): share of the ten nearest true vectors, the moment's own left out, that carry its emotion; that of all others."""
    made, true = (
        values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12) for values in (one.made, one.true)
    )
    likeness = made @ true.T
    np.fill_diagonal(likeness, -np.inf)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(TOP[-1], len(emotions) - 1)]
    same = emotions[:, None] == emotions
    share = np.take_along_axis(same, nearest, axis=1).mean(axis=1)
    return share, (same.sum(axis=1) - 1) / (len(emotions) - 1)
