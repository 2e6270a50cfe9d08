"""Valence, arousal and dominance against their truth: tables of models, conditions, comparisons, and the axes of the latent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.corpora.agreement import axis_agreement, channel_correlations, rater_correlations
from affectspace.evaluation import (
    Interval,
    WithinPerson,
    axis_correlations,
    constant_floor,
    interval,
    pearson,
    spread_ratio,
    t_interval,
    within_person_difference,
)
from affectspace.evaluation.intervals import Metric, sign_flip_note
from affectspace.evaluation.results import Recorder, Results
from affectspace.evaluation.significance import sign_flip_test
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, Condition, EvaluationRows
from affectspace.studies.manifold.paper import PUBLISHED
from affectspace.studies.manifold.plan import HEADLINE

MEASURES: dict[str, Metric] = {"r": "pearson", "ccc": "concordance", "mae": "mae"}
VALENCE, AROUSAL = 0, 1


def axis_table(results: Results, rows: EvaluationRows, condition: Condition = EVERYTHING) -> None:
    """Record r, concordance, mean absolute error and spread of each axis and model, with intervals over the rows' groups.

    condition : how the rows are shown; its columns are left empty where a model sees everything
    """
    recorder, axes = rows.recorder(results, "axes"), rows.known_axes
    truth, groups = rows.tested_truth, rows.tested_groups
    shown = {} if condition == EVERYTHING else condition.columns
    n = int((~np.isnan(truth[:, axes])).any(axis=1).sum())
    for model in rows.models:
        if not rows.predicts(model, axes, condition):
            continue
        predictions = rows.predictions(model, condition)
        for axis in axes:
            columns = [prediction[:, axis] for prediction in predictions]
            named = {"model": model, "target": AXES[axis], **shown}
            for name, metric in MEASURES.items():
                recorder.add(name, interval(metric, truth[:, axis], columns, groups), **named)
            recorder.add_mean("spread", [spread_ratio(truth[:, axis], column) for column in columns], n, **named)
        _mean_r(recorder, rows, predictions, True, model=model, **shown)
        for name, metric in MEASURES.items():
            if name != "r" and len(axes) > 1:
                known = [prediction[:, axes] for prediction in predictions]
                mean = interval(metric, truth[:, axes], known, groups)
                recorder.add(name, mean, model=model, target="mean", **shown)
    if shown:
        return
    for axis in axes:
        floor = [
            (float(constant_floor(fitted, tested)["mae"]), int(np.isfinite(tested).sum()))
            for fitted, tested in ((rows.truth[fold.train, axis], rows.truth[fold.test, axis]) for fold in rows.folds)
            if np.isfinite(fitted).any() and np.isfinite(tested).any()
        ]
        if floor:
            mae = np.average([value for value, _ in floor], weights=[count for _, count in floor])
            recorder.add("mae", mae, n, model="constant", target=AXES[axis], note="mean of train")


def _mean_r(
    recorder: Recorder,
    rows: EvaluationRows,
    predictions: list[np.ndarray],
    by_seed: bool,
    **columns: str,
) -> None:
    """Record the mean r over the axes, where there are several."""
    axes, truth = rows.known_axes, rows.tested_truth
    if len(axes) > 1:
        known = [prediction[:, axes] for prediction in predictions]
        r = interval("pearson", truth[:, axes], known, rows.tested_groups)
        each = [f"{np.mean(pearson(truth[:, axes], prediction)):.3f}" for prediction in known]
        note = f"seeds: {', '.join(each)}" if by_seed and len(each) > 1 else ""
        recorder.add("r", r, target="mean", note=note, **columns)


def condition_table(
    results: Results,
    rows: EvaluationRows,
    task: str,
    models: Sequence[str],
    conditions: Sequence[Condition],
) -> None:
    """Record r of each axis and model under each condition."""
    recorder, axes, groups = rows.recorder(results, task), rows.known_axes, rows.tested_groups
    for condition in conditions:
        known = rows.shown(condition)
        truth = known.tested_truth
        for model in models:
            if known.predicts(model, axes, condition):
                predictions = known.predictions(model, condition)
                for axis in axes:
                    columns = [prediction[:, axis] for prediction in predictions]
                    r = interval("pearson", truth[:, axis], columns, groups)
                    recorder.add("r", r, model=model, target=AXES[axis], **condition.columns)
                _mean_r(recorder, known, predictions, False, model=model, **condition.columns)


def axis_comparisons(
    results: Results,
    rows: EvaluationRows,
    versus: Sequence[str],
    *,
    axes: Sequence[int] | None = None,
    primary: str = "",
    target: str = "mean",
    model: str = HEADLINE,
) -> None:
    """Record the headline's (or another model's) mean r over the axes minus that of other models, paired over groups.

    p values are corrected by Holm, except that of the primary comparison.
    """
    axes = rows.known_axes if axes is None else list(axes)
    recorder = rows.recorder(results, "axes", model=model, target=target)
    truth, groups = rows.tested_truth[:, axes], rows.tested_groups
    n, tested = int((~np.isnan(truth)).any(axis=1).sum()), []
    for other in versus:
        if other == model or not (rows.predicts(model, axes) and rows.predicts(other, axes)):
            continue
        ours, theirs = ([prediction[:, axes] for prediction in rows.predictions(name)] for name in (model, other))
        r = interval("pearson", truth, ours, groups, theirs)
        recorder.add("r", r, versus=other)
        tested.append(({"versus": other}, r.p))
    recorder.add_p_values(tested, n, {"versus": primary}, sign_flip_note(len(np.unique(groups))))


def axis_matrix(
    results: Results, rows: EvaluationRows, models: Sequence[str] = (HEADLINE,), conditions: Sequence[Condition] = ()
) -> None:
    """Record Table 1: r of each axis of the shared latent with each attribute, and its own minus the largest other.

    Axes whose truth does not vary are left out; nothing is recorded where fewer than two are left.
    conditions : modalities that are also shown alone; the fused estimate has no modality in the results
    """
    axes = rows.known_axes
    if len(axes) < 2:
        return
    recorder = rows.recorder(results, "matrix", PUBLISHED.filter(experiment="table_1"))
    truth = rows.tested_truth
    labels, counts = pd.DataFrame(truth).corr(min_periods=2).to_numpy(), np.isfinite(truth).sum(axis=0)
    for i in axes:
        for j in axes:
            named = {"note": "of the labels among themselves", "latent": AXES[i], "target": AXES[j]}
            recorder.add("r", labels[i, j], int(counts[j]), model="labels", **named)
    for model in models:
        for condition in (EVERYTHING, *conditions):
            known = rows.shown(condition)
            if known.predicts(model, axes, condition):
                modality = "" if condition == EVERYTHING else condition.columns["modality"]
                _matrix_of(recorder.under(model=model, modality=modality), known, known.predictions(model, condition))


def _matrix_of(recorder: Recorder, rows: EvaluationRows, predictions: list[np.ndarray]) -> None:
    """Record the matrix of one model, averaged over its seeds."""
    axes = rows.known_axes
    truth, predictions = rows.tested_truth[:, axes], [prediction[:, axes] for prediction in predictions]
    matrix = np.mean([axis_correlations(prediction, truth) for prediction in predictions], axis=0)
    counts = np.isfinite(truth).sum(axis=0)
    for i, axis in enumerate(axes):
        for j, other in enumerate(axes):
            recorder.add("r", matrix[i, j], int(counts[j]), latent=AXES[axis], target=AXES[other])

    def own_above_others(axis: int) -> Interval:
        def statistic(drawn: np.ndarray, _: np.ndarray) -> float:
            tables = [axis_correlations(prediction[drawn], truth[drawn]) for prediction in predictions]
            own = np.mean(tables, axis=0)[axis]
            return float(own[axis] - np.delete(own, axis).max())

        numbers = np.arange(len(truth))
        return interval(statistic, numbers, numbers, rows.tested_groups)

    for i, axis in enumerate(axes):
        recorder.add("own_above_others", own_above_others(i), latent=AXES[axis])


def agreement_table(results: Results, rows: EvaluationRows, ratings: pd.DataFrame | None) -> None:
    """Record the last row of Table 1: Pearson's r of two raters on the tested rows, mean over pairs of raters.

    Pairs count by the number of rows that both rated. Beside it stands what bounds r with the mean of the raters.
    """
    if ratings is None:
        return
    tested = ratings[ratings["id"].isin(set(rows.column("id").astype(str)))]
    recorder = rows.recorder(results, "matrix", PUBLISHED.filter(experiment="table_1"))
    pairs = rater_correlations(tested).dropna(subset=["r"])
    for axis, part in pairs.groupby("axis"):
        r, n = float(np.average(part["r"], weights=part["n"])), int(part["n"].sum())
        note = f"mean over {len(part)} pairs of raters, weighted by the rows that both rated; no self-ratings"
        recorder.add("r", r, n, model="raters", target=str(axis), note=note)
    for row in axis_agreement(tested).to_dict("records"):
        if np.isfinite(row["ceiling"]):
            note = f"root of the reliability of the mean of {row['raters']:.1f} raters"
            recorder.add("r", row["ceiling"], int(row["items"]), model="ceiling", target=str(row["axis"]), note=note)


def ceilings(results: Results, rows: EvaluationRows, ratings: pd.DataFrame | None) -> None:
    """Record what bounds the correlation with raters' means: the root of the reliability, by channel of the ratings."""
    if ratings is None:
        return
    recorder = rows.recorder(results, "axes")
    note = (
        "root of the reliability of this channel's mean over the whole corpus; the target is the mean of the channels"
    )
    for row in axis_agreement(ratings).to_dict("records"):
        named = {"model": f"ceiling of {row['channel']}s", "target": str(row["axis"])}
        recorder.add("r", row["ceiling"], int(row["items"]), note=note, **named)
    for row in channel_correlations(ratings).to_dict("records"):
        named = {"model": f"{row['first']} and {row['second']}", "target": str(row["axis"])}
        recorder.add("r", row["r"], int(row["n"]), note="agreement of two means, not a ceiling", **named)


