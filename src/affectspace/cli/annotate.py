"""``affectspace annotate``: categories to valence and arousal, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import AsJson, Force, Out, Prefix, Table
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.annotation import AnnotationTransfer
    from affectspace.annotation.jobs import Progress, Summary

app = typer.Typer(no_args_is_help=True, help="Emotion names to valence, arousal, dominance, and back.")

Labelled = Annotated[Path, typer.Argument(help="A .csv, .tsv or .parquet table, or a .json of key -> [v, a].")]
Emotion = Annotated[str, typer.Option(help="The column with the emotions' names.")]
Spelling = Annotated[str | None, typer.Option(help="Whose spelling of emotions: imfdb, affectnet, iemocap, ... ")]
ScaleName = Annotated[str, typer.Option("--scale", help="How the values are written: afew_va, iemocap, sam, ...")]
Valence = Annotated[str | None, typer.Option(help="The column with the valence.")]
Arousal = Annotated[str | None, typer.Option(help="The column with the arousal.")]
Dominance = Annotated[str | None, typer.Option(help="The column with the dominance.")]
Reference = Annotated[str, typer.Option(help="A published reference: affectnet or russell_mehrabian_1977.")]
Transfer = Annotated[Path | None, typer.Option(help="A transfer that `annotate fit` wrote, instead of a reference.")]
Distribution = Annotated[str | None, typer.Option(help="uniform in the ellipse (the paper) or gaussian.")]
NSigma = Annotated[float | None, typer.Option("--n-sigma", help="The ellipse's semi-axes, in standard deviations.")]
Covariance = Annotated[str | None, typer.Option(help="diagonal (the paper) or full.")]


@app.command()
def fit(
    table: Table,
    out: Out,
    emotion: Emotion = "emotion",
    valence: Valence = "valence",
    arousal: Arousal = "arousal",
    dominance: Dominance = None,
    scale: ScaleName = "canonical",
    spelling: Spelling = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="Keep the emotions' names as they are written.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Learn an ellipse per emotion from a table that has both, and write them as JSON."""
    from affectspace.annotation.jobs import fit_table

    if out.exists() and not force:
        raise DataError(f"{out} exists already; --force overwrites it")
    columns = _columns(valence, arousal, dominance)
    with _progress(table) as progress:
        transfer, summary = fit_table(
            table,
            emotion=emotion,
            columns=columns,
            scale_name=scale,
            spelling=spelling,
            as_is=as_is,
            progress=progress,
        )
    transfer.to_json(out)
    summary.columns, summary.out = list(transfer.axes_), str(out)
    _report("rows per emotion", summary, as_json)


@app.command()
def sample(
    table: Table,
    out: Out,
    emotion: Emotion = "emotion",
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    distribution: Distribution = None,
    n_sigma: NSigma = None,
    covariance: Covariance = None,
    spelling: Spelling = None,
    levels: Annotated[bool, typer.Option("--levels", help="Also discrete levels.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Levels per unit: 10 gives -10..10.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same points.")] = 0,
    prefix: Prefix = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give every row a point drawn from the ellipse of its emotion."""
    from affectspace.annotation.jobs import sample_table

    chosen = _transfer(reference, transfer, distribution=distribution, n_sigma=n_sigma, covariance=covariance)
    with _progress(table) as progress:
        summary = sample_table(
            table,
            out,
            chosen,
            emotion=emotion,
            spelling=spelling,
            levels=steps if levels else None,
            seed=seed,
            prefix=prefix,
            force=force,
            progress=progress,
        )
    _report("points per emotion", summary, as_json)


@app.command()
def label(
    table: Labelled,
    out: Out,
    valence: Valence = "valence",
    arousal: Arousal = "arousal",
    dominance: Dominance = None,
    scale: ScaleName = "canonical",
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    assignment: Annotated[str | None, typer.Option(help="euclidean (the paper) or mahalanobis.")] = None,
    covariance: Covariance = None,
    abstain: Annotated[float | None, typer.Option(help="No emotion below this probability.")] = None,
    prefix: Prefix = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Give every row the emotion that is nearest to its values, with its probability."""
    from affectspace.annotation.jobs import label_table

    chosen = _transfer(reference, transfer, assignment=assignment, covariance=covariance, abstain=abstain)
    columns = _columns(valence, arousal, dominance)
    with _progress(table) as progress:
        summary = label_table(
            table,
            out,
            chosen,
            columns=columns,
            scale_name=scale,
            prefix=prefix,
            force=force,
            progress=progress,
        )
    _report("rows per emotion", summary, as_json)


@app.command()
def plot(
    out: Out,
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    n_sigma: NSigma = None,
    covariance: Covariance = None,
    steps: Annotated[int, typer.Option(min=1, help="Levels per unit in the discretised panel.")] = 10,
    force: Force = False,
) -> None:
    """Draw the ellipses, continuous and discretised, as .png, .svg or .pdf."""
    from affectspace.annotation import plot_ellipses
    from affectspace.files import write_atomic

    if out.suffix not in (".png", ".svg", ".pdf"):
        raise ConfigError(f"{out}: a figure is written as .png, .svg or .pdf")
    if out.exists() and not force:
        raise DataError(f"{out} exists already; --force overwrites it")
    figure = plot_ellipses(_transfer(reference, transfer, n_sigma=n_sigma, covariance=covariance), levels=steps)
    write_atomic(out, lambda partial: figure.savefig(partial, format=out.suffix[1:], dpi=160))
    typer.echo(f"wrote {out}")


def _columns(valence: str | None, arousal: str | None, dominance: str | None) -> dict[str, str]:
    given = {"valence": valence, "arousal": arousal, "dominance": dominance}
    return {axis: column for axis, column in given.items() if column}


def _transfer(reference: str, path: Path | None, **parameters: Any) -> AnnotationTransfer:
    from affectspace.annotation import AnnotationTransfer

    given = {name: value for name, value in parameters.items() if value is not None}
    if path is None:
        return AnnotationTransfer.reference(reference, **given)
    return AnnotationTransfer.from_json(path).set_params(**given)


@contextmanager
def _progress(table: Path) -> Iterator[Progress]:
    """Rows done, on stderr; it shows on a terminal only and disappears at the end."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f} rows"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(table.name, total=None)
        yield lambda done: bar.update(task, completed=done)


def _report(what: str, summary: Summary, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary.to_dict(), indent=1))
        return
    from rich.console import Console
    from rich.table import Table as Grid

    typer.echo(f"{what}: {summary.rows:,} rows -> {summary.out}")
    grid = Grid()
    grid.add_column("emotion")
    grid.add_column("rows", justify="right")
    grid.add_column("share", justify="right")
    for name, count in summary.counts.items():
        grid.add_row(str(name), f"{count:,}", f"{count / max(summary.rows, 1):.1%}")
    for reason, count in summary.left.items():
        grid.add_row(f"({reason})", f"{count:,}", f"{count / max(summary.rows, 1):.1%}", style="dim")
    console = Console()
    console.print(grid)
    console.print(f"columns: {', '.join(summary.columns)}", highlight=False)
    for note, count in summary.notes.items():
        console.print(f"{note}: {count:,}", highlight=False)
