"""`affectspace corpus`: list the corpora that can be read, describe one, and make synthetic ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from affectspace.cli.options import (
    AsJson,
    Axes,
    Columns,
    CorpusName,
    CorpusPath,
    EmotionLabels,
    Force,
    Media,
    ScaleName,
    Seed,
    Separator,
    Spelling,
    UnknownEmotions,
    Where,
    parse_pairs,
    print_json,
    table_options,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted
from affectspace.files import locked_output

if TYPE_CHECKING:
    from rich.table import Table

MOST = 100_000_000  # samples of a made corpus
app = typer.Typer(no_args_is_help=True, help="List, describe and make corpora.")
make = typer.Typer(no_args_is_help=True, help="Make a synthetic corpus with known true values.")
app.add_typer(make, name="make")


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the corpora that can be read.

    Prints labels, file layout and licence of each.
    """
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
    axes: Axes = None,
    separator: Separator = None,
    spelling: Spelling = None,
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    as_json: AsJson = False,
) -> None:
    """Describe a corpus.

    Prints rows, people, emotions, ranges, the agreement of raters, splits, and what was left out and why.
    """
    options = table_options(columns, scale, axes, spelling, labels, unknown)
    from affectspace.corpora import read_corpus
    from affectspace.tables.text import declare_separator

    declare_separator(path, separator)
    corpus = read_corpus(name, path, where=where, media=media, **options)
    if as_json:
        print_json(corpus.describe())
    else:
        _show(corpus.describe())


