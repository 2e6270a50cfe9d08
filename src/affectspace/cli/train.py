"""`affectspace train`: train a model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import OutFolder, Overrides, Trainings, print_results
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted
from affectspace.files import locked_output

MOST_FOLDS = 10_000  # a training each


def train(
    config: Annotated[
        Path, typer.Argument(help="Configuration file, .yaml; `affectspace config list` shows examples.")
    ],
    out: OutFolder,
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Delete the run in --out and train from the start.")] = False,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Cross-validate: a number of folds over people, or speaker for one fold of each. Trains a run for every fold "
            "and judges each row by the run that has not seen it."
        ),
    ] = None,
    workers: Trainings = 2,
) -> None:
    """Train a model. One that predicts valence or arousal ends with its score on the validation part.

    The same command continues an interrupted training, and ends with the same numbers.
    """
    from affectspace.training.configuration import ProjectorTrainConfig, read_config

    settings = read_config(config, overrides or [])
    if folds is not None:
        _cross_validate(settings, out, folds, workers, force)
        return
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
            f"left out: {counted(facts['unreadable'], 'image')} without a readable file; {out / 'log.txt'} says which and why"
        )
    for warning in facts.get("warnings", []):
        typer.secho(f"warning: {warning}", fg=typer.colors.YELLOW, err=True)
    for name, corpus in facts.get("corpora", {}).items():
        for line in describe_corpus(corpus):
            typer.echo(f"{name}: {line}")
    typer.echo(
        f"{out}: {counted(facts['epochs'], 'epoch')}, weights of epoch {facts['kept_epoch'] + 1} kept, {facts['seconds']:.0f} s"
    )
    scores = facts.get("validation") or {}
    if scores:
        figures = ", ".join(f"{axis} r {score['r']:.3f} CCC {score['ccc']:.3f}" for axis, score in scores.items())
        n = max(score["n"] for score in scores.values())
        proxies = "; labels are transferred from emotions" if "transferred" in facts.get("label_kind", "") else ""
        typer.echo(f"validation (n {n:,}{proxies}): {figures}")
    typer.echo(next_step(out, facts))


def _cross_validate(settings: Any, out: Path, folds: str, workers: int, force: bool) -> None:
    """Train and judge the folds of a configuration."""
    from affectspace.training.configuration import ProjectorTrainConfig

    if folds not in ("speaker", "person") and not (folds.isdecimal() and 1 < int(folds) <= MOST_FOLDS):
        raise ConfigError(f"--folds {folds}: give a number from 2 to {MOST_FOLDS:,}, or speaker")
    if isinstance(settings, ProjectorTrainConfig):
        raise ConfigError("--folds: a projector is trained on sentences and has no folds over people")
    from affectspace.studies.judgement.folds import train_folds

    with locked_output(out), progress_bar() as progress:
        number = int(folds) if folds.isdecimal() else "speaker"
        results, report = train_folds(settings, out, number, workers=workers, force=force, progress=progress)
    print_results(results)
    typer.echo(f"\nreport: {report}")
    typer.echo(f"next: affectspace evaluate {out / 'runs' / 'fold0'}")


def next_step(run: Path, facts: dict[str, Any]) -> str:
    """Name the command that evaluates a run; without test rows it needs another table, which models on features take."""
    if facts["kind"] in ("levasa", "classifier") and facts.get("people", {}).get("test") == 1:
        return "the test part has one person, and an evaluation on images needs two"
    if facts.get("rows", {}).get("test", 1):
        return f"next: affectspace evaluate {run}"
    if facts.get("modalities") and facts["kind"] != "adapter":
        return f"next: affectspace evaluate {run} --on TABLE (the test part is empty, so the run needs another table)"
    return "the test part is empty, so there is nothing to evaluate the run on"


def describe_corpus(corpus: dict[str, Any]) -> list[str]:
    """Describe the rows of a corpus in lines: numbers per part, rows that are left out, notes."""
    rows = ", ".join(f"{part} {count:,}" for part, count in corpus["rows"].items())
    left_out = [
        f"left out: {counted(count, 'row')} {why}" for why, count in corpus.get("left_out", {}).items() if count
    ]
    return [rows, *left_out, *corpus.get("notes", [])]
