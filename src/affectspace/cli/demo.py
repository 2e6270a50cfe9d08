"""`affectspace demo`: both papers on generated data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from affectspace.cli.doctor import missing_for
from affectspace.cli.options import OutFolder, Trainings
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError
from affectspace.files import locked_output

if TYPE_CHECKING:
    from rich.table import Table

    from affectspace.studies.demo.demonstrate import Demonstration


def demo(out: OutFolder = Path("runs/demo"), workers: Trainings = 2) -> None:
    """Show everything on generated data, in a few minutes.

    It draws faces and makes people with text, voice and face; trains and evaluates LeVAsa, the manifold and their
    baselines; and predicts one held-out example from every subset of its modalities. The result is one page to open.
    """
    if out.is_file():
        raise ConfigError(f"{out} is a file; give a folder")
    missing = missing_for(("text", "audio", "video"), ("sentence-transformers/all-MiniLM-L6-v2",))
    if missing:
        reasons, remedies = (dict.fromkeys(column) for column in zip(*missing, strict=True))
        raise ConfigError(f"the demo cannot run: {', '.join(reasons)}; {' and '.join(remedies)}")
    from affectspace.studies.demo.demonstrate import DemoBudget, demonstrate

    with locked_output(out), progress_bar() as progress:
        demonstration = demonstrate(out, budget=DemoBudget.small(workers), progress=progress)
    show(demonstration)


def show(demonstration: Demonstration) -> None:
    """Print the held-out example, its predictions, and the path of the page."""
    from rich.console import Console

    example = demonstration.example
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(f"a held-out example of {example.person}, {example.emotion}: {example.sample.text}")
    console.print(table_of(demonstration))
    if demonstration.shipped:
        console.print(
            "the models that ship, on the same recordings (trained on real people; invented input is unusual for them)"
        )
        console.print(table_of_shipped(demonstration))
    typer.echo(f"report: {demonstration.report}")


def table_of(demonstration: Demonstration) -> Table:
    """Return valence, arousal and dominance with standard deviations from each subset of modalities, and the truth."""
    from rich.box import SIMPLE
    from rich.table import Table

    from affectspace.affect import AXES
    from affectspace.studies.demo.verdict import names_of

    table = Table(box=SIMPLE)
    table.add_column("modalities")
    for axis in AXES:
        table.add_column(f"{axis} \u00b1 sd", justify="right")
    for entry in demonstration.predictions:
        pairs = zip(entry.prediction.mean, entry.prediction.deviation, strict=True)
        table.add_row(names_of(entry.modalities), *(f"{mean:+.2f} \u00b1 {deviation:.2f}" for mean, deviation in pairs))
    table.add_section()
    table.add_row("truth", *(f"{value:+.2f}       " for value in demonstration.example.truth))
    return table


def table_of_shipped(demonstration: Demonstration) -> Table:
    """Return the predictions of the models that ship, or the reason why there is none."""
    from rich.box import SIMPLE
    from rich.table import Table

    from affectspace.affect import AXES
    from affectspace.prediction import Prediction
    from affectspace.studies.demo.verdict import names_of

    table = Table(box=SIMPLE)
    for title in ("model", "given", *(f"{axis} \u00b1 sd" for axis in AXES), "note"):
        table.add_column(title)
    for entry in demonstration.shipped:
        outcome = entry.outcome
        cells, note = ["-"] * len(AXES), "" if isinstance(outcome, Prediction) else outcome.reason
        if isinstance(outcome, Prediction):
            pairs = zip(outcome.mean, outcome.deviation, strict=True)
            cells = ["-" if math.isnan(mean) else f"{mean:+.2f} \u00b1 {deviation:.2f}" for mean, deviation in pairs]
            note = "; ".join(outcome.notes)
        table.add_row(entry.model, names_of(entry.modalities), *cells, note)
    return table
