"""Predicted standard deviations: scores against a constant, coverage, rank of the error, growth as modalities are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import (
    constant_deviation,
    coverage,
    gaussian_crps,
    gaussian_nll,
    interval,
    tercile_coverage,
    widening,
    width_error_correlation,
)
from affectspace.evaluation.results import Recorder, Results
from affectspace.studies.manifold.evaluation_rows import Condition, EvaluationRows
from affectspace.studies.manifold.representations import Representations

CONSTANT = "constant deviation"
SCORES = {"nll": gaussian_nll, "crps": gaussian_crps}
THIRDS = ("narrow", "middle", "wide")


def constant_deviations(rows: EvaluationRows, by_fold: Sequence[Representations]) -> np.ndarray:
    """Fit one deviation per axis on the validation rows of each row's fold, (tested, 3); NaN without labels there."""
    parts = []
    for fold, one in zip(rows.folds, by_fold, strict=True):
        truth, prediction = rows.truth[fold.validation], one.fused[fold.validation]
        known = np.isfinite(prediction).all(axis=1)
        deviations = np.full(len(AXES), np.nan)
        if known.any() and np.isfinite(truth[known]).any():
            deviations = np.asarray(constant_deviation(truth[known], prediction[known]), dtype=np.float64)
        parts.append(np.broadcast_to(deviations, (len(fold.test), len(AXES))))
    order = np.argsort(np.concatenate([fold.test for fold in rows.folds]), kind="stable")
    return np.concatenate(parts)[order]


def training_deviations(rows: EvaluationRows) -> dict[str, np.ndarray]:
    """Fit one deviation per axis and model on validation rows, averaged over seeds and folds: model -> (3,)."""
    fitted = {}
    for model in rows.models:
        by_seed = [constant_deviations(rows, by_fold) for by_fold in rows.of(model)]
        means = [np.nanmean(one, axis=0) for one in by_seed if np.isfinite(one).any()]
        if means:
            fitted[model] = np.array(means).mean(axis=0)
    return fitted


def uncertainty_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], constants: Mapping[str, np.ndarray] | None = None
) -> None:
    """Record scores of predicted deviations, the same minus those of a constant one, coverage, and correlation with errors.

    constants : model -> (3,) deviations, for rows without validation rows of their own
    """
    recorder, truth, axes = rows.recorder(results, "uncertainty"), rows.tested_truth, rows.known_axes
    for model in models:
        if not rows.predicts(model, axes):
            continue
        means, deviations = rows.predictions(model), rows.out_of_fold(model, lambda one: one.fused_deviation)
        if constants is not None and model in constants:
            flat = [np.broadcast_to(constants[model], truth.shape)] * len(means)
        else:
            flat = [constant_deviations(rows, by_fold) for by_fold in rows.of(model)]
        for axis in axes:
            columns = [(m[:, axis], d[:, axis], c[:, axis]) for m, d, c in zip(means, deviations, flat, strict=True)]
            if all(np.isfinite(d).all() and np.isfinite(c).all() and (d > 0).all() for _, d, c in columns):
                named = recorder.under(model=model, target=AXES[axis])
                _record_axis(named, truth[:, axis], columns, rows.tested_groups)


def _record_axis(
    recorder: Recorder, truth: np.ndarray, columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]], groups: np.ndarray
) -> None:
    """Record one model and axis; columns : mean, deviation and constant deviation of each seed."""
    n = int((~np.isnan(truth)).sum())
    for name, score in SCORES.items():
        ours = [score(truth, mean, deviation) for mean, deviation, _ in columns]
        constant = [score(truth, mean, flat) for mean, _, flat in columns]
        recorder.add(name, interval("mean", None, ours, groups))
        recorder.add(name, interval("mean", None, ours, groups, constant), versus=CONSTANT, note="below 0 is better")
    recorder.add_mean("coverage", [coverage(truth, m, d) for m, d, _ in columns], n)
    thirds = np.array([tercile_coverage(truth, m, d) for m, d, _ in columns])
    for place, third in enumerate(THIRDS):
        if np.isfinite(thirds[:, place]).all():
            recorder.add_mean("coverage", thirds[:, place], n, "of 90 %", condition=third)
    ranks = [float(width_error_correlation(truth, m, d)) for m, d, _ in columns]
    if np.isfinite(ranks).all():
        recorder.add_mean("rank", ranks, n, "Spearman's correlation of the deviation with the absolute error")


def widening_table(
    results: Results, rows: EvaluationRows, model: str, subsets: Mapping[Condition, tuple[str, ...]]
) -> None:
    """Record how predicted deviations grow as modalities are missing (condition -> the modalities that are shown)."""
    deviations = {
        names: rows.out_of_fold(model, lambda one: one.fused_deviation, condition)
        for condition, names in subsets.items()
        if rows.of(model, condition)
    }
    if len(deviations) < 2:
        return
    recorder, n = rows.recorder(results, "widening", model=model), len(rows.tested)
    seeds = len(rows.seeds.get(model, ())) or 1
    by_seed = [widening({names: by_seed[seed] for names, by_seed in deviations.items()}) for seed in range(seeds)]
    for count in by_seed[0].mean_by_count:
        condition = f"{count} modalit{'y' if count == 1 else 'ies'}"
        recorder.add_mean("mean_width", [one.mean_by_count[count] for one in by_seed], n, condition=condition)
    note, condition = (
        f"{by_seed[0].pairs:,} pairs of a row and an axis, with and without one modality",
        "without one modality",
    )
    recorder.add_mean("ratio", [one.ratio for one in by_seed], n, note, condition=condition)
    recorder.add_mean("share_wider", [one.share_wider for one in by_seed], n, note, condition=condition)
