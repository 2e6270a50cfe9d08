"""`affectspace traverse`: one face moved over the map of valence and arousal."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from affectspace.cli.options import AsJson, Force, Moved, RunFolder, move_files, print_json, print_results
from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError, RunError, counted
from affectspace.files import locked_output

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from affectspace.data.dataset import Dataset
    from affectspace.training.runs import Run
    from affectspace.walks import Walk

METHODS = ("directions", "heads")
CROPS = ("auto", "face", "middle")
PARTS = ("train", "validation", "test")
VALENCES, AROUSALS, FRAMES = "-0.8:0.8:5", "-0.6:0.8:5", 48  # defaults
CROP_HELP = (
    "How photographs are cropped. auto: to the face, or else to the middle; face: an error without a face; middle: to the "
    "middle square."
)
METHOD_HELP = (
    "How codes move. directions: along what labels show within people; heads: to the nearest code that the heads read as the "
    "target."
)
REAL_FACES = 500  # on which a judge is compared with the labels
MOST_STEPS = 21  # per axis
MOST_STRENGTH = 5


@dataclass(frozen=True)
class Request:
    """A checked request for walks.

    rows : part of the corpus and number of faces; path : as written; points : (frames, 2) of the path; films : suffixes
    """

    run: Path
    images: list[Path]
    rows: tuple[str, int] | None
    valences: list[float]
    arousals: list[float]
    path: str | None
    points: "np.ndarray | None"
    films: list[str]
    crop: str
    method: str
    strength: float
    folder: Path
    force: bool
    judges: list[str]


class Face(NamedTuple):
    """A face to walk.

    name : for files; pixels : (size, size, 3) uint8; cut : how it was cropped; note : for the user; person : in the corpus
    """

    name: str
    source: str
    pixels: "np.ndarray"
    cut: str
    note: str
    person: str = ""


Image = Annotated[list[Path] | None, typer.Option(help="Photograph of a face. Can be repeated.")]
DatasetRows = Annotated[
    str | None, typer.Option(help="Faces of the run's corpus, as PART:COUNT. Default without --image: test:4.")
]
Valence = Annotated[str, typer.Option(help="Target valence, as low:high:steps on [-1, 1].")]
Arousal = Annotated[str, typer.Option(help="Target arousal, as low:high:steps on [-1, 1].")]
TraversePath = Annotated[
    str | None, typer.Option(help="Path of films: circle (default), valence, arousal, or corners '-0.8,0;0.8,0.5'.")
]
Gif = Annotated[bool, typer.Option("--gif", help="Write a GIF per face, also if only --path is given.")]
Mp4 = Annotated[bool, typer.Option("--mp4", help="Write an MP4 per face.")]
Frames = Annotated[int, typer.Option(help="Number of frames of a film.")]
Crop = Annotated[str, typer.Option(help=CROP_HELP)]
Method = Annotated[str, typer.Option(help=METHOD_HELP)]
Strength = Annotated[
    float, typer.Option(help="With --method directions: 2 moves twice as far from the mean label of the corpus.")
]
Judge = Annotated[bool, typer.Option("--judge", help="Walk test people, judged by networks that RUN/judges keeps.")]
JudgedBy = Annotated[
    list[str] | None,
    typer.Option(
        help="Trained judge that reads every picture: apart, others or regressor (kept by --judge), or the folder of a run of "
        "kind classifier. Can be repeated."
    ),
]
Augmentation = Annotated[
    bool, typer.Option("--augmentation", help="Measure whether emotion classifiers gain from walked faces.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the figures. Default: RUN/walks.")]


def traverse(
    run: RunFolder,
    image: Image = None,
    dataset_rows: DatasetRows = None,
    valence: Valence = VALENCES,
    arousal: Arousal = AROUSALS,
    path: TraversePath = None,
    gif: Gif = False,
    mp4: Mp4 = False,
    frames: Frames = FRAMES,
    crop: Crop = "auto",
    method: Method = "directions",
    strength: Strength = 1.0,
    judged_by: JudgedBy = None,
    judge: Judge = False,
    augmentation: Augmentation = False,
    moved: Moved = None,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Move faces along valence and arousal.

    Writes a figure per face, and what the model's heads and judges read, as walks.json and walks.csv.
    """
    films = [suffix for suffix, wants in ((".gif", gif or (path is not None and not mp4)), (".mp4", mp4)) if wants]
    studies = [name for name, wants in (("judged", judge), ("augmentation", augmentation)) if wants]
    faces_chosen = image or dataset_rows is not None or (valence, arousal, crop) != (VALENCES, AROUSALS, "auto")
    if studies and (faces_chosen or films or judged_by):
        raise ConfigError(
            "--judge and --augmentation walk people of the run's corpus over fixed ranges; leave out pictures, rows, ranges, "
            "crops and films"
        )
    if frames != FRAMES and not films:
        raise ConfigError(f"--frames {frames} is for films; add --gif, --mp4 or --path")
    valences, arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
    check_method(crop, method, strength)
    path = "circle" if films and path is None else path
    points = None
    if path is not None:
        from affectspace.walks.paths import path_points

        points = path_points(path, valences, arousals, frames)
    rows = parse_rows(dataset_rows) if dataset_rows is not None else None if image else ("test", 4)
    if out is not None:
        check_folder(out)
    move_files(run, moved)
    request = Request(
        run, image or [], rows, valences, arousals, path, points, films, crop, method, strength, out or run / "walks", force,
        judged_by or [],
    )  # fmt: skip
    for study in studies:
        _run_study(study, request, as_json)
    if not studies:
        _walk_faces(request, as_json)


