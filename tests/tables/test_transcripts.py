"""Timed transcripts are tables with a row for each utterance."""

from pathlib import Path

import pytest

from affectspace.errors import DataError
from affectspace.tables.reading import read_table
from affectspace.tables.transcripts import COLUMNS

SRT = """1
00:00:01,000 --> 00:00:03,500
I am <i>so</i>
happy &amp; glad!

2
00:00:04,000 --> 00:00:06,000
{\\an8}Well: no.
"""
VTT = """WEBVTT - a title

NOTE nothing

intro
00:01.000 --> 00:03.500 align:start
<v.loud Ann Lee>I am <00:02.000>so happy!</v>
<v Bob>Me too.</v>

01:00:04.000 --> 01:00:06.000
<c.red>This is awful.</c>

00:07.000 --> 00:08.000
"""
ZOOM = (
    "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\nAnn Lee: Hello: you.\n\n2\n00:00:02.000 --> 00:00:03.000\nBob: Hi.\n"
)
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Ann 2"
        xmin = 0
        xmax = 3
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = ""
        intervals [2]:
            xmin = 1.5
            xmax = 3
            text = "I said ""no"" [2] 3"
    item [2]:
        class = "TextTier"
        name = "Bob"
        xmin = 0
        xmax = 3
        points: size = 1
        points [1]:
            number = 0.25
            mark = "ah"
"""
SHORT = """File type = "ooTextFile"
"TextGrid"
0
3
<exists>
1
"IntervalTier"
"Ann"
0
3
1
0
3
"yes"
"""
ELAN = (
    "Ann\t\t00:00:04.000\t4.0\t00:00:06.000\t6.0\t00:00:02.000\t2.0\tThis is awful\n"
    "T1\tBob\t00:00:01.000\t1.0\t00:00:03.500\t3.5\thi\n"
)
PLAIN_ELAN = "Ann\t00:00:01.000\t00:00:02.250\tyes\n"


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("t.srt", SRT, [["1", "3.5", "", "I am so happy & glad!"], ["4", "6", "", "Well: no."]]),
        (
            "t.VTT",
            VTT,
            [
                ["1", "3.5", "Ann Lee", "I am so happy!"],
                ["1", "3.5", "Bob", "Me too."],
                ["3604", "3606", "", "This is awful."],
            ],
        ),
        ("zoom.vtt", ZOOM, [["1", "2", "Ann Lee", "Hello: you."], ["2", "3", "Bob", "Hi."]]),
        ("t.TextGrid", LONG, [["0.25", "0.25", "Bob", "ah"], ["1.5", "3", "Ann 2", 'I said "no" [2] 3']]),
        ("t.textgrid", SHORT, [["0", "3", "Ann", "yes"]]),
        ("elan.txt", ELAN, [["1", "3.5", "Bob", "hi"], ["4", "6", "Ann", "This is awful"]]),
        ("elan.tsv", PLAIN_ELAN, [["1", "2.25", "Ann", "yes"]]),
    ],
)
@pytest.mark.parametrize(("end", "encoding"), [("\n", "utf-8"), ("\r\n", "utf-8-sig"), ("\r", "utf-8")])
def test_formats(tmp_path: Path, name: str, content: str, rows: list[list[str]], end: str, encoding: str) -> None:
    if name.startswith("elan") and end == "\r":
        pytest.skip("ELAN does not write old line ends")
    (tmp_path / name).write_bytes(content.replace("\n", end).encode(encoding))
    table = read_table(tmp_path / name)
    assert table.columns.tolist() == list(COLUMNS)
    assert table.to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.srt", "1\n00:01 -> 00:02\nhello\n", "has no rows; a transcript has utterances with their times"),
        (
            "t.srt",
            "1\n00:0x:01,000 --> 00:00:02,000\nhello\n",
            "line 2 is '00:0x:01,000 --> 00:00:02,000', which has no times",
        ),
        ("t.srt", "1\n00:00:03,000 --> 00:00:02,000\nhello\n", "line 2: an utterance ends at 2 s, before its start"),
        ("t.srt", "", "has no rows"),
        ("t.TextGrid", LONG[:300], "this is no complete TextGrid: a"),
        ("t.TextGrid", "hello", "this is no complete TextGrid: a text is missing"),
        ("elan.txt", ELAN + "Ann\t\tlater\n", "line 3 has no begin and end time"),
    ],
)
def test_damaged_transcripts(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)
