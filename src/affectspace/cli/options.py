"""Options and checks that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from affectspace.errors import ConfigError, RunError


def require_free(paths: tuple[Path | None, ...], force: bool) -> None:
    """Raises RunError where something would be overwritten."""
    for path in paths:
        if path is not None and path.exists() and not force:
            raise RunError(f"{path} is there already; --force replaces it")


def backbone_pairs(written: list[str]) -> dict[str, str]:
    """modality -> where its backbone is, of MODALITY=WHERE. Raises ConfigError for another form."""
    pairs = {}
    for text in written:
        name, equals, where = text.partition("=")
        if not (name and equals and where):
            raise ConfigError(f"--backbone {text!r}: write it as MODALITY=WHERE, such as text=models/roberta-base")
        pairs[name] = where
    return pairs


Table = Annotated[Path, typer.Argument(help="A .csv, .tsv or .parquet table.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
Prefix = Annotated[str, typer.Option(help="Put before the names of the new columns.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON, for machines.")]
