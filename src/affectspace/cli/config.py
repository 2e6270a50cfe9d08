"""`affectspace config`: the example configurations that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.options import AsJson, print_json
from affectspace.errors import ConfigError

app = typer.Typer(help="List and show example configurations.", no_args_is_help=True, rich_markup_mode=None)


def examples() -> dict[str, Path]:
    """Return the example configurations, name -> file: those of the wheel, or of the repository."""
    package = Path(__file__).resolve().parents[1]
    folder = next((place for place in (package / "configs", package.parents[1] / "configs") if place.is_dir()), None)
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the examples with what they train."""
    rows = {name: _summary(path) for name, path in examples().items()}
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in rows.items()])
        return
    width = max(map(len, rows), default=0)
    for name, summary in rows.items():
        typer.echo(f"{name:<{width}}  {summary}")
    typer.echo(
        "\naffectspace config show NAME > NAME.yaml copies one; affectspace train NAME.yaml --out FOLDER trains it"
    )


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of an example; `affectspace config list` shows all.")]) -> None:
    """Print an example. Redirect it into a file to change it."""
    known = examples()
    if name.removesuffix(".yaml") not in known:
        raise ConfigError(f"there is no example {name!r}; choose from {', '.join(known) or 'none'}")
    typer.echo(known[name.removesuffix(".yaml")].read_text(encoding="utf-8"), nl=False)


def _summary(path: Path) -> str:
    """Return the comment in the first line of a file."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
