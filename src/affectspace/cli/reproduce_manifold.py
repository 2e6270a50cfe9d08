"""`affectspace reproduce manifold`."""

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
    from affectspace.experiments.manifold.plan import Budget, quick_budget
    from affectspace.experiments.manifold.reproduce import reproduce
    from affectspace.experiments.manifold.sources import Places

    given = (emobank, meld, vreg, ravdess, emodb, people, iemocap, mosi, mosei)
    named = {name: folder for name, folder in zip(CORPORA, given, strict=True) if folder is not None}
    places = Places(data=data, corpora=named, features=features or out / "features", own=out, lexicon=lexicon)
    if table == 5:
        from affectspace.experiments.steering.study import reproduce_steering

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
