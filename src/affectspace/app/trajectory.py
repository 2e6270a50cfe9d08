"""`POST /v1/trajectory`: a sound, clip, text or transcript over time, with what a page draws beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request

from affectspace.affect import AXES
from affectspace.app.answers import Refusal, finite, image_url
from affectspace.app.models import head_of, models_of
from affectspace.app.predict import check_texts
from affectspace.app.samples import require_small_text, sample_of_upload
from affectspace.app.settings import Limits
from affectspace.app.uploads import Form, received
from affectspace.app.work import compute, stop_if_given_up
from affectspace.errors import DataError, UnreadableItem, counted
from affectspace.prediction.inputs import is_table
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Outcome
from affectspace.prediction.sample import Sample
from affectspace.prediction.trajectory import Trajectory, Window, sentences

if TYPE_CHECKING:
    import pandas as pd

router = APIRouter()
POINTS = 1000  # of a waveform
FRAMES, FRAME_PIXELS = 8, 120  # thumbnails of a clip, and their longer side
RATE = 16_000  # of the sound behind a waveform
NAMES = {  # column of a transcript -> names that it has in tables
    "text": ("text", "utterance", "sentence", "message", "transcript", "words"),
    "start": ("start", "begin", "time", "start_time", "onset"),
    "end": ("end", "stop", "end_time", "offset"),
    "speaker": ("speaker", "person", "participant", "name"),
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "text": {"type": "string"},
                        "window": {"type": "number"},
                        "step": {"type": "number"},
                        "model": {"type": "string"},
                    },
                }
            }
        },
    }
}


@dataclass(frozen=True)
class Utterance:
    """A row of a transcript. start, end : seconds, or the number of the row where it has no times"""

    start: float
    end: float
    speaker: str
    text: str


@router.post("/v1/trajectory", openapi_extra=BODY)
async def trajectory(request: Request) -> dict[str, Any]:
    """Predict a sound, clip, text or transcript over time.

    Sounds and clips have windows of seconds, texts windows of sentences; each utterance of a transcript is a window.
    """
    limits: Limits = request.app.state.settings.limits
    async with received(request) as form:
        form.only("file", "text", "window", "step", "model")
        return form.renamed(await compute(request, _trajectory, request, form, limits))


def _trajectory(request: Request, form: Form, limits: Limits) -> dict[str, Any]:
    text, window, step = form.text("text"), form.number("window"), form.number("step")
    if len(form.files) + (text is not None) != 1:
        raise Refusal(422, "give one file, or one text")
    path = form.files[0].path if form.files else None
    table = path is not None and is_table(path)
    if path is not None and table:
        require_small_text(form.files[0], limits)
        if window is not None or step is not None:
            raise Refusal(422, "each row of a transcript is a window; leave window and step out")
        unit, utterances = _utterances(path, form, limits)
        sample = Sample()
    else:
        unit = ""
        sample = Sample(text) if text is not None else sample_of_upload(form.files[0], limits)
        if sample.text is not None:
            check_texts([sample.text], limits)
        if sample.kinds == ("image",):
            raise Refusal(415, f"{form.files[0].name}: a picture does not change over time; send a sound, clip or text")
        utterances = [
            Utterance(number, number + 1, "", sentence) for number, sentence in enumerate(sentences(sample.text or ""))
        ]
    name = form.files[0].name if form.files else "text"

    def follow(predictor: Predictor) -> dict[str, Any]:
        if table:
            series = _of_utterances(predictor, name, unit, utterances)
        else:
            series = predictor.follow(sample, window=window, step=step, name=name, progress=stop_if_given_up)
        return {**head_of(predictor), **_answer(series, [row.speaker for row in utterances])}

    lane = models_of(request).lane(form.text("model"), texts=table or sample.text is not None)
    answer = lane.use(follow)
    pictures = _thumbnails(sample.video) if isinstance(sample.video, Path) else []
    source = sample.audio or sample.video
    waveform = _waveform(source, limits) if isinstance(source, Path) else None
    return {
        "name": name, **answer, "utterances": [vars(row) for row in utterances], "waveform": waveform, "frames": pictures,
    }  # fmt: skip


def _answer(series: Trajectory, speakers: Sequence[str]) -> dict[str, Any]:
    """Return the rows of a trajectory, and its home base and excursions for each speaker and axis."""
    rows = []
    spoken = speakers if len(speakers) == len(series.windows) else [""] * len(series.windows)
    for window, outcome, speaker in zip(series.windows, series.outcomes, spoken, strict=True):
        text = {} if window.sample.text is None else {"text": window.sample.text, "speaker": speaker}
        rows.append({"start": window.start, "end": window.end, **text, **outcome.to_dict()})
    base, excursions = _dynamics(series, spoken)
    return {
        "licence": series.whole.licence,
        "unit": series.unit,
        "times": [(window.start + window.end) / 2 for window in series.windows],
        "rows": rows,
        "whole": series.whole.to_dict(),
        "home_base": base,
        "excursions": excursions,
    }


def _dynamics(series: Trajectory, speakers: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a home base for each speaker and axis, and the excursions from it; none with fewer than two windows."""
    from affectspace.lexicon import series_dynamics

    table: Any = series.table
    known = table["reason"].isna().to_numpy()
    axes = [axis for axis in AXES if table.loc[known, axis].notna().any()]
    if known.sum() < 2 or not axes:
        return [], []
    owners = [speaker for speaker, one in zip(speakers, known, strict=True) if one]
    try:
        dynamics = series_dynamics(table.loc[known, axes], owners, times=table.loc[known, "start"].tolist())
    except DataError:  # no speaker has two windows
        return [], []
    base = [
        {
            "speaker": row["speaker"], "axis": row["axis"], "low": row["home_low"], "high": row["home_high"],
            "inside": row["in_home_base"], "excursions": int(row["displacements"]), "mean": row["mean"],
            "deviation": finite(float(row["std"])),
        }
        for row in dynamics.summary.to_dict("records")
    ]  # fmt: skip
    away = dynamics.states[dynamics.states["displacement"].notna()]
    excursions = [
        _excursion(part, series.windows) for _, part in away.groupby(["speaker", "axis", "displacement"], sort=False)
    ]
    return base, excursions


