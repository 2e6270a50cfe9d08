"""What all tabs share: keyboard, themes, widths, names of controls, contrast, the key, errors."""

from collections.abc import Callable
from itertools import pairwise

import pytest

TABS = ("predict", "overtime", "label", "move", "runs", "live")
CONTROLS = "button, input:not([type=hidden]), select, textarea, a[href], audio, video, meter, progress, [role=img]"


UNNAMED = """(selector) => [...document.querySelectorAll(selector)].filter((node) => node.checkVisibility()).filter((node) => {
  const labels = [...(node.labels ?? [])].map((label) => label.textContent +
    [...label.querySelectorAll("img")].map((image) => image.alt).join("")).join("");
  const title = node.querySelector(":scope > title")?.textContent ?? "";
  return !(node.getAttribute("aria-label") || labels || node.textContent.trim() || title);
}).map((node) => node.outerHTML.slice(0, 120))"""
REPEATED = """[...document.querySelectorAll("[id]")].map((node) => node.id)
  .filter((id, place, ids) => ids.indexOf(id) < place)"""


def test_tabs_follow_the_keyboard_and_the_address(visit: Callable) -> None:
    one = visit()
    page = one.open()
    page.keyboard.press("Tab")  # the link past the tabs
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("#tab-predict").focus()
    for previous, name in pairwise([*TABS, "predict"]):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert page.evaluate("location.hash") == f"#{name}"
        assert page.locator(f"#panel-{name}").is_visible()
        assert page.locator(f"#panel-{previous}").is_hidden()
        assert page.locator("[role=tab][tabindex='0'], [role=tab]:not([tabindex])").count() == 1
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.id") == "tab-live"
    page.go_back()
    one.wait("!document.getElementById('panel-predict').hidden")
    page.keyboard.press("Home")
    assert page.title().startswith("Predict")


def test_the_theme_follows_the_system_until_it_is_chosen(visit: Callable) -> None:
    page = visit(color_scheme="dark").open()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Light colours").click()
    assert page.get_by_role("button", name="Dark colours").is_visible()
    light = page.evaluate(background)
    assert light != dark
    page.reload()
    assert page.evaluate(background) == light


def test_every_control_has_a_name_and_nothing_is_cut(visit: Callable) -> None:
    one = visit(viewport={"width": 390, "height": 800})
    page = one.open()
    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        page.wait_for_selector(f"#panel-{tab} > *")
        assert page.evaluate(UNNAMED, CONTROLS) == [], tab
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, tab
        one.shoot(f"{tab}_empty_390")
    assert page.evaluate(REPEATED) == []


# The contrast of every visible text with its background, by WCAG 2's formula; colours are blended where they are transparent.
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255); };
  const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3]));
  const light = (rgb) => rgb.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const backgroundOf = (node) => { const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [1, 1, 1]); };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(".hidden, .skip, title, noscript, option")) continue;
    const style = getComputedStyle(node);
    const inside = node instanceof SVGElement;
    const behind = backgroundOf(inside ? node.ownerSVGElement : node);
    const front = over(rgba(inside ? style.fill : style.color), behind);
    const [high, low] = [light(front), light(behind)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push([node.tagName, node.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(visit: Callable, scheme: str) -> None:
    page = visit(color_scheme=scheme).open()
    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        page.wait_for_selector(f"#panel-{tab} > *")
        assert page.evaluate(CONTRAST) == [], tab
