"""`affectspace train` and `affectspace evaluate`."""

from pathlib import Path
from typing import Annotated

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
    from affectspace.training.configuration import read_config
    from affectspace.training.fit import fit

    settings = read_config(config, set_ or [])
    with progress_bar() as progress:
        run = fit(settings, out, force=force, progress=progress)
    facts = run.facts
    typer.echo(f"{out}: {facts['epochs']} epochs, weights of epoch {facts['kept_epoch']}, {facts['seconds']:.0f} s")
    typer.echo(f"next: affectspace evaluate {out}")


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
    from affectspace.training.fit import TrainingSet
    from affectspace.training.runs import open_run

    opened = open_run(run)
    opened.model()
    if (run / "report.html").is_file() and not force:
        raise RunError(f"{run} was evaluated already: open {run / 'report.html'}, or use --force")
    with progress_bar() as progress:
        data = TrainingSet(opened.config, progress=progress)
        measurements, report = evaluate_run(opened, data, codes_of(opened, data, progress))
    if json_:
        typer.echo(json.dumps({name: value.to_dict() for name, value in measurements.items()}, indent=2))
    else:
        for name, value in measurements.items():
            interval = "" if value.low is None else f"  [{value.low:.3f}, {value.high:.3f}]"
            typer.echo(f"{name:<44} {value.value:8.3f}{interval}")
        typer.echo(f"report: {report}")
