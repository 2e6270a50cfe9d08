"""`affectspace plot`: figures of the values in any table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.affect import AXES
from affectspace.affect import scale as scale_of
from affectspace.cli.options import Force, Separator, Table, checked_scale, refuse_overwrite
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
SD = "_sd"  # ending of the column with the deviation of an axis
ScaleName = Annotated[
    str,
    typer.Option(
        "--scale", help="Scale of the values: LOW:HIGH, for example 1:7, or a name such as afew_va.", callback=checked_scale
    ),
]  # fmt: skip


def plot(
    table: Table,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File to write: .png, .svg or .pdf. Default: the name of the table and the kind of figure, such as "
            "ratings_plane.png, in the current folder.",
        ),
    ] = None,
    valence: Annotated[str, typer.Option(help="Column with the valence.")] = "valence",
    arousal: Annotated[str, typer.Option(help="Column with the arousal.")] = "arousal",
    scale: ScaleName = "canonical",
    group: Annotated[
        str | None,
        typer.Option(
            help="Column with the group of each row, such as emotion or person. Default: emotion, if there is one."
        ),
    ] = None,
    density: Annotated[
        bool, typer.Option("--density", help="Draw lines around shares of the rows in place of points.")
    ] = False,
    truth: Annotated[
        str | None,
        typer.Option(
            help="Column with true values. Draws the column of --prediction against it, in place of the plane."
        ),
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="Column with predicted values, for --truth.")] = None,
    time: Annotated[
        str | None,
        typer.Option(help="Column with times or numbers of steps. Draws each axis over time, in place of the plane."),
    ] = None,
    separator: Separator = None,
    force: Force = False,
) -> None:
    """Draw a table: the plane of valence and arousal, predictions against the truth, or values over time.

    Columns that end in _sd, such as valence_sd, are standard deviations and are drawn too. `affectspace predict --out` writes
    such a table.
    """
    from affectspace.tables.text import declare_separator

    if (truth is None) != (prediction is None):
        raise ConfigError("--truth and --prediction name two columns; give both")
    if truth is not None and time is not None:
        raise ConfigError("--truth and --time are two figures; draw them one after the other")
    if out is None:
        kind = "truth" if truth is not None else "plane" if time is None else "time"
        out = Path(f"{table.stem}_{kind}.png")
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{out}: write the figure as {', '.join(SUFFIXES)}")
    refuse_overwrite((out,), force)
    declare_separator(table, separator)

    from affectspace.report import save_figure
    from affectspace.tables.reading import read_table

    frame = read_table(table)
    if truth is not None and prediction is not None:
        figure = _truth_figure(table, frame, truth, prediction)
    elif time is not None:
        figure = _time_figure(
            table, frame, time, {"valence": valence, "arousal": arousal, "dominance": "dominance"}, scale
        )
    else:
        figure = _plane_figure(table, frame, valence, arousal, scale, group, density)
    save_figure(figure, out)
    typer.echo(f"wrote {out}")


def _require(table: Path, frame: "pd.DataFrame", wanted: dict[str, str]) -> None:
    from affectspace.tables.blocks import require_columns

    require_columns(table, wanted, list(frame.columns))


def _values(
    table: Path, frame: "pd.DataFrame", columns: dict[str, str], scale: str
) -> "tuple[np.ndarray, np.ndarray | None]":
    """Return values on [-1, 1] and their deviations, (n, axes) each; None where a column of deviations is missing."""
    import numpy as np

    from affectspace.tables.reading import to_numbers

    chosen = scale_of(scale).select(tuple(columns))
    _require(table, frame, {f"--{axis}": column for axis, column in columns.items()})
    native = np.stack([to_numbers(frame[column], column, table) for column in columns.values()], axis=1)
    values = chosen.to_canonical(native, rows=range(1, len(native) + 1), where=str(table), columns=columns)
    names = [f"{column}{SD}" for column in columns.values()]
    if not all(name in frame for name in names):
        return values, None
    halves = np.array([(high - low) / 2 for low, high in chosen.ranges])
    return values, np.stack([to_numbers(frame[name], name, table) for name in names], axis=1) / halves


def _plane_figure(
    table: Path, frame: "pd.DataFrame", valence: str, arousal: str, scale: str, group: str | None, density: bool
) -> "Figure":
    from affectspace.report import plane_figure

    if group is None and "emotion" in frame:
        group = "emotion"
    if group is not None:
        _require(table, frame, {"--group": group})
    values, deviations = _values(table, frame, {"valence": valence, "arousal": arousal}, scale)
    groups = None if group is None else frame[group].tolist()
    return plane_figure(
        values, groups, deviations=deviations, density=density, group_name=group or "", title=table.name
    )


def _truth_figure(table: Path, frame: "pd.DataFrame", truth: str, prediction: str) -> "Figure":
    import numpy as np

    from affectspace.evaluation import concordance, pearson
    from affectspace.report import scatter_readout_figure
    from affectspace.tables.reading import to_numbers

    _require(table, frame, {"--truth": truth, "--prediction": prediction})
    x, y = (to_numbers(frame[column], column, table) for column in (truth, prediction))
    known = np.isfinite(x) & np.isfinite(y)
    measures = (
        {"r": float(pearson(x[known], y[known])), "CCC": float(concordance(x[known], y[known]))}
        if known.sum() > 2
        else {}
    )
    return scatter_readout_figure(
        x, y, truth, measures={name: value for name, value in measures.items() if np.isfinite(value)}
    )


def _time_figure(table: Path, frame: "pd.DataFrame", time: str, columns: dict[str, str], scale: str) -> "Figure":
    from affectspace.report import time_figure
    from affectspace.tables.times import to_seconds

    _require(table, frame, {"--time": time})
    columns = {axis: column for axis, column in columns.items() if column in frame or axis != AXES[2]}
    values, deviations = _values(table, frame, columns, scale)
    seconds = to_seconds(frame[time].tolist(), time, table)
    return time_figure(seconds, values, deviations, axes=tuple(columns), across=time, title=table.name)
