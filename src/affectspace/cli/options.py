"""Options that several commands share, declared once, and the checks of their values."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.affect import AXES, parse_axes
from affectspace.affect import scale as scale_of
from affectspace.errors import ConfigError, RunError

if TYPE_CHECKING:
    from affectspace.evaluation.results import Results


def existing_run(folder: Path) -> Path:
    """Return the folder of a run. Raises RunError if it holds none, before a command imports anything heavy."""
    from affectspace.training.runs import open_run

    return open_run(folder).folder


def checked_scale(scale: str | None) -> str | None:
    """Return the value of --scale. Raises ConfigError at once for an unknown name and an impossible range."""
    if scale is not None:
        for part in scale.split(","):
            scale_of(part)
    return scale


def checked_axes(axes: str | None) -> str | None:
    """Return the value of --axes. Raises ConfigError at once for an unknown axis."""
    if axes is not None:
        parse_axes(axes)
    return axes


def checked_device(device: str | None) -> str | None:
    """Return the value of --device. Raises ConfigError at once for a name that is no device."""
    if device is not None and not re.fullmatch(r"auto|gpu|cpu|mps|(cuda|xpu)(:\d+)?", device):
        raise ConfigError(f"--device {device}: choose auto, cpu, cuda, cuda:1 or mps")
    return device


def table_options(
    columns: str,
    scale: str | None,
    axes: str | None,
    spelling: str | None = None,
    labels: Path | None = None,
    unknown: str = "error",
) -> dict[str, Any]:
    """Return the options of the reader `table` that are given. Raises ConfigError if they contradict each other."""
    from affectspace.corpora import parse_columns

    if scale is not None:
        scale_of(scale, axes)
    options = {
        "columns": parse_columns(columns) if columns else None, "scale": scale, "axes": axes, "emotion_spelling": spelling,
        "emotion_labels": None if labels is None else str(labels), "unknown_emotions": None if unknown == "error" else unknown,
    }  # fmt: skip
    return {name: value for name, value in options.items() if value is not None}


# Arguments
RunFolder = Annotated[Path, typer.Argument(help="Folder of a finished run.", callback=existing_run)]
CorpusName = Annotated[str, typer.Argument(help="Name of a corpus reader; `affectspace corpus list` shows all.")]
CorpusPath = Annotated[Path, typer.Argument(help="Folder of the corpus, or the table for the reader `table`.")]
Table = Annotated[Path, typer.Argument(help="Table to read: .csv, .tsv, .txt, .xlsx, .jsonl or .parquet.")]
Separator = Annotated[
    str | None,
    typer.Option(
        help="Character between the cells of a text table, such as ';', or the word tab. Default: recognised if it is a comma, "
        "semicolon, tab or |."
    ),
]

# What is read of a corpus
Media = Annotated[Path | None, typer.Option(help="Folder or .zip that holds the media files.")]
Columns = Annotated[
    str,
    typer.Option(help="Names of the table's columns, as OURS=THEIRS with commas, for example text=sentence,id=key."),
]
Where = Annotated[str | None, typer.Option(help="Condition that selects rows, for example \"channel == 'speech'\".")]
ScaleName = Annotated[
    str | None,
    typer.Option(
        "--scale",
        help="Scale of the table's valence, arousal and dominance: LOW:HIGH, for example 1:7, or a name such as sam. A range "
        "for each of --axes has commas, for example 0:1,-1:1. Default: -1:1.",
        callback=checked_scale,
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        help="Axes that the table rates, in the order of the ranges of --scale, for example arousal,valence.",
        callback=checked_axes,
    ),
]
Spelling = Annotated[
    str | None,
    typer.Option(
        help="How the table writes emotions: the words or the order of classes of a corpus, for example affectnet, fer2013 or "
        "raf_db. Default: common English words."
    ),
]
EmotionLabels = Annotated[
    Path | None,
    typer.Option("--labels", help="YAML file with lines such as 'love: happiness', or 'pride: skip' for no emotion."),
]
UnknownEmotions = Annotated[
    str,
    typer.Option("--unknown", help="What an unknown word for an emotion is: error, or skip, which counts such rows."),
]

# What is computed with
Device = Annotated[
    str,
    typer.Option(
        help="Device to compute on: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps.", callback=checked_device
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed; the same seed gives the same result.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Number of samples that pass the model together.")]
Actors = Annotated[
    int | None, typer.Option(min=1, help="Number of Ray actors. Default: as many as the cluster has room for.")
]
Address = Annotated[
    str | None, typer.Option(help="Address of the Ray cluster. Default: $RAY_ADDRESS, else this machine.")
]
Trainings = Annotated[
    int, typer.Option("--workers", min=1, max=1024, help="Number of trainings at a time, one thread each.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a configuration key, for example fit.epochs=5. Can be repeated."),
]
Backbones = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        help="Location of a backbone's weights, as MODALITY=LOCATION with a folder or hub name. Can be repeated.",
    ),
]
Moved = Annotated[
    list[str] | None,
    typer.Option(
        "--moved",
        help="New place of a corpus, store or lexicon of the run, as KEY=PATH. An error about a missing file names the key. "
        "The run remembers the place. Can be repeated.",
    ),
]
LanguageModel = Annotated[
    str | None, typer.Option(help="Location of the run's language model, if it has moved: a folder or hub name.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Use little data and few epochs, to check that everything works.")]


def _declare_safe_cells(wanted: bool) -> None:
    from affectspace.tables.formats import write_safe_cells

    if wanted:
        write_safe_cells(True)


# What is written
SafeCsv = Annotated[
    bool,
    typer.Option(
        "--safe-csv",
        help="Put an apostrophe before texts that a spreadsheet would run as formulas (=, +, -, @) in what is written.",
        callback=_declare_safe_cells,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder to write. The same command continues it.")]
Prefix = Annotated[str, typer.Option(help="Prefix for the names of the new columns.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing output.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def refuse_overwrite(paths: Iterable[Path | None], force: bool) -> None:
    """Raise RunError if a path exists, unless `force` is set."""
    for path in paths:
        if path is not None and path.exists() and not force:
            raise RunError(f"{path} exists already; use --force to replace it")


def parse_pairs(texts: Iterable[str], option: str, form: str, example: str) -> dict[str, str]:
    """Split texts such as ``text=models/roberta`` into a dictionary.

    Raises ConfigError, which names the option, for a text of another form and for a name that occurs twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ConfigError(f"{option} {text!r}: write it as {form}, for example {example}")
        if name in pairs:
            raise ConfigError(f"{option} {text!r}: {name} is set twice")
        pairs[name] = value
    return pairs