def check_method(crop: str, method: str, strength: float) -> None:
    """Raise ConfigError for an unknown crop or method, and for a strength that does not fit."""
    for option, value, choices in (("--crop", crop, CROPS), ("--method", method, METHODS)):
        if value not in choices:
            raise ConfigError(f"{option} {value}: choose {' or '.join(choices)}")
    if not 0 < strength <= MOST_STRENGTH:
        raise ConfigError(
            f"--strength {strength:g}: give a number above 0 and at most {MOST_STRENGTH}; 1 changes nothing"
        )
    if strength != 1 and method != "directions":
        raise ConfigError(f"--strength {strength:g} is for --method directions only")


def parse_range(text: str, option: str) -> list[float]:
    """Parse ``low:high:steps``; low may be above high. Raises ConfigError."""
    usage = f"{option} {text!r}: write low:high:steps, for example -0.8:0.8:5"
    parts = text.split(":")
    if len(parts) != 3:
        raise ConfigError(usage)
    try:
        low, high, steps = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ConfigError(usage) from None
    if not (-1 <= low <= 1 and -1 <= high <= 1):
        raise ConfigError(f"{option} {text!r}: valence and arousal lie on [-1, 1]")
    if low == high or not 2 <= steps <= MOST_STEPS:
        raise ConfigError(f"{option} {text!r}: give two ends that differ, and 2 to {MOST_STEPS} steps")
    return [round(low + (high - low) * step / (steps - 1), 6) for step in range(steps)]


def parse_rows(text: str) -> tuple[str, int]:
    """Parse ``part:count``; a part alone stands for 4 of it. Raises ConfigError."""
    part, colon, count = text.partition(":")
    if part not in PARTS or (colon and not count.isdecimal()) or (colon and int(count) < 1):
        raise ConfigError(f"--dataset-rows {text!r}: write PART:COUNT, for example test:8 (parts: {', '.join(PARTS)})")
    return part, int(count) if colon else 4


