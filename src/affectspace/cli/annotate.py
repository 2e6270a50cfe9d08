"""`affectspace annotate`: convert categories to valence, arousal and dominance, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.affect import AXES, parse_axes
from affectspace.affect import scale as scale_of
from affectspace.cli.options import (
    AsJson,
    EmotionLabels,
    Force,
    Out,
    Prefix,
    SafeCsv,
    Seed,
    Separator,
    Spelling,
    Table,
    UnknownEmotions,
    checked_axes,
    checked_scale,
    print_json,
    refuse_overwrite,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted

if TYPE_CHECKING:
    from affectspace.annotation import AnnotationTransfer
    from affectspace.annotation.tables import Summary

JUDGED = "judged"
app = typer.Typer(no_args_is_help=True, help="Convert emotion names to valence, arousal and dominance, and back.")

TableOrLabels = Annotated[
    Path,
    typer.Argument(
        help="Table to read: .csv, .tsv, .txt, .xlsx, .jsonl, .parquet, or a .json of key -> [valence, arousal]."
    ),
]
Emotion = Annotated[str, typer.Option(help="Column with the names of emotions.")]
ScaleName = Annotated[
    str,
    typer.Option(
        "--scale",
        help="Scale of the table's values, which are mapped to [-1, 1]: LOW:HIGH, for example 1:7, or a name such as afew_va.",
        callback=checked_scale,
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        help="Axes of the table, for example arousal,valence: the order of the numbers in a .json, and of several ranges in "
        "--scale.",
        callback=checked_axes,
    ),
]
Valence = Annotated[str | None, typer.Option(help='Column with the valence; "" if there is none.')]
Arousal = Annotated[str | None, typer.Option(help='Column with the arousal; "" if there is none.')]
Dominance = Annotated[str | None, typer.Option(help="Column with the dominance. Default: dominance is not used.")]
Reference = Annotated[
    str, typer.Option(help="Published ellipses of the emotions: affectnet, or russell_mehrabian_1977 (centres only).")
]
Transfer = Annotated[
    Path | None, typer.Option(help="Ellipses that `affectspace annotate fit` wrote. They replace the reference.")
]
Distribution = Annotated[
    str | None, typer.Option(help="Distribution of the points: uniform in the ellipse (the paper), or gaussian.")
]
NSigma = Annotated[
    float | None, typer.Option("--n-sigma", help="Semi-axes of the ellipses in standard deviations. Default: 1.")
]
Covariance = Annotated[
    str | None, typer.Option(help="Covariance of each emotion: diagonal (the paper), full, or tied (one for all).")
]

Person = Annotated[
    str | None,
    typer.Option(
        help="Column with the person of each row. Default: person or speaker, if the table has such a column."
    ),
]


@app.command()
def fit(
    table: Table,
    out: Out,
    emotion: Emotion = "emotion",
    valence: Valence = "valence",
    arousal: Arousal = "arousal",
    dominance: Dominance = None,
    scale: ScaleName = "canonical",
    axes: Axes = None,
    spelling: Spelling = None,
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Use the names of emotions as they are written, without translation.")
    ] = False,
    person: Person = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            help="Choose priors, covariances and the certainty of probabilities by cross-validation over people. Without: the "
            "nearest centre, as in the paper."
        ),
    ] = True,
    separator: Separator = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Learn an ellipse for each emotion, and calibrated probabilities.

    The table has emotions and values. The ellipses are written as JSON.
    """
    from affectspace.annotation.tables import fit_table
    from affectspace.emotions import Vocabulary
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)

    named, chosen_scale = _axis_columns(table, valence, arousal, dominance, axes), scale_of(scale, axes)
    refuse_overwrite((out,), force)
    with progress_bar(not as_json) as progress:
        transfer, summary = fit_table(
            table,
            emotion=emotion,
            columns=named,
            scale_name=chosen_scale,
            spelling=Vocabulary(spelling, labels, unknown),
            as_is=as_is,
            calibrate=calibrate,
            person=person,
            progress=progress,
        )
    transfer.to_json(out)
    summary.out = str(out)
    _show("ellipses of", summary, as_json)


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
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    levels: Annotated[
        bool, typer.Option("--levels", help="Also write discrete levels, in columns such as valence_level.")
    ] = False,
    steps: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Levels per unit: 10 gives the levels -10..10.")
    ] = 10,
    where: Annotated[
        str | None,
        typer.Option(help="Condition that selects rows, for example \"split == 'train'\"; the others get empty cells."),
    ] = None,
    seed: Seed = 0,
    prefix: Prefix = "",
    separator: Separator = None,
    safe_csv: SafeCsv = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add values for the emotion of each row.

    The values are a random point from the ellipse of the emotion, in new columns.
    """
    from affectspace.annotation.tables import sample_table
    from affectspace.emotions import Vocabulary
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)

    chosen = _transfer(reference, transfer, distribution=distribution, n_sigma=n_sigma, covariance=covariance)
    if chosen.deviations_ is None:
        name = f"reference {reference}" if transfer is None else str(transfer)
        raise ConfigError(
            f"{name} has no deviations, so nothing can be sampled from it; use --reference affectnet, or --transfer with "
            "ellipses that `affectspace annotate fit` wrote"
        )
    with progress_bar(not as_json) as progress:
        summary = sample_table(
            table,
            out,
            chosen,
            emotion=emotion,
            spelling=Vocabulary(spelling, labels, unknown),
            levels=steps if levels else None,
            where=where,
            seed=seed,
            prefix=prefix,
            force=force,
            progress=progress,
        )
    _show("points for", summary, as_json)


@app.command()
def label(
    table: TableOrLabels,
    out: Out,
    valence: Valence = "valence",
    arousal: Arousal = "arousal",
    dominance: Dominance = None,
    scale: ScaleName = "canonical",
    axes: Axes = None,
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    assignment: Annotated[
        str | None,
        typer.Option(help="How emotions are assigned: euclidean (nearest centre, the paper) or mahalanobis."),
    ] = None,
    covariance: Covariance = None,
    abstain: Annotated[
        float | None,
        typer.Option(help="Leave the emotion empty if its probability is below this value. Default: never."),
    ] = None,
    prefix: Prefix = "",
    separator: Separator = None,
    safe_csv: SafeCsv = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add an emotion for the values of each row.

    New columns hold the most likely emotion and its probability.
    """
    from affectspace.annotation.tables import label_table
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)

    named, chosen_scale = _axis_columns(table, valence, arousal, dominance, axes), scale_of(scale, axes)
    chosen = _transfer(reference, transfer, assignment=assignment, covariance=covariance, abstain=abstain)
    with progress_bar(not as_json) as progress:
        summary = label_table(
            table,
            out,
            chosen,
            columns=named,
            scale_name=chosen_scale,
            prefix=prefix,
            force=force,
            progress=progress,
        )
    _show("emotions for", summary, as_json)


