"""`affectspace evaluate`: measure a run on people or sentences that it has not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import (
    AsJson,
    Axes,
    Backbones,
    Columns,
    Device,
    EmotionLabels,
    Media,
    Moved,
    RunFolder,
    ScaleName,
    Spelling,
    UnknownEmotions,
    Where,
    move_files,
    parse_backbones,
    parse_pairs,
    print_json,
    print_results,
    table_options,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, RunError
from affectspace.files import locked_folder


def evaluate(
    run: RunFolder,
    force: Annotated[bool, typer.Option("--force", help="Evaluate again, and replace the earlier evaluation.")] = False,
    json_: AsJson = False,
    moved: Moved = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Judge the frozen run on another corpus: the name of a reader, with --path, or a table. Writes to a folder "
            "of its own in on/ of the run."
        ),
    ] = None,
    path: Annotated[Path | None, typer.Option(help="Folder of the corpus of --on.")] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            help="Store of vectors of the corpus of --on, as MODALITY=FOLDER. Can be repeated. Default: vectors are computed "
            "with the run's own backbones."
        ),
    ] = None,
    media: Media = None,
    columns: Columns = "",
    scale: ScaleName = None,
    axes: Axes = None,
    spelling: Spelling = None,
    labels: EmotionLabels = None,
    unknown: UnknownEmotions = "error",
    where: Where = None,
    backbone: Backbones = None,
    device: Device = "auto",
) -> None:
    """Evaluate a run on people or sentences that it has not seen. Writes metrics.json and report.html into the run.

    A model on images is measured by probes and reconstructions; a model on features by tables 1 to 3 of the manifold paper on
    the test part; and a projector by a judge of the sentences that it steers (`affectspace steer evaluate` has options for it).
    """
    move_files(run, moved)
    if on is None:
        values = {
            "--path": path, "--features": features, "--media": media, "--columns": columns, "--scale": scale, "--axes": axes,
            "--where": where, "--spelling": spelling, "--labels": labels, "--backbone": backbone,
        }  # fmt: skip
        for option, value in values.items():
            if value:
                raise ConfigError(f"{option} describes the corpus of --on; name it with --on, or leave {option} out")
        evaluate_and_show(run, force, json_)
        return
    from affectspace.studies.judgement.elsewhere import evaluate_on, target_of
    from affectspace.training.runs import open_run

    stores = parse_pairs(features or [], "--features", "MODALITY=FOLDER", "text=features/mine-text")
    reading = table_options(columns, scale, axes, spelling, labels, unknown)
    target = target_of(on, path, stores, media=media, where=where, **reading)
    with locked_folder(run, "working"), progress_bar() as progress:
        results, report = evaluate_on(
            open_run(run), target, backbones=parse_backbones(backbone), device=device, force=force, progress=progress
        )
    if json_:
        print_json(results.to_dict())
        typer.echo(f"report: {report}", err=True)
        return
    print_results(results)
    typer.echo(f"report: {report}")


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
    with locked_folder(run, "working"), progress_bar() as progress:
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
