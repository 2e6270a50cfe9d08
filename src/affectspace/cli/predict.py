"""`affectspace predict`: valence, arousal and dominance of sentences, recordings, pictures, clips, folders and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import (
    AsJson,
    Backbones,
    Device,
    Force,
    Prefix,
    RunFolder,
    parse_backbones,
    refuse_overwrite,
)
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, DataError
from affectspace.files import require_file

if TYPE_CHECKING:
    import pandas as pd

    from affectspace.features.backbones.vectors import NamedVectors
    from affectspace.prediction import Predictor, Trajectory
    from affectspace.prediction.tables import NamedSample, Summary
    from affectspace.progress import Progress

SHOWN = 20  # rows on the screen


def column_of(content: str) -> Any:
    """Make the option of the column of --csv with a kind of content."""
    return typer.Option(None, help=f"Column of --csv with {content}.")


Text = Annotated[str | None, typer.Option(help="Text to predict.")]
File = Annotated[
    list[Path] | None,
    typer.Option(
        help="Sound, clip, picture or text file to predict. Can be repeated for files of different kinds, and combined "
        "with --text: together they are one sample."
    ),
]
Folder = Annotated[
    Path | None, typer.Option(help="Folder to predict: every file below it that the run reads is one sample.")
]
Csv = Annotated[Path | None, typer.Option(help="Table to predict, .csv, .tsv or .parquet: every row is one sample.")]
Media = Annotated[
    Path | None, typer.Option(help="Folder of the files that --csv names; by default the folder of the table.")
]
Vectors = Annotated[
    list[str] | None,
    typer.Option(
        help="Ready-made vectors of a modality, as MODALITY=FILE (.npz, .csv, .parquet), by id or file name. "
        "Can be repeated."
    ),
]
Window = Annotated[
    float | None,
    typer.Option(
        help="Predict the input over time in windows of this many seconds, or sentences of a text. Defaults: 4 "
        "seconds, 3 sentences."
    ),
]
Step = Annotated[
    float | None,
    typer.Option(help="Distance of the windows, in the unit of --window. Defaults: 2 seconds, 1 sentence."),
]
Figure = Annotated[Path | None, typer.Option(help="Figure of the predictions over time to write, .png or .svg.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Table to write, .csv or .parquet, with one row per sample or window."),
]
Crop = Annotated[
    bool | None,
    typer.Option(
        "--crop/--no-crop",
        help="Crop pictures to the face, for a LeVAsa run. By default a picture that is a face already is not cropped.",
    ),
]


def predict(
    run: RunFolder,
    text: Text = None,
    file: File = None,
    folder: Folder = None,
    csv: Csv = None,
    text_column: str | None = column_of("texts"),
    audio_column: str | None = column_of("names of sound files"),
    video_column: str | None = column_of("names of clips"),
    image_column: str | None = column_of("names of pictures"),
    start_column: str | None = column_of("the second at which the sample starts in its file"),
    end_column: str | None = column_of("the second at which the sample ends in its file"),
    id_column: str | None = column_of("names of the rows"),
    media: Media = None,
    vectors: Vectors = None,
    window: Window = None,
    step: Step = None,
    figure: Figure = None,
    out: Out = None,
    prefix: Prefix = "",
    backbone: Backbones = None,
    crop: Crop = None,
    device: Device = "cpu",
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Predict valence, arousal and dominance from any subset of a run's modalities.

    Samples that fail are reported. The exit status is 1 if every sample failed.
    """
    single = text is not None or bool(file)
    follow = window is not None or step is not None or figure is not None
    _check_options(single, folder, csv, vectors, follow, figure)
    columns = (text_column, audio_column, video_column, image_column, start_column, end_column, id_column)
    if csv is None and (any(columns) or media is not None or prefix):
        raise ConfigError("--text-column and the other columns, --media and --prefix belong to --csv")
    for path in file or []:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; use --folder to predict every file in it")
    refuse_overwrite((out, figure), force)
    for path in map(Path, [*(file or []), *([] if csv is None else [csv])]):  # before the heavy imports
        require_file(path)
    if folder is not None and not folder.is_dir():
        raise DataError(f"{folder} is not a folder; use --file for one file")

    from affectspace.cli.prediction_screen import Screen
    from affectspace.prediction import Predictor
    from affectspace.prediction.tables import TableColumns, predict_table, read_vectors, write_table

    limit = math.inf if json_ else SHOWN
    trajectories: list[Trajectory] = []
    skipped: Mapping[str, int] = {}
    with progress_bar(not json_) as progress:
        backbones = parse_backbones(backbone)
        predictor = Predictor.of_run(run, device=device, backbones=backbones, crop=crop, progress=progress)
        ready_made = read_vectors(vectors or [], predictor)
        if csv is not None:
            summary = predict_table(
                predictor, csv, TableColumns(*columns), out=out, media=media, vectors=ready_made, prefix=prefix, force=force,
                limit=limit, progress=progress,
            )  # fmt: skip
        else:
            samples, skipped = _samples(predictor, text, file, folder, ready_made)
            if follow or (single and _is_long(samples)):
                windows = (window, step, figure)
                table, summary, trajectories = _predict_over_time(predictor, samples, *windows, progress)
            else:
                table, summary = _predict_samples(predictor, samples, limit, progress)
            if out is not None and table is not None:
                write_table(table, out, force=force)
    written = [path for path in (out, figure) if path is not None and summary.succeeded]
    Screen(str(run), predictor.label_kinds, json_).show(summary, trajectories, skipped, written, single)
    raise typer.Exit(0 if summary.succeeded else 1)


