"""What messages quote stays short and printable."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from affectspace.errors import listed, quoted
from affectspace.tables.messages import long_row, reason, repeated, short_row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("high", "'high'"),
        ("x" * 60, repr("x" * 60)),
        ("x" * 61, "'" + "x" * 59 + "..."),
        ("\0" * 10_000, "'" + ("\\x00" * 15)[:59] + "..."),
        (1.5, "1.5"),
        (None, "None"),
        (list(range(1_000)), repr(list(range(1_000)))[:60] + "..."),
    ],
)
def test_values_are_cut(value: object, text: str) -> None:
    assert quoted(value) == text


def test_names_are_listed() -> None:
    assert listed(["a", "two words", 3]) == "a, two words, 3"
    assert listed(["a\0b"]) == r"'a\x00b'"
    many = listed(f"c{i}" for i in range(1_040))
    assert many.endswith("c38, c39 and 1,000 more")


def test_reasons_are_one_line() -> None:
    assert reason(ValueError("Error\nsome error:  here\n")) == "Error some error: here"
    with pytest.raises(UnicodeDecodeError) as raised:
        b"ab\xe9".decode()
    assert reason(raised.value) == "it is not UTF-8 (byte 2): save it as UTF-8 (it looks like latin-1 or UTF-16)"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the first line 2"),
        ('a,b\n1,"2\n', "a quotation mark in row 1 is never closed"),
        ("", "it is empty"),
    ],
)
def test_what_the_parser_of_tables_says(content: str, text: str) -> None:
    with pytest.raises((pd.errors.ParserError, pd.errors.EmptyDataError)) as raised:
        pd.read_csv(io.StringIO(content))
    assert reason(raised.value) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "it does not begin as JSON does"),
        ("<html>", "it does not begin as JSON does"),
        ('{"a": 1}\n{"b": 2}', "something follows the end of the JSON, in line 2"),
        ('{"a": 1', "the JSON breaks off, or a comma or colon is missing, in line 1, column 8"),
        ('{"a": "x', "the JSON's text that begins in line 1, column 7 is never closed"),
    ],
)
def test_what_the_parser_of_json_says(content: str, text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads(content)
    assert reason(raised.value) == text


def test_a_row_with_too_few_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for content, expected in (
        ("a,b,c\n1,2,3\n1,2\n", "line 3 has 2 fields, the first line 3"),
        ('a,b\n"1\n1",2\n\n3\n', "line 5 has 1 fields, the first line 2"),
        ("a,b\n1,\n,2\n\n", None),
        ("", None),
    ):
        path.write_text(content)
        assert short_row(path, ",") == expected
    path.write_text('a\tb\n"1\t2\n"1\n')
    assert short_row(path, "\t", quoted=False) == "line 3 has 1 fields, the first line 2"


def test_a_row_with_too_many_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for content, expected in (
        ("a,b\n1,2,3\n1,2\n", "line 2 has 3 fields, the first line 2"),
        ('a,b\n"1,\n1",2\n\n1,2,\n', "line 5 has 3 fields, the first line 2"),
        ("a,b\n1\n1,2\n", None),
    ):
        path.write_text(content)
        assert long_row(path, ",") == expected


def test_a_name_that_stands_twice() -> None:
    assert repeated(["a", "b", " a"]) == "a"
    assert repeated(["a", "", "", "b"]) is None