def _excursion(states: pd.DataFrame, windows: Sequence[Window]) -> dict[str, Any]:
    """Describe the states of one excursion. The states' `utterance` is the number of the window."""
    numbers = [int(number) for number in states["utterance"]]
    place: Any = states["distance"].idxmax()
    peak: Any = states.loc[place]
    return {
        "speaker": str(peak["speaker"]), "axis": str(peak["axis"]), "side": str(peak["state"]).lower(),
        "start": windows[numbers[0]].start, "end": windows[numbers[-1]].end,
        "peak": float(peak["value"]), "peak_row": int(peak["utterance"]), "rows": numbers,
    }  # fmt: skip


def _of_utterances(predictor: Predictor, name: str, unit: str, utterances: Sequence[Utterance]) -> Trajectory:
    samples = [Sample(row.text) for row in utterances]
    outcomes: list[Outcome] = predictor.predict_many(samples, progress=stop_if_given_up)
    windows = [Window(row.start, row.end, sample) for row, sample in zip(utterances, samples, strict=True)]
    return Trajectory(name, unit, windows, outcomes, predictor.modalities)


def _utterances(path: Path, form: Form, limits: Limits) -> tuple[str, list[Utterance]]:
    """Read a transcript, or a table with a column of texts, in the order of time, after its unit. Raises Refusal."""
    from affectspace.tables.reading import read_table
    from affectspace.tables.times import to_seconds

    table = read_table(path)
    columns = {kind: _column(table, names) for kind, names in NAMES.items()}
    if columns["text"] is None:
        raise DataError(
            f"{path}: no column with texts; name it text (there are {', '.join(map(str, table.columns))[:200]})"
        )
    if len(table) > limits.rows:
        raise Refusal(
            413, f"{form.files[0].name}: {counted(len(table), 'row')}; send at most {limits.rows:,}", "too_long"
        )
    starts = list(map(float, range(len(table))))
    ends = [start + 1 for start in starts]
    if columns["start"] is not None:
        starts = to_seconds(table[columns["start"]], columns["start"], path).tolist()
        ends = [*starts[1:], starts[-1]]
    if columns["start"] is not None and columns["end"] is not None:
        ends = to_seconds(table[columns["end"]], columns["end"], path).tolist()
    texts = table[columns["text"]].astype(str)
    speakers = [""] * len(table) if columns["speaker"] is None else table[columns["speaker"]].astype(str)
    rows = [Utterance(*cells) for cells in zip(starts, ends, speakers, texts, strict=True)]
    return "row" if columns["start"] is None else "s", sorted(rows, key=lambda row: row.start)


def _column(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    known = {str(column).strip().lower(): str(column) for column in table.columns}
    return next((known[name] for name in names if name in known), None)


def _waveform(source: Path, limits: Limits) -> dict[str, Any] | None:
    """Return the loudest sample of each of at most 1,000 equal parts, as a share of the loudest of all; None without sound."""
    from affectspace.media.sound import read_sound

    try:
        sound = np.abs(read_sound(source, RATE, longest=limits.seconds + 1))
    except UnreadableItem:
        return None
    edges = np.linspace(0, len(sound), min(POINTS, len(sound)), endpoint=False).astype(int)
    peaks = np.maximum.reduceat(sound, edges)
    return {"seconds": len(sound) / RATE, "peaks": (peaks / max(float(peaks.max()), 1e-9)).round(3).tolist()}


def _thumbnails(source: Path) -> list[dict[str, Any]]:
    """Return small frames of a clip at equal distances: their second, and a JPEG as a data URL."""
    from PIL import Image

    from affectspace.media.clips import frames_over_time
    from affectspace.media.sound import length_of

    frames = []
    try:
        for second, frame in frames_over_time(source, math.ceil(FRAMES / max(length_of(source), 0.1)), FRAMES):
            image = Image.fromarray(frame)
            image.thumbnail((FRAME_PIXELS, FRAME_PIXELS))
            frames.append({"time": float(second), "url": image_url(image, "JPEG", quality=70)})
    except UnreadableItem:
        pass  # a clip whose pictures cannot be read has its sound
    return frames
