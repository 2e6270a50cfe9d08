"""From the plan to trainings: each member of the study with its whole configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from affectspace.configuration import nested
from affectspace.studies.manifold.plan import (
    EXPERIMENTS,
    FIT,
    HEADLINE,
    NO_PRIVATE_TERMS,
    TRAININGS,
    UNION_VARIANTS,
    VARIANTS,
    Budget,
    Training,
    Variant,
)
from affectspace.studies.manifold.sources import CORPORA, REFERENCE, Places, Source
from affectspace.training.configuration import FeatureTrainConfig, build_feature_config


@dataclass(frozen=True)
class Member:
    """One training of one variant: a seed, and a fold where there are folds."""

    training: str
    variant: Variant
    seed: int
    fold: int | None
    config: FeatureTrainConfig

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def folder(self) -> str:
        fold = "" if self.fold is None else f"-fold{self.fold}"
        return f"{self.training}-{self.name}{fold}-seed{self.seed}"


def needed_trainings(experiments: Sequence[str]) -> list[str]:
    """The trainings of these experiments, in the order of `TRAININGS`."""
    asked = {training for name in experiments for training in EXPERIMENTS[name]}
    return [name for name in TRAININGS if name in asked]


def variants_of(training: str, budget: Budget) -> list[tuple[Variant, tuple[int, ...]]]:
    """What is trained there, and with which seeds; the headline first."""
    found = []
    for variant in VARIANTS:
        seeds = budget.seeds if variant.group != "ablation" else budget.seeds[: budget.ablation_seeds]
        if training == "union":
            wanted = variant.name in UNION_VARIANTS
        else:
            wanted = not variant.trainings or training in variant.trainings
        if wanted and seeds:
            found.append((variant, seeds))
    return found


def members(
    trainings: Sequence[str], sources: Mapping[str, Source], places: Places, budget: Budget
) -> Iterator[Member]:
    """Every training of the study, headline and baselines of all first, so that a study that is interrupted has them.

    A variant that is the headline itself in some training, as what it leaves out is off there, is not trained there.
    """
    waiting: list[Member] = []
    for training in trainings:
        folds = range(budget.folds) if TRAININGS[training].folds else (None,)
        headline: dict[tuple[int, int | None], FeatureTrainConfig] = {}
        for variant, seeds in variants_of(training, budget):
            for seed, fold in product(seeds, folds):
                config = member_config(training, variant, seed, fold, sources, places, budget)
                if config is None or headline.get((seed, fold)) == config:
                    continue
                made = Member(training, variant, seed, fold, config)
                if variant.name == HEADLINE:
                    headline[seed, fold] = config
                if variant.group == "ablation":
                    waiting.append(made)
                else:
                    yield made
    yield from waiting


def member_config(
    training: str,
    variant: Variant,
    seed: int,
    fold: int | None,
    sources: Mapping[str, Source],
    places: Places,
    budget: Budget,
) -> FeatureTrainConfig | None:
    """The configuration of one training; None where nothing is left of its modalities."""
    plan = TRAININGS[training]
    corpora = {}
    for name, split in plan.splits.items():
        corpora[name] = _corpus(
            name, sources[name], {**split, **_fold(name, training, fold, budget)}, plan, variant, budget
        )
    for name in variant.beside:
        if name in sources:
            corpora[name] = _corpus(
                name, sources[name], {"scheme": "random", "fractions": (0.9, 0.1, 0.0)}, plan, variant, budget
            )
            corpora[name]["labels"] = {"source": "none"}
    if plan.weights and len(plan.splits) == len(corpora):
        for name, weight in plan.weights.items():
            corpora[name]["weight"] = weight
    if not any(corpus["features"] for corpus in corpora.values()):
        return None
    data: dict[str, Any] = {"corpora": corpora}
    if places.anchor_lexicon() is not None and any("text" in corpus["features"] for corpus in corpora.values()):
        data["lexicon"] = str(places.anchor_lexicon())
    categories = tuple(dict.fromkeys(name for corpus in plan.splits for name in sources[corpus].emotions))
    model: dict[str, Any] = {"kind": variant.kind, "categories": categories}
    if variant.kind in ("manifold", "ensemble"):
        model |= plan.model
    model |= variant.model
    if len(categories) < 2:  # what needs emotions stays off where no row has one
        emotional = {"prototypes.weight": 0.0, "prototypes.heads": (), **NO_PRIVATE_TERMS}
        if model.get("private.projection") == "shared":
            emotional.pop("private.projection")
        model |= {key: value for key, value in emotional.items() if key in model}
    if "prototypes.heads" in model:
        used = {name for corpus in corpora.values() for name in corpus["features"]}
        model["prototypes.heads"] = tuple(name for name in model["prototypes.heads"] if name in used)
    epochs = max(1, round(plan.epochs * budget.epochs_factor))
    fields = {
        "data": data,
        "model": nested(model),
        "fit": {**FIT, **plan.fit, **variant.fit, "epochs": epochs, "seed": seed, "accelerator": "cpu"},
    }
    return build_feature_config(fields, where=f"{training} {variant.name}", overrides=budget.overrides)


def _fold(name: str, training: str, fold: int | None, budget: Budget) -> dict[str, Any]:
    if fold is None or (training == "union" and name != "ravdess"):
        return {}
    return {"fold": fold, "folds": budget.folds}


def _corpus(
    name: str, source: Source, split: dict[str, Any], plan: Training, variant: Variant, budget: Budget
) -> dict[str, Any]:
    source = source.without(variant.without)
    kept = [m for m in source.stores if m not in variant.without and (plan.modalities is None or m in plan.modalities)]
    known = CORPORA[name]
    labels = {
        "source": "transferred" if known.transferred else "rated",
        "reference": REFERENCE,
        "distribution": "centres",
    }
    return {
        "corpus": known.reader,
        "path": str(source.folder),
        "features": {m: str(source.stores[m]) for m in kept},
        "split": split,
        "labels": labels,
        "limit": budget.limit,
    }
