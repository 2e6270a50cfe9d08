"""Synthetic people, held out: do text, voice and face of a moment meet in the shared space, and what each subset tells.

No open corpus has text, voice and face together, so this is where Eq. 7 ties all three. The people follow conventions of ours:
their tables test the method and say nothing about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from affectspace.evaluation import MetricsFile
from affectspace.studies.manifold.axis_tables import axis_comparisons, axis_matrix, axis_table
from affectspace.studies.manifold.fitted import subsets
from affectspace.studies.manifold.generated_tables import generation_table
from affectspace.studies.manifold.independence_tables import independence_table
from affectspace.studies.manifold.panel import Panel, with_ensemble
from affectspace.studies.manifold.people_tables import gap_table, retrieval_comparisons, retrieval_table
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.probe_tables import column_task, probe_table, speaker_task
from affectspace.studies.manifold.robustness_tables import NOISE, condition_table, noise_name, subset_name
from affectspace.studies.manifold.sources import WORDS
from affectspace.studies.manifold.study import Condition, Study
from affectspace.studies.manifold.text import ENSEMBLE
from affectspace.studies.manifold.uncertainty_tables import uncertainty_table, widening_table

SHOWN = (HEADLINE, "no_cross", "modality_dropout", "supervised", "mvae", "misa", "misa_dropout", "ridge")
GENERATING = (HEADLINE, "no_cross", "modality_dropout")
INDEPENDENT = (HEADLINE, "no_independence", "covariance", "hsic", "letter", "misa")


def parts_of(study: Study) -> list[str]:
    """Text, voice and face, those that the people have."""
    return [one for one in study.source("people").stores if one != WORDS]


def shown_with(study: Study, parts: Sequence[str]) -> tuple[str, ...]:
    """The modalities that are seen with these parts: the statistics of its words come with a text."""
    words = (WORDS,) if WORDS in study.source("people").stores and "text" in parts else ()
    return (*parts, *words)


def people_panel(study: Study) -> Panel:
    """Held-out synthetic people under every subset of text, voice and face."""
    parts = parts_of(study)
    shown = [
        Condition(subset_name(names), shown_with(study, names)) for names in subsets(parts) if len(names) < len(parts)
    ]
    shown += [Condition(noise_name(level), noise=level) for level in NOISE]
    panel = study.panel(
        "trimodal", "people", "people", "held-out synthetic people", "person", conditions=shown, conditioned=SHOWN
    )
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def measure_trimodal(study: Study, metrics: MetricsFile) -> None:
    """Retrieval, gap, axes from each subset, widths, independence and probes on held-out synthetic people."""
    panel, budget = people_panel(study), study.budget
    parts = parts_of(study)
    axis_table(metrics, panel, budget.resamples)
    axis_matrix(metrics, panel)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, budget.resamples, primary="ridge")
    retrieval_table(metrics, panel, SHOWN[:-1], parts)
    retrieval_comparisons(metrics, panel, SHOWN[:-1], parts)
    generation_table(metrics, panel, lambda name: study.trained("people", name), GENERATING, parts)
    pairs = list(combinations(parts, 2))
    gap_table(metrics, panel, (HEADLINE, "no_cross", "supervised", "misa"), pairs, budget.permutations)
    partial = [names for names in subsets(parts) if len(names) < len(parts)]
    shown = {subset_name(names): ", ".join(names) for names in partial}
    condition_table(metrics, panel, "subsets", SHOWN, {**shown, "": "all"}, budget.resamples)
    noise = {noise_name(level): f"noise {level:g} sd" for level in NOISE}
    condition_table(metrics, panel, "noise", SHOWN, noise, budget.resamples)
    uncertainty_table(metrics, panel, (HEADLINE, ENSEMBLE, "mvae", "misa"))
    widening_table(metrics, panel, HEADLINE, {"": tuple(parts)} | {subset_name(names): names for names in partial})
    independence_table(metrics, panel, INDEPENDENT, parts, budget.permutations, study.progress)
    models = (HEADLINE, "no_independence", "hsic", "misa")
    for task in (column_task(panel, "emotion"), speaker_task(panel, "dialogue"), column_task(panel, "topic")):
        probe_table(metrics, panel, task, models, parts, progress=study.progress)
