"""IEMOCAP, where the user has it: the paper's own Tables 1 to 3, and Table 4 on CMU-MOSI and CMU-MOSEI."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectspace.evaluation import MetricsFile, pearson_interval
from affectspace.studies.manifold.axis_tables import axis_comparisons, axis_matrix, axis_table, predicts
from affectspace.studies.manifold.independence_tables import independence_table
from affectspace.studies.manifold.panel import Panel, with_ensemble
from affectspace.studies.manifold.people_tables import gap_table
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.probe_tables import column_task, probe_table, speaker_task
from affectspace.studies.manifold.published import published
from affectspace.studies.manifold.robustness_tables import condition_table, subset_name
from affectspace.studies.manifold.sheet import Sheet
from affectspace.studies.manifold.study import Condition, Study
from affectspace.studies.manifold.text import ENSEMBLE, PROBED
from affectspace.studies.manifold.uncertainty_tables import uncertainty_table

TARGETS = ("mosi", "mosei")
PROTOCOL = "session 5 held out"
FOUR = {
    "anger": "anger",
    "happiness": "happiness",
    "excitement": "happiness",
    "sadness": "sadness",
    "neutral": "neutral",
}


def iemocap_panel(study: Study) -> Panel:
    """Session 5 as models see it that were trained on the others."""
    modalities = list(study.source("iemocap").stores)
    shown = [Condition(subset_name((one,)), (one,)) for one in modalities] if len(modalities) > 1 else []
    panel = study.panel(
        "iemocap", "iemocap", "iemocap", PROTOCOL, "dialogue", conditions=shown, conditioned=(HEADLINE,)
    )
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def measure_iemocap(study: Study, metrics: MetricsFile) -> None:
    """Tables 1 to 3 on the paper's corpus; intervals are over dialogues, as session 5 has two people."""
    panel, budget = iemocap_panel(study), study.budget
    modalities = list(study.source("iemocap").stores)
    axis_table(metrics, panel, budget.resamples)
    axis_matrix(metrics, panel)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, budget.resamples, primary="ridge")
    emotion = column_task(panel, "emotion")
    four = replace(emotion, labels=np.array([FOUR.get(name) for name in emotion.labels], dtype=object))
    for task in (four, speaker_task(panel, "dialogue")):
        probe_table(metrics, panel, task, PROBED, modalities, progress=study.progress)
    independence_table(
        metrics, panel, (HEADLINE, "no_independence", "hsic"), modalities, budget.permutations, study.progress
    )
    if len(modalities) > 1:
        gap_table(
            metrics,
            panel,
            (HEADLINE, "no_cross"),
            [(modalities[0], one) for one in modalities[1:]],
            budget.permutations,
        )
        alone = {subset_name((one,)): one for one in modalities}
        condition_table(metrics, panel, "subsets", (HEADLINE,), alone, budget.resamples)
    uncertainty_table(metrics, panel, (HEADLINE, ENSEMBLE, "mvae", "misa"))


def measure_zero_shot_sentiment(study: Study, metrics: MetricsFile) -> None:
    """Table 4: valence of frozen models against sentiment, which is a proxy for it; all opinions of a corpus, by video."""
    sheet = Sheet(metrics, "zero_shot_sentiment", "zero-shot, all segments", "table_4")
    for target in TARGETS:
        if study.places.folder_of(target) is None:
            continue
        table = study.source(target).table
        groups = table["person"].fillna(table["id"]).to_numpy(object)
        panel = study.panel(f"zero_shot_{target}", "iemocap", target, "zero-shot", groups, folds=study.whole(target))
        panel.truth[:, 0] = table["sentiment"].to_numpy(np.float64)  # compared as a proxy; never a label
        sentiment = panel.truth[:, 0]
        for model in panel.models:
            if predicts(panel, model, [0]):
                valence = [guess[:, 0] for guess in panel.fused(model)]
                interval = pearson_interval(sentiment, valence, groups, resamples=study.budget.resamples)
                paper = published("table_4", model, target)
                sheet.interval(model, target, interval, panel.seeds.get(model, ()), paper=paper)
        others = [model for model in panel.models if model != HEADLINE]
        axis_comparisons(metrics, panel, others, study.budget.resamples, axes=[0], primary="misa", metric="r_sentiment")
