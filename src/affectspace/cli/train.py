"""`affectspace train`: train a model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import OutFolder, Overrides
from affectspace.cli.progress import progress_bar


def train(
    config: Annotated[
        Path, typer.Argument(help="Configuration file, .yaml; `affectspace config list` shows examples.")
    ],
    out: OutFolder,
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Delete the run in --out and train from the start.")] = False,
) -> None:
    """Train a model.

    The same command continues an interrupted training, and ends with the same numbers.
    """
    from affectspace.training.configuration import ProjectorTrainConfig, read_config

    settings = read_config(config, overrides or [])
    from affectspace.training.fit import fit  # after the configuration, so that its errors come at once

    with progress_bar() as progress:
        if isinstance(settings, ProjectorTrainConfig):
            from affectspace.steering import fit_projector

            run = fit_projector(settings, out, force=force, progress=progress)
        else:
            run = fit(settings, out, force=force, progress=progress)
    facts = run.facts
    if facts.get("unreadable"):
        typer.echo(
            f"{facts['unreadable']} images cannot be read and are left out; {out / 'log.txt'} says which and why"
        )
    for warning in facts.get("warnings", []):
        typer.secho(f"warning: {warning}", fg=typer.colors.YELLOW, err=True)
    for name, corpus in facts.get("corpora", {}).items():
        for line in describe_corpus(corpus):
            typer.echo(f"{name}: {line}")
    typer.echo(
        f"{out}: {facts['epochs']} epochs, weights of epoch {facts['kept_epoch'] + 1} kept, {facts['seconds']:.0f} s"
    )
    typer.echo(f"next: affectspace evaluate {out}")


def describe_corpus(corpus: dict[str, Any]) -> list[str]:
    """Describe the rows of a corpus in lines: numbers per part, rows that are left out, notes."""
    rows = ", ".join(f"{part} {count:,}" for part, count in corpus["rows"].items())
    left_out = [f"{count:,} rows {why} are left out" for why, count in corpus.get("left_out", {}).items() if count]
    return [rows, *left_out, *corpus.get("notes", [])]
