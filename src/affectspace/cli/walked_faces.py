"""What `affectspace traverse` does with faces: load and walk them, write figures, films and tables, print the readings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from affectspace.cli.options import print_json
from affectspace.cli.progress import progress_bar
from affectspace.errors import RunError, counted
from affectspace.files import locked_output

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from affectspace.data.dataset import Dataset
    from affectspace.progress import Progress
    from affectspace.training.runs import Run
    from affectspace.walks import Strength, Walk
    from affectspace.walks.readers import Reader

REAL_FACES = 500  # on which a judge is compared with the labels
DIFFERENCE = "-difference"  # at the end of names of files
EXAMPLES = 4  # drawn faces that are walked where no face is given


@dataclass(frozen=True)
class Request:
    """A checked request for walks.

    shipped : whether the run is the model that ships; rows : part of the corpus and number of faces, None for none
    path : as written; points : (frames, 2) of the path; films : suffixes
    strength : one for both axes, or one each; "auto"; None: the calibrated one where the run has it, else 1
    """

    run: Path
    shipped: bool
    images: list[Path]
    rows: tuple[str, int] | None
    valences: list[float]
    arousals: list[float]
    path: str | None
    points: "np.ndarray | None"
    films: list[str]
    crop: str
    method: str
    strength: str | tuple[float, ...] | None
    folder: Path
    force: bool
    judges: list[str]
    difference: bool


class Face(NamedTuple):
    """A face to walk.

    name : for files; pixels : (size, size, 3) uint8; cut : how it was cropped; notes : for the user; person : in the corpus
    """

    name: str
    source: str
    pixels: "np.ndarray"
    cut: str
    notes: list[str]
    person: str = ""


def output_stems(request: Request, names: list[str]) -> list[Path]:
    """Return one path without suffix per face. Raises RunError if a file exists and must not be replaced."""
    from affectspace.media.content import IMAGES

    plain = [str(Path(name).with_suffix("")) if Path(name).suffix.lower() in IMAGES else name for name in names]
    stems = [request.folder / name for name in file_names(plain)]
    suffixes = (".png", *request.films)
    if request.difference:
        suffixes = (*suffixes, *(DIFFERENCE + suffix for suffix in suffixes))
    files = [stem.with_name(stem.name + suffix) for stem in stems for suffix in suffixes]
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


def chosen_strength(
    run: "Run", request: Request, progress: "Progress"
) -> "tuple[Strength | float | tuple[float, float], Strength | None, str]":
    """Return the strength of walks, the calibration of the run if there is one, and a message for the user.

    "auto" calibrates a run that has no calibration. Raises RunError where this is impossible.
    """
    from affectspace.walks.strength import Strength

    if request.method == "heads":
        return 1.0, None, "the heads' reading sets the code; a strength is for --method directions"
    kept = Strength.read(run.folder)
    if isinstance(request.strength, tuple):
        values = (request.strength[0], request.strength[-1])
        text = "strength " + (f"{values[0]:g}" if len(request.strength) == 1 else f"{values[0]:g} and {values[1]:g}")
        return values, kept, f"{text}, as asked for"
    if kept is None and request.strength == "auto":
        from affectspace.studies.walks.calibration import calibrate_run

        kept = calibrate_run(run, progress=progress)
    if kept is None:
        return (
            1.0,
            None,
            "strength 1, not calibrated: --strength auto chooses the one at which what is asked is what is read",
        )
    return kept, kept, "\n".join(kept.messages)


def walk_faces(request: Request, as_json: bool) -> None:
    """Walk each face over the grid and along the path; write figures, films and walks.json."""
    import numpy as np
    import torch

    from affectspace.files import write_text
    from affectspace.prediction.photos import read_picture
    from affectspace.training.runs import open_run
    from affectspace.walks.paths import grid_points
    from affectspace.walks.pictures import decode, walk
    from affectspace.walks.runs import encode_rows, open_data, run_geometry, walkable_model

    run = open_run(request.run)
    model, walks = walkable_model(run), []
    judges = open_judges(request.judges, run.folder)
    with locked_output(request.folder), progress_bar() as progress:
        pictures = [
            read_picture(path) for path in request.images
        ]  # unreadable ones are reported before the corpus is opened
        data = open_data(run, progress) if request.rows is not None or needs_corpus(request, run.drawn_faces) else None
        faces = load_faces(run, model.config.image_size, pictures, request, data)
        stems = output_stems(request, [face.name for face in faces])
        strength, calibration, message = chosen_strength(run, request, progress)
        if not judges and calibration is not None:
            judges = open_judges([calibration.reader], run.folder)
        geometry = run_geometry(run, model, request.method, strength, progress, data)
        points = grid_points(request.valences, request.arousals)
        for number, (face, stem) in enumerate(zip(faces, stems, strict=True)):
            progress(number, len(faces), f"walk of {face.name}")
            moved = walk(model, face.pixels, points, geometry)
            read = read_walk(moved, judges, face.person)
            figures = save_figures(moved, face, request, stem, next(iter(read.values()), None))
            films = []
            if request.points is not None:
                along = walk(model, face.pixels, request.points, geometry)
                films = save_films(
                    along, stem, request, next(iter(read_walk(along, judges, face.person).values()), None)
                )
            walks.append(describe_walk(face, figures, moved, films, read))
            if calibration is not None and (note := calibration.unlike(face.pixels, moved, run.drawn_faces)):
                walks[-1]["notes"].append(note)
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
        "run": request.run.name if request.shipped else str(request.run), "method": request.method,
        "strength": calibration.values if strength is calibration and calibration is not None else strength,
        "valence": request.valences, "arousal": request.arousals, "path": request.path, "walks": walks, "judges": real,
    }  # fmt: skip
    write_text(request.folder / "walks.json", json.dumps(summary, indent=2) + "\n")
    write_text(request.folder / "walks.csv", walk_table(walks).to_csv(index=False))
    for entry in walks:
        for note in entry["notes"]:
            typer.echo(f"{entry['face']}: {note}", err=True)
    if as_json:
        print_json(summary)
    else:
        show_walks(walks, real, request, message)


def open_judges(places: Sequence[str], folder: Path) -> "dict[str, Reader]":
    """Open judges by name or folder; return them by a name for columns and messages. Raises RunError where there is none."""
    from affectspace.walks.readers import named_reader

    readers = [named_reader(place, folder) for place in places]
    return dict(zip(file_names([Path(place).name for place in places]), readers, strict=True))


def read_walk(walk: "Walk", judges: "dict[str, Reader]", person: str) -> "dict[str, np.ndarray]":
    """Return what each judge reads in the pictures of a walk, (n, 2)."""
    import numpy as np

    people = np.repeat(person, len(walk.images))
    return {name: judge.read(walk.images, people)[:, :2] for name, judge in judges.items()}


def save_figures(walk: "Walk", face: Face, request: Request, stem: Path, read: "np.ndarray | None") -> list[str]:
    """Draw the grid of a face, with the first judge's readings below each picture, and what changed; return the files."""
    import numpy as np

    from affectspace.report import save_figure, walk_figure
    from affectspace.report.differences import difference_images
    from affectspace.report.formatting import signed

    shape = (len(request.arousals), len(request.valences))
    grid = walk.images.reshape(*shape, *face.pixels.shape)
    missed = np.asarray(walk.missed.any(axis=1)).reshape(shape)
    captions = None
    if read is not None:
        texts = [f"read {signed(valence)}, {signed(arousal)}" for valence, arousal in read]
        captions = np.array(texts, dtype=object).reshape(shape).tolist()
    figures = [stem.with_name(stem.name + ".png")]
    drawing = walk_figure(
        grid, request.valences, request.arousals, original=face.pixels, missed=missed, captions=captions
    )
    save_figure(drawing, figures[0])
    if request.difference:
        changed, limit = difference_images(grid, walk.reconstruction)
        drawing = walk_figure(
            changed, request.valences, request.arousals, original=walk.reconstruction, missed=missed,
            original_label="reconstruction", limit=limit,
        )  # fmt: skip
        figures.append(stem.with_name(stem.name + DIFFERENCE + ".png"))
        save_figure(drawing, figures[1])
    return [str(figure) for figure in figures]


