"""`affectspace corpus`: which corpora can be read, what is in one, drawn faces, speakers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.corpus_make import app as make

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Corpora: which can be read, what is in one, drawn faces, speakers.")

app.add_typer(make, name="make")


@app.command("list")
def list_corpora(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """The corpora that can be read, with their layouts and licences."""
    from affectspace.corpora import CORPORA

    if as_json:
        fields = ("what", "labels", "layout", "licence")
        typer.echo(
            json.dumps({r.name: {name: getattr(r, name) for name in fields} for r in CORPORA.values()}, indent=2)
        )
        return
    console = _console()
    for reader in CORPORA.values():
        console.print(f"[bold]{reader.name}[/]  {_plain(reader.what)}")
        for title in ("labels", "layout", "licence"):
            console.print(f"    {title:8s} {_plain(getattr(reader, title))}")


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A reader's name (affectspace corpus list).")],
    path: Annotated[Path, typer.Argument(help="The corpus' folder, or the table.")],
    media: Annotated[Path | None, typer.Option(help="Folder (of images also a zip) of the media.")] = None,
    columns: Annotated[str, typer.Option(help="Our name of a column = theirs, such as image=path,person=actor.")] = "",
    where: Annotated[str | None, typer.Option(help="Which rows, such as 'min(width, height) >= 48'.")] = None,
    scale: Annotated[str | None, typer.Option(help="The scale of a table's valence, arousal, dominance.")] = None,
    emotion_spelling: Annotated[str | None, typer.Option(help="Whose spelling of emotions a table has.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Rows, people, emotions, ranges, image sizes, what was left out and why, splits and what their parts share."""
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
    described = corpus.describe()
    if as_json:
        typer.echo(json.dumps(described, indent=2))
    else:
        _show(described)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _table(title: str, *columns: str, numbers_from: int = 99) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for i, column in enumerate(columns):
        number = i >= numbers_from
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number or i == 0)
    return table


def _show(described: dict[str, Any]) -> None:
    console = _console()
    people = f", {described['people']:,} people" if described["people"] else ", people unknown"
    sessions = f", {described['sessions']:,} sessions" if described["sessions"] else ""
    console.print(f"[bold]{_plain(described['name'])}[/]: {described['rows']:,} rows{people}{sessions}")
    kinds = ("texts", "audio", "video", "images")
    held = [f"{described[kind]:,} {kind}" for kind in kinds if described[kind]]
    if held:
        console.print(", ".join(held) + (f" in {_plain(described['media'])}" if described["media"] else ""))
    if described["ratings"]:
        counts = ", ".join(f"{_plain(who)} {n:,}" for who, n in described["ratings"].items())
        console.print(f"ratings: {counts}")
    for note in described["notes"]:
        console.print(_plain(note), style="dim")
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
            below, table.caption = table.caption, None  # at the width of the console, not of the table
            console.print()
            console.print(table)
            if below:
                console.print(below, style="dim")
    for scheme, split in described["splits"].items():
        for line in _remarks(split):
            console.print(f"{scheme}: {_plain(line)}", style="yellow")
    console.print()
    if described["scale"] and set(described["axes"]) - {"sentiment"}:
        console.print(f"valence, arousal, dominance: written on the scale {described['scale']}, shown on -1..1")
    console.print(f"licence: {_plain(described['licence'])}")
    if described["citation"]:
        console.print(f"cite: {_plain(described['citation'])}")


def _emotions(described: dict[str, Any]) -> "Table | None":
    if not described["emotions"]:
        return None
    table = _table("emotions", "emotion", "rows", "share", "people", "", numbers_from=1)
    table.columns[4].justify = "left"
    most = max(counts["rows"] for counts in described["emotions"].values())
    for name, counts in described["emotions"].items():
        bar = "█" * max(1, round(24 * counts["rows"] / most))
        share = f"{100 * counts['rows'] / described['rows']:.1f} %"
        table.add_row(name, f"{counts['rows']:,}", share, f"{counts['people']:,}", f"[cyan]{bar}[/]")
    without = described["rows"] - sum(counts["rows"] for counts in described["emotions"].values())
    if without:
        table.add_row("(none)", f"{without:,}", f"{100 * without / described['rows']:.1f} %", "", "")
    return table


def _ranges(described: dict[str, Any]) -> "Table | None":
    rows = [(axis, spread, "{:+.2f}") for axis, spread in described["axes"].items()]
    if described["image_size"]:
        sides = described["image_size"]
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
    if described["image_size"]:
        table.caption = f"sides: from {described['image_size']['source']}"
    return table


