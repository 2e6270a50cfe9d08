"""`affectspace evaluate`: measure a run on people or sentences that it has not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import AsJson, Moved, RunFolder, move_files, print_json, print_results
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, RunError


def evaluate(
    run: RunFolder,
    force: Annotated[bool, typer.Option("--force", help="Evaluate again, and replace the earlier evaluation.")] = False,
    json_: AsJson = False,
    moved: Moved = None,
) -> None:
    """Evaluate a run on people or sentences that it has not seen. Writes metrics.json and report.html into the run.

    A model on images is measured by probes and reconstructions, a model on features by its predictions for the test part,
    and a projector by a judge of the sentences that it steers; `affectspace steer evaluate` has the options for it.
    """
    move_files(run, moved)
    evaluate_and_show(run, force, json_)


def evaluate_and_show(
    run: Path, force: bool, json_: bool, settings: Callable[[], dict[str, Any]] = dict, kind: str = ""
) -> None:
    """Evaluate a run and print the results.

    settings : makes what the evaluator takes, after the run was checked; kind : that the run must have
    """
    from affectspace.training.runs import open_run

    opened = open_run(run)
    found = opened.facts["kind"]
    if kind not in ("", found):
        raise ConfigError(
            f"{run} has a model of kind {found}, not {kind}; evaluate it with `affectspace evaluate {run}`"
        )
    opened.model()
    if (run / "report.html").is_file() and not force:
        raise RunError(f"{run} was evaluated already: open {run / 'report.html'}, or use --force")
    from affectspace.studies.evaluators import EVALUATORS

    evaluator = EVALUATORS[found]
    with progress_bar() as progress:
        results, report = evaluator.evaluate(opened, force=force, progress=progress, **settings())
    if json_:
        print_json(results.to_dict())
        return
    print_results(results)
    primary = evaluator.primary_result(results)
    if primary is not None and primary.value is not None:
        interval = "" if primary.low is None else f" [{primary.low:.3f}, {primary.high:.3f}]"
        direction = "higher" if evaluator.greater_is_better else "lower"
        typer.echo(f"\nprimary: {evaluator.title} ({direction} is better): {primary.value:.3f}{interval}")
    typer.echo(f"report: {report}")
