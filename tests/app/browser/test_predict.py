"""The tab Predict: words, recordings, faces, clips, and any mix."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest


def choose(page, panel: str, *files: Path) -> None:
    page.locator(f"#panel-{panel} input[type=file]").set_input_files([str(file) for file in files])


def predict(page) -> None:
    page.get_by_role("button", name="Predict", exact=True).click()
    page.wait_for_selector("#panel-predict .finding, #panel-predict .error:not([hidden])")


def test_an_example_answers_with_a_point_bars_and_a_table(visit: Callable) -> None:
    one = visit()
    page = one.open()
    page.get_by_role("button", name="What a wonderful day!").click()
    page.wait_for_selector(".finding")
    assert "pleasant" in page.locator(".finding").inner_text()
    assert page.locator(".map .mark.text").count() == 2  # on the plane and on the bar
    assert page.locator(".map .emotion").count() == 7
    assert "valence +0." in page.locator(".map > title").text_content()
    assert page.locator(".bars li").first.inner_text().startswith("happiness")
    assert "CC BY-SA" in page.locator("#panel-predict").inner_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.DictReader(saved.value.path().read_text(encoding="utf-8").splitlines()))
    assert rows[0]["id"] == "What a wonderful day!"
    assert 0 < float(rows[0]["valence"]) <= 1
    one.shoot("predict_example")


def test_script_in_a_text_is_text_and_lines_are_messages(visit: Callable) -> None:
    page = visit().open()
    script = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    cut = "<img src=x o"  # long texts have short names
    page.get_by_label("Words").fill(f"{script}\nI am so sad.")
    page.get_by_label("These inputs are one person").uncheck()
    predict(page)
    assert page.locator("#panel-predict h2").inner_text().startswith(cut)
    assert "run" not in page.title()
    assert page.locator("#panel-predict tbody tr").count() == 2
    page.get_by_role("button", name="I am so sad.").click()
    assert page.locator("#panel-predict h2").inner_text() == "I am so sad."
    assert "unpleasant" in page.locator(".finding").inner_text()


def test_a_sentence_by_keyboard_alone(visit: Callable) -> None:
    page = visit().open()
    page.locator("#tab-predict").focus()
    page.keyboard.press("Tab")
    for _ in range(3):
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("Thank you, this is lovely.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".finding")
    assert page.locator("#panel-predict h2").inner_text() == "Thank you, this is lovely."


def test_nothing_to_predict_is_said(visit: Callable) -> None:
    page = visit().open()
    predict(page)
    assert "nothing to predict yet" in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"


@pytest.mark.slow
def test_unreadable_files_are_explained(visit: Callable, media: Path) -> None:
    page = visit().open()
    choose(page, "predict", media / "broken.wav")
    predict(page)
    assert "broken.wav" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Remove broken.wav").click()
    assert page.locator(".files li").count() == 0


@pytest.mark.slow
def test_words_voice_and_face_of_one_person(visit: Callable, media: Path) -> None:
    one = visit()
    page = one.open()
    page.get_by_label("Words").fill("I am glad to see you.")
    choose(page, "predict", media / "voice.wav", media / "face.png")
    predict(page)
    for kind in ("fused", "text", "video"):
        assert page.locator(f".map .point.{kind}").count() == 1
    assert "the product of" in page.locator(".notes").inner_text()
    one.shoot("predict_together")
    page.get_by_label("These inputs are one person").uncheck()
    predict(page)
    page.wait_for_selector("caption >> text=All inputs")
    assert page.locator("#panel-predict tbody tr").count() == 3


@pytest.mark.slow
def test_a_clip_has_a_face_and_a_note_about_its_voice(visit: Callable, media: Path) -> None:
    one = visit()
    page = one.open()
    choose(page, "predict", media / "clip.mp4")
    predict(page)
    assert page.locator("#panel-predict h2").inner_text() == "clip.mp4"
    assert page.locator(".map .point.video").count() == 1
    one.shoot("predict_clip")


@pytest.mark.slow
def test_the_microphone_is_recorded_and_the_camera_photographed(visit: Callable) -> None:
    one = visit()
    page = one.open()
    page.get_by_role("button", name="Record a voice").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop recording").click()
    assert page.locator(".files li").inner_text().startswith("voice: recording-1.wav")
    page.get_by_role("button", name="Photograph a face").click()
    one.wait("document.querySelector('video.preview').videoWidth > 0")
    page.get_by_role("button", name="Take the photograph").click()
    page.wait_for_selector(".files img")
    assert page.evaluate("document.querySelector('video.preview').srcObject") is None
    predict(page)
    assert page.locator(".map .point.video").count() == 1
    one.shoot("predict_recording")
