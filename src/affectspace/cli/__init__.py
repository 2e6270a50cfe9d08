"""The command line. A module a command; heavy libraries are imported inside the commands, so that help is instant."""

import sys

import typer

from affectspace import __version__
from affectspace.cli import (
    annotate,
    corpus,
    demo,
    doctor,
    export,
    extract,
    lexicon,
    predict,
    reproduce,
    steer,
    train,
    traverse,
)
from affectspace.errors import AffectspaceError

INTERRUPTED = 130  # what a shell calls Ctrl-C

app = typer.Typer(
    name="affectspace",
    help="Faces, voices and words as points on the map of valence, arousal and dominance, and back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(doctor.doctor)
app.add_typer(annotate.app, name="annotate")
app.add_typer(corpus.app, name="corpus")
app.add_typer(lexicon.app, name="lexicon")
app.command()(extract.extract)
app.command()(train.train)
app.command()(train.evaluate)
app.add_typer(reproduce.app, name="reproduce")
app.command()(predict.predict)
app.command()(export.export)
app.command()(traverse.traverse)
app.command()(steer.steer)
app.command()(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"affectspace {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="The version."),
) -> None:
    pass


def main() -> None:
    """Run the command line; what the user can put right is one line on stderr and exit code 2, not a traceback."""
    try:
        app()
    except AffectspaceError as error:
        typer.secho(f"affectspace: {error}", fg=typer.colors.RED, err=True)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        typer.secho("affectspace: interrupted; the same command continues where it stopped", err=True)
        sys.exit(INTERRUPTED)
