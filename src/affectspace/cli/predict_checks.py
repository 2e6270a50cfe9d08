"""Checks of the inputs and options of `affectspace predict`, before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.cli.options import existing_run, parse_pairs
from affectspace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from affectspace.prediction import Predictor
    from affectspace.prediction.result import Answer


def check_model(
    run: Path | None,
    model: str | None,
    classifier: str | None,
    head: Mapping[str, Any],
    vectors: Sequence[str] | None,
    backbone: Sequence[str] | None,
    crop: bool | None,
) -> None:
    """Raise ConfigError for options of another kind of model, RunError where there is no run."""
    models = {"--run": run, "--model": model, "--classifier": classifier}
    chosen = [option for option, value in models.items() if value is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} are different models; give one of them")
    for option in (name for name, value in head.items() if value is not None and classifier is None):
        raise ConfigError(f"--{option.replace('_', '-')} needs a classifier: --classifier NAME")
    if head["calibrate_scale"] is not None and head["calibrate"] is None:
        raise ConfigError(
            "--calibrate-scale is the scale of the table of --calibrate; give that table, or leave it out"
        )
    if run is not None:
        existing_run(run)
        return
    cropped = crop is not None and classifier is None
    given = {"--vectors": bool(vectors), "--backbone": bool(backbone), "--crop and --no-crop": cropped}
    for option in (name for name, present in given.items() if present):
        raise ConfigError(f"{option} needs a run of your own: --run RUN")


def check_faces(faces: str, together: bool, figure: Path | None, tables: Sequence[Path]) -> None:
    """Raise ConfigError for an unknown choice of faces, or one that would change the rows of a table."""
    if faces not in ("largest", "all"):
        raise ConfigError(f"--faces {faces}: choose largest or all")
    if faces == "all" and (together or tables or figure):
        raise ConfigError("--faces all needs pictures, clips or folders, without a table, --together or --figure")


def check_options(
    items: Sequence[str | Path],
    tables: Sequence[Path],
    together: bool,
    vectors: Sequence[str] | None,
    follow: bool,
    part: str | None,
    run: Path | None,
) -> None:
    """Raise ConfigError for inputs and options that exclude or need each other."""
    folders = [item for item in items if isinstance(item, Path) and item.is_dir()]
    if part is not None and (run is None or items or vectors or together or follow):
        raise ConfigError(
            "--part predicts rows of a run's own corpus: give it with --run, without inputs, --vectors or windows"
        )
    if not items and not vectors and part is None:
        raise ConfigError("nothing to predict: give a text, a file, a folder or a table")
    if folders and vectors:
        raise ConfigError("--vectors can be combined with texts, files and tables, but not with a folder")
    if together and (folders or tables):
        raise ConfigError(f"--together needs texts and files; {[*folders, *tables][0]} holds many samples")
    if together and not items:
        raise ConfigError("--together needs texts and files")
    if follow and (tables or not items):
        raise ConfigError(
            "--window, --step and --figure need texts, files or folders; long rows of a table are averaged"
        )


def check_files(
    items: Sequence[str | Path],
    tables: Sequence[Path],
    named: Sequence[str | None],
    media: Path | None,
    vectors: Sequence[str] | None,
    head: Mapping[str, Any],
    single: bool,
) -> None:
    """Raise DataError for a file that is missing or empty, and for a table without a chosen column."""
    from affectspace.prediction.inputs import sample_of

    given = [(f"--{name} {head[name]}", head[name]) for name in ("labels", "calibrate") if head[name] is not None]
    given += [(f"--vectors {text}", Path(text.partition("=")[2])) for text in vectors or [] if "=" in text]
    for option, path in given:
        if not path.is_file():
            raise DataError(f"{option}: there is no such file")
    for table in tables:
        from affectspace.prediction.tables import TableColumns

        TableColumns(*named).check(table, media, bool(vectors))
    if single and isinstance(items[0] if items else "", Path):
        sample_of(items[0])


def check_figure(figure: Path | None, single: bool) -> None:
    """Raise ConfigError for a figure of several inputs, or of a format that is not written."""
    if figure is not None and not single:
        raise ConfigError("--figure needs one input")
    if figure is not None and figure.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--figure {figure}: a figure is written as .png or .svg")


def answer_of(scale: str | None, columns: str | None) -> Answer:
    """Return the scale and names of the predictions. Raises ConfigError for impossible ones."""
    from affectspace.prediction.result import Answer

    example = "arousal=act,valence=val"
    return Answer.of(
        scale, parse_pairs(columns.split(","), "--answer-columns", "AXIS=COLUMN", example) if columns else None
    )


def check_answer(answer: Answer, predictor: Predictor) -> None:
    """Raise ConfigError for a column of --answer-columns that the model would leave empty in every row."""
    absent = [axis for axis in answer.names if axis not in predictor.axes]
    if absent:
        raise ConfigError(
            f"--answer-columns: {predictor.name} does not predict {' and '.join(absent)}; it predicts "
            f"{', '.join(predictor.axes)}. Leave {' and '.join(absent)} out"
        )
