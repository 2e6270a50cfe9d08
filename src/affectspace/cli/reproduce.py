"""`affectspace reproduce`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.progress import progress_bar
from affectspace.cli.reproduce_manifold import manifold

app = typer.Typer(no_args_is_help=True, help="A paper's tables and figures beside its published figures.")


app.command()(manifold)


@app.command()
def levasa(
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command continues it.")],
    corpus: Annotated[
        str, typer.Option(help="A reader's name (affectspace corpus list), or faces to draw some.")
    ] = "faces",
    path: Annotated[Path | None, typer.Option(help="The corpus' folder, or the table.")] = None,
    media: Annotated[Path | None, typer.Option(help="Folder or zip of a table's images.")] = None,
    columns: Annotated[str, typer.Option(help="Our name of a column = theirs, such as image=path,person=actor.")] = "",
    where: Annotated[str | None, typer.Option(help="Which rows, such as 'min(width, height) >= 48'.")] = None,
    scale: Annotated[str | None, typer.Option(help="The scale of a table's valence and arousal.")] = None,
    level_labels: Annotated[Path | None, typer.Option(help="AFEW-VA's labels.json, to be drawn as faces.")] = None,
    fold: Annotated[
        int | None, typer.Option(help="Test on this fifth of the people instead of the fixed split.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every model that is compared.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of the headline's models.")] = None,
    curve: Annotated[str, typer.Option(help="More alignment weights for the rate-distortion curve.")] = "0.1",
    workers: Annotated[
        int, typer.Option(min=1, help="Trainings at once, one thread each; 1: one at a time on all threads.")
    ] = 2,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key of all members, such as model.width=16.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="A few hundred images and one epoch, to see that all works.")] = False,
) -> None:
    """LeVAsa: five models, controls, ceiling, tables 1-3, figures 2-4, claims; metrics.json and report.html."""
    from affectspace.corpora import parse_columns
    from affectspace.errors import ConfigError
    from affectspace.experiments.levasa.plan import Budget, quick_budget
    from affectspace.experiments.levasa.reproduce import reproduce
    from affectspace.training.configuration import DataConfig, SplitConfig

    asked: dict[str, Any] = {"workers": workers, "overrides": tuple(set_ or ())}
    if not quick:
        asked["curve_weights"] = parse_weights(curve)
    if epochs is not None:
        asked["epochs"] = epochs
    if seeds is not None:
        asked["seeds"] = tuple(range(seeds))
    budget = quick_budget(**asked) if quick else Budget(**asked)
    if path is None and corpus != "faces":
        raise ConfigError(f"--corpus {corpus} needs --path, the folder or table of the corpus")
    with progress_bar() as progress:
        if path is None:
            path = _draw(out, 600 if quick else 6000, progress)
        data = DataConfig(
            corpus=corpus,
            path=path,
            media=media,
            columns=parse_columns(columns) if columns else {},
            scale=scale,
            where=where,
            limit=3000 if quick else None,
            split=SplitConfig(fold=fold),
        )
        report = reproduce(out, data, level_labels=level_labels, budget=budget, progress=progress)
    typer.echo(f"report: {report}")


def parse_weights(text: str) -> tuple[float, ...]:
    """Alignment weights as numbers, from ``0.2,1``; none from an empty text. Raises ConfigError."""
    from affectspace.errors import ConfigError

    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ConfigError(f"--curve {text!r}: write numbers with commas between them, such as 0.2,1") from None


def _draw(out: Path, number: int, progress: Callable[[int, int, str], None]) -> Path:
    """Drawn faces beside the study, made once."""
    from affectspace.corpora.faces import make_faces

    folder = out.with_name(out.name + "-faces")
    make_faces(folder, n=number, people=60, progress=progress)  # what is drawn already is only read
    return folder
