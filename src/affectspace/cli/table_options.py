"""Options that the commands on tables share, `annotate` and `lexicon`: in one place, so that they read alike."""

from pathlib import Path
from typing import Annotated

import typer

Table = Annotated[Path, typer.Argument(help="A .csv, .tsv or .parquet table.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
Prefix = Annotated[str, typer.Option(help="Put before the names of the new columns.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON, for machines.")]
