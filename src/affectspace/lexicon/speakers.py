"""Emotion dynamics of each speaker: of the lexicon words in their utterances, or of any model's predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd

from affectspace.errors import ConfigError, DataError
from affectspace.lexicon.reading import Lexicon
from affectspace.lexicon.scoring import as_strings
from affectspace.lexicon.series import HomeBase, dynamics, rolling_mean
from affectspace.tables.times import to_seconds

_NEUTRAL = (0.33 - 0.5) * 2, (0.67 - 0.5) * 2  # .33 and .67 on the original's scale of 0..1


@dataclass(frozen=True)
class SpeakerDynamics:
    """Dynamics of all speakers.

    Attributes
    ----------
    states : DataFrame
        One row for each speaker, axis and step: speaker, axis, utterance, time, word (if there are words), step_number (from 1
        within the speaker), and the columns of `Dynamics.states`.
    summary : DataFrame
        One row for each speaker and axis: utterances, words, steps, home_low, home_high, and `Dynamics.summary`.
    left_out : DataFrame
        Speakers and axes with too few values: speaker, axis, words.
    """

    states: pd.DataFrame
    summary: pd.DataFrame
    left_out: pd.DataFrame


def utterance_dynamics(
    texts: Sequence[str | None],
    speakers: Sequence[Any],
    lexicon: Lexicon,
    *,
    times: Sequence[Any] | None = None,
    utterances: Sequence[Any] | None = None,
    stop_words: Collection[str] = (),
    window: int = 5,
    min_words: int = 6,
    leave_out_neutral: bool = False,
    home_base: HomeBase | None = None,
) -> SpeakerDynamics:
    """Compute utterance emotion dynamics like the original tool.

    For each speaker and axis, the lexicon words of all utterances in order are one series on [-1, 1], of which the rolling mean
    is used. A state belongs to the last word of its window. Words are the pieces between single blanks, in lower case; a term
    that the lexicon writes with capitals never matches, as in the original.

    Parameters
    ----------
    texts, speakers : sequence of length n
    lexicon : Lexicon
    times : sequence of length n, optional
        Times of the utterances, which order them: seconds, clock times such as 9:58, or dates. Default: their order in the
        input.
    utterances : sequence of length n, optional
        Names of the utterances. Default: 0, 1, ...
    stop_words : collection of str
        Words to skip. The original tool has its own list, which is needed to reproduce its figures.
    window : int
        Words of the rolling mean.
    min_words : int
        Speakers with fewer words, or fewer than the window, are left out and listed.
    leave_out_neutral : bool
        Skip the words between .33 and .67 of the range of an axis.
    home_base : HomeBase, optional

    Returns
    -------
    SpeakerDynamics

    Raises
    ------
    DataError
        If lengths differ, a speaker is missing, a time is missing or unreadable, or no speaker has enough words.
    """
    if isinstance(stop_words, str):
        raise ConfigError(f"stop_words is the text {stop_words[:40]!r}; give a set of words")
    strings = as_strings(texts)
    table = _utterances(len(strings), speakers, times, utterances)
    stop = {word.strip().lower() for word in stop_words}
    index: dict[str, int] = {}
    for row, term in enumerate(lexicon.terms):
        if term not in stop:
            index.setdefault(normalize("NFC", term), row)
    owner, words, rows = [], [], []
    for position in table.index.to_numpy():
        for word in normalize("NFC", strings[position].lower()).split(" "):
            if word in index:
                owner.append(position)
                words.append(word)
                rows.append(index[word])
    series = table.loc[owner].assign(word=words)
    values = lexicon.values[np.asarray(rows, dtype=np.int64)]
    kept = np.ones(values.shape, dtype=bool)
    if leave_out_neutral:
        kept = (values <= _NEUTRAL[0] + 1e-9) | (values >= _NEUTRAL[1] - 1e-9)
    return _by_speaker(series, values, kept, lexicon.axes, window, max(min_words, window), home_base)


def series_dynamics(
    values: pd.DataFrame,
    speakers: Sequence[Any],
    *,
    times: Sequence[Any] | None = None,
    window: int = 1,
    min_steps: int = 2,
    home_base: HomeBase | None = None,
) -> SpeakerDynamics:
    """Compute the dynamics of a model's predictions, or of any other numbers, one for each utterance.

    Parameters
    ----------
    values : DataFrame of shape (n, axes)
        In any unit; NaN is a missing value of that axis. The index names the utterances.
    speakers, times, window, home_base
        As in `utterance_dynamics`.
    min_steps : int
        Speakers with fewer values, or fewer than the window, are left out and listed.

    Returns
    -------
    SpeakerDynamics

    Examples
    --------
    >>> import pandas as pd
    >>> from affectspace.lexicon import series_dynamics
    >>> values = pd.DataFrame({"valence": [0.1, 0.2, 0.9, 0.1, 0.2, 0.1]})
    >>> series_dynamics(values, ["ann"] * 6).summary[["speaker", "displacements"]].to_dict("records")
    [{'speaker': 'ann', 'displacements': 1.0}]
    """
    table = _utterances(len(values), speakers, times, values.index)
    numbers = values.to_numpy(dtype=np.float64)[table.index.to_numpy()]
    axes = tuple(str(name) for name in values.columns)
    return _by_speaker(table, numbers, np.isfinite(numbers), axes, window, max(min_steps, window), home_base)


def _utterances(
    n: int, speakers: Sequence[Any], times: Sequence[Any] | None, utterances: Sequence[Any] | pd.Index | None
) -> pd.DataFrame:
    """speaker, time and utterance of each row, sorted by speaker and time; the index is the position in the input."""
    columns = {
        "speaker": list(speakers),
        "time": list(range(n) if times is None else times),
        "utterance": list(range(n) if utterances is None else utterances),
    }
    for name, column in columns.items():
        if len(column) != n:
            raise DataError(f"{n} texts or values, but {len(column)} of {name}; give one for each row")
    table = pd.DataFrame(columns)
    if table["speaker"].isna().any():
        row = int(table["speaker"].isna().to_numpy().argmax()) + 1
        raise DataError(f"row {row} has no speaker; fill it or leave the row out")
    table = table.iloc[np.argsort(to_seconds(columns["time"], "the time", "times"), kind="stable")]
    return table.sort_values("speaker", kind="stable", key=lambda column: column.map(str))


def _by_speaker(
    series: pd.DataFrame,
    values: np.ndarray,
    kept: np.ndarray,
    axes: tuple[str, ...],
    window: int,
    fewest: int,
    home_base: HomeBase | None,
) -> SpeakerDynamics:
    rolling_mean(np.empty(0), window)
    states, summary, left_out = [], [], []
    starts = np.flatnonzero(~series["speaker"].duplicated().to_numpy())
    runs = np.split(np.arange(len(series)), starts[1:]) if len(starts) else []
    groups = dict(zip(series["speaker"].iloc[starts].tolist(), runs, strict=True))
    for place, axis in enumerate(axes):
        for speaker, rows in groups.items():
            at = rows[kept[rows, place]]
            if len(at) < fewest:
                left_out.append({"speaker": speaker, "axis": axis, "words": len(at)})
                continue
            result = dynamics(values[at, place], window=window, home_base=home_base)
            labels = series.iloc[at[window - 1 :]].reset_index(drop=True)
            number = {"step_number": np.arange(1, len(labels) + 1)}
            labels = labels.assign(axis=axis, **number)
            states.append(pd.concat([labels, result.states], axis=1))
            counts = {
                "utterances": series["utterance"].iloc[at].nunique(),
                "words": len(at),
                "steps": len(labels),
                "home_low": result.low,
                "home_high": result.high,
            }
            summary.append({"speaker": speaker, "axis": axis, **counts, **result.summary})
    if not states:
        raise DataError(
            f"no speaker has {fewest} lexicon words or values on any axis; check the column of speakers and the lexicon, or "
            "accept fewer with --min-words, and a --window of at most as many"
        )
    first = ["speaker", "axis", "utterance", "time"]
    table = pd.concat(states, ignore_index=True)
    return SpeakerDynamics(
        table[first + [name for name in table.columns if name not in first]],
        pd.DataFrame(summary),
        pd.DataFrame(left_out, columns=["speaker", "axis", "words"]),
    )
