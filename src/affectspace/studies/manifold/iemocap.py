"""The paper's own experiments: tables 1 to 3 on IEMOCAP, and table 4 on CMU-MOSI and CMU-MOSEI."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from affectspace.corpora import row_groups
from affectspace.evaluation import interval
from affectspace.evaluation.results import Results
from affectspace.studies.manifold.axes import (
    VALENCE,
    agreement_table,
    axis_comparisons,
    axis_matrix,
    axis_table,
    condition_table,
)
from affectspace.studies.manifold.cross_modal import gap_table, generation_table
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, alone, others
from affectspace.studies.manifold.floors import subsets
from affectspace.studies.manifold.independence import independence_table
from affectspace.studies.manifold.paper import PUBLISHED
from affectspace.studies.manifold.plan import ENSEMBLE, HEADLINE, PAPER_MODEL, SPLITS, TARGETS
from affectspace.studies.manifold.probes import column_task, probe_table, speaker_task
from affectspace.studies.manifold.study import Study
from affectspace.studies.manifold.uncertainty import uncertainty_table, widening_table

SHOWN = (HEADLINE, PAPER_MODEL, "supervised", "mvae", "misa", "no_cross", "ridge")  # to which subsets are shown
RIVALS = ("supervised", "mvae", "misa", "ridge")  # of the paper's model
FOUR_EMOTIONS = {
    "anger": "anger", "happiness": "happiness", "excitement": "happiness", "sadness": "sadness", "neutral": "neutral",
}  # fmt: skip


def measure_iemocap(study: Study, results: Results) -> None:
    """Measure tables 1 to 3 under the study's split.

    Intervals of predictions are over people where every session is tested. A session has two people, so intervals within a
    session are over dialogues.
    """
    budget, modalities = study.budget, list(study.source("iemocap").stores)
    partial_subsets = [names for names in subsets(modalities) if len(names) < len(modalities)]
    shown = {Condition(names, ", ".join(names)): names for names in partial_subsets}
    single = [condition for condition, names in shown.items() if len(names) == 1]
    rows = study.rows(
        "iemocap", protocol=SPLITS[budget.split], groups="dialogue" if budget.split == "session5" else "person",
        conditions=list(shown), conditioned=SHOWN,
    )  # fmt: skip
    axis_table(results, rows)
    axis_matrix(results, rows, (HEADLINE, PAPER_MODEL), single)
    agreement_table(results, rows, study.source("iemocap").corpus.ratings)
    compared = others(rows, (HEADLINE, ENSEMBLE))
    axis_comparisons(results, rows, compared, primary="ridge")
    axis_comparisons(results, rows, RIVALS, primary="ridge", model=PAPER_MODEL)
    emotion = column_task(rows, "emotion")
    four = replace(emotion, labels=np.array([FOUR_EMOTIONS.get(name) for name in emotion.labels], dtype=object))
    probed = (HEADLINE, PAPER_MODEL, "no_independence", "hsic", "misa", "mvae", "supervised")
    for task in (four, speaker_task(rows, "dialogue")):
        probe_table(results, rows, task, probed, modalities, progress=study.progress)
    independent = (HEADLINE, PAPER_MODEL, "no_independence", "hsic", "misa")
    in_session = replace(rows, groups=rows.names("dialogue"))
    independence_table(results, in_session, independent, modalities, budget.permutations, study.progress)
    if shown:
        pairs = list(combinations(modalities, 2))
        models = (HEADLINE, PAPER_MODEL, "no_cross", "supervised", "misa")
        gap_table(results, in_session, models, pairs, budget.permutations)
        generating = (HEADLINE, PAPER_MODEL, "no_cross")
        generation_table(results, in_session, partial(study.models, "iemocap"), generating, modalities)
        condition_table(results, rows, "subsets", SHOWN, [*shown, EVERYTHING])
        widening_table(results, rows, HEADLINE, {EVERYTHING: tuple(modalities)} | shown)
    uncertainty_table(results, rows, (HEADLINE, ENSEMBLE, PAPER_MODEL, "mvae", "misa"))


def measure_zero_shot_sentiment(study: Study, results: Results) -> None:
    """Measure table 4: valence of frozen models against sentiment, a proxy; all segments of a corpus, intervals over videos.

    Where every session is tested in turn, the models are those that have not seen session 5.
    """
    budget = study.budget
    last = None if budget.split == "session5" else len(study.folds_of("iemocap", "iemocap")) - 1
    for corpus in TARGETS["zero_shot_sentiment"]:
        if study.folders.corpus(corpus) is None:
            continue
        source = study.source(corpus)
        table, protocol = source.table, "zero-shot, all segments"
        groups = row_groups(table)[0]
        modalities = [name for name in study.source("iemocap").stores if name in source.stores]
        single = alone(modalities) if len(modalities) > 1 else []
        named: dict[str, Any] = {"experiment": "zero_shot_sentiment", "corpus": corpus, "parts": "all"}
        rows = study.rows(
            f"zero_shot_{corpus}", groups=groups, protocol=protocol, conditions=single, conditioned=SHOWN, only_fold=last,
            **named,
        )  # fmt: skip
        rows.truth[:, VALENCE] = table["sentiment"]  # compared as a proxy; never a label
        columns = {"target": "sentiment", "condition": corpus, "experiment": "zero_shot_sentiment"}
        compared = others(rows, (HEADLINE, ENSEMBLE))
        for condition in (EVERYTHING, *single):
            task, published = (
                ("axes", PUBLISHED) if condition == EVERYTHING else ("subsets", PUBLISHED.filter(study=""))
            )
            recorder = rows.recorder(results, task, published.filter(condition=corpus), **columns)
            known = rows.shown(condition)
            sentiment, modality = known.tested_truth[:, VALENCE], {} if condition == EVERYTHING else condition.columns
            for model in [HEADLINE, *compared]:
                if known.predicts(model, [VALENCE], condition):
                    valence = [prediction[:, VALENCE] for prediction in known.predictions(model, condition)]
                    r = interval("pearson", sentiment, valence, groups)
                    recorder.add("r", r, model=model, **modality)
        known = rows.shown(EVERYTHING)
        valence_alone: dict[str, Any] = {"axes": [VALENCE], "primary": "misa", "target": "sentiment"}
        axis_comparisons(results, known, compared, **valence_alone)
        axis_comparisons(results, known, RIVALS, model=PAPER_MODEL, **valence_alone)
