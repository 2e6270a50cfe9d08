"""The rows that the tables of one experiment are made from: labels, parts by fold, and every model's representations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.errors import DataError
from affectspace.evaluation.folds import Fold
from affectspace.evaluation.results import Recorder, Results
from affectspace.studies.manifold.representations import Representations

BySeed = dict[str, list[list[Representations]]]  # model -> seed -> fold
T = TypeVar("T")


@dataclass(frozen=True)
class Condition:
    """How rows are shown to a model.

    only : the modalities that are shown, None for all; name : of these in results, where lexicon statistics go with a text
    noise : standard deviations that are added to every dimension of every vector
    store : instead of a modality's own store, such as of disturbed sounds: (modality, folder, name of the disturbance)
    """

    only: tuple[str, ...] | None = None
    name: str = ""
    noise: float | None = None
    store: tuple[str, Path, str] | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Columns of its results."""
        if self.store is not None:
            return {"condition": self.store[2]} | ({"modality": self.only[0]} if self.only else {})
        if self.noise is not None:
            return {"condition": f"{self.noise:g} sd of noise"}
        return {"modality": self.name or ", ".join(self.only or ()) or "all"}

    @property
    def file(self) -> str:
        """Name of a file for its representations."""
        text = " ".join([*(self.only or ()), *self.columns.values()])
        return "".join(letter if letter.isalnum() or letter == "." else "-" for letter in text)


EVERYTHING = Condition()


def alone(modalities: Iterable[str]) -> list[Condition]:
    """List the conditions in which each modality is shown alone."""
    return [Condition((modality,)) for modality in modalities]


def fold_of(part: Sequence[Any] | np.ndarray) -> Fold:
    """Return the rows of each part; a row whose part is not train, validation or test is in none."""
    names = np.asarray(part, dtype=object)
    return Fold(*(np.flatnonzero(names == name) for name in ("train", "validation", "test")))


