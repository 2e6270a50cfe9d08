"""`POST /v1/trajectory`: windows of each kind of input, and what the page draws beside them."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

Make = Callable[..., TestClient]
SUBTITLES = """1
00:00:01,000 --> 00:00:02,500
ann: good day

2
00:00:03,000 --> 00:00:05,000
bob: bad day

3
00:00:06,000 --> 00:00:07,000
ann: what a day
"""


def test_a_sound_has_windows_and_a_waveform(client: Make, tone: Callable[..., bytes]) -> None:
    form = {"window": "2", "step": "1"}
    answer = client().post("/v1/trajectory", data=form, files={"file": ("talk.wav", tone(6.0, 0.5))}).json()
    assert (answer["name"], answer["unit"], answer["model"]) == ("talk.wav", "s", "any")
    assert answer["times"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert answer["rows"][0]["valence"]["mean"] == pytest.approx(0.5 * 2 / 3.1416, abs=0.01)  # mean of a sine
    assert answer["waveform"]["seconds"] == pytest.approx(6.0)
    assert len(answer["waveform"]["peaks"]) == 1000
    assert max(answer["waveform"]["peaks"]) == 1.0
    assert {base["axis"] for base in answer["home_base"]} == {"valence", "arousal", "dominance"}
    assert answer["frames"] == []


def test_a_clip_has_frames(client: Make, clip: Callable[..., bytes]) -> None:
    answer = (
        client().post("/v1/trajectory", data={"window": "1", "step": "1"}, files={"file": ("a.mp4", clip())}).json()
    )
    assert [row["start"] for row in answer["rows"]] == [0.0, 1.0, 2.0, 3.0]
    values = [row["valence"]["mean"] for row in answer["rows"]]
    assert values == sorted(values)
    assert 4 <= len(answer["frames"]) <= 8
    assert answer["frames"][0]["url"].startswith("data:image/jpeg;base64,")
    assert answer["waveform"] is None
    ends = [one for one in answer["excursions"] if one["axis"] == "valence"]
    assert [(one["side"], one["rows"]) for one in ends] == [("low", [0]), ("high", [3])]


def test_utterances_of_subtitles_are_windows_of_their_speakers(client: Make) -> None:
    answer = client().post("/v1/trajectory", files={"file": ("talk.srt", SUBTITLES.encode())}).json()
    assert [(row["start"], row["end"], row["speaker"], row["text"]) for row in answer["rows"]] == [
        (1.0, 2.5, "ann", "good day"), (3.0, 5.0, "bob", "bad day"), (6.0, 7.0, "ann", "what a day"),
    ]  # fmt: skip
    assert {base["speaker"] for base in answer["home_base"]} == {"ann"}  # one utterance has no home base


def test_a_table_without_times_has_rows(client: Make) -> None:
    answer = client().post("/v1/trajectory", files={"file": ("chat.csv", b"speaker,text\nann,hello\nann,bye\n")}).json()
    assert answer["unit"] == "row"
    assert [(row["start"], row["text"]) for row in answer["rows"]] == [(0.0, "hello"), (1.0, "bye")]


def test_a_text_has_windows_of_sentences(client: Make) -> None:
    form = {"text": "One day. Two days. Three days.", "window": "1", "step": "1"}
    answer = client().post("/v1/trajectory", data=form).json()
    assert answer["unit"] == "sentence"
    assert [row["text"] for row in answer["rows"]] == ["One day.", "Two days.", "Three days."]


@pytest.mark.parametrize(
    ("name", "content", "form", "status", "message"),
    [
        ("face.png", None, {}, 415, "a picture does not change"),
        ("a.srt", b"1\nsoon --> later\nhello\n", {}, 422, "line 2"),
        ("a.csv", b"said\nhello\n", {}, 422, "no column with texts"),
        ("a.csv", b"text\nhello\n", {"window": "3"}, 422, "leave window and step out"),
        ("a.txt", b"Hello. You.", {"window": "nan"}, 422, "finite"),
        ("a.txt", b"Hello. You.", {"window": "-1"}, 422, "shortest window"),
        ("a.txt", b"Hello. You.", {"colour": "red"}, 422, "unknown field"),
        ("a.txt", b"Hello. You.", {"text": "Hello."}, 422, "one file, or one text"),
    ],
)
def test_what_has_no_windows_is_refused(
    client: Make,
    image_bytes: Callable[..., bytes],
    name: str,
    content: bytes | None,
    form: dict,
    status: int,
    message: str,
) -> None:
    refused = client().post("/v1/trajectory", data=form, files={"file": (name, content or image_bytes(kind="PNG"))})
    assert refused.status_code == status
    assert message in refused.json()["error"]["message"]
    assert "upload1" not in refused.text
