"""`affectspace predict`: valence, arousal and dominance of texts, recordings, pictures, clips, folders and tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from affectspace.cli.options import (
    Actors,
    Address,
    AsJson,
    Backbones,
    Device,
    Force,
    Moved,
    Prefix,
    SafeCsv,
    Separator,
    move_files,
    parse_backbones,
    refuse_overwrite,
)
from affectspace.cli.predict_checks import (
    answer_of,
    check_answer,
    check_faces,
    check_figure,
    check_files,
    check_model,
    check_options,
)
from affectspace.cli.predict_options import (
    AnswerColumns,
    AnswerScale,
    Axes,
    Calibrate,
    CalibrateScale,
    Classifier,
    Crop,
    Details,
    Engine,
    Faces,
    Figure,
    Inputs,
    Labels,
    Media,
    ModelName,
    OldOption,
    Out,
    Part,
    Run,
    ScaleName,
    Step,
    Text,
    Together,
    Vectors,
    Window,
    column_of,
)
from affectspace.cli.predict_outcomes import predict_in_shards, predict_over_time, predict_samples, write_predictions
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, counted

if TYPE_CHECKING:
    from affectspace.features import RayEngine
    from affectspace.features.backbones.named_vectors import NamedVectors
    from affectspace.prediction import Predictor, Trajectory
    from affectspace.prediction.inputs import NamedSample
    from affectspace.prediction.run_rows import RunParts
    from affectspace.prediction.tables import TableColumns
    from affectspace.progress import Progress

SHOWN = 20  # rows on the screen


def predict(
    inputs: Inputs = None,
    text: Text = None,
    together: Together = False,
    model: ModelName = None,
    run: Run = None,
    classifier: Classifier = None,
    labels: Labels = None,
    axes: Axes = None,
    scale: ScaleName = None,
    calibrate: Calibrate = None,
    calibrate_scale: CalibrateScale = None,
    faces: Faces = "largest",
    text_column: str | None = column_of("texts"),
    audio_column: str | None = column_of("names of sound files"),
    video_column: str | None = column_of("names of clips"),
    image_column: str | None = column_of("names of pictures"),
    start_column: str | None = column_of("the second at which the sample starts in its file"),
    end_column: str | None = column_of("the second at which the sample ends in its file"),
    id_column: str | None = column_of("names of the rows"),
    separator: Separator = None,
    media: Media = None,
    vectors: Vectors = None,
    window: Window = None,
    step: Step = None,
    figure: Figure = None,
    out: Out = None,
    details: Details = False,
    answer_scale: AnswerScale = None,
    answer_columns: AnswerColumns = None,
    prefix: Prefix = "",
    backbone: Backbones = None,
    crop: Crop = None,
    part: Part = None,
    moved: Moved = None,
    device: Device = "auto",
    engine: Engine = "local",
    actors: Actors = None,
    address: Address = None,
    safe_csv: SafeCsv = False,
    force: Force = False,
    json_: AsJson = False,
    file: OldOption = None,
    folder: OldOption = None,
    csv: OldOption = None,
) -> None:
    """Predict valence, arousal and dominance of texts, recordings, pictures, clips, folders and tables.

    Each input is a sample of its own. Samples that fail are reported. The exit status is 1 if every sample failed. With
    --out the same command continues an interrupted prediction of many samples.
    """
    from affectspace.prediction.inputs import combined_sample, each_face, face_columns, is_table
    from affectspace.tables.text import declare_separator
    from affectspace.tables.transcripts import is_transcript

    named = (text_column, audio_column, video_column, image_column, start_column, end_column, id_column)
    items = _resolve(inputs or [], text or [])
    tables = [item for item in items if isinstance(item, Path) and is_table(item, columns=any(named))]
    if tables and not any(named) and all(map(is_transcript, tables)):
        named = ("text", *named[1:])
    for path in tables:
        declare_separator(path, separator)
    single = together or (len(items) == 1 and not tables and not (isinstance(items[0], Path) and items[0].is_dir()))
    follow = window is not None or step is not None or figure is not None
    head = {"labels": labels, "axes": axes, "scale": scale, "calibrate": calibrate, "calibrate_scale": calibrate_scale}
    check_model(run, model, classifier, head, vectors, backbone, crop)
    check_faces(faces, together, figure, tables)
    check_options(items, tables, together, vectors, follow, part, run)
    if not tables and (any(named) or media is not None or prefix):
        raise ConfigError("--text-column and the other columns, --media and --prefix need a table as input")
    check_figure(figure, single)
    if follow:
        from affectspace.prediction.trajectory import check_windows

        check_windows(window, step)
    refuse_overwrite((out, figure), force)
    answer = answer_of(answer_scale, answer_columns)
    if run is not None:
        move_files(run, moved)
    check_files(items, tables, named, media, vectors, head, single)
    if together:
        combined_sample(items, {})  # an error of the arguments, before the model is loaded
    cluster = _cluster(engine, actors, address, device, single or follow)

    from affectspace.cli.prediction_screen import Screen
    from affectspace.prediction import Predictor

    limit = math.inf if json_ else SHOWN
    trajectories: list[Trajectory] = []
    skipped: Mapping[str, int] = {}
    parts: RunParts | None = None
    with progress_bar(not json_) as progress, ExitStack() as stack:
        if classifier is not None:
            reopen = partial(_open_classifier, classifier, head, device=device, crop=crop is not False)
        elif run is None:
            reopen = partial(Predictor.pretrained, model or "any", device=device)
        else:
            reopen = partial(Predictor.of_run, run, device=device, backbones=parse_backbones(backbone), crop=crop)
        predictor = reopen(progress=progress)
        check_answer(answer, predictor)
        ready_made = _read_vectors(vectors, predictor)
        if tables and len(items) == 1:
            from affectspace.prediction.tables import TableColumns, predict_table

            shown = predictor.modalities if details else ()
            parts = _parts(run, tables[0], TableColumns(*named))
            summary = predict_table(
                predictor, tables[0], TableColumns(*named), out=out, media=media, vectors=ready_made, prefix=prefix,
                modalities=shown, answer=answer, parts=parts, force=force, limit=limit, engine=cluster, reopen=reopen,
                progress=progress,
            )  # fmt: skip
        else:
            columns: Mapping[str, Sequence[Any]] = {}
            if part is not None:
                samples, columns = _samples_of_part(run, part, stack)
            else:
                samples, skipped = _samples(predictor, items, together, named, media, ready_made)
            alone = single
            if faces == "all":
                samples = each_face(samples, progress)
                single, columns = single and len(samples) == 1, {**columns, **face_columns(samples)}
            if follow or (alone and _is_long(samples)):
                windows = (window, step, figure)
                table, summary, trajectories = predict_over_time(
                    predictor, samples, *windows, progress, answer if out else None, faces == "all"
                )
            else:
                many = partial(predict_in_shards, out=out, engine=cluster, reopen=reopen) if cluster or out else None
                table, summary = predict_samples(
                    predictor, samples, limit, progress, many, answer if out else None, columns
                )
            if out is not None and table is not None:
                write_predictions(table, out, () if details else predictor.modalities, force)
    written = [path for path in (out, figure) if path is not None and summary.succeeded]
    if parts is not None and parts.counts["train"]:
        predictor.notices.append(
            f"{counted(parts.counts['train'], 'row', 'was')} in the training part of {run}: a score of them says nothing about "
            f"new data (the column {prefix}run_part of --out has the part of each row)"
        )
    Screen(predictor, run is not None, json_, answer).show(summary, trajectories, skipped, written, single)
    raise typer.Exit(0 if summary.succeeded else 1)


def _resolve(inputs: Sequence[str], texts: Sequence[str]) -> list[str | Path]:
    """Return the texts, and the paths of the inputs that exist."""
    from affectspace.prediction.inputs import is_run, resolve

    items = [resolve(argument) for argument in inputs]
    for item in items:
        if isinstance(item, Path) and is_run(item):
            raise ConfigError(f"{item} is a run, not an input; predict with it: affectspace predict --run {item} INPUT")
    return [*items, *texts]


def _open_classifier(
    name: str, head: Mapping[str, Any], *, device: str, crop: bool, progress: Progress | None = None
) -> Predictor:
    """Open a classifier with the options of the command."""
    from affectspace.prediction import Predictor

    axes = None if head["axes"] is None else [axis.strip() for axis in head["axes"].split(",")]
    return Predictor.of_classifier(name, **{**head, "axes": axes}, device=device, crop=crop)


def _parts(run: Path | None, table: Path, columns: TableColumns) -> RunParts | None:
    """Return which rows of a table the run knows; None without a run that keeps its parts."""
    if run is None:
        return None
    if not (run / "split.csv").is_file():
        typer.echo(
            f"note: {run / 'split.csv'} is missing, so rows that the run was trained on are not marked", err=True
        )
        return None
    from affectspace.prediction.run_rows import RunParts
    from affectspace.training.runs import open_run

    return RunParts(open_run(run), table, columns.chosen())


def _samples_of_part(
    run: Path | None, part: str, stack: ExitStack
) -> tuple[list[NamedSample], Mapping[str, Sequence[Any]]]:
    """Return the samples of a part of the run's corpus. stack : removes pictures that are unpacked"""
    from tempfile import TemporaryDirectory

    from affectspace.prediction.run_rows import samples_of_part
    from affectspace.training.runs import open_run

    assert run is not None
    return samples_of_part(open_run(run), part, Path(stack.enter_context(TemporaryDirectory())))


