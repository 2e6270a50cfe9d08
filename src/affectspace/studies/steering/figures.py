"""Measured against asked: a curve a method and judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from affectspace.evaluation import MetricsFile
from affectspace.report import curves_figure
from affectspace.studies.figures import Picture
from affectspace.studies.steering.plan import TITLES

SHOWN = ("steered", "unsteered", "prompt", "vector", "template")
SHOWN_ONE = ("steered_one", "unsteered", "prompt_one", "vector_one", "template")


def curves(metrics: MetricsFile, judges: Mapping[str, str]) -> Iterator[Picture]:
    """A figure an axis and judge. judges : name -> what it is called."""
    for experiment in metrics.experiments:
        if not experiment.endswith("_curves"):
            continue
        axis = experiment.removeprefix("steering_").removesuffix("_curves")
        rows = metrics.experiments[experiment]
        shown = SHOWN if any(row.startswith("steered:") for row in rows) else SHOWN_ONE
        for judge, title in judges.items():
            lines = {}
            for method in shown:
                points = []
                for row, figures in rows.items():
                    name, _, asked = row.partition(": ")
                    one = figures.get(judge)
                    if name != method or one is None or one.value is None or one.low is None or one.high is None:
                        continue
                    points.append((float(asked), one.value, one.low, one.high))
                if points:
                    lines[TITLES[method]] = points
            if lines:
                yield Picture(
                    f"steering_{axis}_{judge}",
                    curves_figure(
                        lines, across=f"asked {axis}, sd of the corpus", up=f"measured {axis}, sd of the judge"
                    ),
                    f"{axis.capitalize()} as {title} measures it, less what it measures at the seeds; bands are 95 % intervals "
                    "over the sentences' documents. The diagonal would be perfect.",
                    f"Curves of measured over asked {axis} for {', '.join(lines)}.",
                )
