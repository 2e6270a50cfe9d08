"""The report in a real browser: it fits a phone, folds, and opens figures large by keyboard, without any script."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectspace.report import Cell, IntervalRow, KeyFigure, Reference, Report, affect_map_figure, image_grid

playwright = pytest.importorskip("playwright.sync_api", reason="the browser's tests need playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
BEYOND = """() => [...document.querySelectorAll('body *')].filter(e => {
  for (let a = e.parentElement; a && a !== document.body; a = a.parentElement)
    if (getComputedStyle(a).overflowX !== 'visible') return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !e.matches('.skip');
}).map(e => e.tagName + ' ' + e.className)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = Report(
        "A report with aVeryLongNameThatHasNoSpaces_" * 2, "and a subtitle", {"configuration": {"a": "x" * 90}}
    )
    page.summary(["The model is better than chance."]).key_figures(
        [KeyFigure("UAR", 0.5, 0.4, 0.6, beside={"chance": 0.1})]
    )
    rows = [IntervalRow("a model with a long name, the equations to the letter", 0.5, 0.4, 0.6), IntervalRow("b", 0.3)]
    page.bars(rows, [Reference("chance", 0.14)], title="Who is better?", label="Unweighted average recall (UAR)")
    page.figure(image_grid(np.zeros((2, 8, 8, 8, 3), np.uint8)), "Faces", "All are black.")
    page.figure(
        affect_map_figure({"text": ([0.1, 0.2], [0.2, 0.3])}, [0.3, 0.4]), "The map", "The text is near the truth."
    )
    page.section("Tables", "A text about `affectspace predict --run runs/people/with/a/long/path/of/folders CLIP.mp4`.")
    wide = [["a model", *[Cell(0.123456, 0.1, 0.2)] * 9] for _ in range(3)]
    page.table("A wide table", ["model", *map(str, range(9))], wide, "A note.")
    return page.write(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser: Any, report: Path, width: int = 390, scheme: str = "light") -> Any:
    """Open the report; a message of the browser, such as content that the policy refuses, fails the test."""
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    page.messages = []
    page.on("console", lambda message: page.messages.append(message.text))
    page.goto(report.as_uri())
    assert page.messages == []
    return page


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_page(browser: Any, report: Path, width: int) -> None:
    page = opened(browser, report, width)
    assert page.evaluate(BEYOND) == []
    page.locator("#everything").check()
    assert page.get_by_text("A note.").is_visible()
    assert page.evaluate(BEYOND) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_open_large_by_keyboard_and_close_with_escape(browser: Any, report: Path) -> None:
    page = opened(browser, report)
    image, button = page.locator(".plate img").first, page.get_by_role("button", name="Enlarge or close: Faces")
    small = image.bounding_box()["width"]
    assert small < 390
    button.focus()
    page.keyboard.press("Enter")
    assert image.bounding_box()["width"] >= 900
    page.keyboard.press("Escape")
    assert image.bounding_box()["width"] == small


def test_sections_are_folded_and_open_by_keyboard(browser: Any, report: Path) -> None:
    page = opened(browser, report)
    table = page.get_by_text("A wide table")
    assert not table.is_visible()
    page.locator("summary", has_text="Tables").focus()
    page.keyboard.press("Enter")
    assert table.is_visible()


def test_figures_follow_the_dark_theme(browser: Any, report: Path) -> None:
    from io import BytesIO

    from PIL import Image

    shades = {}
    for scheme in ("light", "dark"):
        shot = opened(browser, report, 1400, scheme).locator(".plate").nth(1).screenshot()
        shades[scheme] = np.asarray(Image.open(BytesIO(shot)).convert("L"), dtype=float)
    assert shades["light"].mean() > 200
    assert shades["dark"].mean() < 60
    assert shades["dark"].max() > 150  # what is drawn can be seen
