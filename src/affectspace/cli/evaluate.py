"""`affectspace evaluate`: measure a run on people or sentences that it has not seen."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import AsJson, Moved, RunFolder, move_files, parse_backbones, print_json, print_results
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, RunError


def evaluate(
    run: RunFolder,
    force: Annotated[bool, typer.Option("--force", help="Evaluate again, and replace the earlier evaluation.")] = False,
    json_: AsJson = False,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="For a projector: another lexicon as judge, as NAME=FILE, for example vader=vader_lexicon.txt. Can be "
            "repeated."
        ),
    ] = None,
    sentences: Annotated[
        int | None, typer.Option(min=2, help="For a projector: number of held-out sentences. Default: 200.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="For a projector: use a few sentences, to see that everything works.")
    ] = False,
    language_model: Annotated[
        str | None, typer.Option(help="For a projector: folder or hub name of its language model, if it was moved.")
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(help="For a projector: folder of a backbone's weights, for example text=FOLDER. Can be repeated."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="For a projector: device to compute on: auto (default), cpu, cuda or mps.")
    ] = None,
    moved: Moved = None,
) -> None:
    """Evaluate a run on people or sentences that it has not seen. Writes metrics.json and report.html into the run.

    A model on images is measured by probes and reconstructions, a model on features by its predictions for the test part,
    and a projector by judges of the sentences that it steers.
    """
    from affectspace.training.runs import open_run

    move_files(run, moved)
    opened = open_run(run)
    options = {
        "--judge": judge, "--sentences": sentences, "--quick": quick, "--language-model": language_model,
        "--backbone": backbone, "--device": device,
    }  # fmt: skip
    used = [option for option, value in options.items() if value]
    projector = opened.facts["kind"] == "projector"
    if used and not projector:
        raise ConfigError(
            f"{' and '.join(used)} {'is' if len(used) == 1 else 'are'} for the run of a projector; {run} has a model of kind "
            f"{opened.facts['kind']}"
        )
    opened.model()
    if (run / "report.html").is_file() and not force:
        raise RunError(f"{run} was evaluated already: open {run / 'report.html'}, or use --force")
    from affectspace.studies.evaluators import EVALUATORS

    evaluator, settings = EVALUATORS[opened.facts["kind"]], {}
    if projector:
        settings = _steering_settings(run, judge or [], sentences, quick, language_model, backbone, device or "auto")
    with progress_bar() as progress:
        results, report = evaluator.evaluate(opened, force=force, progress=progress, **settings)
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


def _steering_settings(
    run: Path,
    judges: list[str],
    sentences: int | None,
    quick: bool,
    language_model: str | None,
    backbones: list[str] | None,
    device: str,
) -> dict[str, Any]:
    """Return what the evaluator of projectors takes."""
    from affectspace.steering import Steerer
    from affectspace.studies.steering.material import RIDGE
    from affectspace.studies.steering.plan import SteeringPlan, quick_plan

    lexicons: dict[str, Path] = {}
    for text in judges:
        name, equals, path = text.partition("=")
        if not (name.isidentifier() and equals and Path(path).is_file()):
            raise ConfigError(
                f"--judge {text!r}: write NAME=FILE of a lexicon that exists, for example vader=vader_lexicon.txt"
            )
        if name in lexicons or name == RIDGE:
            raise ConfigError(f"--judge {text!r}: there is a judge {name} already; give this one another name")
        lexicons[name] = Path(path)
    plan = quick_plan() if quick else SteeringPlan()
    if sentences is not None:
        plan = plan.model_copy(update={"sentences": sentences})
    steerer = Steerer.of_run(run, language_model=language_model, backbones=parse_backbones(backbones), device=device)
    return {"lexicons": lexicons, "plan": plan, "steerer": steerer}