def test_only(n: int) -> Fold:
    """Return a fold that tests all rows of a corpus that no model was trained on."""
    return Fold(np.empty(0, np.int64), np.empty(0, np.int64), np.arange(n))


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """Rows of one corpus under one protocol.

    experiment, protocol : columns of the results; table : of the corpus
    truth : (n, 3) valence, arousal, dominance, NaN where unknown; groups : (n,) people or documents of the intervals
    folds : the parts; test parts do not overlap
    outputs : condition -> model -> seed -> fold -> representations of all rows; seeds : model -> its seeds
    features, present : modality -> (n, width) vectors, (n,) bool
    axes : the axes that the models had labels of in training; the others are neither judged nor drawn
    real : whether the rows, and those that the models were trained on, are of real people
    study : column of the results; published figures stand beside those of real people in the study "manifold" alone
    """

    experiment: str
    protocol: str
    table: pd.DataFrame
    truth: np.ndarray
    groups: np.ndarray
    folds: list[Fold]
    outputs: dict[Condition, BySeed]
    seeds: Mapping[str, tuple[int, ...]]
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    present: Mapping[str, np.ndarray] = field(default_factory=dict)
    axes: tuple[int, ...] = tuple(range(len(AXES)))
    real: bool = True
    study: str = "manifold"

    def __post_init__(self) -> None:
        n = len(self.table)
        if self.truth.shape != (n, len(AXES)) or len(self.groups) != n:
            raise DataError(f"{self.experiment}: {n} rows, but truth {self.truth.shape} and {len(self.groups)} groups")
        tested = np.concatenate([fold.test for fold in self.folds]) if self.folds else np.empty(0, np.int64)
        if len(np.unique(tested)) < len(tested):
            raise DataError(f"{self.experiment}: the test parts of its folds overlap")

    @property
    def tested(self) -> np.ndarray:
        """Positions of the rows that some fold tests, ascending."""
        return np.sort(np.concatenate([fold.test for fold in self.folds]))

    @property
    def models(self) -> list[str]:
        return list(self.outputs[EVERYTHING])

    @property
    def tested_truth(self) -> np.ndarray:
        return self.truth[self.tested]

    @property
    def tested_groups(self) -> np.ndarray:
        return self.groups[self.tested]

    @property
    def known_axes(self) -> list[int]:
        """The axes with labels in training on which the truth of the tested rows varies."""
        truth = self.tested_truth
        return [axis for axis in self.axes if np.unique(truth[~np.isnan(truth[:, axis]), axis]).size > 1]

    def of(self, model: str, condition: Condition = EVERYTHING) -> list[list[Representations]]:
        """Return seed -> fold -> representations; empty where the model was not trained or not shown this condition."""
        return self.outputs.get(condition, {}).get(model, [])

    def per_fold(
        self, model: str, measure: Callable[[Fold, Representations], T | None], *, seeds: int | None = None
    ) -> list[list[T]]:
        """Call a function for every seed and fold; empty where the model is missing or it returns None once."""
        outputs = [
            [measure(fold, representations) for fold, representations in zip(self.folds, by_fold, strict=True)]
            for by_fold in self.of(model)[:seeds]
        ]
        known = [[output for output in by_fold if output is not None] for by_fold in outputs]
        return known if all(len(by_fold) == len(self.folds) for by_fold in known) else []

    def out_of_fold(
        self, model: str, read: Callable[[Representations], np.ndarray], condition: Condition = EVERYTHING
    ) -> list[np.ndarray]:
        """Read each tested row in the fold that tests it: one array per seed, in the order of `tested`."""
        order = np.argsort(np.concatenate([fold.test for fold in self.folds]), kind="stable")
        return [
            np.concatenate([np.asarray(read(one))[fold.test] for one, fold in zip(by_fold, self.folds, strict=True)])[
                order
            ]
            for by_fold in self.of(model, condition)
        ]

    def predictions(self, model: str, condition: Condition = EVERYTHING) -> list[np.ndarray]:
        """Return the fused affect of the tested rows, (tested, 3), one array per seed."""
        return self.out_of_fold(model, lambda one: one.fused, condition)

    def shown(self, condition: Condition) -> EvaluationRows:
        """Return the rows without the truth of those that have none of the modalities which a condition shows."""
        names = list(self.present) if condition.only is None else [one for one in condition.only if one in self.present]
        known = np.any([self.present[name] for name in names], axis=0) if names else np.zeros(len(self.table), bool)
        return replace(self, truth=np.where(known[:, None], self.truth, np.nan))

    def predicts(self, model: str, axes: Sequence[int], condition: Condition = EVERYTHING) -> bool:
        """Say whether a model predicts these axes for every tested row with a truth."""
        known = ~np.isnan(self.tested_truth[:, axes])
        predictions = self.predictions(model, condition)
        return bool(predictions) and all(np.isfinite(prediction[:, axes][known]).all() for prediction in predictions)

    def column(self, name: str) -> np.ndarray:
        """Return a column of the tested rows; None where it is missing."""
        return self.names(name)[self.tested]

    def names(self, column: str) -> np.ndarray:
        """Return a column of all rows; None where it is missing."""
        values = self.table[column]
        return values.astype(object).where(values.notna(), None).to_numpy().copy()

    def recorder(self, results: Results, task: str, published: Results | None = None, **columns: Any) -> Recorder:
        """Return a recorder of results of a task; published figures stand beside those of real people only."""
        named = {"study": self.study, "experiment": self.experiment, "task": task, "protocol": self.protocol, **columns}
        return Recorder(results, named, self.seeds, published if self.real and self.study == "manifold" else None)

    def with_ensemble(self, model: str, name: str) -> EvaluationRows:
        """Return the rows with the mean over a model's seeds as another model; unchanged where there is one seed."""
        if len(self.of(model)) < 2:
            return self
        outputs = {
            condition: {
                **models,
                name: [[Representations.mixture(folds) for folds in zip(*models[model], strict=True)]],
            }
            if len(models.get(model, ())) > 1
            else models
            for condition, models in self.outputs.items()
        }
        return replace(self, outputs=outputs, seeds={**self.seeds, name: self.seeds[model]})


def others(rows: EvaluationRows, excluded: Iterable[str]) -> list[str]:
    """List the models except those named."""
    return [model for model in rows.models if model not in set(excluded)]