def load_faces(
    run: "Run", size: int, pictures: "list[np.ndarray]", request: Request, data: "Dataset | None"
) -> list[Face]:
    """Load the faces to walk: pictures, then rows of the corpus; drawn examples where the model that ships gets no picture.

    Raises DataError as `cut_photo` and `dataset_faces`.
    """
    from affectspace.prediction.photos import framing_of, read_framing
    from affectspace.walks.runs import dataset_faces
    from affectspace.walks.walker import cut_face, example_faces

    if request.shipped and not request.images:
        examples = example_faces(size, EXAMPLES)
        return [Face(face.name, f"example {face.name}", face.pixels, "drawn", []) for face in examples]

    framing = None
    if request.images and not run.drawn_faces:
        framing = framing_of(run, data) if data is not None else read_framing(run.folder / "framing.json")
    faces = []
    for path, picture in zip(request.images, pictures, strict=True):
        photo, notes = cut_face(path, picture, size, framing, request.crop)
        faces.append(Face(path.stem, str(path), photo.pixels, photo.cut, notes))
    if request.rows is not None and data is not None:
        names, pixels = dataset_faces(data, *request.rows)
        person = dict(zip(data.table["id"].astype(str), data.table["person"].astype(str), strict=True))
        faces += [Face(name, name, face, "corpus", [], person[name]) for name, face in zip(names, pixels, strict=True)]
    return faces


