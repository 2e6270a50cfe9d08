"""`affectspace lexicon`: score texts with a word lexicon, and follow the speakers of a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.cli.options import AsJson, Force, Out, Prefix, SafeCsv, Separator, Table, parse_pairs, print_json
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted
from affectspace.files import locked_output

if TYPE_CHECKING:
    from affectspace.lexicon import Lexicon
    from affectspace.lexicon.speakers import SpeakerDynamics

app = typer.Typer(no_args_is_help=True, help="Score texts with a word lexicon, and follow speakers over time.")

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the lexicon: nrc_vad_1, nrc_vad_2, warriner, glasgow or vader. Default: recognised by its first lines.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(help="Columns of a lexicon in any other format, for example term=word,valence=v,arousal=a."),
]
ScaleName = Annotated[
    str | None, typer.Option("--scale", help="Scale of that lexicon: sam, nrc_vad_1, ... Default: [-1, 1].")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at a bad row of the lexicon. By default bad rows are left out and counted."),
]


LexiconFile = Annotated[
    Path | None,
    typer.Option(help="File of the lexicon. Default: the word list of VADER (valence only, extra `lexicon`)."),
]


@app.command()
def score(
    table: Table,
    text: Annotated[str, typer.Option(help="Column with the texts.")],
    out: Out,
    lexicon: LexiconFile = None,
    method: Annotated[
        str,
        typer.Option(
            help="emotiondynamics (equal to the original tool), or contextual (negation, intensifiers, phrases, capitals, "
            "exclamation marks)."
        ),
    ] = "emotiondynamics",
    neutral_band: Annotated[
        float | None,
        typer.Option(help="For contextual: ignore values of at most this size. NRC-VAD v2 suggests 0.333. Default: 0."),
    ] = None,
    prefix: Prefix = "",
    format: Format = None,
    columns: Columns = None,
    scale: ScaleName = None,
    strict: Strict = False,
    separator: Separator = None,
    safe_csv: SafeCsv = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Score every text of a table.

    New columns hold valence, arousal and dominance, and the number of words that the lexicon has.
    """
    from affectspace.lexicon import Contextual
    from affectspace.lexicon.tables import score_table
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)

    words = _read_lexicon(lexicon, format, columns, scale, strict)
    with progress_bar(not as_json) as progress:
        summary = score_table(
            table,
            out,
            words,
            text=text,
            method=method,
            contextual=None if neutral_band is None else Contextual(neutral_band=neutral_band),
            prefix=prefix,
            force=force,
            progress=progress,
        )
    if as_json:
        print_json(vars(summary))
        return
    means = ", ".join(f"{axis} {'-' if mean is None else f'{mean:+.3f}'}" for axis, mean in summary.means.items())
    source = "VADER (Hutto & Gilbert 2014, MIT licence), valence only, " if lexicon is None else ""
    typer.echo(f"lexicon: {source}{summary.lexicon}")
    typer.echo(f"scored {counted(summary.rows, 'row')}, written to {out} (columns: {', '.join(summary.columns)})")
    typer.echo(
        f"{counted(summary.with_hit, 'row', 'has')} a word of the lexicon; "
        f"{summary.hits / max(summary.tokens, 1):.1%} of all words"
    )
    typer.echo(f"mean of these rows: {means}")
    if summary.foreign:
        typer.echo(
            f"{counted(summary.foreign, 'row', 'has')} few known words (column note); are they in another language?"
        )


Speaker = Annotated[str, typer.Option(help="Column with the speakers.")]
DynamicsOut = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder to write: summary.csv, states.csv, left_out.csv and trajectory.png."),
]
Text = Annotated[str | None, typer.Option(help="Column with the texts.")]
Values = Annotated[
    str | None,
    typer.Option(
        help="Columns with a model's predictions, for example valence,arousal, in place of texts and lexicon."
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        help="Column with the times of the utterances, which order them: seconds, clock times (9:58, 00:09:58.5) or dates "
        "(2024-01-31). Default: the order of the rows."
    ),
]
Utterance = Annotated[str | None, typer.Option("--id", help="Column with the names of the utterances.")]
StopWords = Annotated[
    Path | None, typer.Option(help="File of words to skip, one on each line. Default: no word is skipped.")
]
Window = Annotated[int, typer.Option(min=1, help="Number of words (or values) in the rolling mean.")]
MinWords = Annotated[
    int, typer.Option(min=1, help="Leave out speakers with fewer words (or values); left_out.csv lists them.")
]
LeaveOutNeutral = Annotated[
    bool, typer.Option("--leave-out-neutral", help="Skip words between .33 and .67 of the range of an axis.")
]
DynamicsHomeBase = Annotated[
    str, typer.Option(help="Home base of a speaker: deviation (mean +- standard deviations), or t (a t-interval).")
]
Width = Annotated[float, typer.Option(help="Half-width of the home base in standard deviations, for deviation.")]
Level = Annotated[float, typer.Option(help="Level of the interval, for t.")]
Shortest = Annotated[int, typer.Option(min=1, help="Displacements of fewer steps have no length and no rates.")]
Drawn = Annotated[
    str | None, typer.Option("--draw", help="Speaker in the figure. Default: the speaker with the most steps.")
]


