"""Long inputs: windows of seconds over sounds and clips, windows of sentences over texts, and the predictions over time."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError, UnreadableItem, counted
from affectspace.media.content import require_times
from affectspace.media.sound import length_of
from affectspace.prediction.licences import strictest
from affectspace.prediction.result import VAD, Answer, Estimate, Failure, Outcome, Prediction, named, table_of
from affectspace.prediction.sample import Sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from affectspace.lexicon.speakers import SpeakerDynamics

SECONDS = (4.0, 2.0)  # default window and step of sounds and clips
SENTENCES = (3.0, 1.0)  # of texts
SHORTEST = 0.1  # seconds of a window
LONG_SECONDS = 60.0  # longer inputs are predicted in windows
LONG_SENTENCE = 100  # words
LONGEST_SERIES = 100_000  # windows of a sound or clip
MOST_WINDOWS = 400  # of a text by default; longer texts have wider steps
LONG_TEXT = 2000  # characters; text encoders cut at about this length
MIN_SHARE = 0.5  # of a window that must be left at the end for a window of its own

_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "inc", "ltd", "co", "no", "vol", "fig", "al",
    "e.g", "i.e", "a.m", "p.m", "u.s", "u.k", "approx", "dept", "est", "z.b", "bzw", "usw", "ca", "nr",
})  # fmt: skip
_END = re.compile(r"""[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s+)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*|\n\s*\n""")
_LINE_COLOUR, _HOME_COLOUR = "#1f5f8b", "#00826a"


@dataclass(frozen=True)
class Window:
    """A piece of a long input. start, end : seconds, or sentences of a text, counted from 0; the end is not included"""

    start: float
    end: float
    sample: Sample


def sentences(text: str) -> list[str]:
    """Split a text into its sentences; blank lines end sentences too.

    More than 100 words without an end are several sentences. A full stop does not end a sentence after an abbreviation or a
    single letter, or before a lower-case letter.
    """
    pieces, begin = [], 0
    for match in _END.finditer(text):
        if match.group()[0] == "." and not _ends_sentence(text[begin : match.start()], text[match.end() :]):
            continue
        pieces.append(text[begin : match.end()])
        begin = match.end()
    pieces.append(text[begin:])
    words = [piece.split() for piece in pieces if re.search(r"\w", piece)]
    return [
        " ".join(piece[start : start + LONG_SENTENCE])
        for piece in words
        for start in range(0, len(piece), LONG_SENTENCE)
    ]


def _ends_sentence(before: str, after: str) -> bool:
    words = before.split()
    last = words[-1].lstrip("(\"'[").lower() if words else ""
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i"):
        return False
    return not after.lstrip()[:1].islower()


def text_windows(text: str, window: int, step: int) -> list[Window]:
    """Make windows of `window` sentences every `step`; a shorter text is one window, and the last one reaches the end."""
    pieces = sentences(text)
    if not pieces:
        return []
    starts = list(range(0, max(len(pieces) - window, 0) + 1, step))
    if starts[-1] + window < len(pieces):
        starts.append(len(pieces) - window)
    return [
        Window(start, min(start + window, len(pieces)), Sample(text=" ".join(pieces[start : start + window])))
        for start in starts
    ]


def time_windows(sample: Sample, seconds: float, window: float, step: float) -> Iterator[Window]:
    """Make windows of a sound or clip; a rest at the end that is shorter than half a window is left out."""
    begin, number = sample.start or 0.0, 0
    end = begin + seconds
    while True:
        start = begin + number * step
        if number and end - start < MIN_SHARE * window:
            return
        stop = min(start + window, end)
        yield Window(start, stop, replace(sample, start=start, end=stop))
        if stop >= end:
            return
        number += 1


def check_windows(window: float | None, step: float | None) -> None:
    """Raise ConfigError for a window or a step that no input can have."""
    if window == math.inf:
        raise ConfigError("window inf: give a number of seconds or sentences")
    if window is not None and not window >= SHORTEST:
        raise ConfigError(f"window {window:g}: the shortest window is {SHORTEST:g} s, or one sentence of a text")
    if step is not None and not 0 < step <= (math.inf if window is None else window):
        raise ConfigError(f"step {step:g}: it must be above 0, and at most the window")


def windows_of(sample: Sample, window: float | None, step: float | None) -> tuple[str, int, Iterator[Window]]:
    """Split a sample into windows; return their unit ("s" or "sentence"), about how many there are, and the windows.

    Raises ConfigError for an impossible window or step, DataError where there is nothing to split, UnreadableItem for a file
    without a length.
    """
    timed = sample.audio is not None or sample.video is not None
    if not timed and sample.text is None:
        raise DataError("predictions over time need a sound, a clip or a text")
    default = SECONDS if timed else SENTENCES
    width = default[0] if window is None else window
    pace = min(default[1], width) if step is None else step
    check_windows(width, pace)
    if timed:
        seconds = seconds_of(sample)
        if seconds <= 0:
            raise UnreadableItem("its length is 0 s")
        if seconds / pace > LONGEST_SERIES:
            raise ConfigError(
                f"step {pace:g}: it gives more than {LONGEST_SERIES:,} windows in {seconds:,.0f} s; take a longer step"
            )
        return "s", int(np.ceil(seconds / pace)), time_windows(sample, seconds, width, pace)
    if width != int(width) or pace != int(pace):
        raise ConfigError(f"window {width:g}, step {pace:g}: for a text both must be whole numbers of sentences")
    if window is None and step is None:
        pace = max(pace, -(-len(sentences(sample.text or "")) // MOST_WINDOWS))
        width = max(width, pace)
    pieces = text_windows(sample.text or "", int(width), int(pace))
    return "sentence", len(pieces), iter(pieces)


def is_long(sample: Sample) -> bool:
    """Whether a sample is predicted in windows by default."""
    if sample.audio is None and sample.video is None:
        return sample.kinds == ("text",) and len(sample.text or "") > LONG_TEXT
    try:
        return seconds_of(sample) > LONG_SECONDS
    except UnreadableItem:
        return False  # the reader gives the reason


def seconds_of(sample: Sample) -> float:
    """Return the length of a sample's sound or clip, or of its cut; the longer one of both. Raises UnreadableItem."""
    if sample.audio is None and sample.video is None:
        return 0.0
    require_times(sample.start, sample.end)
    total = max(length_of(source) for source in (sample.audio, sample.video) if source is not None)
    return (total if sample.end is None else min(sample.end, total)) - (sample.start or 0.0)