@make.command()
def faces(
    out: Annotated[Path, typer.Argument(help="Folder to write: index.csv and faces.zip.")],
    n: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Number of faces.")] = 2000,
    size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels of each side.")] = 64,
    people: Annotated[int, typer.Option(min=1, max=MOST, help="Number of different people.")] = 40,
    seed: Seed = 0,
    even: Annotated[
        bool,
        typer.Option(
            "--even",
            help="Spread valence and arousal evenly over the map, for models that move faces. Otherwise they are as "
            "frequent as in photographs.",
        ),
    ] = False,
    level_labels: Annotated[
        Path | None,
        typer.Option(
            help="Draw these labels: a JSON file of NNN_FFFFF -> [valence, arousal] on -10..10, the format of AFEW-VA. One "
            "face for each frame, one person for each clip."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Draw faces with known valence and arousal.

    The reader `faces` reads them.
    """
    from affectspace.synthetic.faces import labels_from_levels, make_faces

    if even and level_labels is not None:
        raise ConfigError("--even and --level-labels both decide the labels; give one of them")
    labels = None if level_labels is None else labels_from_levels(level_labels)
    with locked_output(out), progress_bar() as progress:
        corpus = make_faces(
            out, n=n, labels=labels, size=size, people=people, seed=seed, distribution="even" if even else "gaussian",
            progress=progress, force=force,
        )  # fmt: skip
    typer.echo(f"{counted(len(corpus), 'face')} of {counted(corpus.table['person'].nunique(), 'person')} in {out}")


def _official_faces(name: str, title: str) -> None:
    """Add a command that draws faces in the official layout of a corpus."""

    def command(
        out: Annotated[Path, typer.Argument(help="Folder to write. It must be new or empty.")],
        n: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Number of faces.")] = 1200,
        people: Annotated[int, typer.Option(min=1, max=MOST, help="Number of different people.")] = 24,
        size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels of each side.")] = 64,
        seed: Seed = 0,
        force: Force = False,
    ) -> None:
        from affectspace.synthetic import faces

        write = {"imfdb": faces.write_imfdb, "afew_va": faces.write_afew_va}[name]
        with locked_output(out), progress_bar() as progress:
            write(out, n=n, people=people, size=size, seed=seed, force=force, progress=progress)
        typer.echo(f"{n:,} drawn faces of {people:,} people in the layout of {title} in {out}")

    summary = (
        f"Draw faces in the official layout of {title}.\n\nThe reader `{name}` reads them. All commands for {title} can"
    )
    make.command(name, help=f"{summary} be tried with them, without its licence.")(command)


for _name, _title in (("imfdb", "IMFDB"), ("afew_va", "AFEW-VA")):
    _official_faces(_name, _title)


@make.command()
def speakers(
    out: Annotated[
        Path, typer.Argument(help="Folder to write: index.csv, and folders of texts, recordings and clips.")
    ],
    n: Annotated[int, typer.Option("--n", min=2, max=MOST, help="Number of utterances.")] = 400,
    people: Annotated[int, typer.Option(min=2, max=MOST, help="Number of different people.")] = 20,
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
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Number of processes. Default: one for each core.")
    ] = None,
    force: Force = False,
) -> None:
    """Make people who speak, with known affect.

    Valence, arousal and dominance of each utterance are known. The reader `speakers` reads them.
    """
    from affectspace.synthetic.speakers import make_speakers

    with locked_output(out), progress_bar() as progress:
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
    typer.echo(f"{counted(len(corpus), 'utterance')} of {counted(corpus.table['person'].nunique(), 'person')} in {out}")


def _official(name: str, title: str) -> None:
    """Add a command that writes synthetic people in the official layout of a corpus."""

    def command(
        out: Annotated[Path, typer.Argument(help="Folder to write. It must be new or empty.")],
        n: Annotated[int, typer.Option("--n", min=20, max=MOST, help="Number of utterances.")] = 400,
        video: Annotated[bool, typer.Option(help="Also write clips, which takes most of the time.")] = True,
        seed: Seed = 0,
    ) -> None:
        from affectspace.synthetic.speakers import make_official

        with locked_output(out), progress_bar() as progress:
            make_official(name, out, n=n, seed=seed, video=video, progress=progress)
        typer.echo(f"{n:,} utterances of synthetic people in the layout of {title} in {out}")

    summary = (
        f"Make synthetic people in the official layout of {title}.\n\nThe reader `{name}` reads them. All commands for "
    )
    make.command(name, help=f"{summary}{title} can be tried with them, without its licence.")(command)


for _name, _title in (("iemocap", "IEMOCAP"), ("mosi", "CMU-MOSI"), ("mosei", "CMU-MOSEI")):
    _official(_name, _title)


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

    console = Console(highlight=False, markup=False, emoji=False)
    people = counted(described["people"], "person") if described["people"] else "people unknown"
    sessions = f", {counted(described['sessions'], 'session')}" if described["sessions"] else ""
    console.print(f"{described['name']}: {counted(described['rows'], 'row')}, {people}{sessions}", style="bold")
    files = {"texts": "text", "audio": "audio file", "video": "video file", "images": "image"}
    kinds = [counted(described[kind], noun) for kind, noun in files.items() if described[kind]]
    if kinds:
        console.print(", ".join(kinds) + (f" in {described['media']}" if described["media"] else ""))
    if described["ratings"]:
        console.print("ratings: " + ", ".join(f"{name} {n:,}" for name, n in described["ratings"].items()))
    for note in described["notes"]:
        console.print(note, style="dim")
    for section in (_emotions, _ranges, _axis_agreement, _emotion_agreement, _extras, _reasons, _splits):
        headers, rows, caption = section(described)
        if rows or caption:
            console.print()
        if rows:
            console.print(_table(*headers, rows=rows))
        if caption:
            console.print(caption, style="dim")
    for scheme, split in described["splits"].items():
        for remark in _remarks(split):
            console.print(f"{scheme}: {remark}", style="yellow")
    console.print()
    if described["scale"] and set(described["axes"]) - {"sentiment"}:
        console.print(f"the values are on the scale {described['scale']} in the files, and on -1..1 here")
    console.print(f"licence: {described['licence']}")
    if described["citation"]:
        console.print(f"cite: {described['citation']}")


# title and headers (those that end in "#" hold numbers), rows, caption
_Section = tuple[list[str], list[list[str]], str]


def _table(title: str, *headers: str, rows: list[list[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for i, header in enumerate(headers):
        number = header.endswith("#")
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(header.removesuffix("#"), justify=justify, overflow="fold", no_wrap=number or i == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _emotions(described: dict[str, Any]) -> _Section:
    emotions, total = described["emotions"], described["rows"]
    most = max((counts["rows"] for counts in emotions.values()), default=0)
    rows = [
        [name, f"{counts['rows']:,}", f"{counts['rows'] / total:.1%}", f"{counts['people']:,}",
         "█" * max(1, round(24 * counts["rows"] / most))]
        for name, counts in emotions.items()
    ]  # fmt: skip
    without = total - sum(counts["rows"] for counts in emotions.values())
    if emotions and without:
        rows.append(["(none)", f"{without:,}", f"{without / total:.1%}", "", ""])
    return ["emotions", "emotion", "rows#", "share#", "people#", ""], rows, ""


def _ranges(described: dict[str, Any]) -> _Section:
    spreads = [(axis, spread, "{:+.2f}") for axis, spread in described["axes"].items()]
    sides = described["image_size"]
    if sides:
        spreads += [(f"{side} side, px", sides[side], "{:.0f}") for side in ("shorter", "longer")]
    if described["rows_per_person"]:
        spreads.append(("rows per person", described["rows_per_person"], "{:.0f}"))
    shown = ("mean", "sd", "min", "q05", "q50", "q95", "max")
    rows = [
        [name, f"{spread['n']:,}", *(form.format(spread[key]).lstrip("+" if key == "sd" else "") for key in shown)]
        for name, spread, form in spreads
    ]
    headers = ["ranges and quantiles", "", "n#", *(f"{key}#" for key in shown)]
    return headers, rows, f"image sides: from {sides['source']}" if sides else ""


def _axis_agreement(described: dict[str, Any]) -> _Section:
    agreement = described["agreement"]
    rows = [
        [row["channel"], row["axis"], f"{row['items']:,}", f"{row['raters']:.1f}",
         *(_figure(row[key]) for key in ("icc", "reliability", "ceiling"))]
        for row in agreement["axes"]
    ]  # fmt: skip
    correlations: dict[str, list[str]] = {}
    for row in (*agreement["channels"], *agreement["raters"]):
        if row["r"] is not None:
            pair = correlations.setdefault(f"{row['first']} and {row['second']}: r = ", [])
            pair.append(f"{_figure(row['r'])} for {row['axis']}")
    lines = ["one rater, mean: their reliability; ceiling: highest correlation with that mean"] if rows else []
    lines += [pair + ", ".join(figures) for pair, figures in correlations.items()]
    headers = ["raters", "axis", "items#", "raters per item#", "one rater#", "mean#", "ceiling#"]
    return ["agreement on the axes", *headers], rows, "\n".join(lines)


def _emotion_agreement(described: dict[str, Any]) -> _Section:
    agreement = described["agreement"]
    rows = [
        [row["channel"], f"{row['items']:,}", f"{row['raters']:.1f}",
         *(_figure(row.get(key)) for key in ("kappa", "human", "acted"))]
        for row in agreement["emotions"]
    ]  # fmt: skip
    meaning = (
        "kappa: Fleiss'; human: balanced accuracy of one vote for the majority of the others; acted: share of items whose "
        "majority is the acted emotion"
    )
    lines = [meaning] if rows else []
    for pair in agreement["channel_emotions"]:
        kappa = "" if pair["kappa"] is None else f", kappa {pair['kappa']:.2f}"
        lines.append(f"{pair['first']} and {pair['second']}: same emotion in {pair['same']:.0%}{kappa}")
    headers = ["agreement on emotions", "raters", "items#", "raters per item#", "kappa#", "human#", "acted#"]
    return headers, rows, "\n".join(lines)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _extras(described: dict[str, Any]) -> _Section:
    rows = [
        [name, values if isinstance(values, str) else ", ".join(f"{value} {n:,}" for value, n in values.items())]
        for name, values in described["extras"].items()
    ]
    return ["further columns", "column", "values"], [[name, text or "(empty)"] for name, text in rows], ""


def _reasons(described: dict[str, Any]) -> _Section:
    counts = [(what, n, reason) for what in ("left_out", "repaired") for reason, n in described[what].items()]
    rows = [
        [what.replace("_", " "), f"{n:,}", reason]
        for what, n, reason in sorted(counts, key=lambda row: (row[0], -row[1]))
    ]
    return ["left out and repaired", "", "rows#", "reason"], rows, ""


def _splits(described: dict[str, Any]) -> _Section:
    people, emotions = bool(described["people"]), bool(described["emotions"])
    rows: list[list[str]] = []
    for scheme, split in described["splits"].items():
        for part, figures in split.get("parts", {}).items():
            shares = figures["emotions"]
            most = max(shares, key=shares.get, default=None)
            row = ["" if rows and part != "train" else scheme, part, f"{figures['rows']:,}"]
            row += [f"{figures['rows'] / described['rows']:.1%}", *([f"{figures['people']:,}"] if people else [])]
            rows.append([*row, *(["" if most is None else f"{most} {shares[most]:.1%}"] if emotions else [])])
    further = [*(["people#"] if people else []), *(["most frequent emotion"] if emotions else [])]
    return ["splits (seed 0)", "split", "part", "rows#", "share#", *further], rows, ""


def _remarks(split: dict[str, Any]) -> Iterator[str]:
    """What to know about a split, in sentences."""
    if "impossible" in split:
        yield split["impossible"]
        return
    yield from split["notes"]
    shared: dict[str, list[str]] = {}
    for column, pairs in split["shared"].items():
        for pair, n in pairs.items():
            share, later = split["shared_rows"][column][pair], pair.partition("/")[2]
            shared.setdefault(pair.replace("/", " and "), []).append(
                f"{counted(n, column)} ({share:.0%} of {later} rows)"
            )
    for pair, counts in shared.items():
        yield f"{pair} share {', '.join(counts)}"
