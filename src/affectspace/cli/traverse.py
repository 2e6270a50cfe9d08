"""`affectspace traverse`: one face moved over the map of valence and arousal."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, RunError

if TYPE_CHECKING:
    import numpy as np

    from affectspace.training.runs import Run
    from affectspace.training.training_set import TrainingSet
    from affectspace.walks import Walk


MOST = 21  # steps of an axis
METHODS = ("directions", "heads")
CROPS = ("auto", "face", "middle")
VALENCES, AROUSALS, FRAMES = "-0.8:0.8:5", "-0.6:0.8:5", 48
STRONGEST = 5


class Asked:
    """What a walk is asked for, checked. Raises ConfigError.

    valences, arousals : the grid; path : as it was written, or None; points : (frames, 2) of it, or None
    """

    def __init__(
        self, valence: str, arousal: str, path: str | None, frames: int, crop: str, method: str, strength: float
    ) -> None:
        self.valences, self.arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
        for option, value, known in (("--crop", crop, CROPS), ("--method", method, METHODS)):
            if value not in known:
                raise ConfigError(f"{option} {value}: choose {' or '.join(known)}")
        if not 0 < strength <= STRONGEST:
            raise ConfigError(f"--strength {strength:g}: it lies above 0 and is at most {STRONGEST}; 1 changes nothing")
        if strength != 1 and method != "directions":
            raise ConfigError(f"--strength {strength:g}: for --method directions only")
        self.path, self.crop, self.method, self.strength, self.points = path, crop, method, strength, None
        if path is not None:
            from affectspace.walks.pictures import path_points

            self.points = path_points(path, self.valences, self.arousals, frames)


def parse_range(text: str, option: str) -> list[float]:
    """``low:high:steps`` as values; from high to low where low is the greater. Raises ConfigError."""
    example = f"{option} {text!r}: write low:high:steps, such as -0.8:0.8:5"
    parts = text.split(":")
    if len(parts) != 3:
        raise ConfigError(example)
    try:
        low, high, steps = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ConfigError(example) from None
    if not (-1 <= low <= 1 and -1 <= high <= 1):
        raise ConfigError(f"{option} {text!r}: valence and arousal lie on [-1, 1]")
    if low == high or not 2 <= steps <= MOST:
        raise ConfigError(f"{option} {text!r}: give two ends that differ, and 2 to {MOST} steps")
    return [round(low + (high - low) * step / (steps - 1), 6) for step in range(steps)]


def parse_rows(text: str) -> tuple[str, int]:
    """``part:number``, or only the part for 4 of it. Raises ConfigError."""
    part, colon, number = text.partition(":")
    if part not in ("train", "validation", "test") or (colon and not number.isdecimal()) or (colon and int(number) < 1):
        raise ConfigError(f"--dataset-rows {text!r}: write part:number, such as test:8 (train, validation, test)")
    return part, int(number) if colon else 4


def check_folder(folder: Path) -> None:
    """Raises RunError where a folder cannot be made or written into; said before minutes of work, not after them."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise RunError(f"--out {folder}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise RunError(f"--out {folder}: nothing may be written into {there}; name another folder")


def stems_to_write(folder: Path, names: list[str], suffixes: list[str], force: bool) -> list[Path]:
    """Paths without their ending, one a face. Raises RunError where a file is there and must not be replaced."""
    stems = [folder / name for name in file_names(names)]
    files = [stem.with_name(stem.name + suffix) for stem in stems for suffix in suffixes]
    there = [file for file in (*files, folder / "walks.json") if file.exists()]
    if there and not force:
        raise RunError(f"{there[0]} is there already; --force replaces it, --out names another folder")
    return stems


def file_names(names: list[str]) -> list[str]:
    """Names that are safe for files and differ from each other even where capitals do not count."""
    found: list[str] = []
    for name in names:
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        safe = safe.strip(".")[:80] or "face"
        candidate, number = safe, 2
        while candidate.lower() in (taken.lower() for taken in found):
            candidate, number = f"{safe}-{number}", number + 1
        found.append(candidate)
    return found


