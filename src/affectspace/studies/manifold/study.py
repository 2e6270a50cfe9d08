"""A trained study on disk: its corpora, its runs, and the panels that tables and figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.evaluation.folds import Fold
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.codes import Change, Codes, encode_rows, kept_codes
from affectspace.studies.manifold.fitted import Fitted, fit_ridge_floor, fit_softmax_floor, lexicon_codes
from affectspace.studies.manifold.members import Member, members, needed_trainings
from affectspace.studies.manifold.panel import Panel, Said, fold_of, test_only
from affectspace.studies.manifold.plan import HEADLINE, TRAININGS, Budget
from affectspace.studies.manifold.sources import WORDS, Places, Source
from affectspace.studies.trainings import is_finished
from affectspace.training.runs import Run, open_run

FLOORS: dict[str, tuple[str, ...]] = {  # training -> what is fitted there without a network
    "emobank": ("ridge", "ridge_text", "lexicon"),
    "emobank_documents": ("ridge", "ridge_text", "lexicon"),
    "ravdess": ("ridge", "softmax"),
    "ravdess_audio": ("ridge", "softmax"),
    "people": ("ridge",),
    "iemocap": ("ridge", "softmax", "lexicon"),
}


@dataclass(frozen=True)
class Condition:
    """How rows are shown to a model.

    only : the modalities that are seen, None for all; noise : standard deviations added to every dimension of every vector
    store : instead of a modality's own store, such as sounds made again under noise: (modality, folder)
    """

    name: str
    only: tuple[str, ...] | None = None
    noise: float = 0.0
    store: tuple[str, Path] | None = None

    @property
    def file(self) -> str:
        """A name for its file."""
        return "".join(letter if letter.isalnum() or letter == "." else "-" for letter in self.name)


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that can be measured.

    out : its folder; facts : what the report says of it
    """

    out: Path
    places: Places
    budget: Budget
    experiments: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    progress: Progress = silent
    _sources: dict[str, Source] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """A corpus, read once."""
        if name not in self._sources:
            self.progress(0, 0, f"reading {name}")
            self._sources[name] = Source.read(name, self.places, self.budget.limit)
        return self._sources[name]

    @cached_property
    def members(self) -> dict[tuple[str, str], list[Member]]:
        """(training, variant) -> its members whose runs are finished, by seed, then by fold."""
        trainings = needed_trainings(self.experiments)
        sources = {name: self.source(name) for training in trainings for name in TRAININGS[training].splits}
        found: dict[tuple[str, str], list[Member]] = {}
        for member in members(trainings, sources, self.places, self.budget):
            if is_finished(self.folder_of(member)):
                found.setdefault((member.training, member.name), []).append(member)
        return found

    def trained(self, training: str, variant: str) -> list[list[Any]]:
        """The models of a variant: seed -> fold -> model, in the order of a panel's codes."""
        group = self.members.get((training, variant), [])
        seeds = dict.fromkeys(member.seed for member in group)
        return [[self.run_of(member).model() for member in group if member.seed == seed] for seed in seeds]

    def folder_of(self, member: Member) -> Path:
        return self.out / "runs" / member.folder

    def run_of(self, member: Member) -> Run:
        return open_run(self.folder_of(member))

    def folds_of(self, training: str, source: str) -> list[Fold]:
        """The parts of a corpus' rows in each fold of a training, as its runs recorded them."""
        split: dict[int | None, pd.DataFrame] = {}
        for (name, _), group in self.members.items():
            if name == training:
                for member in group:
                    split.setdefault(member.fold, self.run_of(member).split)
        return [
            fold_of(self.source(source).parts(split[fold]))
            for fold in sorted(split, key=lambda one: (one is not None, one))
        ]

    def codes(self, member: Member, source: str, condition: Condition | None = None) -> Codes:
        """What a trained member says of a corpus' rows; kept in the run's folder."""
        given = self.source(source).without(member.variant.without)
        name = source if condition is None else f"{source}@{condition.file}"
        path = self.folder_of(member) / "codes" / f"{name}.safetensors"
        return kept_codes(path, len(given), lambda: self._encode(self.run_of(member).model(), given, condition, name))

    def _encode(self, model: Any, given: Source, condition: Condition | None, name: str) -> Codes:
        self.progress(0, 0, f"latents of {name}")
        features, present = given.vectors
        if condition is None:
            return encode_rows(model, features, present, corpus=given.name)
        if condition.store is not None:
            from affectspace.features import FeatureStore

            modality, folder = condition.store
            vectors, there = FeatureStore(folder).read(given.table["id"])
            features, present = {**features, modality: vectors}, {**present, modality: there}
        change = noise_on(features, condition.noise)
        return encode_rows(model, features, present, only=condition.only, change=change, corpus=given.name)

    def floor_codes(self, training: str, name: str, source: str, condition: Condition | None = None) -> list[Codes]:
        """The same of a floor, one a fold."""
        given, trained = self.source(source).apart, next(iter(TRAININGS[training].splits))
        said = []
        for place, fold in enumerate(self.folds_of(training, trained)):
            file = source if condition is None else f"{source}@{condition.file}"
            path = self.out / "floors" / f"{training}-{name}-fold{place}" / f"{file}.safetensors"

            def make(place: int = place, fold: Fold = fold, file: str = file) -> Codes:
                if name == "lexicon":
                    lexicon = self.places.anchor_lexicon()
                    assert lexicon is not None
                    return lexicon_codes(given, lexicon)
                return self._encode(self._floor(training, name, place, fold), given, condition, file)

            said.append(kept_codes(path, len(given), make))
        return said

    def _floor(self, training: str, name: str, place: int, fold: Fold) -> Fitted:
        key = (training, name, place)
        if key not in self._fitted:
            self.progress(0, 0, f"fitting {name} on {training}")
            plan = TRAININGS[training]
            source = self.source(next(iter(plan.splits))).apart
            modalities = [one for one in source.features if plan.modalities is None or one in plan.modalities]
            if name == "ridge_text":
                modalities = [one for one in modalities if one != WORDS]
            fit = fit_softmax_floor if name == "softmax" else fit_ridge_floor
            self._fitted[key] = fit(source, fold, modalities)
        return self._fitted[key]

    @cached_property
    def _fitted(self) -> dict[tuple[str, str, int], Fitted]:
        return {}

    def variants(self, training: str) -> list[str]:
        """What was trained there, in the order of the plan."""
        return [name for one, name in self.members if one == training]

    def panel(
        self,
        name: str,
        training: str,
        source: str,
        protocol: str,
        groups: str | np.ndarray,
        *,
        folds: list[Fold] | None = None,
        models: Sequence[str] | None = None,
        conditions: Sequence[Condition] = (),
        conditioned: Sequence[str] | None = None,
        only: tuple[str, ...] | None = None,
        only_fold: int | None = None,
    ) -> Panel:
        """What the models of a training say of a corpus.

        groups : a column, or a group a row. folds : other parts than the training's, for a corpus that it was not trained on
        conditions : also shown so, to `conditioned` (default: all models); only : the modalities that are seen throughout
        only_fold : of a training with folds, the models of this fold alone
        """
        given = self.source(source)
        seen = None if only is None else Condition("only " + " and ".join(only), only)
        chosen = (
            self.variants(training) if models is None else [one for one in models if (training, one) in self.members]
        )
        floors = [one for one in FLOORS.get(training, ()) if models is None or one in models]
        floors = [one for one in floors if one != "lexicon" or self._has_lexicon(given)]
        if folds is None:
            panel_folds = self.folds_of(training, source)
            panel_folds = panel_folds if only_fold is None else panel_folds[only_fold : only_fold + 1]
        else:
            panel_folds = folds
        seeds = {one: tuple(dict.fromkeys(m.seed for m in self.members[training, one])) for one in chosen}

        def said(condition: Condition | None, names: Sequence[str]) -> Said:
            found: Said = {}
            for one in names:
                group = [m for m in self.members.get((training, one), ()) if only_fold is None or m.fold == only_fold]
                if group:
                    found[one] = [
                        [self.codes(m, source, condition) for m in group if m.seed == seed] for seed in seeds[one]
                    ]
                elif one in floors and not (one == "lexicon" and condition not in (None, seen)):
                    codes = self.floor_codes(training, one, source, condition if one != "lexicon" else None)
                    found[one] = [codes if only_fold is None else codes[only_fold : only_fold + 1]]
            return found

        truth = given.truth.copy()
        lacking = ~np.any(list(given.present.values()), axis=0)
        truth[lacking] = np.nan
        everybody = [*chosen, *floors]
        some = everybody if conditioned is None else [one for one in conditioned if one in everybody]
        return Panel(
            name,
            protocol,
            given.table,
            truth,
            given.table[groups].to_numpy(object) if isinstance(groups, str) else groups,
            panel_folds,
            said(seen, everybody),
            seeds,
            {one.name: said(one, some) for one in conditions},
            given.features,
            given.present,
        )

    def _has_lexicon(self, given: Source) -> bool:
        return self.places.anchor_lexicon() is not None and "text" in given.stores

    def whole(self, source: str) -> list[Fold]:
        """Every row of a corpus as a test part."""
        return [test_only(len(self.source(source)))]

    def has(self, training: str, model: str = HEADLINE) -> bool:
        """Whether a model was trained there."""
        return (training, model) in self.members


def noise_on(features: dict[str, np.ndarray], deviation: float, seed: int = 0) -> Change | None:
    """Gaussian noise of so many standard deviations of each dimension, another for every block of rows; None for none."""
    if deviation == 0:
        return None
    spreads = {name: values.std(axis=0) for name, values in features.items()}
    draws = np.random.default_rng(seed)

    def change(name: str, values: np.ndarray) -> np.ndarray:
        return values + np.float32(deviation) * spreads[name] * draws.standard_normal(values.shape, np.float32)

    return change
