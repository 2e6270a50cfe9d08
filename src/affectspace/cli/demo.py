"""`affectspace demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.cli.progress import progress_bar

if TYPE_CHECKING:
    from rich.table import Table

    from affectspace.studies.demo.moment import Demonstration


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the demonstration; the same command continues it.")] = Path(
        "runs/demo"
    ),
    workers: Annotated[int, typer.Option(min=1, help="Trainings at once, one thread each.")] = 2,
) -> None:
    """Everything without any data, in minutes: faces are drawn, people invented, models trained and judged, a moment told.

    Drawn faces: LeVAsa beside a Vanilla VAE, its control and its ceiling. Invented people with text, voice and face: corpus,
    features, manifold, baselines. Then a prediction from every subset of one held-out moment, and one page to open.
    """
    from affectspace.studies.demo.demonstrate import demonstrate
    from affectspace.studies.demo.plan import DemoBudget

    with progress_bar() as progress:
        done = demonstrate(out, budget=DemoBudget.small(workers), progress=progress)
    show(done)


def show(done: Demonstration) -> None:
    """The moment, a row a subset, and where the page is."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    console.print(f"a held-out moment of {done.moment.person}, {done.moment.emotion}: {done.moment.sample.text}")
    console.print(table_of(done))
    typer.echo(f"report: {done.report}")


def table_of(done: Demonstration) -> Table:
    """Valence, arousal and dominance with standard deviations from each subset, and the truth below."""
    from rich.box import SIMPLE
    from rich.table import Table

    from affectspace.affect import AXES
    from affectspace.studies.demo.page import names_of

    table = Table(box=SIMPLE)
    table.add_column("given")
    for axis in AXES:
        table.add_column(f"{axis} \u00b1 sd", justify="right")
    for one in done.told:
        pairs = zip(one.prediction.mean, one.prediction.deviation, strict=True)
        table.add_row(names_of(one.parts), *(f"{mean:+.2f} \u00b1 {deviation:.2f}" for mean, deviation in pairs))
    table.add_section()
    table.add_row("truth", *(f"{value:+.2f}       " for value in done.moment.truth))
    return table
