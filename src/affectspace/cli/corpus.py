"""`affectspace corpus`: list the corpora that can be read, describe one, and make synthetic ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import (
    AsJson,
    Columns,
    CorpusName,
    CorpusPath,
    EmotionSpelling,
    Force,
    Media,
    ScaleName,
    Seed,
    Where,
    parse_pairs,
    print_json,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="List, describe and make corpora.")
make = typer.Typer(no_args_is_help=True, help="Make a synthetic corpus with known true values.")
app.add_typer(make, name="make")


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be read, with their labels, file layouts and licences."""
    from affectspace.corpora import CORPORA

    if as_json:
        fields = ("description", "labels", "layout", "licence", "citation")
        print_json({name: {field: getattr(reader, field) for field in fields} for name, reader in CORPORA.items()})
        return
    for reader in CORPORA.values():
        typer.echo(f"{reader.name}: {reader.description}")
        for title in ("labels", "layout", "licence"):
            typer.echo(f"    {title:8} {getattr(reader, title)}")


@app.command()
def describe(
    name: CorpusName,
    path: CorpusPath,
    media: Media = None,
    columns: Columns = "",
    where: Where = None,
    scale: ScaleName = None,
    emotion_spelling: EmotionSpelling = None,
    as_json: AsJson = False,
) -> None:
    """Describe a corpus: rows, people, emotions, ranges, agreement of raters, splits, and what was left out and why."""
    from affectspace.corpora import parse_columns, read_corpus

    options: dict[str, Any] = {} if scale is None else {"scale": scale}
    corpus = read_corpus(
        name,
        path,
        where=where,
        media=media,
        columns=parse_columns(columns) if columns else None,
        emotion_spelling=emotion_spelling,
        **options,
    )
    if as_json:
        print_json(corpus.describe())
    else:
        _show(corpus.describe())


