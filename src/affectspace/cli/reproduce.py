"""`affectspace reproduce`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError

CORPORA = ("emobank", "meld", "vreg", "ravdess", "emodb", "people", "iemocap", "mosi", "mosei")


def manifold(
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command continues it.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds emobank, meld, semeval_vreg, ravdess, emodb, lexicons.")
    ] = None,
    emobank: Annotated[Path | None, typer.Option(help="EmoBank's folder.")] = None,
    meld: Annotated[Path | None, typer.Option(help="MELD's folder.")] = None,
    vreg: Annotated[Path | None, typer.Option(help="Folder of SemEval-2018 V-reg.")] = None,
    ravdess: Annotated[
        Path | None, typer.Option(help="RAVDESS' folder, with action_units.npz where there is one.")
    ] = None,
    emodb: Annotated[Path | None, typer.Option(help="Berlin EmoDB's folder.")] = None,
    people: Annotated[Path | None, typer.Option(help="Synthetic speakers; by default some are made.")] = None,
    iemocap: Annotated[Path | None, typer.Option(help="IEMOCAP's folder.")] = None,
    mosi: Annotated[Path | None, typer.Option(help="CMU-MOSI's folder.")] = None,
    mosei: Annotated[Path | None, typer.Option(help="CMU-MOSEI's folder.")] = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Lexicon of the lexicon anchor, such as NRC-VAD; default Glasgow's of --data.")
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="Folder of stores (emobank-text, ...) to use and add to; default OUT/features.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="Experiments, such as text_axes,zero_shot_text; default all that can.")
    ] = "",
    table: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Only what stands beside this table; 5 is steering, in a folder of its own."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of the headline and the baselines.")] = None,
    ablation_seeds: Annotated[int | None, typer.Option(min=0, help="Seeds of the ablations; 0: none.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trainings and measurements at once, one thread each.")] = 2,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key of all members, such as fit.batch_size=64.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="A few hundred rows and a tenth of the epochs, to see that all works.")
    ] = False,
) -> None:
    """The affective manifold: its tables on open data, baselines, ablations, claims; metrics.json and report.html.

    Without a corpus it is made on synthetic people.
    """
    from affectspace.studies.manifold.plan import Budget, quick_budget
    from affectspace.studies.manifold.reproduce import reproduce
    from affectspace.studies.manifold.sources import Places

    given = (emobank, meld, vreg, ravdess, emodb, people, iemocap, mosi, mosei)
    named = {name: folder for name, folder in zip(CORPORA, given, strict=True) if folder is not None}
    places = Places(data=data, corpora=named, features=features or out / "features", own=out, lexicon=lexicon)
    if table == 5:
        from affectspace.studies.steering.study import reproduce_steering

        _refuse_beside_table_5({"--only": only, "--seeds": seeds, "--ablation-seeds": ablation_seeds, "--set": set_})
        with progress_bar() as progress:
            report = reproduce_steering(out, places, quick=quick, threads=workers, progress=progress)
        typer.echo(f"report: {report}")
        return
    asked: dict[str, Any] = {"workers": workers, "overrides": tuple(set_ or ())}
    if seeds is not None:
        asked["seeds"] = tuple(range(seeds))
    if ablation_seeds is not None:
        asked["ablation_seeds"] = ablation_seeds
    budget = quick_budget(**asked) if quick else Budget(**asked)
    experiments = [name for name in only.split(",") if name]
    with progress_bar() as progress:
        report = reproduce(out, places, only=experiments, table=table, budget=budget, progress=progress)
    typer.echo(f"report: {report}")


def _refuse_beside_table_5(given: dict[str, Any]) -> None:
    named = [option for option, value in given.items() if value not in (None, "", [])]
    if named:
        raise ConfigError(
            f"{named[0]} is not for --table 5, which trains one projector; `affectspace train configs/steering.yaml` sets "
            "whatever you like"
        )


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
    from affectspace.studies.levasa.plan import Budget, quick_budget
    from affectspace.studies.levasa.reproduce import reproduce
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
    from affectspace.synthetic.faces import make_faces

    folder = out.with_name(out.name + "-faces")
    make_faces(folder, n=number, people=60, progress=progress)  # what is drawn already is only read
    return folder
