"""`affectspace predict`: valence, arousal and dominance of sentences, recordings, pictures, clips, folders and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.options import parse_backbones, refuse_overwrite
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from affectspace.prediction import Predictor, Trajectory
    from affectspace.prediction.jobs import Asked, Outcomes
    from affectspace.progress import Progress

SHOWN = 20  # rows on the screen

Column = Annotated[str | None, typer.Option(help="Column of --csv.")]


def predict(
    run: Annotated[Path, typer.Argument(help="A finished run, on features or on faces.")],
    text: Annotated[str | None, typer.Option(help="A text.")] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A sound, clip, picture or text; of different kinds, with --text: one moment."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Every file below it that the run reads, each on its own.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A .csv, .tsv or .parquet, a row a moment.")] = None,
    text_column: Column = None,
    audio_column: Column = None,
    video_column: Column = None,
    image_column: Column = None,
    start_column: Annotated[str | None, typer.Option(help="Seconds where the row begins in its file.")] = None,
    end_column: Annotated[str | None, typer.Option(help="Seconds where it ends.")] = None,
    id_column: Annotated[str | None, typer.Option(help="Names of the rows.")] = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder that the table's files lie in. (default: the table's)")
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="MODALITY=FILE, ready-made vectors by id or file name (.npz, .csv, .parquet)."),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(help="Follow the input over time: seconds a window, of a text sentences. (default: 4; 3)"),
    ] = None,
    step: Annotated[float | None, typer.Option(help="From window to window. (default: 2; 1)")] = None,
    figure: Annotated[Path | None, typer.Option(help="With --window: the trajectory as .png or .svg.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write .csv or .parquet, a row a sample or window.")] = None,
    prefix: Annotated[str, typer.Option(help="Put before the names of the columns that --csv gets.")] = "",
    backbone: Annotated[
        list[str] | None, typer.Option(help="MODALITY=WHERE its weights are now: a folder, a hub name, a run.")
    ] = None,
    crop: Annotated[
        bool | None, typer.Option("--crop/--no-crop", help="To the face in pictures. (default: unless it is one)")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")] = "cpu",
    force: Annotated[bool, typer.Option(help="Replace --out and --figure where they are there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Predict from whatever there is: any subset of the run's modalities. What fails costs its row; exit 1 if all did."""
    single = text is not None or bool(file)
    _one_input(single, folder, csv, vectors)
    _no_conflict(single, csv, folder, vectors, window is not None or step is not None, figure)
    refuse_overwrite((out, figure), force)

    from affectspace.cli.predictions import Screen
    from affectspace.prediction import Predictor
    from affectspace.prediction.jobs import (
        Outcomes,
        TableColumns,
        asked_of_vectors,
        files_of_folder,
        predict_asked,
        predict_table,
        read_vector_files,
        sample_of,
        write_table,
    )
    from affectspace.prediction.result import table_of

    with progress_bar(not json_) as progress:
        predictor = Predictor.of_run(
            run, device=device, backbones=parse_backbones(backbone), crop=crop, progress=progress
        )
        given = read_vector_files(vectors or [], predictor)
        most = math.inf if json_ else SHOWN
        trajectories: list[Trajectory] = []
        outcomes = Outcomes()
        left_out: Mapping[str, int] = {}
        if csv is not None:
            columns = TableColumns(
                text_column, audio_column, video_column, image_column, start_column, end_column, id_column
            )
            outcomes = predict_table(
                predictor, csv, columns, out=out, media=media, vectors=given, prefix=prefix, force=force, most=most,
                progress=progress,
            )  # fmt: skip
        else:
            if single:
                asked = [sample_of(text, file or [], given)]
            elif folder is not None:
                asked, left_out = files_of_folder(folder, predictor)
            else:
                asked = asked_of_vectors(given)
            follow = window is not None or step is not None or figure is not None
            if follow or (single and predictor.is_long(asked[0].sample)):
                trajectories, outcomes = _follow(predictor, asked, window, step, progress)
                if out is not None and trajectories:
                    write_table(_joined(trajectories), out, force=force)
            else:
                said = predict_asked(predictor, asked, *([progress] if len(asked) > 1 else []))
                outcomes.add([one.id for one in asked], said, most)
                if out is not None:
                    frame = table_of(said, predictor.modalities)
                    frame.insert(0, "id", [one.id for one in asked])
                    write_table(frame, out, force=force)
    if figure is not None and trajectories:
        from affectspace.report import save_figure

        save_figure(trajectories[0].figure(), figure)
    screen = Screen(str(run), predictor.label_kinds, json_)
    screen.show(outcomes, trajectories, single)
    screen.tell(outcomes, left_out, [path for path in (out, figure) if path is not None and outcomes.worked], single)
    raise typer.Exit(0 if outcomes.worked else 1)


def _one_input(single: bool, folder: Path | None, csv: Path | None, vectors: list[str] | None) -> None:
    given = [
        name
        for name, there in (("--text or --file", single), ("--folder", folder), ("--csv", csv))
        if there not in (None, False)
    ]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are different inputs; give one of them")
    if not given and not vectors:
        raise ConfigError("nothing to predict from: give --text, --file, --folder, --csv, or --vectors")


def _no_conflict(
    single: bool, csv: Path | None, folder: Path | None, vectors: list[str] | None, windows: bool, figure: Path | None
) -> None:
    if folder is not None and vectors:
        raise ConfigError("--vectors goes with --csv, with --text and --file, or alone, not with --folder")
    if windows and not single and folder is None:
        raise ConfigError("--window and --step follow --text, --file and --folder; long rows of a table are averaged")
    if figure is not None and not single:
        raise ConfigError("--figure draws the trajectory of one input, --text or --file")
    if figure is not None and figure.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--figure {figure}: a figure is written as .png or .svg")


def _follow(
    predictor: Predictor, asked: list[Asked], window: float | None, step: float | None, progress: Progress
) -> tuple[list[Trajectory], Outcomes]:
    """The trajectory of each input, and what each is as a whole."""
    from affectspace.errors import DataError
    from affectspace.prediction.jobs import Outcomes
    from affectspace.prediction.result import Failure

    found, outcomes = [], Outcomes()
    for one in asked:
        reason = one.reason or predictor.refusal(one.sample)
        try:
            if reason:
                raise DataError(reason)
            trajectory = predictor.follow(one.sample, window=window, step=step, name=one.id, progress=progress)
            outcomes.add([one.id], [trajectory.whole], math.inf)
            found.append(trajectory)
        except DataError as error:
            outcomes.add([one.id], [Failure(str(error))], math.inf)
    return found, outcomes


def _joined(trajectories: list[Trajectory]) -> Any:
    """The windows of all inputs in one table."""
    import pandas as pd

    frames = []
    for one in trajectories:
        frame = one.table
        frame.insert(0, "id", one.name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