@make.command()
def faces(
    out: Annotated[Path, typer.Argument(help="Folder to write: index.csv and faces.zip.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of faces.")] = 2000,
    size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels of each side.")] = 64,
    people: Annotated[int, typer.Option(min=1, help="Number of different people.")] = 40,
    seed: Seed = 0,
    level_labels: Annotated[
        Path | None,
        typer.Option(
            help="Draw these labels: a JSON file of NNN_FFFFF -> [valence, arousal] on -10..10, the format of AFEW-VA. One "
            "face for each frame, one person for each clip."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Draw faces with known valence and arousal. The reader `faces` reads them."""
    from affectspace.synthetic.faces import labels_from_levels, make_faces

    labels = None if level_labels is None else labels_from_levels(level_labels)
    with progress_bar() as progress:
        corpus = make_faces(
            out, n=n, labels=labels, size=size, people=people, seed=seed, progress=progress, force=force
        )
    typer.echo(f"{len(corpus):,} faces of {corpus.table['person'].nunique():,} people in {out}")


@make.command()
def speakers(
    out: Annotated[
        Path, typer.Argument(help="Folder to write: index.csv, and folders of texts, recordings and clips.")
    ],
    n: Annotated[int, typer.Option("--n", min=2, help="Number of utterances.")] = 400,
    people: Annotated[int, typer.Option(min=2, help="Number of different people.")] = 20,
    seed: Seed = 0,
    turns: Annotated[
        int | None,
        typer.Option(min=2, max=99, help="Utterances per dialogue. Default: 10, or fewer so that all speak."),
    ] = None,
    modalities: Annotated[
        str, typer.Option(help="Modalities to make, with commas: text, audio, video.")
    ] = "text,audio,video",
    missing: Annotated[
        str, typer.Option(help="Share of the rows that lack a modality, for example text=.2,video=.3.")
    ] = "",
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels of each side of the clips; an even number.")] = 64,
    fps: Annotated[float, typer.Option(min=1, max=60, help="Frames per second of the clips.")] = 10.0,
    sound_in_video: Annotated[bool, typer.Option("--sound-in-video", help="Add the voice to the clips.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes. Default: one for each core.")] = None,
    force: Force = False,
) -> None:
    """Make people who speak, with known valence, arousal and dominance. The reader `speakers` reads them."""
    from affectspace.synthetic.speakers import make_speakers

    with progress_bar() as progress:
        corpus = make_speakers(
            out,
            n=n,
            people=people,
            seed=seed,
            turns=turns,
            modalities=[name.strip() for name in modalities.split(",") if name.strip()],
            missing=_shares(missing),
            size=size,
            fps=fps,
            sound_in_video=sound_in_video,
            workers=workers,
            progress=progress,
            force=force,
        )
    typer.echo(f"{len(corpus):,} utterances of {corpus.table['person'].nunique():,} people in {out}")


def _shares(text: str) -> dict[str, float]:
    """Parse ``text=.2,video=.3``."""
    pairs = parse_pairs(filter(None, text.split(",")), "--missing", "MODALITY=SHARE", "text=.2")
    try:
        return {name.strip(): float(share) for name, share in pairs.items()}
    except ValueError as error:
        raise ConfigError(f"--missing {text!r}: a share is not a number; write it as text=.2,video=.3") from error


def _show(described: dict[str, Any]) -> None:
    """Print a description as tables."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    people = f"{described['people']:,} people" if described["people"] else "people unknown"
    sessions = f", {described['sessions']:,} sessions" if described["sessions"] else ""
    console.print(f"[bold]{escape(described['name'])}[/]: {described['rows']:,} rows, {people}{sessions}")
    kinds = [f"{described[kind]:,} {kind}" for kind in ("texts", "audio", "video", "images") if described[kind]]
    if kinds:
        console.print(", ".join(kinds) + (f" in {escape(described['media'])}" if described["media"] else ""))
    if described["ratings"]:
        counts = ", ".join(f"{escape(name)} {n:,}" for name, n in described["ratings"].items())
        console.print(f"ratings: {counts}")
    for note in described["notes"]:
        console.print(escape(note), style="dim")
    for table in (
        _emotions(described),
        _ranges(described),
        _axis_agreement(described),
        _emotion_agreement(described),
        _extras(described),
        _reasons(described),
        _splits(described),
    ):
        if table is not None:
            caption, table.caption = table.caption, None  # as wide as the console, not as the table
            console.print()
            console.print(table)
            if caption:
                console.print(caption, style="dim")
    for scheme, split in described["splits"].items():
        for remark in _remarks(split):
            console.print(f"{scheme}: {escape(remark)}", style="yellow")
    console.print()
    if described["scale"] and set(described["axes"]) - {"sentiment"}:
        console.print(f"the values are on the scale {described['scale']} in the files, and on -1..1 here")
    console.print(f"licence: {escape(described['licence'])}")
    if described["citation"]:
        console.print(f"cite: {escape(described['citation'])}")


def _table(title: str, *columns: str, numbers_from: int = 99) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for i, column in enumerate(columns):
        number = i >= numbers_from
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number or i == 0)
    return table


def _emotions(described: dict[str, Any]) -> Table | None:
    emotions = described["emotions"]
    if not emotions:
        return None
    table = _table("emotions", "emotion", "rows", "share", "people", "", numbers_from=1)
    table.columns[4].justify = "left"
    most = max(counts["rows"] for counts in emotions.values())
    for name, counts in emotions.items():
        bar = "█" * max(1, round(24 * counts["rows"] / most))
        share = f"{counts['rows'] / described['rows']:.1%}"
        table.add_row(name, f"{counts['rows']:,}", share, f"{counts['people']:,}", f"[cyan]{bar}[/]")
    without = described["rows"] - sum(counts["rows"] for counts in emotions.values())
    if without:
        table.add_row("(none)", f"{without:,}", f"{without / described['rows']:.1%}", "", "")
    return table


def _ranges(described: dict[str, Any]) -> Table | None:
    rows = [(axis, spread, "{:+.2f}") for axis, spread in described["axes"].items()]
    sides = described["image_size"]
    if sides:
        rows += [(f"{side} side, px", sides[side], "{:.0f}") for side in ("shorter", "longer")]
    if described["rows_per_person"]:
        rows.append(("rows per person", described["rows_per_person"], "{:.0f}"))
    if not rows:
        return None
    shown = ("mean", "sd", "min", "q05", "q50", "q95", "max")
    table = _table("ranges and quantiles", "", "n", *shown, numbers_from=1)
    for name, spread, form in rows:
        cells = [form.format(spread[key]).lstrip("+" if key == "sd" else "") for key in shown]
        table.add_row(name, f"{spread['n']:,}", *cells)
    if sides:
        table.caption = f"image sides: from {sides['source']}"
    return table


def _axis_agreement(described: dict[str, Any]) -> Table | None:
    agreement = described["agreement"]
    if not agreement["axes"] and not agreement["channels"]:
        return None
    figures = ("one rater", "mean", "ceiling")
    table = _table("agreement on the axes", "raters", "axis", "items", "raters per item", *figures, numbers_from=2)
    for row in agreement["axes"]:
        table.add_row(_plain(row["channel"]), row["axis"], f"{row['items']:,}", f"{row['raters']:.1f}",
                      *(_figure(row[key]) for key in ("icc", "reliability", "ceiling")))  # fmt: skip
    correlations: dict[str, list[str]] = {}
    for row in (*agreement["channels"], *agreement["raters"]):
        if row["r"] is not None:
            pair = correlations.setdefault(f"{row['first']} and {row['second']}: r = ", [])
            pair.append(f"{_figure(row['r'])} for {row['axis']}")
    caption = "one rater, mean: their reliability; ceiling: highest correlation with that mean"
    table.caption = "\n".join([caption, *(_plain(pair + ", ".join(rs)) for pair, rs in correlations.items())])
    return table


def _emotion_agreement(described: dict[str, Any]) -> Table | None:
    agreement = described["agreement"]
    if not agreement["emotions"]:
        return None
    figures = ("kappa", "human", "acted")
    table = _table("agreement on emotions", "raters", "items", "raters per item", *figures, numbers_from=1)
    for row in agreement["emotions"]:
        cells = [_figure(row.get(key)) for key in figures]
        table.add_row(_plain(row["channel"]), f"{row['items']:,}", f"{row['raters']:.1f}", *cells)
    lines = [
        "kappa: Fleiss'; human: balanced accuracy of one vote for the majority of the others; acted: share of items whose "
        "majority is the acted emotion"
    ]
    for pair in agreement["channel_emotions"]:
        kappa = "" if pair["kappa"] is None else f", kappa {pair['kappa']:.2f}"
        lines.append(_plain(f"{pair['first']} and {pair['second']}: same emotion in {pair['same']:.0%}{kappa}"))
    table.caption = "\n".join(lines)
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _extras(described: dict[str, Any]) -> Table | None:
    if not described["extras"]:
        return None
    table = _table("further columns", "column", "values")
    for name, values in described["extras"].items():
        text = values if isinstance(values, str) else ", ".join(f"{value} {n:,}" for value, n in values.items())
        table.add_row(_plain(name), _plain(text) or "(empty)")
    return table


def _reasons(described: dict[str, Any]) -> Table | None:
    rows = [(what, reason, n) for what in ("left_out", "repaired") for reason, n in described[what].items()]
    if not rows:
        return None
    table = _table("left out and repaired", "", "rows", "reason")
    table.columns[1].justify = "right"
    for what, reason, n in sorted(rows, key=lambda row: (row[0], -row[2])):
        table.add_row(what.replace("_", " "), f"{n:,}", _plain(reason))
    return table


def _splits(described: dict[str, Any]) -> Table | None:
    possible = {scheme: split for scheme, split in described["splits"].items() if "parts" in split}
    if not possible:
        return None
    people, emotions = bool(described["people"]), bool(described["emotions"])
    further = [*(["people"] if people else []), *(["most frequent emotion"] if emotions else [])]
    table = _table("splits (seed 0)", "split", "part", "rows", "share", *further)
    for column in table.columns[2 : 4 + people]:
        column.justify = "right"
    for scheme, split in possible.items():
        for part, figures in split["parts"].items():
            most = max(figures["emotions"], key=figures["emotions"].get, default=None)
            cells = [f"{figures['people']:,}"] if people else []
            if emotions:
                cells.append("" if most is None else f"{most} {figures['emotions'][most]:.1%}")
            table.add_row(scheme, part, f"{figures['rows']:,}", f"{figures['rows'] / described['rows']:.1%}", *cells)
            scheme = ""
    return table


def _remarks(split: dict[str, Any]) -> Iterator[str]:
    """What to know about a split, in sentences."""
    if "impossible" in split:
        yield split["impossible"]
        return
    yield from split["notes"]
    shared: dict[str, list[str]] = {}
    for column, pairs in split["shared"].items():
        plural = "people" if column == "person" else f"{column}s"
        for pair, n in pairs.items():
            share, later = split["shared_rows"][column][pair], pair.partition("/")[2]
            shared.setdefault(pair.replace("/", " and "), []).append(
                f"{n:,} {plural} ({share:.0%} of the rows of {later})"
            )
    for pair, counts in shared.items():
        yield f"{pair} share {', '.join(counts)}"
