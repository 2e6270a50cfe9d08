"""Wording of messages: numbers with their nouns, here and in what commands print."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import counted


@pytest.mark.parametrize(
    ("number", "noun", "verb", "expected"),
    [
        (1, "row", "", "1 row"), (0, "row", "", "0 rows"), (1234, "row", "", "1,234 rows"), (1, "person", "", "1 person"),
        (2, "test person", "has", "2 test people have"), (1, "test person", "has", "1 test person has"),
        (2, "modality", "", "2 modalities"), (3, "day", "is", "3 days are"), (2, "axis", "", "2 axes"),
        (2, "corpus", "was", "2 corpora were"), (2, "target", "exceeds", "2 targets exceed"),
    ],
)  # fmt: skip
def test_nouns_and_verbs_follow_the_number(number: int, noun: str, verb: str, expected: str) -> None:
    assert counted(number, noun, verb) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(1, "1 row, 1 person"), (2, "2 rows, 2 people")],
)
def test_a_corpus_of_one_row_is_described_in_the_singular(tmp_path: Path, rows: int, expected: str) -> None:
    table = tmp_path / "table.csv"
    lines = [f"{number},p{number},hello number {number},0.{number}" for number in range(rows)]
    table.write_text("\n".join(["id,person,text,valence", *lines]) + "\n", encoding="utf-8")
    output = CliRunner().invoke(app, ["corpus", "describe", "table", str(table)], catch_exceptions=False).output
    assert f"table: {expected}" in output
    for wrong in ("1 rows", "1 people", "1 texts", "1 person s"):
        assert not any(line.startswith(wrong) or f" {wrong}" in line for line in output.splitlines()), output
