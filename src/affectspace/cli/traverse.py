"""`affectspace traverse`: one face moved over the map of valence and arousal."""

import os
from pathlib import Path
from typing import Annotated

import typer

from affectspace.cli.options import AsJson, Force, Moved, existing_run, move_files, print_json, print_results
from affectspace.cli.progress import progress_bar
from affectspace.cli.walked_faces import Request, chosen_strength, walk_faces
from affectspace.errors import ConfigError, RunError
from affectspace.files import locked_output

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
MOST_STEPS = 21  # per axis
MOST_STRENGTH = 5


Places = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[RUN] [FACE]...",
        help="Folder of a finished run of a LeVAsa, then pictures of faces. Without a run, the model of drawn faces that "
        "ships; without faces, faces of the run's corpus, or drawn examples.",
    ),
]
Model = Annotated[
    str | None, typer.Option(help="Name of a model that ships and walks faces. Default without a run: drawn-face.")
]
Image = Annotated[list[Path] | None, typer.Option(help="Picture of a face, like FACE. Can be repeated.")]
DatasetRows = Annotated[
    str | None, typer.Option(help="Faces of the run's corpus, as PART:COUNT. Default without faces: test:4.")
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
    str | None,
    typer.Option(
        help="How strongly a face changes, with --method directions. auto: so that an independent network reads what was "
        "asked for; found once on validation people and kept in RUN/strength.json. A number, such as 2: twice as strong. Two "
        "numbers, such as 1.5,2: for valence and for arousal. Default: auto where RUN/strength.json exists, else 1."
    ),
]
Difference = Annotated[
    bool,
    typer.Option("--difference", help="Draw also what changed against the reconstruction, for grids and for films."),
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
    places: Places = None,
    model: Model = None,
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
    strength: Strength = None,
    difference: Difference = False,
    judged_by: JudgedBy = None,
    judge: Judge = False,
    augmentation: Augmentation = False,
    moved: Moved = None,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Move faces along valence and arousal.

    Writes a figure per face, and what the model's heads and judges read, as walks.json and walks.csv. A judge's reading stands
    below each face.
    """
    films = [suffix for suffix, wants in ((".gif", gif or (path is not None and not mp4)), (".mp4", mp4)) if wants]
    studies = [name for name, wants in (("judged", judge), ("augmentation", augmentation)) if wants]
    run, shipped, images = split_places(places or [], model)
    images += image or []
    faces_chosen = images or dataset_rows is not None or (valence, arousal, crop) != (VALENCES, AROUSALS, "auto")
    if studies and (faces_chosen or films or judged_by or difference):
        raise ConfigError(
            "--judge and --augmentation walk people of the run's corpus over fixed ranges; leave out pictures, rows, ranges, "
            "crops and films"
        )
    if shipped and (studies or dataset_rows is not None or moved):
        raise ConfigError(
            "the model that ships comes without its corpus: name a run of your own for --judge, --augmentation, --dataset-rows "
            "and --moved"
        )
    if frames != FRAMES and not films:
        raise ConfigError(f"--frames {frames} is for films; add --gif, --mp4 or --path")
    valences, arousals = parse_range(valence, "--valence"), parse_range(arousal, "--arousal")
    strengths = parse_strength(strength)
    check_method(crop, method, strength)
    path = "circle" if films and path is None else path
    points = None
    if path is not None:
        from affectspace.walks.paths import path_points

        points = path_points(path, valences, arousals, frames)
    rows = parse_rows(dataset_rows) if dataset_rows is not None else None if images or shipped else ("test", 4)
    folder = out or (Path("walks") if shipped else run / "walks")
    if out is not None or shipped:
        check_folder(folder)
    move_files(run, moved)
    request = Request(
        run, shipped, images, rows, valences, arousals, path, points, films, crop, method, strengths, folder, force,
        judged_by or [], difference,
    )  # fmt: skip
    for study in studies:
        _run_study(study, request, as_json)
    if not studies:
        walk_faces(request, as_json)


def split_places(places: list[Path], model: str | None) -> tuple[Path, bool, list[Path]]:
    """Return the run, whether it is the model that ships, and the faces. A folder or a missing place without a suffix is a run.

    Raises RunError for what is no run, and ConfigError for an unknown model or one beside a run.
    """
    from affectspace.media.content import IMAGES
    from affectspace.prediction.pretrained import WALKER, shipped_walker

    first = places[0] if places else None
    if first is not None and not first.is_file() and first.suffix.lower() not in IMAGES:
        if model is not None:
            raise ConfigError(f"--model {model} walks faces without a run; leave out {first}, or --model")
        return existing_run(first), False, list(places[1:])
    return shipped_walker(model or WALKER).folder, True, list(places)


def check_method(crop: str, method: str, strength: str | None) -> None:
    """Raise ConfigError for an unknown crop or method, and for a strength that does not fit."""
    for option, value, choices in (("--crop", crop, CROPS), ("--method", method, METHODS)):
        if value not in choices:
            raise ConfigError(f"{option} {value}: choose {' or '.join(choices)}")
    if strength not in (None, "1") and method != "directions":
        raise ConfigError(f"--strength {strength} is for --method directions only")


def parse_strength(text: str | None) -> "str | tuple[float, ...] | None":
    """Parse "auto", a number, or two numbers for valence and arousal. Raises ConfigError."""
    if text is None or text == "auto":
        return text
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 2) or not all(0 < value <= MOST_STRENGTH for value in values):
        raise ConfigError(
            f"--strength {text}: give a number above 0 and at most {MOST_STRENGTH}, two of them for valence and arousal, or "
            "auto; 1 changes nothing"
        )
    return values


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


def _run_study(study: str, request: Request, as_json: bool) -> None:
    """Judge walks of test people, or use them as augmentation; print the figures and the path of the report."""
    from affectspace.studies.walks.augmentation import run_augmentation
    from affectspace.studies.walks.judge_run import judge_run
    from affectspace.training.runs import open_run

    path = request.folder / f"{study}.json"
    if path.exists() and not request.force:
        raise RunError(f"{path} exists already; use --force to replace it, or --out for another folder")
    work = judge_run if study == "judged" else run_augmentation
    run, message = open_run(request.run), ""
    with locked_output(request.folder), progress_bar() as progress:
        strength, _, message = chosen_strength(run, request, progress)
        results, report = work(run, request.folder, method=request.method, strength=strength, progress=progress)
    if as_json:
        print_json(results.to_dict())
        return
    print_results(results)
    typer.echo(message)
    typer.echo(f"report: {report}")
