"""What is measured of a run on features: axes, deviations, independence, probes, emotions, residuals of each speaker."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import interval, majority_floor, t_interval
from affectspace.evaluation.results import Results
from affectspace.progress import Progress, silent
from affectspace.studies.judgement.rows import RIDGE, SINGULAR, JudgedRows
from affectspace.studies.manifold.axes import axis_comparisons, axis_matrix, axis_table
from affectspace.studies.manifold.cross_modal import gap_table
from affectspace.studies.manifold.evaluation_rows import EVERYTHING, EvaluationRows
from affectspace.studies.manifold.independence import independence_table
from affectspace.studies.manifold.probes import column_task, is_known, probe_table, speaker_task
from affectspace.studies.manifold.uncertainty import robustness_table, uncertainty_table

PERMUTATIONS = 100
NOT_MEASURED = "not measured"  # task of the rows that say why
LEAST = 8  # rows of a speaker that a probe needs
APART = (
    "dialogue",
    "sentence",
    "document",
    "id",
)  # what the rows of a speaker's probe differ in, the first that is known


def measure_held_out(judged: JudgedRows, progress: Progress = silent) -> Results:
    """Measure tables 1 to 3 of the manifold paper on held-out rows, with deviations, floors, and residuals by speaker.

    What cannot be measured is added to `judged.missing`.
    """
    results, rows, kind, missing = Results(), judged.rows, judged.kind, judged.missing
    progress(0, 0, "measuring axes and deviations")
    measure_axes(results, judged)
    corpora = list(dict.fromkeys(rows.column("corpus")))
    for corpus in corpora if len(corpora) > 1 else ():
        axis_table(results, judged.of_corpus(corpus))
    missing.extend(absent_axes(rows))
    if len(rows.known_axes) < 2:
        missing.append("fewer than two axes are judged, so the table of axis against axis is left out")
    axis_matrix(results, rows, (kind,), judged.alone)
    uncertainty_table(results, rows, (kind,))
    missing.extend(_without_deviations(results, judged))
    measure_emotions(results, judged)
    measure_residuals(results, judged)
    if len(rows.folds) > 1:
        missing.append(
            "tables 2 and 3 and figures 2 and 3 belong to one model: `affectspace evaluate` shows them for each fold"
        )
    else:
        _measure_latents(results, judged, progress)
    record_missing(results, judged)
    return results


def absent_axes(rows: EvaluationRows) -> Iterator[str]:
    """Say which axes cannot be judged, and why."""
    for axis in (axis for axis in range(len(AXES)) if axis not in rows.known_axes):
        if axis not in rows.axes:
            reason = "the training had no label of it"
        elif np.isfinite(rows.tested_truth[:, axis]).any():
            reason = "all tested rows have the same value of it"
        else:
            reason = "no tested row has a value of it"
        yield f"{AXES[axis]} is not judged: {reason}"


def _without_deviations(results: Results, judged: JudgedRows) -> Iterator[str]:
    """Say for which axes the predicted deviations are not judged, and why."""
    rows, known = judged.rows, results.filter(task="uncertainty").distinct("target")
    stated = np.isfinite(judged.outputs.fused_deviation[rows.tested]).any()
    reason = "no validation row has a value that they are calibrated on" if stated else "the model states none"
    absent = [AXES[axis] for axis in rows.known_axes if AXES[axis] not in known]
    if absent:
        yield f"predicted deviations of {', '.join(absent)} are not judged: {reason}"


def _without_probe(results: Results, judged: JudgedRows, task: str) -> Iterator[str]:
    """Say from which modalities nothing was read, and why."""
    for modality in judged.modalities:
        if not results.filter(task=task, modality=modality, model=judged.kind):
            reason = f"train or validation has rows of fewer than two {task}s with {modality}"
            yield f"the probe of the {task} from {modality} is left out: {reason}"


def record_missing(results: Results, judged: JudgedRows) -> None:
    """Record why something was not measured, a row without a value for each reason."""
    for number, reason in enumerate(judged.missing):
        judged.rows.recorder(results, NOT_MEASURED).add("reason", None, condition=str(number), note=reason)


def measure_axes(results: Results, judged: JudgedRows) -> None:
    """Record r, CCC, MAE and spread of the model and the ridge, fused and from each modality alone, and the deviations."""
    rows, kind = judged.rows, judged.kind
    axis_table(results, rows)
    for condition in judged.alone:
        axis_table(results, rows.shown(condition), condition)
    if len(np.unique(rows.tested_groups)) < 2:
        unit = SINGULAR.get(judged.unit, judged.unit)
        judged.missing.append(f"the tested rows are of one {unit}, so there are no intervals over {judged.unit}")
    elif RIDGE in rows.models:
        axis_comparisons(results, rows, (RIDGE,), primary=RIDGE, model=kind)
    robustness_table(results, rows, (kind, RIDGE), (EVERYTHING,))
    if not judged.alone:
        judged.missing.append("there is one modality, so there are no tables and no figure by modality")


def measure_emotions(results: Results, judged: JudgedRows) -> None:
    """Record accuracy and UAR of the emotions that the model names, and of the most frequent emotion of train."""
    rows = judged.rows
    if judged.emotions is None:
        return
    truth, guesses = rows.column("emotion"), judged.emotions[rows.tested]
    known = is_known(truth)
    if not known.any():
        judged.missing.append("no tested row has an emotion, so the emotions that the model names are not judged")
        return
    recorder = rows.recorder(results, "names", target="emotion")
    for metric in ("accuracy", "uar"):
        score = interval(metric, truth[known], guesses[known], rows.tested_groups[known])
        recorder.add(metric, score, model=judged.kind)
    fitted = np.concatenate([rows.names("emotion")[fold.train] for fold in rows.folds])
    if is_known(fitted).any():
        floor = majority_floor(fitted, truth)
        for metric in ("accuracy", "uar"):
            recorder.add(metric, floor[metric], int(known.sum()), model="majority")


def measure_residuals(results: Results, judged: JudgedRows) -> None:
    """Record the mean residual (predicted minus true) and the mean absolute error of each person and axis.

    The interval of a mean residual is a t interval over the person's rows.
    """
    rows = judged.rows
    if "people" not in judged.unit:
        judged.missing.append("no tested row has a person, so there are no residuals by speaker")
        return
    recorder = rows.recorder(results, "residuals", model=judged.kind)
    people, (predictions,) = rows.column("person"), rows.predictions(judged.kind)
    for person in sorted({str(name) for name in people if name is not None}):
        for axis in rows.known_axes:
            own = people.astype(str) == person
            values = (predictions - rows.tested_truth)[own, axis]
            values = values[np.isfinite(values)]
            if len(values):
                mean = t_interval(values) if len(values) > 1 else float(values[0])
                named = {"condition": person, "target": AXES[axis]}
                recorder.add("residual", mean, len(values), **named)
                recorder.add("mae", np.abs(values).mean(), len(values), **named)


def _measure_latents(results: Results, judged: JudgedRows, progress: Progress) -> None:
    """Record the modality gap, independence of shared and private latents, and what probes read from them."""
    rows, kind, missing, modalities = judged.rows, judged.kind, judged.missing, judged.modalities
    if not judged.outputs.shared:
        missing.append(f"a model of kind {kind} has no shared latents: tables 2 and 3 and figures 2 and 3 are left out")
        return
    width = max(shared.shape[1] for shared in judged.outputs.shared.values())
    if width != len(AXES):
        missing.append(f"the shared latent has {width} dimensions, and figures 2 and 3 show three")
    if len(rows.axes) < len(AXES) and width == len(AXES):
        untrained = " and ".join(AXES[axis] for axis in range(len(AXES)) if axis not in rows.axes)
        missing.append(
            f"figures 2 and 3 leave out the dimension of the shared latent that stands for {untrained}, because the training "
            "had no label of it; table 2 and the probes have the whole latent"
        )
    pairs = list(combinations(modalities, 2))
    if pairs:
        progress(0, 0, "measuring the modality gap")
        gap_table(results, rows, (kind,), pairs, PERMUTATIONS)
    for one, other in pairs:
        if not results.filter(task="gap", modality=one, target=other):
            reason = f"fewer than three {judged.unit} of the tested rows have both"
            missing.append(f"the modality gap of {one} and {other} is left out: {reason}")
    if judged.outputs.private:
        independence_table(results, rows, (kind,), modalities, PERMUTATIONS, progress)
    else:
        missing.append(f"a model of kind {kind} has no private latents, so table 2 and figure 3 are left out")
    emotions = column_task(rows, "emotion")
    if len(np.unique(emotions.labels[is_known(emotions.labels)].astype(str))) < 2:
        missing.append("rows have fewer than two emotions, so the probe of the emotion is left out")
    elif not is_known(emotions.labels[rows.tested]).any():
        missing.append("no tested row has an emotion, so the probe of the emotion is left out")
    else:
        probe_table(results, rows, emotions, (kind,), modalities, progress=progress)
        missing.extend(_without_probe(results, judged, "emotion"))
    by = next(name for name in APART if name in rows.table and rows.table[name].notna().any())
    speakers = speaker_task(rows, by, least=LEAST)
    if all(len(np.unique(speakers.labels[part.test].astype(str))) < 2 for part in speakers.parts):
        missing.append(f"fewer than two tested speakers have {LEAST} rows, so the probe of the speaker is left out")
    else:
        probe_table(results, rows, speakers, (kind,), modalities, progress=progress)
        missing.extend(_without_probe(results, judged, "speaker"))
