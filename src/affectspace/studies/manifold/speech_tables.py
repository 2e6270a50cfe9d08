"""RAVDESS: does predicted arousal follow the intensity of acting, which no training has seen; and what the proxies allow."""

from collections.abc import Sequence

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile, t_interval, within_person_difference
from affectspace.evaluation.significance import sign_flip_test
from affectspace.studies.manifold.axis_tables import predicts
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.sheet import Sheet


def intensity_table(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], conditions: Sequence[str] = ("",)
) -> None:
    """Primary endpoint: predicted value of strong less normal acting, within actor and emotion, over actors.

    conditions : "" for all modalities, and each alone. Emotions that are acted in one intensity only take no part.
    """
    sheet = Sheet(metrics, f"{panel.name}_intensity", panel.protocol)
    people, emotions = panel.column("person"), panel.column("emotion")
    strong = np.array([None if name is None else float(name == "strong") for name in panel.column("intensity")], object)
    tested: dict[str, float] = {}
    for condition in conditions:
        for model in models:
            if not panel.of(model, condition) or not predicts(panel, model, (0, 1, 2)):
                continue
            row = f"{model} {condition}".rstrip()
            for axis, name in enumerate(AXES):
                values = [guess[:, axis] for guess in panel.fused(model, condition)]
                found = within_person_difference(values, people, strong, strata=emotions)
                seeds = panel.seeds.get(model, ())
                sheet.interval(row, f"difference_{name}", found.interval, seeds, f"over {len(found.people)} people")
                if name == "arousal":
                    n = found.interval.n
                    sheet.value(row, "share_above", found.share_above, n, seeds)
                    sheet.value(row, "effect", found.effect, n, seeds, "mean over standard deviation of the people's")
                    tested[row] = found.p
    sheet.p_values(tested, len(people), HEADLINE)


def person_r(panel: Panel, model: str, axis: int, condition: str = "") -> np.ndarray:
    """r of one axis within each person, averaged over seeds, (people,); NaN for a person whose truth does not vary."""
    truth, people = panel.truth[panel.tested][:, axis], panel.column("person").astype(str)
    each = []
    for guess in panel.fused(model, condition):
        row = []
        for person in np.unique(people):
            rows = (people == person) & ~np.isnan(truth)
            varies = rows.sum() > 2 and np.ptp(truth[rows]) > 0 and np.ptp(guess[rows, axis]) > 0
            row.append(np.corrcoef(truth[rows], guess[rows, axis])[0, 1] if varies else np.nan)
        each.append(row)
    return np.mean(each, axis=0)


def person_table(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], axis: int, others: Sequence[str], primary: str = ""
) -> None:
    """r within each person, its t interval over people; a model less others, paired by person, sign-flip, Holm."""
    sheet = Sheet(metrics, f"{panel.name}_within_people", panel.protocol)
    metric = f"r_{AXES[axis]}"
    found = {model: person_r(panel, model, axis) for model in models if predicts(panel, model, [axis])}
    n = len(panel.tested)
    for model, values in found.items():
        known = values[np.isfinite(values)]
        if len(known) > 1:
            sheet.interval(model, metric, _over(known, n), panel.seeds.get(model, ()), "mean of each person's own r")
    tested: dict[str, float] = {}
    for other in others:
        if other in found and HEADLINE in found and other != HEADLINE:
            difference = found[HEADLINE] - found[other]
            difference = difference[np.isfinite(difference)]
            if len(difference) > 1:
                row = f"{HEADLINE} - {other}"
                sheet.interval(row, metric, _over(difference, n), panel.seeds.get(HEADLINE, ()), "paired by person")
                tested[row] = sign_flip_test(difference)
    sheet.p_values(tested, n, f"{HEADLINE} - {primary}" if primary else "")


def _over(values: np.ndarray, n: int) -> object:
    """A t interval over people that tells the rows, not the people, as n."""
    from dataclasses import replace

    return replace(t_interval(values), n=n)
