"""`affectspace traverse`: one face moved over the map of valence and arousal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from affectspace.generation import Walk

MOST = 21  # steps of an axis
METHODS = ("directions", "heads")


def traverse(
    run: Annotated[Path, typer.Argument(help="A finished run of LeVAsa.")],
    image: Annotated[list[Path] | None, typer.Option(help="A photograph of a face; repeat at will.")] = None,
    dataset_rows: Annotated[
        str | None, typer.Option(help="So many faces of a part of the run's corpus. [default: test:4, without --image]")
    ] = None,
    valence: Annotated[str, typer.Option(help="low:high:steps")] = "-0.8:0.8:5",
    arousal: Annotated[str, typer.Option(help="low:high:steps")] = "-0.6:0.8:5",
    path: Annotated[
        str | None,
        typer.Option(help="For films: circle, valence, arousal, or corners '-0.8,0;0.8,0.5'. [default: circle]"),
    ] = None,
    gif: Annotated[
        bool, typer.Option("--gif", help="A GIF a face along the path; also made where only --path is given.")
    ] = False,
    mp4: Annotated[bool, typer.Option("--mp4", help="An MP4 a face along the path.")] = False,
    frames: Annotated[int, typer.Option(help="Points of the path.")] = 48,
    crop: Annotated[
        str, typer.Option(help="auto cuts photographs to the face as the corpus does; face insists on one; middle.")
    ] = "auto",
    method: Annotated[
        str,
        typer.Option(help="directions: along what labels show within people; heads: the nearest code that reads so."),
    ] = "directions",
    judge: Annotated[
        bool,
        typer.Option("--judge", help="Judge walks of test people by networks trained for that; RUN/judges keeps them."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the figures. [default: RUN/walks]")] = None,
    force: Annotated[bool, typer.Option(help="Replace figures that are there.")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print what was asked and reached, or judged, as JSON.")
    ] = False,
) -> None:
    """Walk faces along valence and arousal: a figure a face, films, and what was reached beside what was asked."""
    import json

    asked = Asked(valence, arousal, path or ("circle" if gif or mp4 else None), frames, crop, method)
    rows = parse_rows(dataset_rows or "test:4") if dataset_rows or not image else None

    from affectspace.errors import RunError
    from affectspace.files import write_text
    from affectspace.generation.photos import framing_of, read_photo
    from affectspace.generation.runs import dataset_faces, directions_of, geometry_of, open_data, walkable
    from affectspace.generation.walks import grid_points, walk
    from affectspace.report import save_figure, walk_figure
    from affectspace.training.runs import open_run

    opened = open_run(run)
    model = walkable(opened)
    folder = out or run / "walks"
    if judge:
        if image or dataset_rows or asked.points is not None:
            raise ConfigError(
                "--judge walks test people of the run's corpus; leave out --image, --dataset-rows and --path"
            )
        _judge(run, folder, method, force, json_)
        return
    films = [
        suffix for suffix, wanted in ((".gif", gif or not mp4), (".mp4", mp4)) if wanted and asked.points is not None
    ]
    with progress_bar() as progress:
        data, faces = None, []
        if rows is not None or needs_corpus(run, asked):
            data = open_data(opened, progress)
        for one in image or []:
            framing = framing_of(opened, data) if data is not None else kept_framing(run)
            photo = read_photo(one, model.config.image_size, framing, crop)
            faces.append((one.stem, str(one), photo.pixels, {"cut": photo.cut, "note": photo.note}))
        if rows is not None and data is not None:
            names, pixels = dataset_faces(data, *rows)
            faces += [
                (name, name, face, {"cut": "corpus", "note": ""}) for name, face in zip(names, pixels, strict=True)
            ]
        stems = [folder / name for name in file_names([face[0] for face in faces])]
        files = [stem.with_name(stem.name + suffix) for stem in stems for suffix in (".png", *films)]
        there = [file for file in (*files, folder / "walks.json") if file.exists()]
        if there and not force:
            raise RunError(f"{there[0]} is there already; --force replaces it, --out names another folder")
        fitted = {"directions": directions_of, "heads": geometry_of}[method](opened, model, progress, data)
        points, walks = grid_points(asked.valences, asked.arousals), []
        for number, ((name, source, face, cut), stem) in enumerate(zip(faces, stems, strict=True)):
            progress(number, len(faces), f"walk of {name}")
            moved = walk(model, face, points, fitted)
            grid = moved.images.reshape(len(asked.arousals), len(asked.valences), *face.shape)
            figure = stem.with_name(stem.name + ".png")
            save_figure(walk_figure(grid, asked.valences, asked.arousals, original=face), figure)
            made = [] if asked.points is None else film(walk(model, face, asked.points, fitted), stem, films)
            walks.append({**record(source, figure, moved), **cut, "films": made})
        progress(len(faces), len(faces), "walks")
    answer = {
        "run": str(run), "method": method, "valence": asked.valences, "arousal": asked.arousals, "path": asked.path,
        "walks": walks,
    }  # fmt: skip
    text = json.dumps(answer, indent=2)
    write_text(folder / "walks.json", text + "\n")
    for one in walks:
        if one["note"]:
            typer.echo(f"{one['face']}: {one['note']}; its middle square was walked", err=True)
    if json_:
        typer.echo(text)
    else:
        _show(walks, asked.valences, asked.arousals, folder)


class Asked:
    """What a walk is asked for, checked. Raises ConfigError.

    valences, arousals : the grid; path : as it was written, or None; points : (frames, 2) of it, or None
    """

    def __init__(self, valence: str, arousal: str, path: str | None, frames: int, crop: str, method: str) -> None:
        self.valences, self.arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
        for option, value, known in (("--crop", crop, ("auto", "face", "middle")), ("--method", method, METHODS)):
            if value not in known:
                raise ConfigError(f"{option} {value}: choose {' or '.join(known)}")
        self.path, self.crop, self.method, self.points = path, crop, method, None
        if path is not None:
            from affectspace.generation.paths import path_points

            self.points = path_points(path, self.valences, self.arousals, frames)


def needs_corpus(run: Path, asked: Asked) -> bool:
    """Whether a photograph cannot be walked without the run's corpus: what is made of it at first use is not kept yet."""
    if asked.method == "heads":
        return not any((run / name).is_file() for name in ("geometry.safetensors", "codes.safetensors"))
    framed = asked.crop == "middle" or (run / "framing.json").is_file()
    return not framed or not (run / "directions.safetensors").is_file()


