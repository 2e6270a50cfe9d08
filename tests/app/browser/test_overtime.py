"""The tab Over time: curves, waveform, frames and words with one cursor."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

SLIDER = "#panel-overtime input[type=range]"
STORY = "I love this place. It is sunny. Then he shouted at me. I was so afraid. Now all is well."


def follow(page) -> None:
    page.get_by_role("button", name="Follow over time").click()
    page.wait_for_selector("#panel-overtime .timeline, #panel-overtime .error:not([hidden])")


def values(page) -> list[str]:
    return page.locator(".timeline .value").all_text_contents()


def test_a_text_has_curves_and_one_cursor_for_all(visit: Callable) -> None:
    one = visit()
    page = one.open("overtime")
    page.get_by_label("Text").fill(STORY)
    page.locator("summary", has_text="Windows").click()
    page.get_by_label("Length").fill("1")
    page.get_by_label("Step").fill("1")
    follow(page)
    assert page.locator(".timeline .line").count() == 3
    assert page.locator(".timeline .home").count() == 3
    assert "5 windows" in page.locator(".timeline").get_attribute("aria-label")
    assert page.locator(".utterances [aria-current]").inner_text() == "I love this place."
    first = values(page)
    page.locator(SLIDER).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator(".utterances [aria-current]").inner_text() == "I was so afraid."
    assert "sentence 4" in page.locator(SLIDER).get_attribute("aria-valuetext")
    assert values(page) != first
    page.get_by_role("button", name="It is sunny.").click()
    assert page.locator(".readout").inner_text().startswith("sentence 2")
    page.locator(".timeline").click(position={"x": 12, "y": 60})
    assert page.locator(".readout").inner_text().startswith("sentence 1")
    with page.expect_download() as saved:
        page.locator("#panel-overtime").get_by_role("button", name="Download as CSV").click()
    rows = list(csv.DictReader(saved.value.path().read_text(encoding="utf-8").splitlines()))
    assert [row["text"] for row in rows][3] == "I was so afraid."
    assert float(rows[3]["valence"]) < float(rows[0]["valence"])
    one.shoot("overtime_text")


def test_nothing_and_too_much_are_explained(visit: Callable, media: Path) -> None:
    page = visit().open("overtime")
    follow(page)
    assert "nothing to follow yet" in page.get_by_role("alert").inner_text()
    page.get_by_label("Text").fill(STORY)
    page.locator("#panel-overtime input[type=file]").set_input_files(str(media / "voice.wav"))
    follow(page)
    assert "Remove one of them" in page.get_by_role("alert").inner_text()


@pytest.mark.slow
def test_a_clip_has_frames_and_waveform_and_plays(visit: Callable, media: Path) -> None:
    one = visit()
    page = one.open("overtime")
    page.locator("#panel-overtime input[type=file]").set_input_files(str(media / "clip.mp4"))
    page.locator("summary", has_text="Windows").click()
    page.get_by_label("Length").fill("2")
    page.get_by_label("Step").fill("1")
    follow(page)
    assert page.locator(".timeline image").count() == 8
    assert page.locator(".timeline .wave").count() == 1
    place = "document.querySelector('.timeline .cursor').getAttribute('d')"
    begin = page.evaluate(place)
    page.evaluate("document.querySelector('video.player').muted = true")
    page.evaluate("document.querySelector('video.player').play()")
    one.wait("document.querySelector('video.player').currentTime > 0.5")
    page.evaluate("document.querySelector('video.player').pause()")
    assert page.evaluate(place) != begin
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowRight")
    one.wait("!document.querySelector('video.player').seeking")
    assert page.evaluate("document.querySelector('video.player').currentTime") > 0.5
    one.shoot("overtime_clip")


@pytest.mark.slow
def test_a_transcript_has_a_curve_for_each_speaker(visit: Callable, tmp_path: Path) -> None:
    transcript = tmp_path / "talk.csv"
    lines = [
        "Hello my friend!",
        "Leave me alone.",
        "I am so happy today.",
        "You are awful.",
        "What a lovely day.",
        "I hate it.",
    ]
    rows = [f"{2 * k},{2 * k + 2},{'AB'[k % 2]},{line}" for k, line in enumerate(lines)]
    transcript.write_text("\n".join(["start,end,speaker,text", *rows]), encoding="utf-8")
    one = visit()
    page = one.open("overtime")
    page.locator("#panel-overtime input[type=file]").set_input_files(str(transcript))
    follow(page)
    assert page.locator(".timeline .dot").count() == 9
    assert "0:00.0 to" in page.locator(".timeline").get_attribute("aria-label")
    before = values(page)
    page.get_by_label("Speaker").select_option("B")
    assert values(page) != before
    one.shoot("overtime_transcript")


@pytest.mark.slow
def test_a_recording_is_followed(visit: Callable) -> None:
    page = visit().open("overtime")
    page.locator("#panel-overtime").get_by_role("button", name="Record a voice").click()
    page.wait_for_timeout(5000)
    page.get_by_role("button", name="Stop recording").click()
    follow(page)
    assert page.locator(".timeline .wave").count() == 1
    assert page.locator("audio.player").count() == 1


@pytest.mark.slow
def test_a_real_clip_is_followed(visit: Callable, shared_data: Path) -> None:
    clips = sorted((shared_data / "video_clips").glob("happyenglish_clip*.mp4"))
    if not clips:
        pytest.skip(f"no clips in {shared_data / 'video_clips'}")
    page = visit().open("overtime")
    page.locator("#panel-overtime input[type=file]").set_input_files(str(clips[0]))
    follow(page)
    assert page.locator(".timeline .line").count() >= 2