def _axis_agreement(described: dict[str, Any]) -> "Table | None":
    """How far raters agree on the axes, and the ceiling that it sets."""
    found = described["agreement"]
    if not found["axes"] and not found["channels"]:
        return None
    table = _table("agreement on the axes", "raters", "axis", "items", "n", "one", "mean", "ceiling", numbers_from=2)
    for facts in found["axes"]:
        figures = [_figure(facts[key]) for key in ("icc", "reliability", "ceiling")]
        table.add_row(
            _plain(facts["channel"]), facts["axis"], f"{facts['items']:,}", f"{facts['raters']:.1f}", *figures
        )
    between: dict[str, list[str]] = {}
    for one in (*found["channels"], *found["raters"]):
        if one["r"] is not None:
            agree = between.setdefault(f"{one['one']} and {one['other']} agree to r ", [])
            agree.append(f"{_figure(one['r'])} on {one['axis']}")
    meaning = "one, mean: reliability of one rater and of their mean; ceiling: of a correlation with that mean"
    table.caption = "\n".join([meaning, *(_plain(who + ", ".join(agree)) for who, agree in between.items())])
    return table


def _emotion_agreement(described: dict[str, Any]) -> "Table | None":
    """How far raters agree on emotions."""
    found = described["agreement"]["emotions"]
    if not found:
        return None
    table = _table("agreement on emotions", "raters", "items", "n", "kappa", "human", "played", numbers_from=1)
    for facts in found:
        figures = [_figure(facts.get(key)) for key in ("kappa", "other", "acted")]
        table.add_row(_plain(facts["channel"]), f"{facts['items']:,}", f"{facts['raters']:.1f}", *figures)
    table.caption = (
        "kappa: Fleiss'; human: recall of one vote against the others' majority; played: majority is what was acted"
    )
    for pair in described["agreement"]["channel_emotions"]:
        alike = f"{pair['one']} and {pair['other']} are perceived alike in {100 * pair['same']:.0f} %"
        table.caption += "\n" + _plain(alike) + (f", kappa {pair['kappa']:.2f}" if pair["kappa"] is not None else "")
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _extras(described: dict[str, Any]) -> "Table | None":
    if not described["extras"]:
        return None
    table = _table("further columns", "column", "values")
    for name, values in described["extras"].items():
        text = values if isinstance(values, str) else ", ".join(f"{value} {n:,}" for value, n in values.items())
        table.add_row(_plain(name), _plain(text) or "(empty)")
    return table


def _reasons(described: dict[str, Any]) -> "Table | None":
    rows = [(what, reason, n) for what in ("left_out", "repaired") for reason, n in described[what].items()]
    if not rows:
        return None
    table = _table("left out and repaired", "", "rows", "reason")
    table.columns[1].justify = "right"
    for what, reason, n in sorted(rows, key=lambda row: (row[0], -row[2])):
        table.add_row(what.replace("_", " "), f"{n:,}", _plain(reason))
    return table


def _remarks(split: dict[str, Any]) -> list[str]:
    """What is to be known of a split, in sentences."""
    if "impossible" in split:
        return [split["impossible"]]
    names = {"person": "people", "session": "sessions", "dialogue": "dialogues", "document": "documents"}
    names |= {"sentence": "sentences", "text": "texts"}
    shared: dict[str, list[str]] = {}
    for column, pairs in split["shared"].items():
        for pair, n in pairs.items():
            share, later = split["shared_rows"][column][pair], pair.partition("/")[2]
            shared.setdefault(pair.replace("/", " and "), []).append(
                f"{n:,} {names[column]} ({100 * share:.0f} % of {later})"
            )
    return [*split["notes"], *(f"{pair} share {', '.join(counts)}" for pair, counts in shared.items())]


def _splits(described: dict[str, Any]) -> "Table | None":
    possible = {scheme: split for scheme, split in described["splits"].items() if "parts" in split}
    if not possible:
        return None
    people, named = bool(described["people"]), bool(described["emotions"])
    further = [*(["people"] if people else []), *(["most frequent emotion"] if named else [])]
    table = _table("splits (seed 0)", "split", "part", "rows", "share", *further)
    for column in table.columns[2 : 4 + people]:
        column.justify = "right"
    for scheme, split in possible.items():
        for part, facts in split["parts"].items():
            share, most = f"{100 * facts['rows'] / described['rows']:.1f} %", ""
            if facts["emotions"]:
                name = max(facts["emotions"], key=facts["emotions"].get)
                most = f"{name} {100 * facts['emotions'][name]:.1f} %"
            cells = [*([f"{facts['people']:,}"] if people else []), *([most] if named else [])]
            table.add_row(scheme, part, f"{facts['rows']:,}", share, *cells)
            scheme = ""
    return table
