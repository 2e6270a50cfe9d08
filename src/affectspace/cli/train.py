"""`affectspace train` and `affectspace evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.progress import progress_bar


def train(
    config: Annotated[Path, typer.Argument(help="YAML; configs/ has examples.")],
    out: Annotated[Path, typer.Option(help="The run folder to make, or to continue.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, such as fit.epochs=5; repeat at will.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Throw away the run that is there.")] = False,
) -> None:
    """Train a model; the same command continues an interrupted training and ends with the same numbers."""
    from affectspace.training.configuration import ProjectorTrainConfig, read_config
    from affectspace.training.fit import fit

    settings = read_config(config, set_ or [])
    with progress_bar() as progress:
        if isinstance(settings, ProjectorTrainConfig):
            from affectspace.generation.steering import fit_projector

            run = fit_projector(settings, out, force=force, progress=progress)
        else:
            run = fit(settings, out, force=force, progress=progress)
    facts = run.facts
    if facts.get("unreadable"):
        typer.echo(
            f"{facts['unreadable']} images cannot be read and are left out; {out / 'log.txt'} says which and why"
        )
    for name, corpus in facts.get("corpora", {}).items():
        for line in _told(corpus):
            typer.echo(f"{name}: {line}")
    typer.echo(f"{out}: {facts['epochs']} epochs, weights of epoch {facts['kept_epoch']}, {facts['seconds']:.0f} s")
    after = "steer" if facts["kind"] == "projector" else "predict" if "corpora" in facts else "evaluate"
    typer.echo(f"next: affectspace {after} {out}")


def _told(corpus: dict[str, Any]) -> list[str]:
    """What a user should know of a corpus' rows, a line each."""
    rows = ", ".join(f"{part} {count:,}" for part, count in corpus["rows"].items())
    gone = [f"{count:,} rows {why} are left out" for why, count in corpus.get("left_out", {}).items() if count]
    return [rows, *gone, *corpus.get("notes", [])]


def evaluate(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    force: Annotated[bool, typer.Option(help="Judge again what was judged already.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Judge a run on its held-out people: probes, read-outs, reconstruction, with floors and intervals."""
    import json

    from affectspace.errors import RunError
    from affectspace.experiments.levasa.codes import codes_of
    from affectspace.experiments.levasa.report import evaluate_run
    from affectspace.training.runs import open_run
    from affectspace.training.training_set import TrainingSet

    opened = open_run(run)
    config = opened.image_config
    opened.model()
    if (run / "report.html").is_file() and not force:
        raise RunError(f"{run} was evaluated already: open {run / 'report.html'}, or use --force")
    with progress_bar() as progress:
        data = TrainingSet.of_run(opened, progress)
        if not len(data.rows("test")):
            raise RunError(f"{run} has no test people: data.split.fractions is {config.data.split.fractions}")
        metrics, report = evaluate_run(opened, data, codes_of(opened, data, progress, anew=force))
    if json_:
        typer.echo(json.dumps(metrics, indent=2))
        return
    for experiment, rows in metrics.items():
        typer.echo(f"\n{experiment}")
        for row, figures in rows.items():
            for name, figure in figures.items():
                typer.echo(f"  {row + ', ' + name:<52} {_shown(figure)}")
    typer.echo(f"\nreport: {report}")


def _shown(figure: dict[str, Any]) -> str:
    """A figure with its interval and n."""
    if figure.get("value") is None:
        return "       -"
    interval = f"  [{figure['low']:.3f}, {figure['high']:.3f}]" if figure.get("low") is not None else ""
    return f"{figure['value']:8.3f}{interval}" + (f"  n {figure['n']:,}" if figure.get("n") else "")