def intensity(rows: EvaluationRows, model: str, axis: int, condition: Condition = EVERYTHING) -> WithinPerson:
    """Measure the predicted value of strong minus normal acting, within person and emotion, over people."""
    strong = np.array([None if name is None else float(name == "strong") for name in rows.column("intensity")], object)
    predictions = [prediction[:, axis] for prediction in rows.predictions(model, condition)]
    return within_person_difference(predictions, rows.column("person"), strong, strata=rows.column("emotion"))


def intensity_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], conditions: Sequence[Condition] = (EVERYTHING,)
) -> None:
    """Record whether predictions follow the intensity of acting, which no training has seen.

    Emotions that are acted in one intensity only take no part.
    """
    recorder, tested = rows.recorder(results, "intensity"), []
    for condition in conditions:
        for model in models:
            if not rows.of(model, condition) or not rows.predicts(model, range(len(AXES))):
                continue
            columns = {"model": model, **condition.columns}
            for axis, target in enumerate(AXES):
                measured = intensity(rows, model, axis, condition)
                named = {**columns, "target": target}
                recorder.add("difference", measured.interval, note=f"over {len(measured.people)} people", **named)
                if target == "arousal":
                    n, note = measured.interval.n, "mean over standard deviation of the people's differences"
                    recorder.add("share_above", measured.share_above, n, **named)
                    recorder.add("effect", measured.effect, n, note=note, **named)
                    tested.append((named, measured.p))
    primary = {"model": HEADLINE, **EVERYTHING.columns, "target": "arousal"}
    recorder.add_p_values(tested, len(rows.tested), primary)


