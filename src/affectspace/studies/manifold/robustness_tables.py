"""How models bear what is missing or disturbed: modalities that drop, noise on the vectors, and sounds made again under noise,
gain, reverberation, silence and a telephone's band."""

from collections.abc import Mapping, Sequence

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile, pearson_interval
from affectspace.studies.manifold.axis_tables import known_axes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.sheet import Sheet

NOISE = (0.0, 0.25, 0.5, 1.0, 2.0)  # standard deviations of each dimension over the corpus


def subset_name(modalities: Sequence[str]) -> str:
    """The condition under which only these modalities are seen."""
    return "only " + " and ".join(modalities)


def noise_name(level: float) -> str:
    """The condition under which noise of so many standard deviations is on every vector."""
    return f"noise {level:g}"


def condition_table(
    metrics: MetricsFile, panel: Panel, what: str, models: Sequence[str], conditions: Mapping[str, str], resamples: int
) -> None:
    """r of each axis under each condition, a row a model and condition. conditions : name of ours -> as it is printed."""
    sheet = Sheet(metrics, f"{panel.name}_{what}", panel.protocol)
    truth, groups = panel.truth[panel.tested], panel.groups[panel.tested]
    axes = known_axes(panel)
    for model in models:
        for condition, printed in conditions.items():
            if not panel.of(model, condition):
                continue
            guesses = panel.fused(model, condition)
            if not all(_finite(guess, truth, axes) for guess in guesses):
                continue
            row, seeds = f"{model}: {printed}", panel.seeds.get(model, ())
            for axis in axes:
                columns = [guess[:, axis] for guess in guesses]
                interval = pearson_interval(truth[:, axis], columns, groups, resamples=resamples)
                sheet.interval(row, f"r_{AXES[axis]}", interval, seeds)
            if len(axes) > 1:
                told = [guess[:, axes] for guess in guesses]
                sheet.interval(
                    row, "r_mean", pearson_interval(truth[:, axes], told, groups, resamples=resamples), seeds
                )


def _finite(guess: np.ndarray, truth: np.ndarray, axes: Sequence[int]) -> bool:
    return bool(np.isfinite(guess[:, axes][~np.isnan(truth[:, axes])]).all())