def check_folder(folder: Path) -> None:
    """Raise RunError if a folder cannot be written, before minutes of work and not after them."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise RunError(f"--out {folder}: {existing} is a file; name a folder")
    if not os.access(existing, os.W_OK):
        raise RunError(f"--out {folder}: {existing} is not writable; name another folder")


def output_stems(request: Request, names: list[str]) -> list[Path]:
    """Return one path without suffix per face. Raises RunError if a file exists and must not be replaced."""
    from affectspace.media.content import IMAGES

    plain = [str(Path(name).with_suffix("")) if Path(name).suffix.lower() in IMAGES else name for name in names]
    stems = [request.folder / name for name in file_names(plain)]
    files = [stem.with_name(stem.name + suffix) for stem in stems for suffix in (".png", *request.films)]
    existing = [file for file in (*files, request.folder / "walks.json", request.folder / "walks.csv") if file.exists()]
    if existing and not request.force:
        raise RunError(f"{existing[0]} exists already; use --force to replace it, or --out for another folder")
    return stems


def file_names(names: list[str]) -> list[str]:
    """Make names safe for files, and different from each other even if case is ignored."""
    unique: list[str] = []
    for name in names:
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        safe = safe.strip(".")[:80] or "face"
        candidate, number = safe, 2
        while candidate.lower() in (used.lower() for used in unique):
            candidate, number = f"{safe}-{number}", number + 1
        unique.append(candidate)
    return unique


def _walk_faces(request: Request, as_json: bool) -> None:
    """Walk each face over the grid and along the path; write figures, films and walks.json."""
    import numpy as np
    import torch

    from affectspace.files import write_text
    from affectspace.prediction.photos import read_picture
    from affectspace.report import save_figure, walk_figure
    from affectspace.training.runs import open_run
    from affectspace.walks.paths import grid_points
    from affectspace.walks.pictures import decode, walk
    from affectspace.walks.readers import named_reader
    from affectspace.walks.runs import encode_rows, open_data, run_geometry, walkable_model

    run = open_run(request.run)
    model, walks = walkable_model(run), []
    readers = [named_reader(place, run.folder) for place in request.judges]
    judges = dict(zip(file_names([Path(place).name for place in request.judges]), readers, strict=True))
    with locked_output(request.folder), progress_bar() as progress:
        pictures = [
            read_picture(path) for path in request.images
        ]  # unreadable ones are reported before the corpus is opened
        data = open_data(run, progress) if request.rows is not None or needs_corpus(request) else None
        faces = load_faces(run, model.config.image_size, pictures, request, data)
        stems = output_stems(request, [face.name for face in faces])
        geometry = run_geometry(run, model, request.method, request.strength, progress, data)
        points = grid_points(request.valences, request.arousals)
        for number, (face, stem) in enumerate(zip(faces, stems, strict=True)):
            progress(number, len(faces), f"walk of {face.name}")
            moved = walk(model, face.pixels, points, geometry)
            grid = moved.images.reshape(len(request.arousals), len(request.valences), *face.pixels.shape)
            figure = stem.with_name(stem.name + ".png")
            missed = np.asarray(moved.missed.any(axis=1)).reshape(grid.shape[:2])
            drawing = walk_figure(grid, request.valences, request.arousals, original=face.pixels, missed=missed)
            save_figure(drawing, figure)
            films = []
            if request.points is not None:
                films = save_films(walk(model, face.pixels, request.points, geometry), stem, request.films)
            people = np.repeat(face.person, len(points))
            read = {name: judge.read(moved.images, people)[:, :2] for name, judge in judges.items()}
            walks.append(describe_walk(face, figure, moved, films, read))
        progress(len(faces), len(faces), "walks")
        real: dict[str, Any] = {}
        if data is not None and judges:
            rows = data.rows("test")[:REAL_FACES]
            rebuilt = decode(model, torch.from_numpy(encode_rows(model, data, rows)))
            seen = {"faces": np.array(data.images(rows)), "reconstructions": rebuilt}
            for name, judge in judges.items():
                agrees = {kind: judge.agreement(data, rows, shown) for kind, shown in seen.items()}
                real[name] = {"rows": len(rows), "r": agrees}
    summary: dict[str, Any] = {
        "run": str(request.run), "method": request.method, "strength": request.strength, "valence": request.valences,
        "arousal": request.arousals, "path": request.path, "walks": walks,
        "judges": real,
    }  # fmt: skip
    write_text(request.folder / "walks.json", json.dumps(summary, indent=2) + "\n")
    write_text(request.folder / "walks.csv", walk_table(walks).to_csv(index=False))
    for entry in walks:
        if entry["note"]:
            typer.echo(f"{entry['face']}: {entry['note']}; the middle of the picture was walked", err=True)
    if as_json:
        print_json(summary)
    else:
        _show_walks(walks, real, request)


def load_faces(
    run: "Run", size: int, pictures: "list[np.ndarray]", request: Request, data: "Dataset | None"
) -> list[Face]:
    """Load the faces to walk: photographs, then rows of the corpus. Raises DataError as `cut_photo` and `dataset_faces`."""
    from affectspace.prediction.photos import cut_photo, framing_of, read_framing
    from affectspace.walks.runs import dataset_faces

    faces = []
    for path, picture in zip(request.images, pictures, strict=True):
        framing = framing_of(run, data) if data is not None else read_framing(run.folder / "framing.json")
        photo = cut_photo(path, picture, size, framing, request.crop)
        faces.append(Face(path.stem, str(path), photo.pixels, photo.cut, photo.note))
    if request.rows is not None and data is not None:
        names, pixels = dataset_faces(data, *request.rows)
        person = dict(zip(data.table["id"].astype(str), data.table["person"].astype(str), strict=True))
        faces += [Face(name, name, face, "corpus", "", person[name]) for name, face in zip(names, pixels, strict=True)]
    return faces


def needs_corpus(request: Request) -> bool:
    """Return whether a photograph needs the run's corpus, because a file that is derived from it does not exist yet."""
    if request.method == "heads":
        return not any(
            (request.run / name).is_file() for name in ("geometry.safetensors", "representations.safetensors")
        )
    framed = request.crop == "middle" or (request.run / "framing.json").is_file()
    return not framed or not (request.run / "directions.safetensors").is_file()


def save_films(walk: "Walk", stem: Path, suffixes: list[str]) -> list[str]:
    """Write a walk as GIF or MP4 beside the figures; return the names of the files."""
    import numpy as np

    from affectspace.report.animation import save_gif, save_mp4, walk_frames
    from affectspace.walks.paths import is_closed

    points = np.where(np.isnan(walk.targets), walk.reached.clip(-1, 1), walk.targets)
    frames = walk_frames(walk.images, points, is_closed(points))
    files = [stem.with_name(stem.name + suffix) for suffix in suffixes]
    return [str(save_gif(frames, file) if file.suffix == ".gif" else save_mp4(frames, file)) for file in files]


