"""Valence, arousal and dominance against their truth (Table 1 and its like on every corpus), model beside model."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.evaluation import (
    Interval,
    MetricsFile,
    axis_correlations,
    concordance_interval,
    constant_floor,
    group_bootstrap,
    mae_interval,
    paired_pearson_difference,
    pearson,
    pearson_interval,
    spread_ratio,
)
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.sheet import Sheet, interval_p

MATRIX_RESAMPLES = 500


def known_axes(panel: Panel) -> list[int]:
    """The axes of which more than one tested row has a truth that varies."""
    truth = panel.truth[panel.tested]
    return [axis for axis in range(len(AXES)) if np.unique(truth[~np.isnan(truth[:, axis]), axis]).size > 1]


def predicts(panel: Panel, model: str, axes: Sequence[int]) -> bool:
    """Whether a model says something of every tested row with a truth."""
    truth = panel.truth[panel.tested][:, axes]
    return bool(panel.of(model)) and all(
        np.isfinite(guess[:, axes][~np.isnan(truth)]).all() for guess in panel.fused(model)
    )


def axis_table(metrics: MetricsFile, panel: Panel, resamples: int, models: Sequence[str] | None = None) -> None:
    """r, concordance, mean absolute error and spread of each axis and model, with intervals over the panel's groups."""
    sheet = Sheet(metrics, panel.name, panel.protocol)
    axes = known_axes(panel)
    truth, groups = panel.truth[panel.tested], panel.groups[panel.tested]
    n = int((~np.isnan(truth[:, axes])).any(axis=1).sum())
    for model in panel.models if models is None else models:
        if not predicts(panel, model, axes):
            continue
        guesses, seeds = panel.fused(model), panel.seeds.get(model, ())
        for axis in axes:
            name, columns = AXES[axis], [guess[:, axis] for guess in guesses]
            told = {"resamples": resamples}
            sheet.interval(model, f"r_{name}", pearson_interval(truth[:, axis], columns, groups, **told), seeds)
            sheet.interval(model, f"ccc_{name}", concordance_interval(truth[:, axis], columns, groups, **told), seeds)
            sheet.interval(model, f"mae_{name}", mae_interval(truth[:, axis], columns, groups, **told), seeds)
            ratios = [float(spread_ratio(truth[:, axis], column)) for column in columns]
            sheet.spread(model, f"spread_{name}", ratios, n, seeds)
        if len(axes) > 1:
            told_axes = [guess[:, axes] for guess in guesses]
            interval = pearson_interval(truth[:, axes], told_axes, groups, resamples=resamples)
            each = [float(np.mean(pearson(truth[:, axes], guess))) for guess in told_axes]
            note = "seeds: " + ", ".join(f"{value:.3f}" for value in each) if len(each) > 1 else ""
            sheet.interval(model, "r_mean", interval, seeds, note)
    fitted = panel.truth[panel.folds[0].train] if len(panel.folds[0].train) else np.empty((0, len(AXES)))
    for axis in axes:
        if len(fitted) and (~np.isnan(fitted[:, axis])).any():
            floor = constant_floor(fitted[:, axis], truth[:, axis])
            sheet.value("constant", f"mae_{AXES[axis]}", float(floor["mae"]), n, note="mean of train")


def axis_comparisons(
    metrics: MetricsFile,
    panel: Panel,
    others: Sequence[str],
    resamples: int,
    *,
    axes: Sequence[int] | None = None,
    model: str = HEADLINE,
    primary: str = "",
    metric: str = "r_mean",
) -> dict[str, Interval]:
    """Mean r over the axes of a model less that of others, paired over groups; p corrected by Holm but the primary one's."""
    axes = known_axes(panel) if axes is None else list(axes)
    sheet = Sheet(metrics, f"{panel.name}_comparisons", panel.protocol)
    truth, groups = panel.truth[panel.tested][:, axes], panel.groups[panel.tested]
    n, tested, found = int((~np.isnan(truth)).any(axis=1).sum()), {}, {}
    for other in others:
        if other == model or not (predicts(panel, model, axes) and predicts(panel, other, axes)):
            continue
        a, b = ([guess[:, axes] for guess in panel.fused(name)] for name in (model, other))
        interval = paired_pearson_difference(truth, a, b, groups, resamples=resamples)
        row = f"{model} - {other}"
        sheet.interval(row, metric, interval, panel.seeds.get(model, ()))
        tested[row], found[row] = interval_p(interval), interval
    sheet.p_values(tested, n, f"{model} - {primary}" if primary else "")
    return found


def axis_matrix(metrics: MetricsFile, panel: Panel, model: str = HEADLINE) -> None:
    """Table 1: r of each axis of the shared latent with each attribute, and by how much its own exceeds the largest other."""
    axes = known_axes(panel)
    if len(axes) < len(AXES) or not predicts(panel, model, axes):
        return
    sheet = Sheet(metrics, f"{panel.name}_matrix", panel.protocol, "table_1" if panel.real else "")
    truth, groups = panel.truth[panel.tested], panel.groups[panel.tested]
    guesses, seeds = panel.fused(model), panel.seeds.get(model, ())
    matrix = np.mean([axis_correlations(guess, truth) for guess in guesses], axis=0)
    among = axis_correlations(np.where(np.isnan(truth), 0.0, truth), truth)
    for i, axis in enumerate(AXES):
        for j, other in enumerate(AXES):
            sheet.value(f"z_{axis}", f"r_{other}", matrix[i, j], len(truth), seeds)
            sheet.value(f"truth_{axis}", f"r_{other}", among[i, j], len(truth), note="of the labels among themselves")

    def own_above(axis: int) -> Interval:
        def statistic(*columns: np.ndarray) -> float:
            table = np.mean([axis_correlations(guess, columns[0]) for guess in columns[1:]], axis=0)[axis]
            return float(table[axis] - np.delete(table, axis).max())

        return group_bootstrap(statistic, groups, truth, *guesses, resamples=MATRIX_RESAMPLES)

    for i, axis in enumerate(AXES):
        sheet.interval(f"z_{axis}", "own_above_others", own_above(i), seeds)


def ceilings(metrics: MetricsFile, panel: Panel, ratings: pd.DataFrame | None) -> None:
    """What bounds the correlation with raters' means: the root of the reliability, by channel of the ratings."""
    from affectspace.corpora.agreement import axis_agreement, channel_correlations

    if ratings is None:
        return
    sheet = Sheet(metrics, panel.name, panel.protocol)
    note = (
        "root of the reliability of that channel's mean over the whole corpus; our target is the mean of the channels"
    )
    for row in axis_agreement(ratings).to_dict("records"):
        sheet.value(f"ceiling of {row['channel']}s", f"r_{row['axis']}", row["ceiling"], int(row["items"]), note=note)
    for row in channel_correlations(ratings).to_dict("records"):
        name, note = f"{row['first']} and {row['second']}", "agreement of two means, no ceiling"
        sheet.value(name, f"r_{row['axis']}", row["r"], int(row["n"]), note=note)
