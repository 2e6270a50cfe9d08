"""`affectspace steer`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import (
    AsJson,
    Backbones,
    Device,
    Force,
    LanguageModel,
    Moved,
    Quick,
    RunFolder,
    Seed,
    existing_run,
    move_files,
    parse_backbones,
    parse_pairs,
    print_json,
    refuse_overwrite,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, DataError, counted

if TYPE_CHECKING:
    import numpy as np

    from affectspace.steering import Sampling, SteeredText

RIDGE = "ridge"  # the judge that is always there
VALUES = "low:high:step (for example -2:2:1), values separated by commas, or one value"
Text = Annotated[list[str] | None, typer.Option(help="Sentence to rewrite. Can be repeated.")]
File = Annotated[Path | None, typer.Option(help="Text file with one sentence per line.")]
ValenceTarget = Annotated[str | None, typer.Option(help=f"Target valence, as {VALUES}.")]
ArousalTarget = Annotated[str | None, typer.Option(help=f"Target arousal, as {VALUES}.")]
DominanceTarget = Annotated[
    str | None,
    typer.Option(help=f"Target dominance, as {VALUES}. Axes without a target stay as the sentence has them."),
]
TargetPath = Annotated[
    str | None,
    typer.Option("--path", help="Path through corners v,a,d instead of targets per axis, for example '-1,0,0;1,1,0'."),
]
Steps = Annotated[int, typer.Option(help="Number of points along --path.")]
Units = Annotated[
    str,
    typer.Option(help="Unit of the targets: sd (standard deviations of the training corpus) or canonical ([-1, 1])."),
]
Relative = Annotated[
    bool, typer.Option("--relative", help="Take targets as differences from the sentence's own affect.")
]
Candidates = Annotated[
    int, typer.Option(help="Texts per target. The one that the encoder reads nearest to the target is kept.")
]
Guidance = Annotated[
    float | None, typer.Option(help="Guidance away from neutral text, 0 to 20; 1 is none.  [default: 3]")
]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature; 0 is greedy decoding.  [default: 0.8]")]
Longest = Annotated[int | None, typer.Option(help="Most tokens of a generated sentence.  [default: 48]")]
Calibrated = Annotated[bool, typer.Option(help="Pass targets through the run's calibration.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Also write the table to this .csv file.")]


def steer(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run of a projector.", callback=existing_run)],
    text: Text = None,
    file: File = None,
    valence: ValenceTarget = None,
    arousal: ArousalTarget = None,
    dominance: DominanceTarget = None,
    path: TargetPath = None,
    steps: Steps = 5,
    units: Units = "sd",
    relative: Relative = False,
    candidates: Candidates = 6,
    guidance: Guidance = None,
    temperature: Temperature = None,
    longest: Longest = None,
    seed: Seed = 0,
    calibrated: Calibrated = True,
    out: Out = None,
    language_model: LanguageModel = None,
    backbone: Backbones = None,
    device: Device = "auto",
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Rewrite sentences with the valence, arousal and dominance that you ask for.

    A frozen language model writes; RUN holds the projector that steers it. `affectspace steer evaluate RUN` measures it.
    """
    points = _points({"valence": valence, "arousal": arousal, "dominance": dominance}, path, steps)
    texts = _sentences(text or [], file)
    sampling = _sampling({"guidance": guidance, "temperature": temperature, "longest": longest})
    if out is not None and out.suffix.lower() != ".csv":
        raise ConfigError(f"--out {out}: the table is written as CSV; give a name that ends in .csv")
    refuse_overwrite((out,), force)

    from affectspace.features.backbones.text import has_minilm
    from affectspace.steering import Steerer

    with progress_bar(not json_) as progress:
        steerer = Steerer.of_run(
            run, device=device, language_model=language_model, backbones=parse_backbones(backbone),
            content="minilm" if has_minilm() else None,
        )  # fmt: skip
        results = steerer.steer(
            texts, points, units=units, relative=relative, candidates=candidates, calibrated=calibrated, seed=seed,
            sampling=sampling, progress=progress,
        )  # fmt: skip
    if out is not None:
        _write_table(results, out)
    if json_:
        print_json([result.to_dict() for result in results])
        return
    for result in results:
        _show(result)
    clipped = sum(result.clipped for result in results)
    if clipped:
        typer.echo(
            f"{counted(clipped, 'target', 'exceeds')} what the projector was trained on; its input was limited to "
            f"{steerer.projector.config.reach:g} sd",
            err=True,
        )