def kept_framing(run: Path) -> Any:
    from affectspace.generation.photos import read_framing

    return read_framing(run / "framing.json")


def film(walk: "Walk", stem: Path, suffixes: list[str]) -> list[str]:
    """A walk as GIF or MP4 beside the figures; the names of the files."""
    import numpy as np

    from affectspace.generation.paths import closed
    from affectspace.report.animation import save_gif, save_mp4, walk_frames

    points = np.where(np.isnan(walk.asked), walk.reached.clip(-1, 1), walk.asked)
    frames = walk_frames(walk.images, points, closed(points))
    writers = {".gif": save_gif, ".mp4": save_mp4}
    return [str(writers[suffix](frames, stem.with_name(stem.name + suffix))) for suffix in suffixes]


def _judge(run: Path, folder: Path, method: str, force: bool, json_: bool) -> None:
    """Walks of test people before their judges, and what these say."""
    import json

    from affectspace.errors import RunError
    from affectspace.experiments.walks.judge_run import judge_run
    from affectspace.training.runs import open_run

    if (folder / "judged.json").exists() and not force:
        raise RunError(f"{folder / 'judged.json'} is there already; --force judges anew, --out names another folder")
    with progress_bar() as progress:
        metrics, report = judge_run(open_run(run), folder, method=method, progress=progress)
    if json_:
        typer.echo(json.dumps(metrics.to_dict(), indent=2))
        return
    for experiment, row, name, one in metrics:
        interval = f"  [{one.low:+.3f}, {one.high:+.3f}]" if one.low is not None and one.high is not None else ""
        value = "-" if one.value is None else f"{one.value:+.3f}"
        typer.echo(f"  {experiment:<14} {row + ', ' + name:<46} {value:>8}{interval}")
    typer.echo(f"report: {report}")


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
