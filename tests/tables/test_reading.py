"""Whole tables are read strictly, and messages stay short and printable."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.errors import DataError, listed, quoted
from affectspace.tables.reading import parser_reason, read_json, read_table, require_even, to_numbers


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
    assert parser_reason(ValueError("Error\nsome error:  here\n")) == "Error some error: here"
    with pytest.raises(UnicodeDecodeError) as raised:
        b"ab\xe9".decode()
    message = "it is not UTF-8 (byte 2): save it as UTF-8 (it looks like latin-1 or UTF-16)"
    assert parser_reason(raised.value) == message


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the first line 2"),
        ('a,b\n1,"2\n', "a quotation mark in row 1 is never closed"),
        ("", "it is empty"),
    ],
)
def test_reasons_of_the_parser_of_tables(content: str, text: str) -> None:
    with pytest.raises((pd.errors.ParserError, pd.errors.EmptyDataError)) as raised:
        pd.read_csv(io.StringIO(content))
    assert parser_reason(raised.value) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "it does not begin like JSON"),
        ("<html>", "it does not begin like JSON"),
        ('{"a": 1}\n{"b": 2}', "the JSON ends before line 2, where more text follows"),
        ('{"a": 1', "the JSON breaks off, or a comma or colon is missing, in line 1, column 8"),
        ('{"a": "x', "the string in line 1, column 7 is never closed"),
    ],
)
def test_reasons_of_the_parser_of_json(tmp_path: Path, content: str, text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads(content)
    assert parser_reason(raised.value) == text
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=rf"a\.json: cannot be read: {text}"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,c\n1,2,3\n1,2\n", "line 3 has 2 fields, the first line 3; give every row"),
        ('a,b\n"1\n1",2\n\n3\n', "line 5 has 1 fields, the first line 2"),
        ("a,b\n1,2,3\n1,2\n", "line 2 has 3 fields, the first line 2"),
        ('a,b\n"1,\n1",2\n\n1,2,\n', "line 5 has 3 fields, the first line 2"),
        ("a,b\n1,\n,2\n\n", None),
        ("", None),
    ],
)
def test_rows_of_different_lengths(tmp_path: Path, content: str, message: str | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    if message is None:
        require_even(path, ",")
    else:
        with pytest.raises(DataError, match=message):
            require_even(path, ",")


def test_unquoted_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text('a\tb\n"1\t2\n"1\n')
    with pytest.raises(DataError, match="line 3 has 1 fields"):
        read_table(path, quoting=False)
    path.write_text('a\tb\n"1\tNA\n')
    assert read_table(path, quoting=False).iloc[0].tolist() == ['"1', "NA"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a, a\n1,2\n", "two columns are called 'a'; rename one"),
        ("a,b\n1,2\n", "no column 'c'; it has a, b"),
        ("a,c\n", "the table has no rows; its columns are a, c"),
        ("", "cannot be read: it is empty"),
        ("a,c\n1,2,3\n1,2,3\n", "line 2 has 3 fields, the first line 2"),
    ],
)
def test_malformed_tables(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=rf"t\.csv: {message}"):
        read_table(tmp_path / "t.csv", ("c",))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "t.parquet").write_text("text")
    (tmp_path / "latin.csv").write_bytes("text\nÉ\n".encode("latin-1"))
    for name, message in (
        ("gone.csv", r"gone\.csv: there is no such file"),
        ("folder.csv", "this is a folder"),
        ("t.xlsx", r"a table is a \.csv, \.tsv or \.parquet file, not \.xlsx"),
        ("t", "not a file without suffix"),
        ("t.parquet", "t.parquet: cannot be read"),
        ("latin.csv", r"it is not UTF-8 \(byte .\): save it as UTF-8 \(it looks like latin-1 or UTF-16"),
    ):
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / name)


def test_numbers() -> None:
    cells = ["1", " 2.5", "", "NA", "nan", "-3e2"]
    np.testing.assert_array_equal(to_numbers(cells, "v", "t.csv"), [1, 2.5, np.nan, np.nan, np.nan, -300])
    for cell in ("high", "inf", "1,5"):
        with pytest.raises(DataError, match=f"t.csv: row 2: v is '{cell}', which is not a number"):
            to_numbers(["1", cell], "v", "t.csv")
    with pytest.raises(DataError, match="row b: v is 'x'"):
        to_numbers(["1", "x"], "v", "t.csv", rows=["a", "b"])
    days = pd.to_datetime(["2001-01-01", "2001-01-02"])
    for values, kind in (([True, None], "true and false"), ([True, False], "true and false"), (days, "times")):
        with pytest.raises(DataError, match=f"column 'v' holds {kind}, not numbers"):
            to_numbers(pd.Series(values), "v", "t.parquet")