def evaluate(
    run: RunFolder,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="Another lexicon as judge, as NAME=FILE, for example vader=vader_lexicon.txt. Can be repeated."
        ),
    ] = None,
    sentences: Annotated[int | None, typer.Option(min=2, help="Number of held-out sentences. Default: 200.")] = None,
    quick: Quick = False,
    language_model: LanguageModel = None,
    backbone: Backbones = None,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="Evaluate again, and replace the earlier evaluation.")] = False,
    json_: AsJson = False,
    moved: Moved = None,
) -> None:
    """Measure how well a projector steers held-out sentences. Writes metrics.json, report.html and texts into the run.

    Every method is measured by every judge: the projector, prompting, a steering vector and a template. A ridge on words and
    characters of the training sentences is always a judge.
    """
    from affectspace.cli.evaluate import evaluate_and_show

    lexicons = _judges(judge or [])
    move_files(run, moved)

    def settings() -> dict[str, Any]:
        from affectspace.steering import Steerer
        from affectspace.studies.steering.plan import SteeringPlan, quick_plan

        plan = quick_plan() if quick else SteeringPlan()
        if sentences is not None:
            plan = plan.model_copy(update={"sentences": sentences})
        steerer = Steerer.of_run(run, language_model=language_model, backbones=parse_backbones(backbone), device=device)
        return {"lexicons": lexicons, "plan": plan, "steerer": steerer}

    evaluate_and_show(run, force, json_, settings, kind="projector")


def _judges(texts: list[str]) -> dict[str, Path]:
    """Return the lexicons of --judge, name -> file. Raises ConfigError."""
    judges = parse_pairs(texts, "--judge", "NAME=FILE", "vader=vader_lexicon.txt")
    for name, path in judges.items():
        if not (name.isidentifier() and Path(path).is_file()):
            raise ConfigError(
                f"--judge {name}={path}: write NAME=FILE of a lexicon that exists, for example vader=vader_lexicon.txt"
            )
        if name == RIDGE:
            raise ConfigError(f"--judge {name}={path}: there is a judge {RIDGE} already; give this one another name")
    return {name: Path(path) for name, path in judges.items()}


def _points(axes: dict[str, str | None], path: str | None, steps: int) -> "np.ndarray":
    """Targets (steps, 3), NaN for axes that stay."""
    from affectspace.steering.targets import parse_path, parse_steps, target_points

    targets = {name: parse_steps(text, f"--{name}") for name, text in axes.items() if text is not None}
    if path is not None:
        if targets:
            raise ConfigError(f"--path and --{next(iter(targets))} both give targets; use one of them")
        return parse_path(path, steps)
    if not targets:
        raise ConfigError("there is no target; give --valence, --arousal, --dominance, or --path")
    return target_points(**targets)


def _sentences(texts: list[str], file: Path | None) -> list[str]:
    """Sentences of --text and --file."""
    sentences = list(texts)
    if file is not None:
        from affectspace.prediction.sample import read_text

        lines = [line.strip() for line in read_text(file).splitlines()]
        if not any(lines):
            raise DataError(f"{file} contains no sentence; write one per line")
        sentences += [line for line in lines if line]
    if not sentences:
        raise ConfigError("there is no sentence; use --text, or --file with one sentence per line")
    return sentences


def _sampling(options: dict[str, float | None]) -> "Sampling":
    """Settings of the sampling. Raises ConfigError that names the option."""
    from pydantic import ValidationError

    from affectspace.steering import Sampling

    try:
        return Sampling.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]} {first['input']}: {first['msg'].lower()}") from None


def _write_table(results: "list[SteeredText]", out: Path) -> None:
    import pandas as pd

    from affectspace.files import write_atomic

    table = pd.concat([result.table() for result in results], ignore_index=True)
    write_atomic(out, lambda partial: table.to_csv(partial, index=False))


def _show(result: "SteeredText") -> None:
    """Print a table of one sentence."""
    from rich.console import Console
    from rich.table import Table

    from affectspace.affect import AXES

    def shown(values: "np.ndarray") -> str:
        return " ".join(f"{AXES[axis][0].upper()}{values[axis]:+.2f}" for axis in result.target_axes)

    own = ", ".join(f"{axis} {value:+.2f}" for axis, value in zip(AXES, result.seed_affect, strict=True))
    title = f"{result.seed}  ({own}; sd of the corpus)"
    table = Table("target", "encoder", "content", "text", title=title, title_justify="left")
    for step, text in enumerate(result.texts):
        content = "-" if result.content[step] != result.content[step] else f"{result.content[step]:.2f}"
        table.add_row(shown(result.targets[step]), shown(result.affect[step]), content, text or "(empty)")
    Console(highlight=False, markup=False, emoji=False).print(table)
