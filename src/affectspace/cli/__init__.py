"""The command line. One module per command, imported only when the command runs."""

import os
import sys
import time
import warnings
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from affectspace import __version__
from affectspace.cli.terminal import prepare_streams
from affectspace.errors import AffectspaceError, DataWarning, system_reason

INTERRUPTED = 130  # exit status of a shell after Ctrl-C

COMMANDS = {  # name -> (module with a function of its last word, or with an `app` of sub-commands; summary)
    "predict": ("predict", "Predict valence, arousal and dominance."),
    "models": ("models", "List the models that ship."),
    "extract": ("extract", "Compute features of a corpus and store them."),
    "adapt": ("adapt", "Fine-tune an encoder on valence, arousal and dominance."),
    "train": ("train", "Train a model."),
    "evaluate": ("evaluate", "Evaluate a run on what it has not seen."),
    "export": ("export", "Write a model as ONNX."),
    "traverse": ("traverse", "Move faces along valence and arousal."),
    "steer": ("steer", "Rewrite sentences with another affect."),
    "steer evaluate": ("steer", "Measure how well a projector steers sentences."),
    "annotate": ("annotate", "Convert emotion names to values, and back."),
    "lexicon": ("lexicon", "Score texts with a word lexicon."),
    "plot": ("plot", "Draw the values of any table."),
    "corpus": ("corpus", "List, describe and make corpora."),
    "config": ("config", "List and show example configurations."),
    "reproduce": ("reproduce", "Reproduce the tables and figures of a paper."),
    "demo": ("demo", "Show everything on generated data."),
    "serve": ("serve", "Serve predictions over HTTP, and a web page."),
    "doctor": ("doctor", "Show what is installed, and what is missing."),
}


CONTINUING = ("predict", "extract", "adapt", "train", "steer evaluate", "corpus make", "reproduce", "demo")
# commands that take up their own work when they are run again; the others begin from the start


class LazyGroup(TyperGroup):
    """Group of COMMANDS. Its help shows their summaries; a command's module is imported when the command is chosen."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, summary) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if " ".join(args[:2]) in COMMANDS:
            args = [" ".join(args[:2]), *args[2:]]
        name, _, arguments = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, arguments


def load_command(name: str) -> Any:
    """Import the module of a command and build its parser."""
    module = import_module(f"affectspace.cli.{COMMANDS[name][0]}")
    parent = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name)
    else:
        parent.command(name)(getattr(module, name.split()[-1]))
    command = typer.main.get_group(parent).commands[name]
    _explain_interrupts(command, name)
    return command


def _explain_interrupts(command: Any, name: str) -> None:
    """Make a command, or each command of a group, say after Ctrl-C what is left and what the same command does next."""
    for below, inner in getattr(command, "commands", {}).items():
        _explain_interrupts(inner, f"{name} {below}")
    if not hasattr(command, "commands"):
        command.invoke = partial(_invoke, command.invoke, name)


def _invoke(invoke: Any, name: str, context: Any) -> Any:
    started, out = time.time_ns(), context.params.get("out")
    try:
        return invoke(context)
    except KeyboardInterrupt:
        if out is not None and Path(out).is_file() and Path(out).stat().st_mtime_ns > started:
            state = f"interrupted after {out} was written completely"
        elif name.startswith(CONTINUING) and out is not None:
            state = "interrupted; run the same command again to continue"
        else:
            state = "interrupted; the same command begins from the start"
        typer.secho(f"affectspace: {state}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"affectspace {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="affectspace",
    help="Faces, voices and words as points on the map of valence, arousal and dominance, and back.",
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich costs more time than the rest of the start
)


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Receive the options that stand before the command."""


_show_others = warnings.showwarning


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Print what may have been read wrongly as a note, and warnings of libraries as Python does."""
    if issubclass(category, DataWarning):
        typer.secho(f"note: {message}", err=True)
    else:
        _show_others(message, category, *place, **more)


def main() -> None:
    """Run the command line. An error that the user can correct is one line on stderr and exit status 2."""
    warnings.showwarning = _show_warning
    prepare_streams()
    try:
        try:
            app()
        finally:
            _flush()
    except AffectspaceError as error:
        _stop(str(error))
    except BrokenPipeError:  # who reads the output has seen enough
        sys.exit(1)
    except (OSError, MemoryError, RuntimeError) as error:
        reason = system_reason(error)
        if reason is None:
            raise
        _stop(reason)


def _flush() -> None:
    """Write what is printed. If that fails, Python must not try it again at the end, which would print a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _stop(message: str) -> None:
    typer.secho(f"affectspace: {message}", fg=typer.colors.RED, err=True)
    sys.exit(2)
