"""`affectspace models`: the models that ship, and their cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from affectspace.cli.options import AsJson, print_json
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from affectspace.prediction import ShippedModel


class ModelsGroup(TyperGroup):
    """The commands of `affectspace models`; the error for another word names the models, as the word is often one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if word not in self.commands and not word.startswith("-"):
            from affectspace.prediction import shipped_models

            names = [model.name for model in shipped_models()]
            command = f"affectspace models card {word if word in names else 'NAME'}"
            raise ConfigError(
                f"affectspace models has no command {word!r}; `{command}` prints the card of a model. The models are "
                + ", ".join(names)
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(rich_markup_mode=None, cls=ModelsGroup)

ModelName = Annotated[str, typer.Argument(help="Name of a model, as `affectspace models` lists it.")]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json_: AsJson = False) -> None:
    """List the models that ship: what they read, size, licence, training data, scores and limits.

    `affectspace predict --model NAME` uses one of them; `affectspace traverse` uses the one that walks faces.
    """
    if context.invoked_subcommand is not None:
        return
    from affectspace.prediction import shipped_models
    from affectspace.prediction.pretrained import ANY

    shipped = shipped_models()
    if json_:
        print_json([model.to_dict() for model in shipped])
        return
    for model in shipped:
        _show(model)
    names = [model.name for model in shipped if model.name in ANY]
    typer.echo(f"any, the default: {', '.join(names)}, whichever reads the input; their estimates are multiplied")


@app.command()
def card(name: ModelName) -> None:
    """Print the card of a model: how it was made, what it was measured on, and what it is not for."""
    from affectspace.prediction.pretrained import shipped_model

    typer.echo(shipped_model(name).card.rstrip())


def _show(model: ShippedModel) -> None:
    """Print a model as a title and a line for each fact."""
    base = model.base.get("name") or model.base.get("package")
    size = megabytes(model.size) + (f", and {megabytes(int(model.base.get('bytes') or 0))} of {base}" if base else "")
    lines = {
        "reads": ", ".join(model.kinds),
        "size": size,
        "licence": model.licence + (f" ({model.notice})" if model.notice else ""),
        "trained on": "; ".join(map(plain, model.training)),
        "limits": " ".join(model.limits),
    }
    typer.secho(f"{model.name}: {model.title}", bold=True)
    for label, line in lines.items():
        if line:
            typer.echo(f"  {label:<11}{line}")
    for number, line in enumerate(scores(model.scores)):
        typer.echo(f"  {'' if number else 'scores':<11}{line}")
    typer.echo("")


def megabytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def plain(entry: Any) -> str:
    """Return an entry of the training data as one line: the corpus, its training rows and its licence."""
    if not isinstance(entry, dict) or "corpus" not in entry:
        return str(entry)
    rows = f"{entry['rows']:,} {entry.get('labels', '')} rows".replace("  ", " ") if entry.get("rows") else ""
    facts = [part for part in (rows, entry.get("licence", "")) if part]
    return str(entry["corpus"]) + (f" ({', '.join(facts)})" if facts else "")


def scores(entries: Sequence[Any]) -> list[str]:
    """Return the scores as one line for each data set, with what they were measured on."""
    lines: dict[str, list[str]] = {}
    for entry in entries:
        counts = [counted(entry["n"], "row")] if entry.get("n") else []
        counts += [counted(entry["seeds"], "seed")] if entry.get("seeds") else []
        value = entry["value"]
        shown = f"{value:.3f}" if isinstance(value, float) else plain(value)
        label = entry["data"] + (f" ({', '.join(counts)})" if counts else "")
        lines.setdefault(label, []).append(f"{entry['metric']} {shown}")
    return [f"{label}: {', '.join(figures)}" for label, figures in lines.items()]


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="Model to make: text, text-large, voice, drawn-face, or all.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder that gets a folder of each model.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the corpora: emobank/, ravdess/, and for the scores semeval_vreg/, meld/, emodb/. The model "
            "drawn-face draws its own."
        ),
    ] = None,
    work: Annotated[
        Path, typer.Option(help="Folder for trainings and features. The same command continues them.")
    ] = Path("runs/models"),
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of seeds to measure; the first one ships. Default: 5 or 3.")
    ] = None,
) -> None:
    """Make the models that ship from their corpora, and measure them. It takes hours on one core."""
    from affectspace.prediction.pretrained import WALKER
    from affectspace.studies.shipped import RECIPES, make_model
    from affectspace.studies.walks.shipped import make_walker

    names = [*RECIPES, WALKER] if name == "all" else [name]
    if data is None and names != [WALKER]:
        raise ConfigError(f"the model {name} is made from corpora; name their folder with --data")
    for model in names:
        with progress_bar() as progress:
            if model == WALKER:
                folder = make_walker(out, work=work, progress=progress)
            else:
                assert data is not None
                folder = make_model(model, data, out, work=work, seeds=seeds, progress=progress)
        typer.echo(f"wrote {folder}")