@dataclass(frozen=True)
class Trajectory:
    """The predictions of the windows of one input, in order.

    Attributes
    ----------
    name : str
        Name of the input.
    unit : str
        "s" or "sentence", of the windows' start and end.
    windows : sequence of Window
    outcomes : sequence of Prediction or Failure
        One for each window.
    modalities : tuple of str
        Modalities of the run.

    Examples
    --------
    >>> trajectory = predictor.over_time(audio="lecture.mp3")  # doctest: +SKIP
    >>> trajectory.whole.valence, len(trajectory.table)        # doctest: +SKIP
    >>> trajectory.figure().savefig("lecture.png")             # doctest: +SKIP
    """

    name: str
    unit: str
    windows: Sequence[Window]
    outcomes: Sequence[Outcome]
    modalities: tuple[str, ...]

    @property
    def predictions(self) -> list[Prediction]:
        """The predictions of the windows that have one."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Prediction)]

    @property
    def table(self) -> pd.DataFrame:
        """A row per window: start, end, the sentences of a text, and the columns of `table_of`."""
        return self.table_in(Answer())

    def table_in(self, answer: Answer) -> pd.DataFrame:
        """Return `table` on another scale, with other names of the axes."""
        frame = table_of(self.outcomes, self.modalities, answer)
        frame.insert(0, "start", [window.start for window in self.windows])
        frame.insert(1, "end", [window.end for window in self.windows])
        if self.unit == "sentence":
            frame.insert(2, "text", [window.sample.text for window in self.windows])
        return frame

    @cached_property
    def whole(self) -> Prediction:
        """The mean over windows. Raises DataError where no window has a prediction.

        Its deviation is the root of the windows' mean variance: the errors of one speaker's windows are correlated, so that
        a mean over many windows is not more certain than one.
        """
        predictions = self.predictions
        if not predictions:
            reasons = (outcome.reason for outcome in self.outcomes if isinstance(outcome, Failure))
            reason = next(reasons, "it has no windows")
            raise DataError(reason if reason.startswith(self.name) else f"{self.name}: {reason}")
        mean, deviation = _mean(predictions)
        alone = {}
        for name in self.modalities:
            estimates = [one.by_modality[name] for one in predictions if name in one.by_modality]
            if estimates:
                alone[name] = Estimate(*_mean(estimates))
        totals: dict[str, float] = {}
        for prediction in predictions:
            for emotion, value in prediction.probabilities.items():
                totals[emotion] = totals.get(emotion, 0.0) + value / len(predictions)
        ranked = dict(sorted(totals.items(), key=lambda pair: -pair[1]))
        missing = len(self.outcomes) - len(predictions)
        unlike = 2 * sum(prediction.unlike for prediction in predictions) > len(predictions)
        notes = [
            f"the mean of {counted(len(predictions), 'window')}" + (f", {missing} had no prediction" if missing else "")
        ]
        notes += dict.fromkeys(note for prediction in predictions for note in prediction.notes)
        licence = strictest(one.licence for one in predictions)
        return Prediction(mean, deviation, alone, *named(ranked), ranked, tuple(notes), licence, unlike)

    @cached_property
    def dynamics(self) -> SpeakerDynamics:
        """Home base, displacements, rise and recovery of each axis (`series_dynamics`); a step is a window.

        Raises DataError for fewer than two windows with a prediction.
        """
        from affectspace.lexicon.speakers import series_dynamics

        table = self.table
        predicted = table["reason"].isna().to_numpy()
        values = table.loc[predicted, [axis for axis in AXES if table.loc[predicted, axis].notna().any()]]
        if len(values) < 2:
            raise DataError(f"{self.name}: {len(values)} windows have a prediction; dynamics need two")
        return series_dynamics(values, [self.name] * len(values), times=table.loc[predicted, "start"].tolist())

    def to_dict(self, answer: Answer | None = None) -> dict[str, Any]:
        """Convert to a dictionary for JSON: the mean, the windows, the dynamics of each axis (with two windows or more).

        The dynamics are on [-1, 1].
        """
        windows = [
            {"start": window.start, "end": window.end, **outcome.to_dict(answer)}
            for window, outcome in zip(self.windows, self.outcomes, strict=True)
        ]
        dynamics: list[Any] = []
        if len(self.predictions) > 1:
            dynamics = json.loads(self.dynamics.summary.drop(columns="speaker").to_json(orient="records"))
        return {"unit": self.unit, "whole": self.whole.to_dict(answer), "windows": windows, "dynamics": dynamics}

    def plot(self) -> Figure:
        """Draw each axis over time; the same as `figure`."""
        return self.figure()

    def _repr_html_(self) -> str:
        """Return the whole and the windows as tables for notebooks."""
        columns = [name for name in self.table if name in ("start", "end", "text", "emotion") or name in AXES]
        head = f"<p>{escape(PurePath(self.name).name)}: {counted(len(self.windows), 'window')}</p>"
        whole = self.whole._repr_html_() if self.predictions else ""
        return head + whole + self.table[columns].to_html(index=False, max_rows=20, float_format="{:.2f}".format)

    def figure(self) -> Figure:
        """Draw each axis over time, with its standard deviation and its home base; gaps where a window has no prediction.

        Raises DataError for fewer than two windows with a prediction.
        """
        from affectspace.report.theme import figure_style, new_figure

        table, summary = self.table, self.dynamics.summary.set_index("axis")
        axes = [axis for axis in AXES if axis in summary.index]
        middle, unit = (table["start"] + table["end"]).to_numpy(float) / 2, self.unit
        if unit == "s" and middle[-1] > 300:
            middle, unit = middle / 60, "min"
        with figure_style():
            figure = new_figure(9.0, 0.9 + 1.9 * len(axes))
            panels = figure.subplots(len(axes), 1, squeeze=False, sharex=True)[:, 0]
            for panel, axis in zip(panels, axes, strict=True):
                value, deviation = table[axis].to_numpy(float), np.nan_to_num(table[f"{axis}_sd"].to_numpy(float))
                row: Any = summary.loc[axis]
                band = value - deviation, value + deviation
                panel.fill_between(middle, *band, color=_LINE_COLOUR, alpha=0.18, linewidth=0)
                panel.plot(middle, value, color=_LINE_COLOUR, marker="o" if len(value) < 60 else "", markersize=3)
                for edge in (float(row["home_low"]), float(row["home_high"])):
                    panel.axhline(edge, color=_HOME_COLOUR, linewidth=0.9, linestyle=(0, (4, 3)))
                panel.set_title(
                    f"{axis}: {float(row['in_home_base']):.0%} of the windows inside the home base (between the dashed "
                    f"lines), {int(row['displacements'])} excursions"
                )
                panel.set_ylabel(axis)
                known = value[np.isfinite(value)]
                panel.set_ylim(
                    min(-1.05, known.min() - 0.05), max(1.05, known.max() + 0.05)
                )  # predictions can exceed 1
                panel.margins(x=0.01)
            panels[-1].set_xlabel({"s": "seconds", "min": "minutes", "sentence": "sentence"}[unit])
            figure.suptitle(f"{PurePath(self.name).name}; the band is one standard deviation each way")
        return figure


def _mean(estimates: Sequence[Estimate]) -> tuple[VAD, VAD]:
    means = np.array([estimate.mean for estimate in estimates])
    deviations = np.array([estimate.deviation for estimate in estimates])
    return VAD(*means.mean(axis=0).tolist()), VAD(*np.sqrt((deviations**2).mean(axis=0)).tolist())
