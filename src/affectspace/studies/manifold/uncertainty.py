"""Predicted standard deviations: scores against a constant, coverage, rank of the error, growth as modalities are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import counted
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
EQUAL = "rows of equal deviation stay together"


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
        else:
            recorder.add("coverage", None, n, note=f"no row is in this third: {EQUAL}", condition=third)
    ranks = [float(width_error_correlation(truth, m, d)) for m, d, _ in columns]
    if np.isfinite(ranks).all():
        recorder.add_mean("rank", ranks, n, "Spearman's correlation of the deviation with the absolute error")


def robustness_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], conditions: Sequence[Condition]
) -> None:
    """Record coverage of 90 %, mean deviation, NLL and error of every axis under each condition, fused and by modality.

    A condition that disturbs one modality shows that one and the fused estimate. Models without deviations, and axes that
    they do not predict, are left out.
    """
    recorder, axes = rows.recorder(results, "robustness"), rows.known_axes
    for model in models:
        for condition in conditions:
            if not rows.of(model, condition):
                continue
            disturbed = list(rows.features) if condition.store is None else [condition.store[0]]
            named = {"model": model, "condition": "undisturbed", **condition.columns}
            for modality in ("all", *disturbed) if len(rows.features) > 1 else ("all",):
                view = recorder.under(**{**named, "modality": modality})
                _record_view(view, rows, rows.out_of_fold(model, partial(_view, modality), condition), axes)


def _view(modality: str, representations: Representations) -> np.ndarray:
    """Mean and deviation by one modality or by all, (n, 2, 3); NaN where the modality is absent."""
    if modality == "all":
        return np.stack([representations.fused, representations.fused_deviation], axis=1)
    if modality not in representations.affect:
        return np.full((len(representations), 2, len(AXES)), np.nan)
    both = np.stack([representations.affect[modality], representations.deviation[modality]], axis=1)
    return np.where(representations.present[modality][:, None, None], both, np.nan)


def _record_view(recorder: Recorder, rows: EvaluationRows, by_seed: Sequence[np.ndarray], axes: Sequence[int]) -> None:
    """Record each axis, and the mean of the axes. by_seed : (tested, 2, 3) each"""
    by_axis: dict[str, list[list[float]]] = {}
    n = 0
    for axis in axes:
        truth = rows.tested_truth[:, axis]
        views = [values[:, :, axis] for values in by_seed]
        known = np.isfinite(truth) & np.all([np.isfinite(values).all(axis=1) for values in views], axis=0)
        if not known.any() or not all((values[known, 1] > 0).all() for values in views):
            return
        n = max(n, int(known.sum()))
        columns = [(truth[known], values[known, 0], values[known, 1]) for values in views]
        scores = {
            "coverage": [coverage(t, m, d) for t, m, d in columns],
            "width": [d.mean() for _, _, d in columns],
            "nll": [gaussian_nll(t, m, d).mean() for t, m, d in columns],
            "rmse": [np.sqrt(np.mean((t - m) ** 2)) for t, m, _ in columns],
        }
        for name, values in scores.items():
            recorder.add_mean(name, values, int(known.sum()), target=AXES[axis])
            by_axis.setdefault(name, []).append([float(value) for value in values])
    for name, values_by_axis in by_axis.items():
        recorder.add_mean(name, np.mean(values_by_axis, axis=0), n, "mean of the axes", target="mean")


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
        condition = counted(count, "modality")
        recorder.add_mean("mean_width", [one.mean_by_count[count] for one in by_seed], n, condition=condition)
    note, condition = (
        f"{by_seed[0].pairs:,} pairs of a row and an axis, with and without one modality",
        "without one modality",
    )
    recorder.add_mean("ratio", [one.ratio for one in by_seed], n, note, condition=condition)
    recorder.add_mean("share_wider", [one.share_wider for one in by_seed], n, note, condition=condition)
