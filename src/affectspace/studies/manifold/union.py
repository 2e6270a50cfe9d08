"""One model for all corpora against one model for each, on every corpus; and what it says from each modality alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectspace.evaluation import MetricsFile, paired_pearson_difference, t_interval, within_person_difference
from affectspace.studies.manifold.axis_tables import axis_table, known_axes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.robustness_tables import condition_table, subset_name
from affectspace.studies.manifold.sheet import Sheet
from affectspace.studies.manifold.speech import emodb_panel, ravdess_panel
from affectspace.studies.manifold.speech_tables import person_r
from affectspace.studies.manifold.study import Condition, Study
from affectspace.studies.manifold.text import vreg_panel

SINGLE = {"emobank": "emobank", "ravdess": "ravdess", "vreg": "emobank", "emodb": "ravdess_audio"}
UNION_PROTOCOL = "the union's first fold"


def measure_union(study: Study, metrics: MetricsFile) -> None:
    """On EmoBank, RAVDESS, V-reg and EmoDB: each axis' r of the union, of the single model, and their paired difference."""
    sheet = Sheet(metrics, "union", "as each single experiment")
    for source, (union, single) in pairs_of(study).items():
        axis_table(metrics, union, study.budget.resamples)
        _difference(sheet, source, union, single, study.budget.resamples)
        if source == "ravdess":
            _intensity(sheet, union, single)
            alone = {subset_name((one,)): one for one in study.source("ravdess").stores}
            condition_table(metrics, union, "subsets", (HEADLINE,), alone, study.budget.resamples)
        if source == "emobank":
            alone = {subset_name((one,)): one for one in study.source("emobank").stores}
            condition_table(metrics, union, "subsets", (HEADLINE,), alone, study.budget.resamples)
        if source == "emodb":
            _within_people(sheet, union, single)


def pairs_of(study: Study) -> dict[str, tuple[Panel, Panel]]:
    """corpus -> the union's panel and the single model's, same rows and truth."""
    models = list(study.variants("union"))
    found: dict[str, tuple[Panel, Panel]] = {}
    if study.has("emobank"):
        alone = [Condition(subset_name((one,)), (one,)) for one in study.source("emobank").stores]
        union = study.panel(
            "union_emobank", "union", "emobank", "published; " + UNION_PROTOCOL, "document", conditions=alone,
            conditioned=(HEADLINE,), models=models, only_fold=0,
        )  # fmt: skip
        single = study.panel("single", "emobank", "emobank", "published", "document", models=(HEADLINE,))
        found["emobank"] = union, single
    if study.has("ravdess"):
        found["ravdess"] = (
            ravdess_panel(study, "union", "union_ravdess", noisy=False),
            ravdess_panel(study, "ravdess", "single", noisy=False),
        )
    for source, training, panel in (("vreg", "emobank", vreg_panel), ("emodb", "ravdess_audio", emodb_panel)):
        if study.has(training) and study.places.folder_of(source) is not None:
            found[source] = (
                panel(study, "union", f"union_{source}", only_fold=0),
                panel(study, training, "single"),
            )
    return found


def _difference(sheet: Sheet, source: str, union: Panel, single: Panel, resamples: int) -> None:
    axes = known_axes(union)
    truth, groups = union.truth[union.tested][:, axes], union.groups[union.tested]
    a, b = ([guess[:, axes] for guess in panel.fused(HEADLINE)] for panel in (union, single))
    interval = paired_pearson_difference(truth, a, b, groups, resamples=resamples)
    note = "mean over " + ", ".join(("valence", "arousal", "dominance")[axis] for axis in axes)
    sheet.interval(f"{source}: union - single", "r_mean", interval, union.seeds.get(HEADLINE, ()), note)


def _intensity(sheet: Sheet, union: Panel, single: Panel) -> None:
    """Primary endpoint of RAVDESS: the union's rise of arousal with intensity less the single model's, paired by actor."""
    strong = np.array([np.nan if name is None else float(name == "strong") for name in union.column("intensity")])
    found = [
        within_person_difference(
            [guess[:, 1] for guess in panel.fused(HEADLINE)],
            panel.column("person"),
            strong,
            strata=panel.column("emotion"),
        )
        for panel in (union, single)
    ]
    seeds = union.seeds.get(HEADLINE, ())
    sheet.interval("ravdess: union", "intensity", found[0].interval, seeds)
    sheet.interval("ravdess: single", "intensity", found[1].interval, seeds)
    difference = replace(t_interval(found[0].differences - found[1].differences), n=found[0].interval.n)
    sheet.interval("ravdess: union - single", "intensity", difference, seeds, "paired by actor")


def _within_people(sheet: Sheet, union: Panel, single: Panel) -> None:
    """Arousal of EmoDB within each speaker: with ten people the interval is one over people."""
    difference = person_r(union, HEADLINE, 1) - person_r(single, HEADLINE, 1)
    interval = replace(t_interval(difference), n=len(union.tested))
    sheet.interval(
        "emodb: union - single", "r_arousal_within", interval, union.seeds.get(HEADLINE, ()), "paired by speaker"
    )