def _read_vectors(vectors: Sequence[str] | None, predictor: Predictor) -> Mapping[str, NamedVectors]:
    """Read the files of --vectors."""
    if not vectors:
        return {}
    from affectspace.prediction.tables import read_vectors

    return read_vectors(vectors, predictor)


def _samples(
    predictor: Predictor,
    items: Sequence[str | Path],
    together: bool,
    named: Sequence[str | None],
    media: Path | None,
    vectors: Mapping[str, NamedVectors],
) -> tuple[list[NamedSample], Mapping[str, int]]:
    """Return the samples of the inputs in their order, and the number of skipped files of folders by suffix."""
    from affectspace.prediction.inputs import (
        combined_sample,
        is_table,
        sample_or_failure,
        samples_of_folder,
        samples_of_vectors,
        vectors_of,
    )

    if together or (len(items) == 1 and not (isinstance(items[0], Path) and items[0].is_dir())):
        return [combined_sample(items, vectors)], {}
    if not items:
        return samples_of_vectors(vectors), {}
    samples: list[NamedSample] = []
    skipped: Counter[str] = Counter()
    own = iter(vectors_of(vectors, [(None, str(item)) for item in items], predictor.notices))
    for item in items:
        ready_made = next(own)
        if isinstance(item, Path) and item.is_dir():
            below, left_out = samples_of_folder(item, predictor)
            samples += below if len(items) == 1 else [(str(item / name), sample) for name, sample in below]
            skipped += left_out
        elif isinstance(item, Path) and is_table(item, columns=any(named)):
            samples += _rows_of(predictor, item, named, media, vectors)
        else:
            samples.append(sample_or_failure(item, ready_made))
    return samples, skipped


