"""`affectspace traverse`: one face moved over the map of valence and arousal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectspace.cli.progress import progress_bar
from affectspace.errors import ConfigError

if TYPE_CHECKING:
    from affectspace.generation import Walk

MOST = 21  # steps of an axis


def traverse(
    run: Annotated[Path, typer.Argument(help="A finished run of LeVAsa.")],
    image: Annotated[list[Path] | None, typer.Option(help="A picture of one face; repeat at will.")] = None,
    dataset_rows: Annotated[
        str | None, typer.Option(help="So many faces of a part of the run's corpus. [default: test:4, without --image]")
    ] = None,
    valence: Annotated[str, typer.Option(help="low:high:steps")] = "-0.8:0.8:5",
    arousal: Annotated[str, typer.Option(help="low:high:steps")] = "-0.6:0.8:5",
    out: Annotated[Path | None, typer.Option(help="Folder of the figures. [default: RUN/walks]")] = None,
    force: Annotated[bool, typer.Option(help="Replace figures that are there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print asked and reached values as JSON.")] = False,
) -> None:
    """Walk faces along valence and arousal: a figure a face, and what was reached beside what was asked."""
    import json

    valences, arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
    rows = parse_rows(dataset_rows or "test:4") if dataset_rows or not image else None

    from affectspace.errors import RunError
    from affectspace.files import write_text
    from affectspace.generation.runs import dataset_faces, geometry_of, open_data, read_face, walkable
    from affectspace.generation.walks import grid_points, walk
    from affectspace.report import save_figure, walk_figure
    from affectspace.training.runs import open_run

    opened = open_run(run)
    model = walkable(opened)
    folder = out or run / "walks"
    faces = [(path.stem, str(path), read_face(path, model.config.image_size)) for path in image or []]
    with progress_bar() as progress:
        data = None
        if rows is not None:
            data = open_data(opened, progress)
            names, pixels = dataset_faces(data, *rows)
            faces += [(name, name, face) for name, face in zip(names, pixels, strict=True)]
        figures = [folder / f"{name}.png" for name in file_names([name for name, _, _ in faces])]
        there = [path for path in (*figures, folder / "walks.json") if path.exists()]
        if there and not force:
            raise RunError(f"{there[0]} is there already; --force replaces it, --out names another folder")
        geometry = geometry_of(opened, model, progress, data)
        points, walks = grid_points(valences, arousals), []
        for number, ((name, source, face), path) in enumerate(zip(faces, figures, strict=True)):
            progress(number, len(faces), f"walk of {name}")
            moved = walk(model, face, points, geometry)
            grid = moved.images.reshape(len(arousals), len(valences), *face.shape)
            save_figure(walk_figure(grid, valences, arousals, original=face), path)
            walks.append(record(source, path, moved))
        progress(len(faces), len(faces), "walks")
    answer = {"run": str(run), "valence": valences, "arousal": arousals, "walks": walks}
    text = json.dumps(answer, indent=2)
    write_text(folder / "walks.json", text + "\n")
    if json_:
        typer.echo(text)
    else:
        _show(walks, valences, arousals, folder)


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
    """What walks.json says of one face; a point is [asked valence, asked arousal, reached valence, reached arousal]."""
    import numpy as np

    table = np.concatenate([walk.asked, walk.reached], axis=1).round(4)
    missed = int(walk.missed.any(axis=1).sum())
    return {"face": source, "figure": str(figure), "missed": missed, "points": table.tolist()}


def _show(walks: list[dict[str, Any]], valences: list[float], arousals: list[float], folder: Path) -> None:
    """A table of asked and reached values: the mean over faces, and the face that is farthest off."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    points = np.array([walk["points"] for walk in walks])  # (faces, points, 4)
    table = Table("axis", "asked", "reached, mean", "reached, farthest off")
    for axis, name, values in ((0, "valence", valences), (1, "arousal", arousals)):
        asked, reached = points[..., axis].ravel(), points[..., axis + 2].ravel()
        for value in values:
            here = reached[np.isclose(asked, value, atol=1e-3)]
            worst = here[np.abs(here - value).argmax()]
            table.add_row(name, f"{value:+.2f}", f"{here.mean():+.3f}", f"{worst:+.3f}")
            name = ""
    Console().print(table)
    missed, total = sum(walk["missed"] for walk in walks), points.shape[0] * points.shape[1]
    if missed:
        typer.echo(f"{missed} of {total} points were not reached, the heads do not go so far; see walks.json")
    typer.echo(f"{len(walks)} figures and walks.json in {folder}")
