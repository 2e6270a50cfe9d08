"""What the tables of one experiment are made of: rows with labels, parts by fold, and what each model says of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.evaluation.folds import Fold
from affectspace.studies.manifold.codes import Codes

Said = dict[str, list[list[Codes]]]  # model -> seed -> fold
Read = Callable[[Codes], np.ndarray]


def fold_of(part: Sequence[Any] | np.ndarray) -> Fold:
    """The parts of rows by the name of each row's; anything else than train, validation and test is in none."""
    names = np.asarray(part, dtype=object)
    return Fold(*(np.flatnonzero(names == name) for name in ("train", "validation", "test")))


def test_only(n: int) -> Fold:
    """All rows of a corpus that another one's training is tested on."""
    return Fold(np.empty(0, np.int64), np.empty(0, np.int64), np.arange(n))


@dataclass(frozen=True, eq=False)
class Panel:
    """Rows of one corpus under one protocol.

    name : of the experiment, as in metrics.json; protocol : what stands beside each figure
    table : the corpus' table; truth : (n, 3) valence, arousal, dominance to compare with, NaN where unknown
    groups : (n,) people or documents over which intervals are taken
    folds : the parts; test parts do not overlap
    said : model -> seed -> fold -> Codes of all rows
    conditions : name -> the same under a condition: only some modalities seen, noise added
    seeds : model -> the seeds, in their order
    features, present : modality -> (n, width) raw vectors, (n,) bool
    """

    name: str
    protocol: str
    table: pd.DataFrame
    truth: np.ndarray
    groups: np.ndarray
    folds: list[Fold]
    said: Said
    seeds: dict[str, tuple[int, ...]]
    conditions: dict[str, Said] = field(default_factory=dict)
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    present: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.table)
        if self.truth.shape != (n, len(AXES)) or len(self.groups) != n:
            raise DataError(f"panel {self.name}: {n} rows, truth {self.truth.shape}, {len(self.groups)} groups")
        tested = np.concatenate([fold.test for fold in self.folds]) if self.folds else np.empty(0, np.int64)
        if len(np.unique(tested)) < len(tested):
            raise DataError(f"panel {self.name}: the test parts of its folds overlap")

    @property
    def tested(self) -> np.ndarray:
        """Positions of the rows that some fold tests, ascending."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    @property
    def real(self) -> bool:
        """Whether the rows are of people: the paper's figures stand beside no invented ones."""
        return not bool((self.table["corpus"] == "speakers").all())

    @property
    def models(self) -> list[str]:
        return list(self.said)

    def of(self, model: str, condition: str = "") -> list[list[Codes]]:
        """seed -> fold -> Codes; empty where it was not trained or not asked under this condition."""
        said = self.conditions.get(condition, {}) if condition else self.said
        return said.get(model, [])

    def out_of_fold(self, model: str, read: Read, condition: str = "") -> list[np.ndarray]:
        """What is read of each tested row by the fold that tests it, one array a seed, rows in the order of `tested`."""
        order = np.argsort(np.concatenate([fold.test for fold in self.folds]), kind="stable")
        return [
            np.concatenate([np.asarray(read(codes))[fold.test] for codes, fold in zip(each, self.folds, strict=True)])[order]
            for each in self.of(model, condition)
        ]  # fmt: skip

    def fused(self, model: str, condition: str = "") -> list[np.ndarray]:
        """Fused affect of the tested rows, (tested, 3), one a seed."""
        return self.out_of_fold(model, lambda codes: codes.fused, condition)

    def column(self, name: str) -> np.ndarray:
        """A column of the tested rows; None where it is missing."""
        values = self.table[name]
        return values.astype(object).where(values.notna(), None).to_numpy()[self.tested]

    def each(self, model: str, condition: str = "") -> Iterator[tuple[int, int, Fold, Codes]]:
        """Seed's place, fold's place, fold and codes of a model."""
        for seed, each in enumerate(self.of(model, condition)):
            for place, (fold, codes) in enumerate(zip(self.folds, each, strict=True)):
                yield seed, place, fold, codes


def with_ensemble(panel: Panel, model: str, name: str) -> Panel:
    """The panel with the mean over a model's seeds as a model of its own; as it is for a single seed.

    Affect only: latents of different seeds do not share axes. The deviation is that of the mixture of the seeds.
    """
    if len(panel.of(model)) < 2:
        return panel

    def mixed(said: Said) -> Said:
        seeds = said.get(model, [])
        if len(seeds) < 2:
            return said
        return {**said, name: [[_mixture(list(each)) for each in zip(*seeds, strict=True)]]}

    conditions = {condition: mixed(said) for condition, said in panel.conditions.items()}
    return Panel(
        panel.name, panel.protocol, panel.table, panel.truth, panel.groups, panel.folds, mixed(panel.said),
        {**panel.seeds, name: panel.seeds[model]}, conditions, panel.features, panel.present,
    )  # fmt: skip


def _mixture(codes: list[Codes]) -> Codes:
    def mean(values: list[np.ndarray]) -> np.ndarray:
        return np.asarray(np.mean(values, axis=0, dtype=np.float64), dtype=np.float32)

    def spread(means: list[np.ndarray], deviations: list[np.ndarray]) -> np.ndarray:
        variance = np.mean(np.square(deviations), axis=0, dtype=np.float64) + np.var(means, axis=0, dtype=np.float64)
        return np.asarray(np.sqrt(variance), dtype=np.float32)

    first = codes[0]
    affect = {name: mean([one.affect[name] for one in codes]) for name in first.affect}
    deviation = {
        name: spread([one.affect[name] for one in codes], [one.deviation[name] for one in codes])
        for name in first.affect
    }
    fused = mean([one.fused for one in codes])
    return Codes(
        first.present,
        affect,
        deviation,
        fused,
        spread([one.fused for one in codes], [one.fused_deviation for one in codes]),
    )
