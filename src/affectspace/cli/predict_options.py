"""Options of `affectspace predict`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affectspace.cli.options import checked_axes, checked_scale
from affectspace.errors import ConfigError


def column_of(content: str) -> Any:
    """Make the option of the column of a table with a kind of content."""
    return typer.Option(None, help=f"Column of a table with {content}.")


def refuse_old(parameter: typer.CallbackParam, value: str | None) -> None:
    """Raise ConfigError for an option of earlier versions, with the new form."""
    if value is not None:
        raise ConfigError(f"{parameter.opts[0]} is not needed any more: affectspace predict --run RUN {value}")


OldOption = Annotated[str | None, typer.Option(hidden=True, callback=refuse_old)]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        help="Texts, files, folders and tables (.csv, .tsv, .xlsx, .jsonl, .parquet) and transcripts (.srt, .vtt, "
        ".TextGrid) to predict. An input that exists is read as a file or folder; anything else is a text.",
        metavar="[INPUT]...",
        show_default=False,
    ),
]
Text = Annotated[
    list[str] | None, typer.Option(help="Text to predict, never read as the name of a file. Can be repeated.")
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Model that ships with affectspace, see `affectspace models`. Default: the one that reads an input (text, voice "
        "or face); a clip uses voice and face.",
    ),
]
Run = Annotated[
    Path | None, typer.Option(help="Folder of a finished run to predict with, instead of a model that ships.")
]
Part = Annotated[
    str | None,
    typer.Option(
        help="Predict a part of the corpus of --run instead of inputs: train, validation or test.", show_default=False
    ),
]
Classifier = Annotated[
    str | None,
    typer.Option(
        help="Model of transformers that names emotions or gives ratings, by folder or hub name. For texts, sounds, or "
        "pictures of faces."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(help="YAML file with a line 'label: emotion' for each label of --classifier that is not understood."),
]
Axes = Annotated[
    str | None,
    typer.Option(
        help="For a --classifier that gives ratings: order of its outputs, for example arousal,dominance,valence.",
        callback=checked_axes,
    ),
]
ScaleName = Annotated[
    str | None,
    typer.Option(
        "--scale",
        help="Range of the ratings of --classifier: LOW:HIGH, for example 0:1, or a name such as msp_podcast. Default: -1:1.",
        callback=checked_scale,
    ),
]
Calibrate = Annotated[
    Path | None,
    typer.Option(
        help="Table of a few rated rows that calibrates --classifier: a column text, audio, video or image, and valence, "
        "arousal or dominance."
    ),
]
CalibrateScale = Annotated[
    str | None,
    typer.Option(
        help="Scale of the ratings of --calibrate: LOW:HIGH, for example 1:7, or a name such as sam. Default: -1:1.",
        callback=checked_scale,
    ),
]
AnswerScale = Annotated[
    str | None,
    typer.Option(
        help="Scale of the predictions: LOW:HIGH, for example 1:7, or a name such as sam. Default: -1:1.",
        callback=checked_scale,
    ),
]
AnswerColumns = Annotated[
    str | None,
    typer.Option(
        help="Axes to write, in their order, with your names: AXIS=COLUMN with commas, for example arousal=act,valence=val."
    ),
]
Faces = Annotated[
    str,
    typer.Option(
        help="largest: predict the largest face of a picture or clip. all: predict every face, one row for each, with its "
        "place in pixels. A face of a clip is followed over time; with --window it has a row for each window."
    ),
]
Together = Annotated[
    bool,
    typer.Option(
        "--together", help="Predict all inputs as one sample: the words, voice and face of one person at one time."
    ),
]
Media = Annotated[
    Path | None, typer.Option(help="Folder of the files that a table names; by default the folder of the table.")
]
Vectors = Annotated[
    list[str] | None,
    typer.Option(
        help="Ready-made vectors of a modality, as MODALITY=FILE (.npz, .csv, .parquet), by id or file name. "
        "Can be repeated. Needs --run."
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
Details = Annotated[bool, typer.Option("--details", help="Write the columns of each modality into --out, too.")]
Engine = Annotated[
    str, typer.Option(help="local: this process; ray: a Ray cluster, for many inputs. The predictions are the same.")
]
Crop = Annotated[
    bool | None,
    typer.Option(
        "--crop/--no-crop",
        help="Crop pictures to the face, for a LeVAsa run and --classifier. By default a picture that is a face already is not "
        "cropped.",
    ),
]