def _check_options(
    single: bool, folder: Path | None, csv: Path | None, vectors: list[str] | None, follow: bool, figure: Path | None
) -> None:
    """Raise ConfigError for options that exclude or need each other."""
    inputs = {"--text or --file": single, "--folder": folder is not None, "--csv": csv is not None}
    given = [name for name, present in inputs.items() if present]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are different inputs; give one of them")
    if not given and not vectors:
        raise ConfigError("no input to predict: give --text, --file, --folder, --csv, or --vectors")
    if folder is not None and vectors:
        raise ConfigError("--vectors can be combined with --csv, or with --text and --file, but not with --folder")

    if figure is not None and not single:
        raise ConfigError("--figure needs one input, --text or --file")
    if figure is not None and figure.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--figure {figure}: a figure is written as .png or .svg")
    if follow and not single and folder is None:
        raise ConfigError("--window and --step need --text, --file or --folder; long rows of a table are averaged")


def _samples(
    predictor: Predictor,
    text: str | None,
    files: list[Path] | None,
    folder: Path | None,
    vectors: Mapping[str, NamedVectors],
) -> tuple[list[NamedSample], Mapping[str, int]]:
    """Return the samples to predict, and the number of skipped files of a folder by suffix."""
    from affectspace.prediction.tables import combined_sample, samples_of_folder, samples_of_vectors

    if folder is not None:
        return samples_of_folder(folder, predictor)
    if text is not None or files:
        return [combined_sample(text, files or [], vectors)], {}
    return samples_of_vectors(vectors), {}


def _is_long(samples: list[NamedSample]) -> bool:
    from affectspace.prediction import Sample
    from affectspace.prediction.trajectory import is_long

    sample = samples[0][1]
    return isinstance(sample, Sample) and is_long(sample)


def _predict_samples(
    predictor: Predictor, samples: list[NamedSample], limit: float, progress: Progress
) -> tuple[pd.DataFrame, Summary]:
    """Predict each sample; return a table with a row per sample."""
    from affectspace.prediction import table_of
    from affectspace.prediction.tables import Summary
    from affectspace.progress import silent

    names = [name for name, _ in samples]
    outcomes = predictor.predict_many(
        [sample for _, sample in samples], progress=progress if len(samples) > 1 else silent
    )
    summary = Summary(limit)
    summary.add(names, outcomes)
    table = table_of(outcomes, predictor.modalities)
    table.insert(0, "id", names)
    return table, summary


def _predict_over_time(
    predictor: Predictor,
    samples: list[NamedSample],
    window: float | None,
    step: float | None,
    figure: Path | None,
    progress: Progress,
) -> tuple[pd.DataFrame | None, Summary, list[Trajectory]]:
    """Predict each input over time, and as a whole; return a table with a row per window, None without a prediction."""
    import pandas as pd

    from affectspace.errors import DataError
    from affectspace.prediction import Failure
    from affectspace.prediction.tables import Summary

    trajectories: list[Trajectory] = []
    summary = Summary(math.inf)
    for name, sample in samples:
        try:
            if isinstance(sample, Failure):
                raise DataError(sample.reason)
            trajectory = predictor.follow(sample, window=window, step=step, name=name, progress=progress)
            summary.add([name], [trajectory.whole])
            trajectories.append(trajectory)
        except DataError as error:
            summary.add([name], [Failure(str(error))])
    if figure is not None and trajectories:
        from affectspace.report import save_figure

        save_figure(trajectories[0].figure(), figure)
    tables = [trajectory.table.assign(id=trajectory.name) for trajectory in trajectories]
    tables = [table[["id", *table.columns[:-1]]] for table in tables]
    return pd.concat(tables, ignore_index=True) if tables else None, summary, trajectories
