"""Text: axes on EmoBank (Table 1), zero-shot valence of tweets (Table 4), probes on MELD (Tables 2 and 3, text rows)."""

from __future__ import annotations

import numpy as np

from affectspace.evaluation import MetricsFile
from affectspace.studies.manifold.axis_tables import axis_comparisons, axis_matrix, axis_table, ceilings
from affectspace.studies.manifold.independence_tables import independence_table
from affectspace.studies.manifold.panel import Panel, fold_of, with_ensemble
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.probe_tables import column_task, frequent_task, private_affect, probe_table
from affectspace.studies.manifold.robustness_tables import NOISE, condition_table, noise_name, subset_name
from affectspace.studies.manifold.study import Condition, Study
from affectspace.studies.manifold.uncertainty_tables import constants_of, uncertainty_table, widening_table

ENSEMBLE = "ensemble"
SHOWN_NOISY = (HEADLINE, "supervised", "mvae", "misa", "ridge")
INDEPENDENT = (HEADLINE, "no_independence", "covariance", "hsic", "no_kl", "letter", "misa")
PROBED = (HEADLINE, "no_independence", "hsic", "letter", "misa", "mvae", "supervised")
WIDTHS = (HEADLINE, ENSEMBLE, "constant_width", "mvae", "misa")
FREQUENT = 500  # lines that a speaker of MELD must have: the six friends


def text_panel(study: Study, training: str, name: str, protocol: str, *, conditions: bool) -> Panel:
    """EmoBank's test part as the models of a training see it, with the ensemble over seeds."""
    shown = [Condition(noise_name(level), noise=level) for level in NOISE] if conditions else []
    shown += [Condition(subset_name((one,)), (one,)) for one in _subsets(study)] if conditions else []
    panel = study.panel(
        name, training, "emobank", protocol, "document", conditions=shown, conditioned=(*SHOWN_NOISY, ENSEMBLE)
    )
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def _subsets(study: Study) -> tuple[str, ...]:
    """The modalities that EmoBank is also shown through alone, where it has several."""
    found = tuple(study.source("emobank").stores)
    return found if len(found) > 1 else ()


def measure_text_axes(study: Study, metrics: MetricsFile) -> None:
    """EmoBank under its published split, whose parts share documents, and with documents kept apart."""
    budget = study.budget
    panel = text_panel(study, "emobank", "text_axes", "published (shares documents)", conditions=True)
    _axes(metrics, panel, study)
    ceilings(metrics, panel, study.source("emobank").corpus.ratings)
    axis_matrix(metrics, panel)
    uncertainty_table(metrics, panel, WIDTHS)
    noise = {noise_name(level): f"noise {level:g} sd" for level in NOISE}
    condition_table(metrics, panel, "noise", SHOWN_NOISY, noise, budget.resamples)
    alone = {subset_name((one,)): one for one in _subsets(study)}
    if alone:
        condition_table(metrics, panel, "subsets", SHOWN_NOISY, alone, budget.resamples)
        widening_table(
            metrics, panel, HEADLINE, {"": tuple(alone.values())} | {name: (m,) for name, m in alone.items()}
        )
    modalities = list(panel.features)
    independence_table(metrics, panel, INDEPENDENT, modalities, budget.permutations, study.progress)
    private_affect(metrics, panel, (HEADLINE, "no_independence", "hsic", "letter"), modalities, budget.probe_seeds)
    apart = text_panel(study, "emobank_documents", "text_axes_documents", "documents apart", conditions=False)
    _axes(metrics, apart, study)


def _axes(metrics: MetricsFile, panel: Panel, study: Study) -> None:
    axis_table(metrics, panel, study.budget.resamples)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, study.budget.resamples, primary="ridge")


def vreg_panel(study: Study, training: str, name: str, *, only_fold: int | None = None) -> Panel:
    """All tweets as the frozen models of a training see them."""
    rows = study.source("vreg").table["id"].to_numpy(object)
    panel = study.panel(
        name, training, "vreg", "zero-shot, all tweets", rows, folds=study.whole("vreg"), only_fold=only_fold
    )
    return with_ensemble(panel, HEADLINE, ENSEMBLE)


def measure_zero_shot_text(study: Study, metrics: MetricsFile) -> None:
    """Valence of V-reg's tweets by models that were trained on EmoBank and saw no tweet."""
    panel = vreg_panel(study, "emobank", "zero_shot_text")
    axis_table(metrics, panel, study.budget.resamples)
    others = [model for model in panel.models if model not in (HEADLINE, ENSEMBLE)]
    axis_comparisons(metrics, panel, others, study.budget.resamples, primary="ridge", metric="r_valence")
    home = text_panel(study, "emobank", "home", "", conditions=False)
    uncertainty_table(metrics, panel, WIDTHS, training_widths(home))


def training_widths(home: Panel) -> dict[str, np.ndarray]:
    """One width an axis of each model, fitted on the validation rows of its own training; the mean over seeds and folds."""
    found = {}
    for model in home.models:
        rows = [constants_of(home, each) for each in home.of(model)]
        widths = np.array([np.nanmean(one, axis=0) for one in rows if np.isfinite(one).any()])
        if len(widths):
            found[model] = widths.mean(axis=0)
    return found


def meld_panel(study: Study) -> Panel:
    """MELD's lines as the models of EmoBank see them, in MELD's own parts: those fit, choose and test the probes."""
    table = study.source("meld").table
    return study.panel(
        "text_probes", "emobank", "meld", "encoder frozen, MELD's own parts", "dialogue",
        folds=[fold_of(table["split"].to_numpy(object))], models=PROBED,
    )  # fmt: skip


def measure_text_probes(study: Study, metrics: MetricsFile) -> None:
    """Emotion and speaker from the latents of lines that no encoder was trained on."""
    panel, budget = meld_panel(study), study.budget
    modalities = list(panel.features)
    emotion = column_task(panel, "emotion")
    least = FREQUENT if budget.limit is None else 8
    speaker = frequent_task(panel, "speaker", "person", "dialogue", least)
    for task in (emotion, speaker):
        probe_table(metrics, panel, task, PROBED, modalities, progress=study.progress)
        probe_table(
            metrics, panel, task, (HEADLINE, "no_independence", "hsic"), modalities, probe="boosted", seeds=budget.probe_seeds,
            latents=("full", "shared", "private"), progress=study.progress,
        )  # fmt: skip