def traverse(
    run: Annotated[Path, typer.Argument(help="A finished run of LeVAsa.")],
    image: Annotated[list[Path] | None, typer.Option(help="A photograph of a face; repeat at will.")] = None,
    dataset_rows: Annotated[
        str | None, typer.Option(help="So many faces of a part of the run's corpus. [default: test:4, without --image]")
    ] = None,
    valence: Annotated[str, typer.Option(help="low:high:steps")] = VALENCES,
    arousal: Annotated[str, typer.Option(help="low:high:steps")] = AROUSALS,
    path: Annotated[
        str | None,
        typer.Option(help="For films: circle, valence, arousal, or corners '-0.8,0;0.8,0.5'. [default: circle]"),
    ] = None,
    gif: Annotated[
        bool, typer.Option("--gif", help="A GIF a face along the path; also made where only --path is given.")
    ] = False,
    mp4: Annotated[bool, typer.Option("--mp4", help="An MP4 a face along the path.")] = False,
    frames: Annotated[int, typer.Option(help="Points of the path.")] = FRAMES,
    crop: Annotated[
        str, typer.Option(help="auto cuts photographs to the face as the corpus does; face insists on one; middle.")
    ] = "auto",
    method: Annotated[
        str,
        typer.Option(help="directions: along what labels show within people; heads: the nearest code that reads so."),
    ] = "directions",
    strength: Annotated[
        float, typer.Option(help="Of walks along directions: 2 goes twice as far from the corpus' mean.")
    ] = 1.0,
    judge: Annotated[
        bool,
        typer.Option("--judge", help="Judge walks of test people by networks of their own; RUN/judges keeps these."),
    ] = False,
    augmentation: Annotated[
        bool,
        typer.Option("--augmentation", help="Whether emotion classifiers gain from walked faces; RUN/augmentation."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the figures. [default: RUN/walks]")] = None,
    force: Annotated[bool, typer.Option(help="Replace figures that are there.")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print what was asked and reached, or judged, as JSON.")
    ] = False,
) -> None:
    """Walk faces along valence and arousal: a figure a face, films, and what was reached beside what was asked."""
    films = [suffix for suffix, wanted in ((".gif", gif or (path is not None and not mp4)), (".mp4", mp4)) if wanted]
    study = judge or augmentation
    if study and (
        image or dataset_rows is not None or films or (valence, arousal, crop) != (VALENCES, AROUSALS, "auto")
    ):
        raise ConfigError(
            "--judge and --augmentation walk people of the run's corpus over ranges of their own; leave out pictures, rows, "
            "ranges, crops and films"
        )
    if frames != FRAMES and not films:
        raise ConfigError(f"--frames {frames}: of which film? add --gif, --mp4 or --path")
    asked = Asked(valence, arousal, "circle" if films and path is None else path, frames, crop, method, strength)
    rows = (
        parse_rows("test:4" if dataset_rows is None else dataset_rows)
        if dataset_rows is not None or not image
        else None
    )
    folder = out or run / "walks"
    if out is not None:
        check_folder(out)
    if not study:
        _walk(run, image or [], rows, asked, films, folder, force, json_)
        return
    for name in [name for name, wanted in (("judged", judge), ("augmentation", augmentation)) if wanted]:
        _study(name, run, folder, asked, force, json_)


def _walk(
    run: Path,
    images: list[Path],
    rows: tuple[str, int] | None,
    asked: Asked,
    films: list[str],
    folder: Path,
    force: bool,
    json_: bool,
) -> None:
    import json

    from affectspace.files import write_text
    from affectspace.prediction.photos import read_picture
    from affectspace.report import save_figure, walk_figure
    from affectspace.training.runs import open_run
    from affectspace.walks.pictures import grid_points, walk
    from affectspace.walks.runs import open_data, walkable, way_of

    opened = open_run(run)
    model, walks = walkable(opened), []
    with progress_bar() as progress:
        pictures = [(path, read_picture(path)) for path in images]  # what is none is told before the corpus is opened
        data = open_data(opened, progress) if rows is not None or needs_corpus(run, asked) else None
        faces = faces_to_walk(opened, model.config.image_size, pictures, rows, asked, data)
        stems = stems_to_write(folder, [face.name for face in faces], [".png", *films], force)
        way = way_of(opened, model, asked.method, asked.strength, progress, data)
        points = grid_points(asked.valences, asked.arousals)
        for number, (face, stem) in enumerate(zip(faces, stems, strict=True)):
            progress(number, len(faces), f"walk of {face.name}")
            moved = walk(model, face.pixels, points, way)
            grid = moved.images.reshape(len(asked.arousals), len(asked.valences), *face.pixels.shape)
            figure = stem.with_name(stem.name + ".png")
            save_figure(walk_figure(grid, asked.valences, asked.arousals, original=face.pixels), figure)
            made = [] if asked.points is None else film(walk(model, face.pixels, asked.points, way), stem, films)
            walks.append({**record(face.source, figure, moved), "cut": face.cut, "note": face.note, "films": made})
        progress(len(faces), len(faces), "walks")
    answer = {
        "run": str(run), "method": asked.method, "strength": asked.strength, "valence": asked.valences,
        "arousal": asked.arousals, "path": asked.path, "walks": walks,
    }  # fmt: skip
    text = json.dumps(answer, indent=2)
    write_text(folder / "walks.json", text + "\n")
    for told in walks:
        if told["note"]:
            typer.echo(f"{told['face']}: {told['note']}; the middle of the picture was walked", err=True)
    if json_:
        typer.echo(text)
    else:
        _show(walks, asked.valences, asked.arousals, folder)


class Face(NamedTuple):
    """A face to walk: a name for files, where it is from, (size, size, 3) uint8, how it was cut, what is to be said of it."""

    name: str
    source: str
    pixels: "np.ndarray"
    cut: str
    note: str


def faces_to_walk(
    run: "Run",
    size: int,
    pictures: "list[tuple[Path, np.ndarray]]",
    rows: tuple[str, int] | None,
    asked: Asked,
    data: "TrainingSet | None",
) -> list[Face]:
    """Photographs as they are given, then rows of the corpus. Raises DataError as `cut_photo` and `dataset_faces`."""
    from affectspace.prediction.photos import cut_photo, framing_of, read_framing
    from affectspace.walks.runs import dataset_faces

    faces = []
    for path, picture in pictures:
        framing = framing_of(run, data) if data is not None else read_framing(run.folder / "framing.json")
        photo = cut_photo(path, picture, size, framing, asked.crop)
        faces.append(Face(path.stem, str(path), photo.pixels, photo.cut, photo.note))
    if rows is not None and data is not None:
        names, pixels = dataset_faces(data, *rows)
        faces += [Face(name, name, face, "corpus", "") for name, face in zip(names, pixels, strict=True)]
    return faces


def needs_corpus(run: Path, asked: Asked) -> bool:
    """Whether a photograph cannot be walked without the run's corpus: what is made of it at first use is not kept yet."""
    if asked.method == "heads":
        return not any((run / name).is_file() for name in ("geometry.safetensors", "codes.safetensors"))
    framed = asked.crop == "middle" or (run / "framing.json").is_file()
    return not framed or not (run / "directions.safetensors").is_file()


def film(walk: "Walk", stem: Path, suffixes: list[str]) -> list[str]:
    """A walk as GIF or MP4 beside the figures; the names of the files."""
    import numpy as np

    from affectspace.report.animation import save_gif, save_mp4, walk_frames
    from affectspace.walks.pictures import closed

    points = np.where(np.isnan(walk.asked), walk.reached.clip(-1, 1), walk.asked)
    frames = walk_frames(walk.images, points, closed(points))
    files = [stem.with_name(stem.name + suffix) for suffix in suffixes]
    return [str(save_gif(frames, file) if file.suffix == ".gif" else save_mp4(frames, file)) for file in files]


def _study(study: str, run: Path, folder: Path, asked: Asked, force: bool, json_: bool) -> None:
    """Walks of test people before their judges, or as augmentation: figures, and the report's path."""
    import json

    from affectspace.errors import RunError
    from affectspace.studies.walks.augmentation import run_augmentation
    from affectspace.studies.walks.judge_run import judge_run
    from affectspace.training.runs import open_run

    path = folder / f"{study}.json"
    if path.exists() and not force:
        raise RunError(f"{path} is there already; --force makes it anew, --out names another folder")
    with progress_bar() as progress:
        work = judge_run if study == "judged" else run_augmentation
        metrics, report = work(open_run(run), folder, method=asked.method, strength=asked.strength, progress=progress)
    if json_:
        typer.echo(json.dumps(metrics.to_dict(), indent=2))
        return
    for experiment, row, name, one in metrics:
        interval = f"  [{one.low:+.3f}, {one.high:+.3f}]" if one.low is not None and one.high is not None else ""
        value = "-" if one.value is None else f"{one.value:+.3f}"
        typer.echo(f"  {experiment:<14} {row + ', ' + name:<50} {value:>8}{interval}")
    typer.echo(f"report: {report}")


def record(source: str, figure: Path, walk: "Walk") -> dict[str, Any]:
    """What walks.json says of one face.

    A point is [asked valence, asked arousal, reached valence, reached arousal]; heads is what the model's heads read there.
    """
    import numpy as np

    table = np.concatenate([walk.asked, walk.reached], axis=1).round(4)
    missed = int(walk.missed.any(axis=1).sum())
    heads = walk.heads.round(4).tolist()
    return {"face": source, "figure": str(figure), "missed": missed, "points": table.tolist(), "heads": heads}


def _show(walks: list[dict[str, Any]], valences: list[float], arousals: list[float], folder: Path) -> None:
    """A table of asked values, what was reached, and what the model's heads read: means over faces, and the farthest off."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    points = np.array([walk["points"] for walk in walks])  # (faces, points, 4)
    heads = np.array([walk["heads"] for walk in walks])
    table = Table("axis", "asked", "reached, mean", "reached, farthest off", "heads, mean")
    for axis, name, values in ((0, "valence", valences), (1, "arousal", arousals)):
        asked, reached, read = points[..., axis].ravel(), points[..., axis + 2].ravel(), heads[..., axis].ravel()
        for value in values:
            here = np.isclose(asked, value, atol=1e-3)
            worst = reached[here][np.abs(reached[here] - value).argmax()]
            table.add_row(
                name, f"{value:+.2f}", f"{reached[here].mean():+.3f}", f"{worst:+.3f}", f"{read[here].mean():+.3f}"
            )
            name = ""
    Console().print(table)
    missed, total = sum(walk["missed"] for walk in walks), points.shape[0] * points.shape[1]
    if missed:
        typer.echo(f"{missed} of {total} points were not reached, the heads do not go so far; see walks.json")
    films = sum(len(walk["films"]) for walk in walks)
    typer.echo(f"{len(walks)} figures{f', {films} films' if films else ''} and walks.json in {folder}")
