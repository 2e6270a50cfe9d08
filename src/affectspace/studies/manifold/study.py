"""A trained study on disk: its corpora, its runs, and the rows that tables and figures are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.evaluation.folds import Fold
from affectspace.features import FeatureStore
from affectspace.progress import Progress, silent
from affectspace.studies.engine import is_finished, run_folder
from affectspace.studies.manifold.corpora import WORDS, Folders, Source
from affectspace.studies.manifold.evaluation_rows import (
    EVERYTHING,
    BySeed,
    Condition,
    EvaluationRows,
    fold_of,
    test_only,
)
from affectspace.studies.manifold.floors import Floor, fit_floor, lexicon_representations
from affectspace.studies.manifold.members import Member, members, needed_trainings
from affectspace.studies.manifold.plan import ENSEMBLE, EXPERIMENTS, HEADLINE, TRAININGS, Budget
from affectspace.studies.manifold.representations import Change, Representations, represent_rows
from affectspace.training.runs import Run, open_run


@dataclass(frozen=True, eq=False)
class Study:
    """A study on disk, with all that can be measured.

    out : its folder; facts : what the report says about the study
    """

    out: Path
    folders: Folders
    budget: Budget
    experiments: tuple[str, ...]
    progress: Progress = silent
    facts: dict[str, Any] = field(default_factory=dict)
    _sources: dict[str, Source] = field(default_factory=dict)
    _floors: dict[tuple[str, str, int], Floor] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """Read a corpus once."""
        if name not in self._sources:
            self.progress(0, 0, f"reading {name}")
            self._sources[name] = Source.read(name, self.folders, self.budget.limit)
        return self._sources[name]

    @cached_property
    def plan(self) -> list[Member]:
        """Every member of the study."""
        trainings = needed_trainings(self.experiments)
        sources = {name: self.source(name) for training in trainings for name in TRAININGS[training].splits}
        return list(members(trainings, sources, self.folders, self.budget))

    @cached_property
    def trained(self) -> dict[tuple[str, str], list[Member]]:
        """(training, variant) -> its members whose runs are finished, by seed, then by fold."""
        trained: dict[tuple[str, str], list[Member]] = {}
        for member in self.plan:
            if is_finished(run_folder(self.out, member)):
                trained.setdefault((member.training, member.name), []).append(member)
        return trained

    def real(self, *corpora: str) -> bool:
        """Say whether corpora are of real people; published figures do not stand beside synthetic ones."""
        return not any(self.source(name).corpus.synthetic for name in corpora)

    def has(self, training: str, model: str = HEADLINE) -> bool:
        return (training, model) in self.trained

    def variants(self, training: str) -> list[str]:
        """List the variants of a training, in the order of the plan."""
        return [variant for name, variant in self.trained if name == training]

    def run_of(self, member: Member) -> Run:
        return open_run(run_folder(self.out, member))

    def models(self, training: str, variant: str) -> list[list[Any]]:
        """Load the trained models of a variant: seed -> fold -> model, in the order of its representations."""
        group = self.trained.get((training, variant), [])
        seeds = dict.fromkeys(member.seed for member in group)
        return [[self.run_of(member).model() for member in group if member.seed == seed] for seed in seeds]

    def folds_of(self, training: str, corpus: str) -> list[Fold]:
        """Return the parts of a corpus' rows in each fold of a training, as its runs recorded them."""
        splits: dict[int | None, pd.DataFrame] = {}
        for (name, _), group in self.trained.items():
            for member in group if name == training else ():
                splits.setdefault(member.fold, self.run_of(member).split)
        ordered = sorted(splits, key=lambda fold: (fold is not None, fold))
        return [fold_of(self.source(corpus).parts(splits[fold])) for fold in ordered]

    def rows(
        self,
        name: str,
        *,
        training: str | None = None,
        corpus: str | None = None,
        parts: str | None = None,
        protocol: str | None = None,
        groups: str | np.ndarray | None = None,
        models: Iterable[str] | None = None,
        conditions: Sequence[Condition] = (),
        conditioned: Sequence[str] | None = None,
        only_fold: int | None = None,
        experiment: str = "",
    ) -> EvaluationRows:
        """Return the rows of an experiment with the outputs of every model, the ensemble of the headline's seeds included.

        name : of the experiment in results; training, corpus, parts, protocol, groups : as declared for `experiment` (default:
        `name`) in the plan. conditions : that are also shown, to the models `conditioned` (default: all)
        only_fold : of a training with folds, the models of this fold
        """
        plan = EXPERIMENTS[experiment or name]
        training, corpus, parts = training or plan.trainings[0], corpus or plan.corpora[-1], parts or plan.parts
        source, groups = self.source(corpus), plan.groups if groups is None else groups
        if parts == "training":
            folds = self.folds_of(training, corpus)
            folds = folds if only_fold is None else folds[only_fold : only_fold + 1]
        else:
            own = source.table["split"].to_numpy(object) if parts == "own" else None
            folds = [test_only(len(source)) if own is None else fold_of(own)]
        chosen = self.variants(training) if models is None else [one for one in models if self.has(training, one)]
        floors = [one for one in TRAININGS[training].floors if models is None or one in models]
        if self.folders.anchor_lexicon() is None or "text" not in source.stores:
            floors = [one for one in floors if one != "lexicon"]
        everyone = [*chosen, *floors]
        shown = everyone if conditioned is None else [one for one in conditioned if one in everyone]

        def outputs(condition: Condition, names: Sequence[str]) -> BySeed:
            by_model = {name: self._outputs(training, name, corpus, condition, only_fold) for name in names}
            return {name: by_seed for name, by_seed in by_model.items() if by_seed}

        truth = source.truth.copy()
        truth[~np.any(list(source.present.values()), axis=0)] = np.nan
        protocol, real = plan.protocol if protocol is None else protocol, self.real(*TRAININGS[training].splits, corpus)
        if not real and "synthetic" not in protocol:
            protocol = ", ".join(filter(None, (protocol, "synthetic people")))
        rows = EvaluationRows(
            experiment=name,
            protocol=protocol,
            table=source.table,
            truth=truth,
            groups=source.table[groups].to_numpy(object) if isinstance(groups, str) else groups,
            folds=folds,
            outputs={EVERYTHING: outputs(EVERYTHING, everyone)} | {one: outputs(one, shown) for one in conditions},
            seeds={one: tuple(dict.fromkeys(m.seed for m in self.trained[training, one])) for one in chosen},
            features=source.features,
            present=source.present,
            real=real,
        )
        return rows.with_ensemble(HEADLINE, ENSEMBLE)

    def _outputs(
        self, training: str, model: str, corpus: str, condition: Condition, only_fold: int | None
    ) -> list[list[Representations]]:
        """Return seed -> fold -> representations of a trained model or a floor; the lexicon is shown no condition."""
        group = [m for m in self.trained.get((training, model), ()) if only_fold is None or m.fold == only_fold]
        if group:
            seeds = dict.fromkeys(member.seed for member in group)
            return [[self.representations(m, corpus, condition) for m in group if m.seed == seed] for seed in seeds]
        if model == "lexicon" and condition != EVERYTHING:
            return []
        folds = self._floor_representations(training, model, corpus, condition)
        return [folds if only_fold is None else folds[only_fold : only_fold + 1]]

    def representations(self, member: Member, corpus: str, condition: Condition = EVERYTHING) -> Representations:
        """Compute a trained member's representations of a corpus; they are kept in the run's folder."""
        source = self.source(corpus).without(member.variant.without)
        path = run_folder(self.out, member) / "representations" / _file(corpus, condition)
        return Representations.kept(
            path, len(source), lambda: self._represent(self.run_of(member).model(), source, condition)
        )

    def _floor_representations(
        self, training: str, name: str, corpus: str, condition: Condition
    ) -> list[Representations]:
        """Compute a floor's representations, one for each fold; they are kept in the study's folder."""
        source, fitted_on = self.source(corpus).separate, next(iter(TRAININGS[training].splits))
        kept = []
        for place, fold in enumerate(self.folds_of(training, fitted_on)):

            def make(place: int = place, fold: Fold = fold) -> Representations:
                if name == "lexicon":
                    lexicon = self.folders.anchor_lexicon()
                    assert lexicon is not None
                    return lexicon_representations(source, lexicon)
                return self._represent(self._floor(training, name, place, fold), source, condition)

            path = self.out / "floors" / f"{training}-{name}-fold{place}" / _file(corpus, condition)
            kept.append(Representations.kept(path, len(source), make))
        return kept

    def _floor(self, training: str, name: str, place: int, fold: Fold) -> Floor:
        """Fit the floor of a fold once."""
        key = (training, name, place)
        if key not in self._floors:
            self.progress(0, 0, f"fitting {name} on {training}")
            plan = TRAININGS[training]
            source = self.source(next(iter(plan.splits))).separate
            modalities = [one for one in source.features if plan.modalities is None or one in plan.modalities]
            if name == "ridge_text":
                modalities = [one for one in modalities if one != WORDS]
            self._floors[key] = fit_floor(name, source, fold, modalities)
        return self._floors[key]

    def _represent(self, model: Any, source: Source, condition: Condition) -> Representations:
        self.progress(0, 0, f"latents of {_file(source.name, condition)}")
        features, present = source.vectors
        if condition.store is not None:
            modality, folder, _ = condition.store
            vectors, known = FeatureStore(folder).read(source.table["id"])
            features, present = {**features, modality: vectors}, {**present, modality: known}
        change = added_noise(features, condition.noise or 0.0)
        return represent_rows(model, features, present, only=condition.only, change=change, corpus=source.name)


def _file(corpus: str, condition: Condition) -> str:
    return f"{corpus}.safetensors" if condition == EVERYTHING else f"{corpus}@{condition.file}.safetensors"


def added_noise(features: Mapping[str, np.ndarray], deviations: float, seed: int = 0) -> Change | None:
    """Make a change that adds Gaussian noise in standard deviations of each dimension; None for 0."""
    if deviations == 0:
        return None
    spreads = {name: values.std(axis=0) for name, values in features.items()}
    draws = np.random.default_rng(seed)

    def change(name: str, values: np.ndarray) -> np.ndarray:
        return values + np.float32(deviations) * spreads[name] * draws.standard_normal(values.shape, np.float32)

    return change