@app.command()
def evaluate(
    table: Table,
    emotion: Emotion = "emotion",
    valence: Valence = "valence",
    arousal: Arousal = "arousal",
    dominance: Dominance = None,
    scale: ScaleName = "canonical",
    axes: Axes = None,
    spelling: Spelling = None,
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    person: Person = None,
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    folds: Annotated[
        bool,
        typer.Option(
            "--folds", help="Judge what `annotate fit` learns from the other people of this table, in five folds."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for reliability.png, reliability.pdf and reliability.json."),
    ] = None,
    separator: Separator = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show how often stated probabilities are right.

    The table has emotions and values. Use rows that the ellipses were not fitted on, or --folds.
    """
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)
    import numpy as np

    from affectspace.annotation import Reliability, plot_reliability
    from affectspace.annotation.tables import judge_table
    from affectspace.emotions import Vocabulary
    from affectspace.evaluation import interval
    from affectspace.files import write_text
    from affectspace.report import save_figure

    if folds and transfer is not None:
        raise ConfigError("--folds judges what is learned from this table; leave out --transfer, or --folds")
    files = [] if out is None else [out / f"reliability.{suffix}" for suffix in ("png", "pdf", "json")]
    refuse_overwrite(files, force)
    with progress_bar(not as_json) as progress:
        rows, named, summary = judge_table(
            table,
            None if folds else _transfer(reference, transfer),
            emotion=emotion,
            columns=_axis_columns(table, valence, arousal, dominance, axes),
            scale_name=scale_of(scale, axes),
            spelling=Vocabulary(spelling, labels, unknown),
            person=person,
            progress=progress,
        )
    assert summary.reliability is not None
    people = np.arange(len(named)) if rows.people is None else rows.people
    if len(np.unique(people)) > 1:
        accuracy = interval("accuracy", rows.emotions, named, people)
        unit = "rows" if rows.people is None else "people"
        summary.reliability |= {"accuracy_low": accuracy.low, "accuracy_high": accuracy.high, unit: accuracy.groups}
    summary.out = "" if out is None else str(out)
    if out is not None:
        measured = Reliability(**{name: summary.reliability[name] for name in Reliability.__dataclass_fields__})
        title = "learned from other people" if folds else reference if transfer is None else transfer.stem
        for file in files[:2]:
            save_figure(plot_reliability(measured, title), file)
        write_text(files[2], json.dumps(summary.to_dict(), indent=1) + "\n")
    _show(JUDGED, summary, as_json)


@app.command()
def plot(
    out: Out,
    reference: Reference = "affectnet",
    transfer: Transfer = None,
    n_sigma: NSigma = None,
    covariance: Covariance = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Levels per unit in the discretised panel.")] = 10,
    force: Force = False,
) -> None:
    """Draw the ellipses as .png, .svg or .pdf.

    The figure has a continuous and a discretised panel.
    """
    from affectspace.annotation import plot_ellipses
    from affectspace.files import write_atomic

    if out.suffix not in (".png", ".svg", ".pdf"):
        raise ConfigError(f"{out}: write the figure as .png, .svg or .pdf")
    refuse_overwrite((out,), force)
    figure = plot_ellipses(_transfer(reference, transfer, n_sigma=n_sigma, covariance=covariance), levels=steps)
    write_atomic(out, lambda partial: figure.savefig(partial, format=out.suffix[1:], dpi=160))
    typer.echo(f"wrote {out}")


def _axis_columns(
    table: Path, valence: str | None, arousal: str | None, dominance: str | None, axes: str | None
) -> dict[str, str]:
    """Return axis -> column. axes : those of the table, in the order of the numbers of a .json"""
    columns = {"valence": valence, "arousal": arousal, "dominance": dominance}
    if axes is not None:
        order = parse_axes(axes)
        numbers = dict(zip(order, AXES, strict=False)) if table.suffix == ".json" else {}
        columns = {axis: numbers.get(axis) or columns.get(axis) or axis for axis in order}
    return {axis: column for axis, column in columns.items() if column}


def _transfer(reference: str, path: Path | None, **parameters: Any) -> AnnotationTransfer:
    from affectspace.annotation import AnnotationTransfer

    chosen = {name: value for name, value in parameters.items() if value is not None}
    if path is None:
        return AnnotationTransfer.reference(reference, **chosen)
    return AnnotationTransfer.from_json(path).set_params(**chosen)


def _show(what: str, summary: Summary, as_json: bool) -> None:
    for warning in summary.warnings:
        typer.echo(f"note: {warning}", err=True)
    if as_json:
        print_json(summary.to_dict())
        return
    written = f", written to {summary.out}" if summary.out else ""
    typer.echo(f"{what} {counted(summary.rows, 'row')}{written} (columns: {', '.join(summary.columns)})")
    counts = {**summary.counts, **{f"({reason})": count for reason, count in summary.left_out.items()}}
    width = max(map(len, counts), default=0)
    for name, count in counts.items():
        typer.echo(f"  {name:{width}}  {count:>11,}  {count / max(summary.rows, 1):6.1%}")
    for note, count in summary.notes.items():
        typer.echo(f"{note}: {count:,}")
    if summary.reliability is not None:
        _show_reliability("out of fold" if what != JUDGED else "against the emotions of the table", summary.reliability)


def _show_reliability(what: str, measured: dict[str, Any]) -> None:
    """Print how often stated probabilities are right."""
    low, high = measured.get("accuracy_low"), measured.get("accuracy_high")
    over = counted(measured["people"], "person") if "people" in measured else "rows"
    span = "" if low is None else f" [{low:.3f}, {high:.3f}] over {over}"
    typer.echo(f"stated probabilities, {what}: {counted(measured['rows'], 'row')}")
    typer.echo(
        f"  accuracy {measured['accuracy']:.3f}{span}; the most frequent emotion {measured['most_frequent']:.3f}"
    )
    typer.echo(f"  mean stated probability {measured['stated']:.3f}; calibration error {measured['error']:.3f}")
    typer.echo(f"  surest fifth: stated {measured['surest_stated']:.3f}, right {measured['surest_accuracy']:.3f}")
    typer.echo("  stated  right    rows")
    for stated, right, rows in measured["curve"]:
        typer.echo(f"   {stated:.3f}  {right:.3f}  {rows:>6,}")
