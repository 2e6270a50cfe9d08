"""The report of a run on features: tables, figures and what could not be measured, in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.affect import ALL_AXES, AXES
from affectspace.errors import counted
from affectspace.evaluation import concordance, pearson
from affectspace.evaluation.results import Results
from affectspace.progress import Progress
from affectspace.report import Reference, Report, circumplex_figure, scatter_readout_figure
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture, interval_picture
from affectspace.studies.judgement.rows import RIDGE, SINGULAR, TEST, ZERO_SHOT, JudgedRows
from affectspace.studies.manifold import sections
from affectspace.studies.manifold.figures import heatmap_pictures, space_pictures
from affectspace.studies.manifold.plan import TITLES
from affectspace.studies.manifold.probes import is_known
from affectspace.studies.summary import correlation_sentence, key_figures
from affectspace.studies.tables import Figures, Part, Renderer, Section, Table, grid
from affectspace.training.runs import Run

ALL = {"modality": "all"}
SHOWN_PEOPLE = 30  # in the picture and the table of residuals
MEASURED = grid("{metric} {target}", metric={"r": "r", "ccc": "CCC"}, target=(*AXES, "mean"))
ERRORS = grid("{metric} {target}", metric={"mae": "MAE", "spread": "sd ratio"}, target=AXES)
PROXIES = {
    "transferred": "Labels that are transferred from emotions are proxies, not ratings.",
    "sentiment": "Sentiment is a proxy for valence. It lies in -3 .. 3 here; three times the predicted valence stands for it.",
}
SENTIMENT = grid(
    "{metric}",
    metric={
        "r": "r", "mae": "MAE", "negative_positive_accuracy": "accuracy, negative / positive",
        "negative_non_negative_accuracy": "accuracy, negative / non-negative",
        "negative_positive_f1": "F1, negative / positive",
        "negative_non_negative_f1": "F1, negative / non-negative", "seven_class_accuracy": "accuracy, 7 classes",
    },
    target="sentiment",
)  # fmt: skip


def run_facts(run: Run, name: str) -> dict[str, Any]:
    """Return what stands at the foot of the report: kind, corpora with licences, backbones, and the configuration."""
    facts = run.facts
    corpora = facts.get("corpora", {})
    return {
        "run": name,
        "kind": facts["kind"],
        "corpora": ", ".join(corpora),
        "licences": ", ".join(
            dict.fromkeys(str(corpus["licence"]) for corpus in corpora.values() if corpus.get("licence"))
        ),
        "backbones": {
            modality: {key: known.get(key) for key in ("name", "revision", "settings", "licence")}
            for modality, known in (facts.get("modalities") or {}).items()
            if known
        },
        "configuration": run.config.model_dump(mode="json"),
    }


def write_judgement(
    folder: Path,
    judged: JudgedRows,
    results: Results,
    title: str,
    facts: Mapping[str, Any],
    started: float,
    progress: Progress,
) -> Path:
    """Write metrics.json, figures (PNG and PDF) and report.html; return the report's path.

    started : time.perf_counter() before the measurements
    """
    where = judged.rows.protocol

    def report(made: Mapping[str, Picture], seconds: dict[str, Any]) -> Report:
        n, groups = len(judged.rows.tested), len(np.unique(judged.rows.tested_groups))
        units = SINGULAR.get(judged.unit, judged.unit) if groups == 1 else judged.unit
        of = "" if judged.unit == "rows" else f" of {groups:,} {units}"
        report = Report(title, f"{counted(n, 'row')}{of}, {where}", {**facts, **seconds})
        wanted = {
            f"{name}, {target}": {
                "experiment": judged.rows.experiment, "task": "axes", "model": judged.kind, "target": target, "metric": metric,
            }
            for metric, name in (("ccc", "CCC"), ("r", "r"))
            for target in (AXES[axis] for axis in judged.rows.known_axes)
        }  # fmt: skip
        report.key_figures(key_figures(results, wanted))
        report.summary(_sentences(judged, results))
        report.text(_introduction(judged, results))
        if judged.labels in PROXIES:
            report.callout("warning", PROXIES[judged.labels])
        titles = {**TITLES, **sections.WORDS, judged.kind: f"this run ({judged.kind})"}
        Renderer(report, results, titles, made).add(*_parts(judged, results))
        if judged.missing:
            report.section("Not measured")
            report.text("\n".join(f"- {reason}" for reason in judged.missing))
        return report

    return write_study(folder, results, pictures(judged, results), report, started, progress, pdf=True)


def _sentences(judged: JudgedRows, results: Results) -> list[str]:
    """Write what a reader may take home: by rules over the results."""
    named = {"experiment": judged.rows.experiment, "task": "axes", "model": judged.kind, "metric": "r"}
    targets = ("mean", *(AXES[axis] for axis in judged.rows.known_axes))
    row = next((found for target in targets if (found := results.find(**named, target=target)) is not None), None)
    names = {"mean": "valence, arousal and dominance"}
    of = "" if row is None else names.get(row.target, row.target)
    return [
        correlation_sentence(
            results, row, f"On {counted(len(judged.rows.tested), 'row')} that the model has not seen ({of})"
        )
    ]


def _introduction(judged: JudgedRows, results: Results) -> str:
    """Explain intervals, floors and measures, those that the report has."""
    axes = results.filter(task="axes")
    over = f"Intervals of 95 % are over {judged.unit}. " if any(row.low is not None for row in axes) else ""
    floors = {
        "the mean of the train part": axes.filter(model="constant"),
        "the most frequent emotion of train": results.filter(model="majority"),
        "a ridge on the same vectors, chosen on validation and fitted on train and validation": axes.filter(model=RIDGE),
    }  # fmt: skip
    names = [name for name, rows in floors.items() if len(rows)]
    beside = (
        f"The floors are: {'; '.join(names)}. " if len(names) > 1 else f"The floor is {names[0]}. " if names else ""
    )
    return f"{over}{beside}r is Pearson's correlation, CCC Lin's concordance, and values are on [-1, 1]."


def _parts(judged: JudgedRows, results: Results) -> list[Part]:
    """Declare the sections of the report."""
    experiment, where = judged.rows.experiment, judged.rows.protocol
    rows: dict[str, Any] = {"experiment": experiment, "task": "axes", "versus": ""}
    several = bool(judged.alone)
    by_modality: dict[str, Any] = {"rows": ("model", "modality"), "head": "model, from"} if several else {}
    emotions = grid("{metric}", metric={"accuracy": "accuracy", "uar": "UAR"}, target="emotion")
    names = {"experiment": experiment, "task": "names"}
    axes: list[Part] = [
        Table("Correlation and concordance", rows, MEASURED, **by_modality),
        Table("Mean absolute error, and predicted over true standard deviation", rows, ERRORS, **by_modality),
        replace(
            sections.comparisons(experiment, where, RIDGE),
            caption="This run minus the ridge",
            note=f"Paired over {judged.unit}.",
        ),
        Table("Emotions that the model names", names, emotions),
        Table("Sentiment", {"experiment": experiment, "task": "sentiment"}, SENTIMENT, **by_modality),
        Figures(tuple(f"readout_{axis}" for axis in ALL_AXES)),
        Figures(("circumplex",)),
    ]
    for one in results.distinct("experiment"):
        if one.startswith(f"{experiment}: "):
            corpus = one.removeprefix(f"{experiment}: ")
            own = {**rows, "experiment": one}
            axes.append(Table(f"Correlation and concordance, {corpus} alone", own, MEASURED))
    note = "Rows of labels are their own correlations: no axis can be separated from another better than those allow."
    titles = {judged.kind: "predicted", "labels": "labels"}
    axes.append(replace(sections.matrix(experiment, "axis against axis"), note=note, names=titles))
    deviations: list[Part] = [
        replace(
            sections.robustness(experiment, where),
            caption="Deviations, fused and by modality" if several else "Deviations",
            note=_DEVIATIONS,
            where={
                "experiment": experiment,
                "task": "robustness",
                "condition": "undisturbed",
                **({} if several else ALL),
            },
            **(by_modality or {"rows": ("model",), "head": "model"}),
        ),
        *sections.uncertainty(experiment, where),
    ]
    known = [AXES[axis] for axis in judged.rows.known_axes]
    named = (
        "sentiment"
        if judged.labels == "sentiment"
        else " and ".join(filter(None, (", ".join(known[:-1]), *known[-1:])))
    )
    residuals = [
        *grid("mean residual, {target}", metric="residual", target=AXES),
        *grid("MAE {target}", metric="mae", target=AXES),
    ]
    worst = tuple(_worst_people(judged, results))
    most = f"; the {SHOWN_PEOPLE} speakers with the largest mean residuals" if len(worst) == SHOWN_PEOPLE else ""
    people = Table(
        "Residuals by speaker", {"experiment": experiment, "task": "residuals", "model": judged.kind}, residuals,
        ("condition",), "speaker",
        f"Predicted minus true, with a t interval over the speaker's rows{most}.", order=worst,
    )  # fmt: skip
    return [
        Section(f"{named.capitalize()} (table {4 if experiment == ZERO_SHOT else 1})", parts=axes),
        Section("Residuals of each speaker", parts=[Figures(tuple(f"residuals_{axis}" for axis in AXES)), people]),
        Section("Uncertainty", "Deviations are calibrated on validation rows.", deviations),
        Section("Shared space (figure 2)", parts=[Figures(("figure_2_space",)), sections.gap(experiment, where)]),
        Section(
            "Independence of shared and private latents (table 2, figure 3)",
            parts=[Figures(("figure_3_average", "figure_3_heatmaps")), sections.independence(experiment, where)],
        ),
        Section(
            "What the latents reveal (table 3)",
            parts=[sections.probes(experiment, where, task) for task in ("emotion", "speaker")],
        ),
    ]


_DEVIATIONS = (
    "Coverage of 90 % intervals by axis; mean deviation, root mean squared error and NLL (negative log-likelihood) are means "
    "of the axes. A deviation that can be relied on covers .85 to .95 and is as large as the error."
)


def _worst_people(judged: JudgedRows, results: Results) -> list[str]:
    """List the people with the largest absolute mean residual on any axis, the first in the order of their names."""
    largest: dict[str, float] = {}
    for row in results.filter(task="residuals", metric="residual"):
        largest[row.condition] = max(largest.get(row.condition, 0.0), abs(row.value or 0.0))
    return sorted(sorted(largest, key=lambda person: -largest[person])[:SHOWN_PEOPLE])


def pictures(judged: JudgedRows, results: Results) -> Iterator[Picture]:
    """Draw scatters of each axis, the circumplex, residuals by speaker, and figures 2 and 3 where there are latents."""
    rows, kind = judged.rows, judged.kind
    truth, (prediction,) = rows.tested_truth, rows.predictions(kind)
    where = rows.protocol[:1].upper() + rows.protocol[1:]
    for axis in rows.known_axes:
        known = np.isfinite(truth[:, axis]) & np.isfinite(prediction[:, axis])
        pair = truth[known, axis], prediction[known, axis]
        measures = {"r": float(pearson(*pair)), "CCC": float(concordance(*pair))}
        if RIDGE in rows.models and rows.predicts(RIDGE, [axis]):
            measures["CCC of the ridge"] = float(concordance(pair[0], rows.predictions(RIDGE)[0][known, axis]))
        name = "sentiment" if judged.labels == "sentiment" else AXES[axis]
        figure = scatter_readout_figure(*pair, name, measures=measures)
        alt = f"Predictions follow the true {name} with r {measures['r']:.2f} and CCC {measures['CCC']:.2f}."
        yield Picture(f"readout_{name}", figure, f"Predicted against true {name}", alt, f"{where}.")
    if {0, 1} <= set(rows.known_axes):
        known = np.isfinite(truth[:, :2]).all(axis=1) & np.isfinite(prediction[:, :2]).all(axis=1)
        emotions = rows.column("emotion")[known]
        panels = {"predictions": (prediction[known, :2], emotions)}
        figure = circumplex_figure(panels, (truth[known, :2], emotions), canonical=True)
        caption = f"{where}."
        if is_known(emotions).any():
            caption += " Large marks are the means of an emotion; an ellipse is one deviation of three rows or more."
        ratio = prediction[known, :2].std(axis=0) / np.maximum(truth[known, :2].std(axis=0), 1e-9)
        alt = f"Predictions spread {ratio[0]:.2f} times as far as true values in valence, and {ratio[1]:.2f} times in arousal."
        yield Picture("circumplex", figure, "True values and predictions on the map", alt, caption)
    worst = _worst_people(judged, results)
    for axis in rows.known_axes:
        residuals = results.filter(task="residuals", metric="residual", target=AXES[axis])
        drawn = interval_picture(
            f"residuals_{AXES[axis]}", [(row.condition, "", row) for row in residuals if row.condition in worst],
            f"mean residual, {AXES[axis]}", f"Whose {AXES[axis]} is read too high or too low?",
            "Predicted minus true, a t interval over the rows of each speaker.", [Reference("no error", 0.0)],
        )  # fmt: skip
        if drawn is not None:
            yield drawn
    spatial = all(shared.shape[1] == len(AXES) for shared in judged.outputs.shared.values())
    if spatial and len(rows.folds) == 1 and rows.experiment == TEST:
        yield from space_pictures({TEST: rows}, kind)
        yield from heatmap_pictures({TEST: rows}, kind)
