"""`affectspace train` and `affectspace evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import parse_backbones
from affectspace.cli.progress import progress_bar

if TYPE_CHECKING:
    from affectspace.progress import Progress
    from affectspace.training.runs import Run


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
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a projector's run: a lexicon that judges besides, NAME=FILE, such as vader=vader_lexicon.txt."
        ),
    ] = None,
    sentences: Annotated[
        int | None, typer.Option(min=2, help="Of a projector's run: held-out sentences; default 200.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Of a projector's run: a few sentences, to see that all works.")] = False,
    language_model: Annotated[
        str | None, typer.Option(help="Of a projector's run: where its language model is now, a folder or hub name.")
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(help="Of a projector's run: where a backbone's weights are, text=FOLDER; repeat at will."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Of a projector's run: cpu (default), cuda, mps.")] = None,
) -> None:
    """Judge a run on what it has not seen: a LeVAsa run on held-out people, a projector's on held-out sentences."""
    import json

    from affectspace.errors import ConfigError, RunError
    from affectspace.training.configuration import ProjectorTrainConfig
    from affectspace.training.runs import open_run

    opened = open_run(run)
    steers = isinstance(opened.config, ProjectorTrainConfig)
    if not steers:
        asked = {
            "--judge": judge, "--sentences": sentences, "--quick": quick, "--language-model": language_model,
            "--backbone": backbone, "--device": device,
        }  # fmt: skip
        named = [option for option, value in asked.items() if value]
        if named:
            raise ConfigError(
                f"{' and '.join(named)} {'is' if len(named) == 1 else 'are'} for a projector's run; {run} is none"
            )
        opened.image_config  # noqa: B018 - says which command is for another kind
    opened.model()
    if (run / "report.html").is_file() and not force:
        raise RunError(f"{run} was evaluated already: open {run / 'report.html'}, or use --force")
    with progress_bar() as progress:
        if steers:
            where = {
                "language_model": language_model,
                "backbones": parse_backbones(backbone),
                "device": device or "cpu",
            }
            metrics, report = _judge_steering(run, judge or [], sentences, quick, where, progress)
        else:
            metrics, report = _judge_images(opened, force, progress)
    if json_:
        typer.echo(json.dumps(metrics, indent=2))
        return
    for experiment, rows in metrics.items():
        typer.echo(f"\n{experiment}")
        for row, figures in rows.items():
            for name, figure in figures.items():
                typer.echo(f"  {row + ', ' + name:<52} {_shown(figure)}")
    typer.echo(f"\nreport: {report}")


def _judge_images(run: "Run", force: bool, progress: "Progress") -> tuple[dict[str, Any], Path]:
    from affectspace.errors import RunError
    from affectspace.studies.levasa.report import evaluate_run
    from affectspace.studies.levasa.representations import Representations
    from affectspace.training.training_set import TrainingSet

    config = run.image_config
    data = TrainingSet.of_run(run, progress)
    if not len(data.rows("test")):
        raise RunError(f"{run.folder} has no test people: data.split.fractions is {config.data.split.fractions}")
    people = data.table["person"].iloc[data.rows("test")].dropna().unique()
    if len(people) == 1:
        raise RunError(
            f"{run.folder} has one test person ({people[0]}): what holds for other people cannot be told, as every figure's "
            "interval is a bootstrap over test people; train with more of them in the test part (data.split.fractions is "
            f"{config.data.split.fractions}), or on a corpus of more people"
        )
    outputs = Representations.of(run, data, progress, force=force)
    results, report = evaluate_run(run, data, outputs, progress)
    nested: dict[str, Any] = {}
    for row in results:
        name = " ".join(part for part in row.key[2:] if part)
        nested.setdefault(row.experiment, {}).setdefault(name, {})["value"] = row.to_dict()
    return nested, report


def _judge_steering(
    run: Path, judges: list[str], sentences: int | None, quick: bool, where: dict[str, Any], progress: "Progress"
) -> tuple[dict[str, Any], Path]:
    """where : of the language model and the backbones, as `Steerer.of_run` takes it"""
    from affectspace.errors import ConfigError
    from affectspace.steering import Steerer
    from affectspace.studies.steering.material import RIDGE
    from affectspace.studies.steering.plan import SteeringPlan, quick_plan
    from affectspace.studies.steering.results import evaluate_projector

    lexicons: dict[str, Path] = {}
    for text in judges:
        name, equals, path = text.partition("=")
        if not (name.isidentifier() and equals and Path(path).is_file()):
            raise ConfigError(
                f"--judge {text!r}: write NAME=FILE of a lexicon that is there, such as vader=vader_lexicon.txt"
            )
        if name in lexicons or name == RIDGE:
            raise ConfigError(f"--judge {text!r}: there is a judge {name} already; give this one another name")
        lexicons[name] = Path(path)
    plan = quick_plan() if quick else SteeringPlan()
    if sentences is not None:
        plan = plan.model_copy(update={"sentences": sentences})
    steerer = Steerer.of_run(run, **where)
    metrics, report = evaluate_projector(run, lexicons=lexicons, plan=plan, steerer=steerer, progress=progress)
    return metrics.to_dict(), report


def _shown(figure: dict[str, Any]) -> str:
    """A figure with its interval and n."""
    if figure.get("value") is None:
        return "       -"
    interval = f"  [{figure['low']:.3f}, {figure['high']:.3f}]" if figure.get("low") is not None else ""
    return f"{figure['value']:8.3f}{interval}" + (f"  n {figure['n']:,}" if figure.get("n") else "")