def describe_walk(
    face: Face, figure: Path, walk: "Walk", films: list[str], judges: "dict[str, np.ndarray]"
) -> dict[str, Any]:
    """Return the entry of one face in walks.json.

    A point is [target valence, target arousal, valence, arousal], the latter by the read-out that set the code: it agrees with
    the target by construction. heads and judges : what the model's heads and each judge read at these points.
    """
    import numpy as np

    return {
        "face": face.source,
        "figure": str(figure),
        "missed": int(walk.missed.any(axis=1).sum()),
        "points": np.concatenate([walk.targets, walk.reached], axis=1).round(4).tolist(),
        "heads": walk.heads.round(4).tolist(),
        "judges": {name: read.round(4).tolist() for name, read in judges.items()},
        "cut": face.cut,
        "note": face.note,
        "films": films,
    }


def walk_table(walks: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return one row per picture: face, target, and the readings of heads, judges and the read-out that set the code."""
    import numpy as np
    import pandas as pd

    tables = []
    for walk in walks:
        points = np.array(walk["points"])
        readings = {"target": points[:, :2], "heads": walk["heads"], **walk["judges"], "set_by": points[:, 2:]}
        columns = {
            f"{name}_{axis}": np.array(values)[:, place]
            for name, values in readings.items()
            for place, axis in enumerate(("valence", "arousal"))
        }
        tables.append(pd.DataFrame({"face": walk["face"], **columns}))
    return pd.concat(tables, ignore_index=True)


def _show_walks(walks: list[dict[str, Any]], judges: dict[str, Any], request: Request) -> None:
    """Print targets with the mean readings of heads and judges, what each reads per unit, and what set the code."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    by_heads = request.method == "heads"
    pictures = walk_table(walks)
    readers = ["heads", *walks[0]["judges"]]
    names = [
        "heads, which set the code" if by_heads else "heads",
        *readers[1:],
        *([] if by_heads else ["set the code"]),
    ]
    table = Table("axis", "target", *names)
    steps = {}
    for axis, values in (("valence", request.valences), ("arousal", request.arousals)):
        target = pictures[f"target_{axis}"]
        columns = [pictures[f"{reader}_{axis}"] for reader in (*readers, *([] if by_heads else ["set_by"]))]
        steps[axis] = [np.polyfit(target, column, 1)[0] for column in columns[: len(readers)]]
        for number, value in enumerate(values):
            here = np.isclose(target, value, atol=1e-3)
            table.add_row(
                "" if number else axis, f"{value:+.2f}", *(f"{column[here].mean():+.3f}" for column in columns)
            )
    Console(highlight=False, markup=False, emoji=False).print(table)
    for place, reader in enumerate(readers):
        moved = ", ".join(f"{axis} {slope[place].round(2) + 0:+.2f}" for axis, slope in steps.items())
        typer.echo(f"for each unit of the target, {reader} read {moved} (1 is what was asked for)")
        for kind, r in judges.get(reader, {}).get("r", {}).items():
            if None not in r:
                of = f"on {judges[reader]['rows']:,} {kind} of the test part"
                typer.echo(f"  {of}, {reader} agrees with the labels: valence r {r[0]:+.2f}, arousal r {r[1]:+.2f}")
    if len(readers) == 1:
        typer.echo("no judge has read the pictures: name one with --judged-by, for example a run of kind classifier")
    missed = sum(walk["missed"] for walk in walks)
    if missed:
        targets = counted(len(pictures), "target")
        typer.echo(f"beyond the reach of the model: {missed} of {targets}, dashed in the figures; see also walks.json")
    films = sum(len(walk["films"]) for walk in walks)
    parts = [counted(len(walks), "figure"), *([counted(films, "film")] if films else []), "walks.csv and walks.json"]
    typer.echo(f"{', '.join(parts)} in {request.folder}")


def _run_study(study: str, request: Request, as_json: bool) -> None:
    """Judge walks of test people, or use them as augmentation; print the figures and the path of the report."""
    from affectspace.studies.walks.augmentation import run_augmentation
    from affectspace.studies.walks.judge_run import judge_run
    from affectspace.training.runs import open_run

    path = request.folder / f"{study}.json"
    if path.exists() and not request.force:
        raise RunError(f"{path} exists already; use --force to replace it, or --out for another folder")
    work = judge_run if study == "judged" else run_augmentation
    with locked_output(request.folder), progress_bar() as progress:
        results, report = work(
            open_run(request.run), request.folder, method=request.method, strength=request.strength, progress=progress
        )
    if as_json:
        print_json(results.to_dict())
        return
    print_results(results)
    typer.echo(f"report: {report}")