def parse_backbones(texts: list[str] | None) -> dict[str, str]:
    """Location of the weights by modality, from the values of ``--backbone``."""
    return parse_pairs(texts or [], "--backbone", "MODALITY=LOCATION", "text=models/roberta-base")


def move_files(run: Path, moved: list[str] | None) -> None:
    """Record the places of --moved in a run."""
    from affectspace.training.runs import open_run

    if moved:
        open_run(run).move(parse_pairs(moved, "--moved", "KEY=PATH", "data.corpora.mine.path=ratings.csv"))


def print_json(data: Any) -> None:
    """Print data as JSON on stdout."""
    readable = "utf" in (sys.stdout.encoding or "").lower()
    typer.echo(json.dumps(data, indent=2, ensure_ascii=not readable))


def print_results(results: "Results") -> None:
    """Print the axes of a run on features as a table; else each figure on a line, with its interval, by experiment."""
    if results.filter(study="run", task=("axes", "sentiment")):
        _print_axes(results)
        return
    for experiment in results.distinct("experiment"):
        typer.echo(f"\n{experiment}" if experiment else "")
        for row in results.filter(experiment=experiment):
            first = f"{row.model} minus {row.versus}" if row.model and row.versus else row.model or row.versus
            label = ", ".join(part for part in (row.task, first, *row.key[5:]) if part)
            value = "       -" if row.value is None else f"{row.value:8.3f}"
            interval = "" if row.low is None or row.high is None else f"  [{row.low:.3f}, {row.high:.3f}]"
            typer.echo(f"  {label:<52} {value}{interval}" + (f"  n {row.n:,}" if row.n else ""))


def _print_axes(results: "Results") -> None:
    """Print r, CCC and mean absolute error of each axis by model and modality, then what is compared or has another target."""
    columns = [(metric, axis) for metric in ("r", "ccc", "mae") for axis in (*AXES, "mean")]
    for experiment in results.distinct("experiment"):
        own = results.filter(experiment=experiment)
        axes = own.filter(task="axes", versus="", target=(*AXES, "mean"))
        rows = dict.fromkeys((row.model, row.modality) for row in axes)
        names = {key: " from ".join(part for part in key if part) for key in rows}
        width = max(map(len, [experiment, *names.values()]))
        known = [column for column in columns if axes.filter(metric=column[0], target=column[1])]
        letters = {axis: axis[0].upper() for axis in AXES}
        heads = [f"{metric.upper() if metric != 'r' else 'r'} {letters.get(axis, axis)}" for metric, axis in known]
        if rows:
            typer.echo(f"\n{experiment:<{width}}  " + " ".join(f"{head:>8}" for head in heads))
        for (model, modality), name in names.items():
            cells = [
                axes.find(experiment=experiment, task="axes", model=model, modality=modality, metric=m, target=a)
                for m, a in known
            ]
            values = ["-" if cell is None or cell.value is None else f"{cell.value:.3f}" for cell in cells]
            typer.echo(f"{name:<{width}}  " + " ".join(f"{value:>8}" for value in values))
        others = [*own.filter(task="axes", versus=bool), *own.filter(task=("names", "sentiment"), modality="")]
        for row in others:
            label = f"{row.model} minus {row.versus}" if row.versus else row.model
            interval = "" if row.low is None or row.high is None else f"  [{row.low:.3f}, {row.high:.3f}]"
            value = "-" if row.value is None else f"{row.value:.3f}"
            note = f"  ({row.note})" if row.metric == "p" else ""
            typer.echo(f"{label}, {row.target} {row.metric.replace('_', ' ')}: {value}{interval}{note}")
        for row in own.filter(task="not measured"):
            typer.echo(f"not measured: {row.note}")
