"""The tab Live: microphone and camera in windows of two seconds."""

import io
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image


def test_live_needs_an_input_and_stops_with_the_tab(visit: Callable) -> None:
    one = visit()
    page = one.open("live")
    page.get_by_label("Microphone").uncheck()
    page.get_by_label("Camera", exact=True).uncheck()
    page.get_by_role("button", name="Start").click()
    assert "Choose the microphone" in page.get_by_role("alert").inner_text()
    page.get_by_label("Camera", exact=True).check()
    page.get_by_role("button", name="Start").click()
    one.wait("document.querySelector('#panel-live video').videoWidth > 0")
    assert page.evaluate("document.activeElement.textContent") == "Stop"
    page.locator("#tab-predict").click()
    one.wait("document.querySelector('#panel-live video').srcObject === null")
    page.locator("#tab-live").click()
    assert page.get_by_role("button", name="Stop").is_disabled()
    assert page.locator("#panel-live .finding").inner_text() == "Stopped."


SLOW_PERMISSION = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.streams = [];
window.granted = new Promise((resolve) => { window.grant = resolve; });
navigator.mediaDevices.getUserMedia = async (wanted) => {
  await window.granted;
  const stream = await open(wanted);
  window.streams.push(stream);
  return stream;
};
"""


@pytest.mark.parametrize(
    ("tab", "button"), [("live", "Start"), ("predict", "Record a voice"), ("predict", "Photograph a face")]
)
def test_a_device_that_opens_after_its_tab_was_left_is_closed(visit: Callable, tab: str, button: str) -> None:
    one = visit()
    one.page.add_init_script(SLOW_PERMISSION)
    page = one.open(tab)
    page.get_by_role("button", name=button, exact=True).click()
    page.locator("#tab-label").click()
    page.locator("#panel-label .lead").wait_for()
    page.evaluate("window.grant()")
    one.wait("window.streams.length > 0")
    one.wait("window.streams.every((stream) => stream.getTracks().every((track) => track.readyState === 'ended'))")
    page.locator(f"#tab-{tab}").click()
    assert page.get_by_role("button", name=button, exact=True).is_enabled()


@pytest.mark.slow
def test_the_point_moves_with_a_trail_and_says_what_is_heard_and_seen(visit: Callable) -> None:
    one = visit()
    page = one.open("live")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("#panel-live .map .mark", timeout=120_000)
    page.wait_for_selector("#panel-live .trail", timeout=30_000, state="attached")
    states = page.locator("#panel-live .states").inner_text()
    assert "is heard" in states
    assert "a face is seen" in states
    assert "s for the last answer" in states
    one.shoot("live")
    page.get_by_role("button", name="Stop").click()
    requests = len(one.requests)
    page.wait_for_timeout(3000)
    assert len(one.requests) == requests
    assert page.evaluate("document.querySelector('#panel-live video').srcObject") is None


@pytest.mark.slow
def test_a_picture_without_a_face_is_marked(service: str) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(picture, "PNG")
    answer = httpx.post(f"{service}/v1/predict", files={"files": ("wall.png", picture.getvalue())}, timeout=120).json()
    assert answer["predictions"][0]["face_found"] is False
