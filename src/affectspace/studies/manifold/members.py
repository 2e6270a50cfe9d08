"""From the plan to trainings: every member of the study with its complete configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from affectspace.configuration import nested
from affectspace.studies.engine import overrides_of
from affectspace.studies.manifold.corpora import CORPORA, REFERENCE, Folders, Source
from affectspace.studies.manifold.plan import (
    EXPERIMENTS,
    FIT,
    HEADLINE,
    NO_PRIVATE_TERMS,
    SPLITS,
    TRAININGS,
    UNION_VARIANTS,
    VARIANTS,
    Budget,
    Training,
    Variant,
    training_of,
)
from affectspace.training.configuration import TrainConfig, build_config

KINDS = tuple(dict.fromkeys(variant.kind for variant in VARIANTS))  # of the models of the study


@dataclass(frozen=True)
class Member:
    """One training of one variant: a seed, and a fold where there are folds."""

    training: str
    variant: Variant
    seed: int
    fold: int | None
    config: TrainConfig

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def folder(self) -> str:
        fold = "" if self.fold is None else f"-fold{self.fold}"
        return f"{self.training}-{self.name}{fold}-seed{self.seed}"


def needed_trainings(experiments: Sequence[str]) -> list[str]:
    """List the trainings of these experiments, in the order of `TRAININGS`."""
    needed = {training for name in experiments for training in EXPERIMENTS[name].trainings}
    return [name for name in TRAININGS if name in needed]


def variants_of(training: str, budget: Budget) -> list[tuple[Variant, tuple[int, ...]]]:
    """List the variants of a training with their seeds, the headline first."""
    variants = []
    for variant in VARIANTS:
        seeds = budget.seeds if variant.group != "ablation" else budget.seeds[: budget.ablation_seeds]
        if training == "union":
            wanted = variant.name in UNION_VARIANTS
        else:
            wanted = not variant.trainings or training in variant.trainings
        if wanted and seeds:
            variants.append((variant, seeds))
    return variants


def members(
    trainings: Sequence[str], sources: Mapping[str, Source], folders: Folders, budget: Budget
) -> Iterator[Member]:
    """List every training of the study. Ablations come last, so that an interrupted study has the headline and the baselines.

    A variant whose configuration equals the headline's in some training is not trained there.
    """
    ablations: list[Member] = []
    for training in trainings:
        folds = _folds(training_of(training, budget), sources, budget)
        headline: dict[tuple[int, int | None], TrainConfig] = {}
        for variant, seeds in variants_of(training, budget):
            for seed, fold in product(seeds, folds):
                config = member_config(training, variant, seed, fold, sources, folders, budget)
                if config is None or headline.get((seed, fold)) == config:
                    continue
                if variant.name == "no_lexicon" and config.data.lexicon is None:
                    continue
                member = Member(training, variant, seed, fold, config)
                if variant.name == HEADLINE:
                    headline[seed, fold] = config
                if variant.group == "ablation":
                    ablations.append(member)
                else:
                    yield member
    yield from ablations


def require_splits(trainings: Sequence[str], sources: Mapping[str, Source], budget: Budget) -> None:
    """Raise DataError, before anything is made, where the rows of a corpus cannot be split as a training needs."""
    for training in trainings:
        plan = training_of(training, budget)
        for name, fold in product(plan.splits, _folds(plan, sources, budget)):
            split = _split(name, training, fold, budget)
            sources[name].corpus.split(**split)


def _split(name: str, training: str, fold: int | None, budget: Budget) -> dict[str, Any]:
    """Return the split of a corpus in one training."""
    folded = fold is not None and (training != "union" or name == "ravdess")
    return {**training_of(training, budget).splits[name], **({"fold": fold, "folds": budget.folds} if folded else {})}


def _folds(plan: Training, sources: Mapping[str, Source], budget: Budget) -> Sequence[int | None]:
    """List the folds of a training: the sessions of a split by sessions, otherwise as many as the budget says."""
    if not plan.folds:
        return (None,)
    schemes = {name: split["scheme"] for name, split in plan.splits.items()}
    sessions = [sources[name].table["session"].nunique() for name, scheme in schemes.items() if scheme in SPLITS]
    return range(sessions[0] if sessions else budget.folds)


def member_config(
    training: str,
    variant: Variant,
    seed: int,
    fold: int | None,
    sources: Mapping[str, Source],
    folders: Folders,
    budget: Budget,
) -> TrainConfig | None:
    """Return the configuration of one training; None where the variant has no modality there."""
    plan = training_of(training, budget)
    corpora = {name: _corpus(name, sources[name], training, variant, fold, budget) for name in plan.splits}
    modalities = {modality for corpus in corpora.values() for modality in corpus["features"]}
    if not modalities:
        return None
    data: dict[str, Any] = {"corpora": corpora}
    if folders.anchor_lexicon() is not None and "text" in modalities:
        data["lexicon"] = str(folders.anchor_lexicon())
    categories = tuple(dict.fromkeys(name for corpus in plan.splits for name in sources[corpus].emotions))
    model: dict[str, Any] = {"kind": variant.kind, "categories": categories}
    if variant.kind == "manifold":
        model |= plan.model
    model |= variant.model
    if len(categories) < 2:  # without emotions, the terms that need them are off
        emotional = {"prototypes.weight": 0.0, "prototypes.heads": (), **NO_PRIVATE_TERMS}
        if model.get("private.projection") == "shared":
            emotional.pop("private.projection")
        model |= {key: value for key, value in emotional.items() if key in model}
    if "prototypes.heads" in model:
        model["prototypes.heads"] = tuple(name for name in model["prototypes.heads"] if name in modalities)
    epochs = max(1, round(plan.epochs * budget.epochs_factor))
    fields = {
        "data": data,
        "model": nested(model),
        "fit": {**FIT, **plan.fit, **variant.fit, "epochs": epochs, "seed": seed, "accelerator": "cpu"},
    }
    overrides = overrides_of(variant.kind, KINDS, budget.overrides)
    return build_config(fields, where=f"{training} {variant.name}", overrides=overrides)


def _corpus(
    name: str, source: Source, training: str, variant: Variant, fold: int | None, budget: Budget
) -> dict[str, Any]:
    """Return the configuration of one corpus of a training."""
    plan, source = training_of(training, budget), source.without(variant.without)
    stores = {
        modality: str(folder)
        for modality, folder in source.stores.items()
        if modality not in variant.without and (plan.modalities is None or modality in plan.modalities)
    }
    labels = {
        "source": "transferred" if CORPORA[name].labels == "transferred" else "rated",
        "reference": REFERENCE,
        "distribution": "centres",
    }
    return {
        "corpus": CORPORA[name].reader,
        "path": str(source.folder),
        "features": stores,
        "split": _split(name, training, fold, budget),
        "labels": labels,
        "limit": budget.limit,
        **({"weight": plan.weights[name]} if plan.weights else {}),
    }