def r_within_people(rows: EvaluationRows, model: str, axis: int) -> np.ndarray:
    """Compute r of one axis within each person, averaged over seeds, (people,); NaN for a person whose truth does not vary."""
    truth, people = rows.tested_truth[:, axis], rows.column("person").astype(str)
    by_seed = []
    for prediction in rows.predictions(model):
        by_person = []
        for person in np.unique(people):
            own = (people == person) & ~np.isnan(truth)
            varies = own.sum() > 2 and np.ptp(truth[own]) > 0 and np.ptp(prediction[own, axis]) > 0
            by_person.append(np.corrcoef(truth[own], prediction[own, axis])[0, 1] if varies else np.nan)
        by_seed.append(by_person)
    return np.mean(by_seed, axis=0)


def over_people(values: np.ndarray, n: int) -> Interval:
    """Compute a t interval over people, with the number of rows as n."""
    return replace(t_interval(values), n=n)


def within_people_table(
    results: Results, rows: EvaluationRows, axis: int, versus: Sequence[str], primary: str = ""
) -> None:
    """Record r within each person with its t interval, and the headline minus other models, paired by person.

    p values are those of sign-flip tests, corrected by Holm except that of the primary comparison.
    """
    recorder, n = rows.recorder(results, "within people", target=AXES[axis]), len(rows.tested)
    by_model = {model: r_within_people(rows, model, axis) for model in rows.models if rows.predicts(model, [axis])}
    for model, values in by_model.items():
        known = values[np.isfinite(values)]
        if len(known) > 1:
            recorder.add("r", over_people(known, n), model=model, note="mean of each person's own r")
    tested = []
    for other in versus:
        if other in by_model and HEADLINE in by_model and other != HEADLINE:
            difference = by_model[HEADLINE] - by_model[other]
            difference = difference[np.isfinite(difference)]
            if len(difference) > 1:
                named = {"model": HEADLINE, "versus": other}
                recorder.add("r", over_people(difference, n), note="paired by person", **named)
                tested.append((named, sign_flip_test(difference)))
    recorder.add_p_values(tested, n, {"model": HEADLINE, "versus": primary})