@app.command()
def dynamics(
    table: Table,
    speaker: Speaker,
    out: DynamicsOut,
    text: Text = None,
    lexicon: LexiconFile = None,
    values: Values = None,
    time: Time = None,
    utterance: Utterance = None,
    stop_words: StopWords = None,
    window: Window = 5,
    min_words: MinWords = 6,
    leave_out_neutral: LeaveOutNeutral = False,
    home_base: DynamicsHomeBase = "deviation",
    width: Width = 1.0,
    level: Level = 0.68,
    shortest: Shortest = 1,
    drawn: Drawn = None,
    format: Format = None,
    columns: Columns = None,
    scale: ScaleName = None,
    strict: Strict = False,
    separator: Separator = None,
    safe_csv: SafeCsv = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Follow each speaker over time.

    Computes the home base, displacements from it, and how fast they rise and recover.
    """
    from affectspace.lexicon import HomeBase
    from affectspace.lexicon.tables import dynamics_table
    from affectspace.tables.text import declare_separator

    declare_separator(table, separator)

    with locked_output(out):
        result, files = dynamics_table(
            table,
            out,
            speaker=speaker,
            text=text,
            lexicon=_read_lexicon(lexicon, format, columns, scale, strict) if text or lexicon else None,
            values=[name.strip() for name in values.split(",") if name.strip()] if values else (),
            time=time,
            utterance=utterance,
            stop_words=stop_words,
            window=window,
            min_words=min_words,
            leave_out_neutral=leave_out_neutral,
            home_base=HomeBase(home_base, width, level, shortest),
            drawn=drawn,
            force=force,
        )
    if as_json:
        speakers = json.loads(result.summary.to_json(orient="records"))
        left_out = json.loads(result.left_out.to_json(orient="records"))
        print_json(
            {"speakers": speakers, "left_out": left_out, "files": {name: str(path) for name, path in files.items()}}
        )
        return
    _show_dynamics(result)
    typer.echo(f"wrote {', '.join(files)} in {out}")


def _show_dynamics(result: SpeakerDynamics) -> None:
    width = max(len(str(name)) for name in (*result.summary["speaker"], "speaker"))
    typer.echo(f"{'speaker':{width}}  {'axis':9}  {'mean':>6}  {'sd':>5}  {'steps':>6}  home base  displacements")
    for row in result.summary.itertuples():
        typer.echo(
            f"{row.speaker!s:{width}}  {row.axis:9}  {row.mean:+6.3f}  {row.std:5.3f}  {row.steps:6,}  {row.in_home_base:9.0%}"
            f"  {row.displacements:13.0f}"
        )
    typer.echo("home base: share of the steps inside it; displacements: excursions from it")
    left_out = result.left_out["speaker"].nunique()
    if left_out:
        typer.echo(f"{counted(left_out, 'speaker', 'has')} too few words or values on an axis; left_out.csv lists them")


def _read_lexicon(
    path: Path | None, format: str | None, columns: str | None, scale: str | None, strict: bool
) -> Lexicon:
    from affectspace.lexicon import Lexicon

    if path is None:
        if format or columns or scale:
            raise ConfigError("--format, --columns and --scale describe the file of --lexicon; give it too")
        return Lexicon.vader()
    named = None
    if columns is not None:
        pairs = parse_pairs(columns.split(","), "--columns", "term=NAME,AXIS=NAME", "term=word,valence=v,arousal=a")
        named = {ours.strip(): theirs.strip() for ours, theirs in pairs.items()}
    return Lexicon.read(path, format, columns=named, scale=scale, strict=strict)
