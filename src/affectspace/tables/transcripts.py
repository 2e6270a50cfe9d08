"""Timed transcripts as tables: subtitles (.srt, .vtt), Praat's .TextGrid, and tab-delimited text of ELAN.

Each utterance is a row with the columns start and end (seconds), speaker (empty if it is not given) and text.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

from affectspace.errors import DataError, quoted
from affectspace.tables import TEXT, TRANSCRIPTS
from affectspace.tables.text import dialect_of

COLUMNS = ("start", "end", "speaker", "text")
_TIME = r"(?:\d+:)?\d+:\d\d(?:[.,]\d+)?"
_CUE = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.\S+)?\s+([^>]+)>")
_MARK = re.compile(r"</?[a-zA-Z][^>]*>|<[\d:.]+>|\{\\[^}]*\}")  # <i>, times inside a cue, {\an8}
_NAMED = re.compile(r"([^\W\d_][^:<>]{0,40}?):\s+(\S.*)", re.DOTALL)
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<![\w\[])(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w\]])')
_ELAN_TIME = re.compile(r"\d\d:\d\d:\d\d[.,]\d{3}")
_ELAN_LINE = re.compile(
    rb"(?:\xef\xbb\xbf)?[^\t]+\t(?:[^\t]*\t)?\d\d:\d\d:\d\d[.,]\d{3}\t(?:.*\t)?\d\d:\d\d:\d\d[.,]\d{3}\t"
)


class Utterance(NamedTuple):
    """An utterance. start, end: seconds"""

    start: float
    end: float
    speaker: str
    text: str


def transcript_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield a header and the utterances of a transcript, as line number and cells. Raises DataError where it is malformed."""
    content = path.read_text(encoding=dialect_of(path).encoding).replace("\r\n", "\n").replace("\r", "\n")
    yield 1, list(COLUMNS)
    if path.suffix.lower() == ".textgrid":
        utterances = _textgrid(path, content)
    elif path.suffix.lower() in (".srt", ".vtt"):
        utterances = _cues(path, content)
    else:
        utterances = _elan(path, content)
    rows = 0
    for line, utterance in utterances:
        if utterance.end < utterance.start:
            raise DataError(f"{path}: line {line}: an utterance ends at {utterance.end:g} s, before its start")
        text = " ".join(utterance.text.split())
        if text:
            rows += 1
            yield line, [f"{utterance.start:.10g}", f"{utterance.end:.10g}", utterance.speaker.strip(), text]
    if not rows:
        raise DataError(f"{path} has no rows; a transcript has utterances with their times")


def _seconds(time: str) -> float:
    *larger, last = time.replace(",", ".").split(":")
    hours, minutes = [0, *map(int, larger)][-2:] if larger else (0, 0)
    return round(hours * 3600 + minutes * 60 + float(last), 6)


def _cues(path: Path, content: str) -> Iterator[tuple[int, Utterance]]:
    """The cues of subtitles. Names before a colon are speakers if every cue has one."""
    cues: list[tuple[int, str, str, str]] = []
    text: list[str] = []
    lines = content.split("\n")
    at = 0
    while at < len(lines):
        match = _CUE.fullmatch(lines[at])
        if "-->" in lines[at] and not match:
            raise DataError(
                f"{path}: line {at + 1} is {quoted(lines[at])}, which has no times such as 00:00:01,000 --> 00:00:02,500"
            )
        start, at = at, at + 1
        if match:
            text = []
            while at < len(lines) and lines[at].strip() and not _CUE.fullmatch(lines[at]):
                text.append(lines[at])
                at += 1
            cues.append((start + 1, match[1], match[2], "\n".join(text)))
    said = [_MARK.sub("", cue[3]).strip() for cue in cues]
    filled = [_NAMED.fullmatch(text) for text in said if text]
    named = len(filled) > 1 and all(filled)
    for (line, start_time, end_time, written), plain in zip(cues, said, strict=True):
        voices = list(_VOICE.finditer(written))
        ends = [*(voice.start() for voice in voices[1:]), len(written)]
        parts = [(voice[1], written[voice.end() : end]) for voice, end in zip(voices, ends, strict=False)]
        if voices and written[: voices[0].start()].strip():
            parts.insert(0, ("", written[: voices[0].start()].strip()))
        if not parts:
            match = _NAMED.fullmatch(plain) if named else None
            parts = [(match[1], match[2]) if match else ("", plain)]
        for speaker, words in parts:
            yield line, Utterance(_seconds(start_time), _seconds(end_time), speaker, unescape(_MARK.sub("", words)))


def _textgrid(path: Path, content: str) -> Iterator[tuple[int, Utterance]]:
    """The labelled intervals and points of a TextGrid, long or short. Its tiers are the speakers."""
    content = re.sub(r"(?m)^\s*!.*$", "", content)  # comments
    values = list(_TOKEN.finditer(content))
    newlines = [match.start() for match in re.finditer("\n", content)]
    place = 0

    def take(kind: int) -> tuple[int, str]:
        nonlocal place
        if place >= len(values) or values[place][kind] is None:
            raise DataError(f"{path}: this is no complete TextGrid: {'a number' if kind == 3 else 'a text'} is missing")
        match = values[place]
        place += 1
        return bisect(newlines, match.start()) + 1, match[kind].replace('""', '"')

    for _ in range(2):
        take(1)  # "ooTextFile", "TextGrid"
    take(3), take(3), take(2)
    utterances: list[tuple[int, Utterance]] = []
    for _ in range(int(take(3)[1])):
        (_, kind), (_, tier) = take(1), take(1)
        take(3), take(3)
        for _ in range(int(take(3)[1])):
            start = float(take(3)[1])
            end = float(take(3)[1]) if kind == "IntervalTier" else start
            line, text = take(1)
            utterances.append((line, Utterance(start, end, tier, text)))
    yield from sorted(utterances, key=lambda item: item[1].start)


def is_transcript(path: Path) -> bool:
    """Return whether a file is a transcript: by its suffix, or text of ELAN by its first line."""
    suffix = path.suffix.lower()
    if suffix not in TEXT or not path.is_file():
        return suffix in TRANSCRIPTS
    with path.open("rb") as file:
        return _ELAN_LINE.match(file.readline(10_000)) is not None


def _elan(path: Path, content: str) -> Iterator[tuple[int, Utterance]]:
    utterances = []
    for line, cells in enumerate((text.split("\t") for text in content.split("\n")), start=1):
        if cells == [""]:
            continue
        times = [cell for cell in cells[1:-1] if _ELAN_TIME.fullmatch(cell)]
        if len(times) < 2:
            raise DataError(
                f"{path}: line {line} has no begin and end time such as 00:00:01.000; export both from ELAN"
            )
        speaker = cells[0] if _ELAN_TIME.fullmatch(cells[1]) else cells[1] or cells[0]  # participant, else tier
        utterances.append((line, Utterance(_seconds(times[0]), _seconds(times[1]), speaker, cells[-1])))
    yield from sorted(utterances, key=lambda item: item[1].start)