def _rows_of(
    predictor: Predictor,
    table: Path,
    named: Sequence[str | None],
    media: Path | None,
    vectors: Mapping[str, NamedVectors],
) -> list[NamedSample]:
    """Return the rows of a table that is one of several inputs."""
    from affectspace.prediction.tables import TableColumns, samples_of_table

    blocks = samples_of_table(predictor, table, TableColumns(*named), media, vectors)
    return [(f"{table}: {name}", sample) for _, rows in blocks for name, sample in rows]


def _is_long(samples: list[NamedSample]) -> bool:
    from affectspace.prediction import Sample
    from affectspace.prediction.trajectory import is_long

    sample = samples[0][1]
    return isinstance(sample, Sample) and is_long(sample)


def _cluster(engine: str, actors: int | None, address: str | None, device: str, few: bool) -> RayEngine | None:
    """Make the engine of a cluster. Raises ConfigError for an unknown name, and for options that do not fit."""
    if engine not in ("local", "ray"):
        raise ConfigError(f"--engine {engine!r}; choose local or ray")
    if engine == "local":
        if device not in ("auto", "cpu"):
            from affectspace.devices import choose_device

            choose_device(device)  # is it here?
        if actors is not None or address is not None:
            raise ConfigError("--actors and --address belong to --engine ray")
        return None
    if few:
        raise ConfigError("--engine ray is for many inputs: a folder, a table, or several files, without --window")
    from affectspace.features import RayEngine

    return RayEngine(address, actors, 1, device, gpus=1.0 if device.startswith("cuda") else 0.0)
