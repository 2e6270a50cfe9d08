"""Predicted widths: scores against one constant width, coverage by third, rank of the error, growth as modalities drop."""

from collections.abc import Mapping, Sequence

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import (
    Interval,
    MetricsFile,
    constant_deviation,
    coverage,
    gaussian_crps,
    gaussian_nll,
    mean_interval,
    paired_mean_difference,
    tercile_coverage,
    widening,
    width_error_correlation,
)
from affectspace.studies.manifold.axis_tables import known_axes, predicts
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.sheet import Sheet

SCORES = {"nll": gaussian_nll, "crps": gaussian_crps}
THIRDS = ("narrow", "middle", "wide")


def constants_of(panel: Panel, codes: Sequence[Codes]) -> np.ndarray:
    """One width per axis for each tested row, fitted on its fold's validation rows, (tested, 3); NaN where none has labels."""
    parts = []
    for fold, each in zip(panel.folds, codes, strict=True):
        truth, guess = panel.truth[fold.validation], each.fused[fold.validation]
        known = np.isfinite(guess).all(axis=1)
        widths = np.full(len(AXES), np.nan)
        if known.any() and np.isfinite(truth[known]).any():
            widths = np.asarray(constant_deviation(truth[known], guess[known]), dtype=np.float64)
        parts.append(np.broadcast_to(widths, (len(fold.test), len(AXES))))
    order = np.argsort(np.concatenate([fold.test for fold in panel.folds]), kind="stable")
    return np.concatenate(parts)[order]


def uncertainty_table(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], constants: Mapping[str, np.ndarray] | None = None
) -> None:
    """Of every model and axis: NLL and CRPS less those of a constant width, coverage, coverage by third, rank correlation.

    constants : model -> (3,) widths, where the panel has no validation rows of its own: those of the training's
    """
    sheet = Sheet(metrics, f"{panel.name}_uncertainty", panel.protocol)
    truth, groups = panel.truth[panel.tested], panel.groups[panel.tested]
    for model in models:
        axes = known_axes(panel)
        if not predicts(panel, model, axes):
            continue
        means, seeds = panel.fused(model), panel.seeds.get(model, ())
        widths = panel.out_of_fold(model, lambda codes: codes.fused_deviation)
        if constants is not None and model in constants:
            flat = [np.broadcast_to(constants[model], truth.shape)] * len(means)
        else:
            flat = [constants_of(panel, each) for each in panel.of(model)]
        for axis in axes:
            columns = [(m[:, axis], w[:, axis], c[:, axis]) for m, w, c in zip(means, widths, flat, strict=True)]
            if all(np.isfinite(w).all() and np.isfinite(c).all() and (w > 0).all() for _, w, c in columns):
                _axis(sheet, model, AXES[axis], truth[:, axis], columns, groups, seeds)


def _axis(
    sheet: Sheet,
    model: str,
    axis: str,
    truth: np.ndarray,
    columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    groups: np.ndarray,
    seeds: Sequence[int],
) -> None:
    n = int((~np.isnan(truth)).sum())
    for name, score in SCORES.items():
        ours = [score(truth, mean, width) for mean, width, _ in columns]
        theirs = [score(truth, mean, constant) for mean, _, constant in columns]
        sheet.interval(model, f"{name}_{axis}", mean_interval(ours, groups), seeds)
        difference: Interval = paired_mean_difference(ours, theirs, groups)
        sheet.interval(model, f"{name}_{axis}_above_constant", difference, seeds, "below 0 is better")
    sheet.spread(model, f"coverage_{axis}", [float(coverage(truth, m, w)) for m, w, _ in columns], n, seeds)
    thirds = np.array([tercile_coverage(truth, m, w) for m, w, _ in columns])
    for place, third in enumerate(THIRDS):
        if np.isfinite(thirds[:, place]).all():
            sheet.spread(model, f"coverage_{axis}_{third}", thirds[:, place], n, seeds, "of 90 %")
    ranks = [float(width_error_correlation(truth, m, w)) for m, w, _ in columns]
    if np.isfinite(ranks).all():
        sheet.spread(model, f"rank_{axis}", ranks, n, seeds, "Spearman's, width with absolute error")


def widening_table(metrics: MetricsFile, panel: Panel, model: str, subsets: Mapping[str, tuple[str, ...]]) -> None:
    """How predicted widths grow as modalities drop. subsets : condition -> the modalities that are seen under it."""
    sheet = Sheet(metrics, f"{panel.name}_widening", panel.protocol)
    conditions = {names: panel.out_of_fold(model, lambda codes: codes.fused_deviation, condition)
                  for condition, names in subsets.items() if panel.of(model, condition)}  # fmt: skip
    if len(conditions) < 2:
        return
    seeds = panel.seeds.get(model, ())
    found = [widening({names: each[place] for names, each in conditions.items()}) for place in range(len(seeds) or 1)]
    n = len(panel.tested)
    for count in found[0].mean_by_count:
        name = f"{count} modalit{'y' if count == 1 else 'ies'}"
        sheet.spread(name, "mean_width", [one.mean_by_count[count] for one in found], n, seeds)
    note = f"{found[0].pairs:,} pairs of a row and an axis, with and without one modality"
    sheet.spread("without one modality", "ratio", [one.ratio for one in found], n, seeds, note)
    sheet.spread("without one modality", "share_wider", [one.share_wider for one in found], n, seeds, note)
