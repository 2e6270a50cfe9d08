"""``affectspace lexicon``: the words of texts to valence, arousal and dominance, and how they move over a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectspace.cli.options import AsJson, Force, Out, Prefix, Table
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from affectspace.lexicon import Lexicon

app = typer.Typer(no_args_is_help=True, help="Score texts with a word lexicon, and follow speakers over time.")

Format = Annotated[
    str | None, typer.Option("--format", help="nrc_vad_1, nrc_vad_2, warriner, glasgow or vader; default: detected.")
]
Columns = Annotated[
    str | None, typer.Option(help="For any other lexicon: its columns, as term=word,valence=v,arousal=a.")
]
ScaleName = Annotated[str | None, typer.Option("--scale", help="How that lexicon is written: sam, nrc_vad_1, ...")]
Strict = Annotated[bool, typer.Option("--strict", help="A bad row of the lexicon is an error, not left out.")]


@app.command()
def score(
    table: Table,
    text: Annotated[str, typer.Option(help="The column with the texts.")],
    lexicon: Annotated[Path, typer.Option(help="The lexicon's file.")],
    out: Out,
    method: Annotated[str, typer.Option(help="emotiondynamics (the original, exactly) or contextual.")] = (
        "emotiondynamics"
    ),
    neutral_band: Annotated[
        float | None, typer.Option(help="contextual: values up to this size are no hits (NRC-VAD v2: 0.333).")
    ] = None,
    prefix: Prefix = "",
    format: Format = None,
    columns: Columns = None,
    scale: ScaleName = None,
    strict: Strict = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add valence, arousal, dominance and the coverage of each text to a table."""
    from affectspace.cli.progress import progress_bar
    from affectspace.lexicon import Contextual
    from affectspace.lexicon.jobs import score_table

    options = None if neutral_band is None else Contextual(neutral_band=neutral_band)
    words = _lexicon(lexicon, format, columns, scale, strict)
    with progress_bar(not as_json) as bar:
        summary = score_table(
            table,
            out,
            words,
            text=text,
            method=method,
            contextual=options,
            prefix=prefix,
            force=force,
            progress=lambda done: bar(done, done, table.name),
        )
    if as_json:
        typer.echo(json.dumps(summary.to_dict(), indent=1))
        return
    share = summary.hits / max(summary.tokens, 1)
    typer.echo(f"lexicon: {summary.lexicon}")
    typer.echo(f"{summary.rows:,} rows, {summary.with_hit:,} with a hit; {share:.1%} hits per word -> {out}")
    typer.echo("mean " + ", ".join(f"{axis} {'-' if m is None else f'{m:+.3f}'}" for axis, m in summary.means.items()))
    typer.echo(f"columns: {', '.join(summary.columns)}")


@app.command()
def dynamics(
    table: Table,
    speaker: Annotated[str, typer.Option(help="The column with the speakers.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for summary.csv, states.csv, trajectory.png.")],
    text: Annotated[str | None, typer.Option(help="The column with the texts.")] = None,
    lexicon: Annotated[Path | None, typer.Option(help="The lexicon's file.")] = None,
    values: Annotated[
        str | None, typer.Option(help="Instead of text and lexicon: columns of predictions, as valence,arousal.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="The column that orders utterances; default: as they come.")] = None,
    utterance: Annotated[str | None, typer.Option("--id", help="The column that names utterances.")] = None,
    stop_words: Annotated[Path | None, typer.Option(help="A file of words to skip, one a line; default: none.")] = None,
    window: Annotated[int, typer.Option(min=1, help="Words of the rolling mean.")] = 5,
    min_words: Annotated[int, typer.Option(min=1, help="Speakers with fewer are left out and listed.")] = 6,
    leave_out_neutral: Annotated[
        bool, typer.Option("--leave-out-neutral", help="Skip words between .33 and .67 of the range.")
    ] = False,
    home_base: Annotated[str, typer.Option(help="deviation (mean +- width sd) or t (interval of that level).")] = (
        "deviation"
    ),
    width: Annotated[float, typer.Option(help="Standard deviations of the home base.")] = 1.0,
    level: Annotated[float, typer.Option(help="Level of the t interval.")] = 0.68,
    shortest: Annotated[int, typer.Option(min=1, help="Shorter displacements have no rates.")] = 1,
    drawn: Annotated[
        str | None, typer.Option("--draw", help="The speaker in the figure; default: the longest.")
    ] = None,
    format: Format = None,
    columns: Columns = None,
    scale: ScaleName = None,
    strict: Strict = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Follow each speaker: home base, variability, displacements, rise and recovery; with a figure."""
    from affectspace.lexicon.jobs import dynamics_table
    from affectspace.lexicon.series import HomeBase

    result, files = dynamics_table(
        table,
        out,
        speaker=speaker,
        text=text,
        lexicon=_lexicon(lexicon, format, columns, scale, strict) if lexicon else None,
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
        written = {name: str(path) for name, path in files.items()}
        typer.echo(json.dumps({"speakers": speakers, "left_out": left_out, "files": written}, indent=1))
        return
    for row in result.summary.itertuples():
        typer.echo(
            f"{row.speaker}, {row.axis}: mean {row.mean:+.3f}, sd {row.std:.3f}, {row.in_home_base:.0%} at home, "
            f"{row.displacements:.0f} displacements in {row.steps} steps"
        )
    if len(result.left_out):
        typer.echo(f"left out, too few words: {len(result.left_out)} speakers x axes, see {files['left_out.csv']}")
    typer.echo(f"wrote {', '.join(files)} in {out}")


def _lexicon(path: Path, format: str | None, columns: str | None, scale: str | None, strict: bool) -> Lexicon:
    from affectspace.lexicon import Lexicon

    named = None
    if columns is not None:
        pairs = [pair.split("=", 1) for pair in columns.split(",")]
        if any(len(pair) != 2 for pair in pairs):
            raise ConfigError(f"--columns is {columns!r}; write it as term=word,valence=v,arousal=a")
        named = {axis.strip(): name.strip() for axis, name in pairs}
    return Lexicon.read(path, format, columns=named, scale=scale, strict=strict)
