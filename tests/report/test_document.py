"""The report: every block, escaping, missing values, errors, and one whole file or none."""

import base64
import hashlib
import math
import os
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectspace.errors import DataError, RunError
from affectspace.report import Cell, Claim, IntervalRow, KeyFigure, Reference, Report, new_figure
from affectspace.report.theme import DARK

WHITE = "#ffffff"
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Outline(HTMLParser):
    """Checks that tags are balanced and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1] if self.open else "", " ".join(data.split())))

    def named(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.tags if name == tag]


def small_figure() -> Any:
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def cells(report: Report) -> list[str]:
    return [word for tag, word in Outline(report.to_html()).words if tag in ("td", "th", "span")]


def build_report() -> Report:
    report = Report(
        "All blocks", "with **bold**", {"date": "2026-01-31", "seeds": [0, 1], "configuration": {"a": {"b": 2}}}
    )
    report.summary(["What a layman takes home."])
    beside = {"chance": 0.25, "ridge": 0.45}
    report.key_figures(
        [KeyFigure("accuracy", 0.5, 0.4, 0.6, paper=0.3, note="n 12", beside=beside), KeyFigure("none", None)]
    )
    report.text("before the contents\n\n- one\n- two\n\n1. first\n2. second")
    report.section("First", "text").section("Inner", level=3).callout("fault", "a fault").callout("note", "x")
    report.table(
        "scores", ["model", "UAR"], [["ours", Cell(0.203, 0.19, 0.216, paper=0.36, n=4210, note="strict")]], "note"
    )
    report.table("nothing", ["a", "b"], [])
    report.figure(small_figure(), "a line", "a falling line", "drawn by hand")
    report.bars([IntervalRow("ours", 0.5, 0.4, 0.6)], [Reference("chance", 0.1)], title="who", label="UAR")
    report.claims(
        [
            Claim("a", "held", "because", "p. 1"),
            Claim("b", "not held"),
            Claim("c", "not decided", "- x\n- y"),
            Claim("d", "not measured"),
        ]
    )
    return report.section("Second")


full_report = cache(build_report)  # drawing takes time; nobody changes it


def test_every_block_gives_balanced_html_with_folded_sections() -> None:
    page = Outline(full_report().to_html())
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    folds = [fold for fold in page.named("details") if str(fold.get("class", "")).startswith("part")]
    assert len(folds) == 5  # three sections, words, facts
    assert not any("open" in fold for fold in folds)
    assert all(attributes["alt"] for attributes in page.named("img"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.named("th"))
    assert not page.named("script")
    assert not page.named("link")
    words = [word for _, word in page.words]
    assert {"[0.190, 0.216]", "0.36", "n 4,210 · strict", "nothing to show", "configuration", "a.b"} <= set(words)
    assert words.index("What a layman takes home.") < words.index("accuracy") < words.index("First")
    assert words[words.index("chance") + 1] == "0.250"
    assert "UAR" in words[words.index("What the words mean") :]  # is spelled out


def test_what_was_not_measured_is_not_among_what_is_not_decided() -> None:
    html = full_report().to_html()
    tally = html[html.index('class="tally"') : html.index("<ol>", html.index('class="tally"'))]
    assert "not decided" in tally
    assert "not measured" not in tally
    assert "1 not measured: this study did not train or measure what the statement compares" in html


def test_the_policy_of_the_page_allows_its_own_style_and_pictures_and_nothing_else() -> None:
    html = full_report().to_html()
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in html
    assert not any("style" in attributes for _, attributes in Outline(html).tags)


def test_a_picture_is_opened_large_by_a_button_and_follows_the_theme() -> None:
    page = Outline(full_report().to_html())
    [button] = page.named("button")
    [plate] = [attributes for attributes in page.named("div") if "popover" in attributes]
    assert button["popovertarget"] == plate["id"]
    assert "a line" in button["aria-label"]
    [image] = page.named("img")
    svg = base64.b64decode(image["src"].split(",")[1])
    assert b"prefers-color-scheme: dark" in svg
    assert f"fill:{DARK[WHITE]}".encode() in svg


def test_bars_are_sorted_with_their_floors() -> None:
    rows = [IntervalRow("low", 0.2, 0.1, 0.3), IntervalRow("none", math.nan), IntervalRow("high", 0.6, 0.5, 0.7)]
    (block,) = Report("t").bars(rows, [Reference("chance", 0.4)], title="who", label="UAR").blocks
    assert [row["label"] for row in block["rows"]] == ["high", "chance", "low", "none"]
    places = [row["x"] for row in block["rows"]]
    assert places[0] > 50 > places[2]
    assert places[1:4:2] == [None, None]
    assert [line["x"] for line in block["lines"]] == [50.0]
    assert [tick["text"] for tick in block["ticks"]] == ["0.2", "0.4", "0.6"]
    kept = Report("t").bars(rows, title="who", label="UAR", order=False).blocks[0]
    assert [row["label"] for row in kept["rows"]] == ["low", "none", "high"]


def test_nothing_is_fetched() -> None:
    for tag, attributes in Outline(full_report().to_html()).tags:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)


def test_every_text_is_escaped() -> None:
    evil = "<script>alert('1')</script> \"&"
    report = Report(evil, evil, {evil: evil, "more": {evil: [evil]}})
    report.key_figures([KeyFigure(evil, evil, paper=evil, note=evil)])
    report.section(evil, f"{evil}\n\n- {evil}\n\n**{evil}** `{evil}`").callout("warning", evil)
    report.section(evil).table(evil, [evil, "x"], [[evil, Cell(evil, paper=evil, note=evil)]], note=evil)
    report.figure(small_figure(), evil, evil).claims([Claim(evil, "held", evil, evil)])
    html = report.to_html()
    assert "<script" not in html
    page = Outline(html)
    assert page.named("img")[0]["alt"] == evil
    assert sum(" ".join(evil.split()) in word for _, word in page.words) >= 18


def test_markup_of_texts() -> None:
    html = Report("t").text("a **b `c`** d\ne\n\n* one\n  more\n* two").to_html()
    assert "<p>a <strong>b <code>c</code></strong> d e</p>" in html
    assert "<ul><li>one more</li><li>two</li></ul>" in html


def test_links_lead_to_pages_beside_and_nowhere_else() -> None:
    text = "[**all** faces](faces/report.html), [away](https://a.org/x.html), [root](/x.html), [run](javascript:x.html)"
    links = Outline(Report("t").text(text).to_html()).named("a")
    assert [link["href"] for link in links] == ["#content", "faces/report.html"]


@pytest.mark.parametrize("missing", [None, math.nan, np.float32("nan"), pd.NA, pd.NaT, Cell(None), Cell(math.nan)])
def test_missing_values_are_an_en_dash(missing: object) -> None:
    assert "–" in cells(Report("t").table("c", ["a", "b"], [["x", missing]]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.2034, "0.203"),
        (-0.011, "−0.011"),
        (-0.0, "0.000"),
        (21258, "21,258"),
        (np.int64(-3), "−3"),
        (np.float32(0.5), "0.500"),
        (1.2e-5, "1.2×10⁻⁵"),
        (-1.2e-5, "−1.2×10⁻⁵"),
        (math.inf, "∞"),
        (True, "yes"),
        ("plain", "plain"),
        (Cell(-0.0001), "0.000"),
        (Cell(1.234, digits=1), "1.2"),
        (Cell("> 1"), "> 1"),
    ],
)
def test_numbers_as_shown(value: object, shown: str) -> None:
    assert shown in cells(Report("t").table("c", ["a", "b"], [["x", value]]))


def test_published_figures_keep_their_digits() -> None:
    assert {"0.36", "−0.012"} <= set(
        cells(Report("t").table("c", ["a"], [[Cell(0.1, paper=0.36)], [Cell(0.1, paper=-0.012)]]))
    )


def test_columns_of_numbers_are_set_right_and_rows_named() -> None:
    rows = [["x", 1, "one", Cell(0.1)], ["y", None, 2, None]]
    page = Outline(Report("t").table("c", ["a", "b", "c", "d"], rows).to_html())
    assert [attributes.get("class") for attributes in page.named("th")][:4] == [None, "number", None, "number"]
    assert [attributes["scope"] for attributes in page.named("th")][4:] == ["row", "row"]


def test_the_same_report_is_the_same_text() -> None:
    assert build_report().to_html() == full_report().to_html()


def test_figures_from_files(tmp_path: Path) -> None:
    Image.new("RGB", (80, 40), "red").save(tmp_path / "a.png")
    Image.new("RGB", (800, 400), "red").save(tmp_path / "b.jpg", dpi=(200, 200))
    report = Report("t").figure(tmp_path / "a.png", "c", "red").figure(str(tmp_path / "b.jpg"), "c", "red")
    images = Outline(report.to_html()).named("img")
    assert [image["src"].split(";")[0] for image in images] == ["data:image/png", "data:image/jpeg"]
    assert [image["width"] for image in images] == ["80", "400"]


def test_bad_content_says_what_and_where(tmp_path: Path) -> None:
    report = Report("t")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match="table 'c': row 1 has 1 cells for 2 columns"):
        report.table("c", ["a", "b"], [["x", 1], ["y"]])
    with pytest.raises(DataError, match="row 0, column 'b' holds a list; give text, a number, None or a Cell"):
        report.table("c", ["a", "b"], [["x", [1]]])
    with pytest.raises(DataError, match="has no columns"):
        report.table("c", [], [])
    with pytest.raises(DataError, match="no alternative text"):
        report.figure(small_figure(), "c", " ")
    with pytest.raises(DataError, match="no title"):
        report.figure(small_figure(), " ", "a")
    with pytest.raises(DataError, match="at least one row with a finite value"):
        report.bars([], title="who", label="UAR")
    with pytest.raises(DataError, match=r"cannot put .*text\.png into the report"):
        report.figure(tmp_path / "text.png", "c", "a")
    with pytest.raises(DataError, match=r"cannot put .*absent\.png into the report"):
        report.figure(tmp_path / "absent.png", "c", "a")
    with pytest.raises(DataError, match="matplotlib Figure"):
        report.figure(3, "c", "a")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="level 4; give 2"):
        report.section("s", level=4)
    with pytest.raises(DataError, match="'maybe'; choose one of held, not held, not decided, not measured"):
        Claim("a", "maybe")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'joke'; choose one of note"):
        report.callout("joke", "x")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="from 2 to 1; low must not be above high"):
        Cell(1, 2, 1)
    with pytest.raises(DataError, match="only one end"):
        KeyFigure("k", 1, low=0.5)
    with pytest.raises(DataError, match="-1 decimals"):
        Cell(1, digits=-1)
    assert report.blocks == []


def test_written_whole_and_folders_made(tmp_path: Path) -> None:
    path = full_report().write(tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == full_report().to_html()
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match=r"cannot write .*report\.html: No space left on device; free some space"):
        full_report().write(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