def needs_corpus(request: Request, drawn: bool) -> bool:
    """Return whether a photograph needs the run's corpus, because a file that is derived from it does not exist yet."""
    if request.method == "heads":
        return not any(
            (request.run / name).is_file() for name in ("geometry.safetensors", "representations.safetensors")
        )
    framed = request.crop == "middle" or (request.run / "framing.json").is_file() or drawn
    return not framed or not (request.run / "directions.safetensors").is_file()


def save_films(walk: "Walk", stem: Path, request: Request, read: "np.ndarray | None") -> list[str]:
    """Write a walk as GIF or MP4 beside the figures, and what changes in it; return the names of the files."""
    import numpy as np

    from affectspace.report.animation import save_gif, save_mp4, walk_frames
    from affectspace.report.differences import difference_images
    from affectspace.walks.paths import is_closed

    points = np.where(np.isnan(walk.targets), walk.reached.clip(-1, 1), walk.targets)
    closed, files = is_closed(points), []
    films = {"": walk_frames(walk.images, points, closed, readings=read)}
    if request.difference:
        changed, _ = difference_images(walk.images, walk.reconstruction)
        films[DIFFERENCE] = walk_frames(changed, points, closed, legend="red: brighter, blue: darker than before")
    for name, frames in films.items():
        for suffix in request.films:
            file = stem.with_name(stem.name + name + suffix)
            files.append(str(save_gif(frames, file) if suffix == ".gif" else save_mp4(frames, file)))
    return files


def describe_walk(
    face: Face, figures: list[str], walk: "Walk", films: list[str], judges: "dict[str, np.ndarray]"
) -> dict[str, Any]:
    """Return the entry of one face in walks.json.

    A point is [target valence, target arousal, valence, arousal], the latter by the read-out that set the code: it agrees with
    the target by construction. heads and judges : what the model's heads and each judge read at these points.
    """
    import numpy as np

    return {
        "face": face.source,
        "figure": figures[0],
        "difference": figures[1] if len(figures) > 1 else None,
        "missed": int(walk.missed.any(axis=1).sum()),
        "points": np.concatenate([walk.targets, walk.reached], axis=1).round(4).tolist(),
        "heads": walk.heads.round(4).tolist(),
        "judges": {name: read.round(4).tolist() for name, read in judges.items()},
        "cut": face.cut,
        "notes": list(face.notes),
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


def show_walks(walks: list[dict[str, Any]], judges: dict[str, Any], request: Request, message: str) -> None:
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
    typer.echo(message)
    missed = sum(walk["missed"] for walk in walks)
    if missed:
        targets = counted(len(pictures), "target")
        typer.echo(f"beyond the reach of the model: {missed} of {targets}, dashed in the figures; see also walks.json")
    films = sum(len(walk["films"]) for walk in walks)
    figures = sum(1 + (walk["difference"] is not None) for walk in walks)
    parts = [counted(figures, "figure"), *([counted(films, "film")] if films else []), "walks.csv and walks.json"]
    typer.echo(f"{', '.join(parts)} in {request.folder}")
