"""Measures, wording, the raters' sheet and the paper's table: what needs no language model."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from affectspace.errors import DataError
from affectspace.steering.ranking import repetition
from affectspace.studies.manifold.paper import SEED_AFFECT
from affectspace.studies.steering.measures import copied, distinct, meets_bars, slope_rows, spearman_rows
from affectspace.studies.steering.prompting import PROMPT, TEMPLATE, bare, level_of, request, templated
from affectspace.studies.steering.rating_sheet import write_sheet
from affectspace.studies.steering.themes import THEMES

ASKED = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def test_rank_correlation_of_perfect_useless_and_degenerate_steering() -> None:
    values = np.array([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [2, 2, 2, 2, 2], [0, 0, 0, 1, 1]], dtype=float)
    found = spearman_rows(ASKED, values)
    assert found[:3].tolist() == pytest.approx([1.0, -1.0, 0.0])
    assert found[3] == pytest.approx(spearmanr(ASKED, values[3]).statistic)


def test_slopes() -> None:
    assert slope_rows(ASKED, np.stack([0.5 * ASKED + 3, -ASKED])).tolist() == pytest.approx([0.5, -1.0])


def test_all_three_bars_at_once() -> None:
    spearman = np.array([[1.0, 0.6, 1.0, 1.0, 0.0, 1.0], [1.0, 0.6, 0.5, 1.0, 0.0, 1.0]])  # two judges, six sentences
    content = np.array([1.0, 0.5, 1.0, 0.4, 1.0, 1.0])
    base = np.array([2.0, 3.0, 2.0, 2.0, 2.0, 2.0])
    surprise = base + np.log([1.0, 1.499, 1.0, 1.0, 1.0, 1.6])
    assert meets_bars(spearman, content, surprise, base).tolist() == [1, 1, 0, 0, 0, 0]


def test_repetition_and_distinct() -> None:
    assert repetition(["a b a b a b", "all of it is new", "one", ""]).tolist() == pytest.approx([0.6, 0, 0, 0])
    assert repetition(["no no no", "A b, a B c."]).tolist() == pytest.approx([0.5, 0.25])
    assert distinct(["a b c", "A b, d"]) == pytest.approx(3 / 4)
    assert np.isnan(distinct(["", "one"]))


def test_copies_do_not_depend_on_case_or_points() -> None:
    assert copied(["My dog.", "My dog."], ["my dog!", "My old dog."]).tolist() == [1.0, 0.0]


def test_levels_have_words_on_every_axis() -> None:
    assert [level_of(value) for value in (-4, -1.4, 0.2, 0.6, 2)] == [0, 1, 2, 3, 4]
    for words in (*PROMPT.values(), *TEMPLATE.values()):
        assert len(words) == 5
    assert templated("It rains.", "valence", 2) == "I am thrilled: It rains."
    assert templated("It rains.", "valence", 0) == "It rains."
    assert "thrilled" in request("It rains.", "valence", 2)
    assert "in other words" in request("It rains.", None, 2)


@pytest.mark.parametrize(
    ("answer", "text"),
    [('"A day."', "A day."), ("Sentence: A day.", "A day."), ('He said "no".', 'He said "no".'), ("", "")],
)
def test_answers_without_labels_and_quotation_marks(answer: str, text: str) -> None:
    assert bare(answer) == text


def test_the_papers_themes_have_their_facts() -> None:
    assert [theme.name for theme in THEMES] == list(SEED_AFFECT)
    assert all(list(theme.texts) == [-1.0, -0.5, 0.0, 0.5, 1.0] for theme in THEMES)
    assert THEMES[0].own == (-0.614, 0.121, 0.469)
    assert THEMES[1].seed == "The business does not inspire me."


def made_up_texts() -> pd.DataFrame:
    rows = [
        (method, "valence", row, f"seed <{row}>", asked, f"{method} & {asked}")
        for method in ("steered", "steered_one", "prompt", "template", "unsteered")
        for row in range(3)
        for asked in ASKED
    ]
    return pd.DataFrame(rows, columns=["method", "axis", "sentence", "seed", "target", "text"])


def test_the_raters_sheet_is_blind_and_its_key_is_apart(tmp_path: Path) -> None:
    files = write_sheet(tmp_path, made_up_texts(), sentences=2, seed=1)
    assert [path.name for path in files] == ["sheet.html", "sheet.csv", "key.csv"]
    sheet, key = (pd.read_csv(path) for path in files[1:])
    assert len(sheet) == len(key) == 3 * 2 * 5  # three methods; two sentences; five steps
    assert set(sheet.columns) == {"item", "seed", "text", "valence", "content", "language"}
    assert set(key["method"]) == {"steered", "prompt", "template"}
    assert key["target"].tolist() != sorted(key["target"])
    joined = sheet.merge(key, on="item")
    assert (joined["text"] == joined["method"] + " & " + joined["target"].astype(str)).all()
    page = files[0].read_text(encoding="utf-8")
    assert "seed &lt;" in page
    assert "key" not in page
    with files[1].open(encoding="utf-8") as sheet:
        assert [row["item"] for row in csv.DictReader(sheet)][:3] == ["1", "2", "3"]


def test_the_same_seed_gives_the_same_sheet(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sheet(tmp_path / name, made_up_texts(), sentences=2, seed=4)
    assert (tmp_path / "a" / "key.csv").read_bytes() == (tmp_path / "b" / "key.csv").read_bytes()
    with pytest.raises(DataError, match="no steered sentence"):
        write_sheet(tmp_path, made_up_texts(), sentences=0)
