"""Whole tables are read strictly, and messages stay short and printable."""

import csv
import datetime
import io
import json
import re
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError, DataWarning, listed, quoted
from affectspace.tables.blocks import read_blocks
from affectspace.tables.formats import columns_of, parser_reason, read_json
from affectspace.tables.reading import read_table, to_numbers
from affectspace.tables.text import declare_separator


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
        ("a,c\n1,2,3\n1,2,3\n", "line 2 has 3 fields, the first line 2; give every row the same number"),
        ("a,b,c\n1,2,3\n1,2\n", "line 3 has 2 fields, the first line 3"),
        ('a,c\n"1\n1",2\n\n3\n', "line 5 has 1 fields, the first line 2"),
        ('a,c\n"1,\n1",2\n\n1,2,\n', "line 5 has 3 fields, the first line 2"),
        ('a,c\n1,"2\n3,4\n', "a quotation mark in line 2 is never closed"),
        (
            'a,c\n1,"2\n3,"4"\n',
            "line 2: a quotation mark stands inside a quoted cell, or one before it is never closed",
        ),
        ('a,c\n1,"say ""no"" or "yes""\n', "line 2: a quotation mark stands inside a quoted cell"),
        ('a,c\n1,"say \\"no\\""\n', "line 2: a quotation mark stands inside a quoted cell"),
    ],
)
def test_malformed_tables(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=rf"t\.csv: {message}"):
        read_table(tmp_path / "t.csv", ("c",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"text", "t.parquet: cannot be read"),
        ("t.xlsx", b"text", "this is no .xlsx file"),
        ("t.xls", b"text", "a table is a .csv, .tsv, .txt, .xlsx, .jsonl or .parquet file, not .xls"),
        ("t", b"a,b", "not a file without suffix"),
        ("t.csv", b"PK\x03\x04....", "this is a zip or an Excel file"),
        ("t.csv", b"\xd0\xcf\x11\xe0....", "this is an old or encrypted Excel file"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid", "this is a pointer of Git LFS"),
        ("t.csv", b"<!DOCTYPE HTML><p>", "this is a web page"),
        ("t.csv", bytes(range(256)) * 4, "this is no text"),
        ("t.csv", b"\x89PNG\r\n\x1a\n,a", "this is no text"),
        ("t.csv", b"a,b\n1,\xe9\xe8\xff\xfe\n", "line 2 is not UTF-8 text; save the file as UTF-8"),
        ("t.csv", b"a,b\0\0\0\0\0\0\0\0", "this is no text"),
        ("t.csv", "a,b\n1,привет мир\n".encode("cp1251"), "line 2 is not UTF-8 text; save the file as UTF-8"),
        ("t.csv", "a,b\n1,こんにちは\n".encode("shift-jis"), "line 2 is not UTF-8 text"),
        ("t.csv", "a,b\n1,你好\n".encode("gbk"), "line 2 is not UTF-8 text"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("t.jsonl", b'{"a": 1}\n[1]\n', "line 2: expected an object"),
        ("t.jsonl", b"\n", "cannot be read: it is empty"),
        ("t.json", b"[" * 100_000, "cannot be read: it is nested too deeply"),
        ("t.json", b"[" + b"9" * 5000 + b"]", "cannot be read: a number has thousands of digits"),
        ("t.jsonl", b"{}\n{}\n", "cannot be read: it is empty"),
        ("t.csv", b"\n\n", "cannot be read: it is empty"),
        ("t.json", b"3", "expected a list of objects, or an object key"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        read_table(tmp_path / name)
    with pytest.raises(DataError, match=re.escape(message.replace("the table has no rows", "has no rows"))):
        list(read_blocks(tmp_path / name))


def test_absent_files(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="this is a folder"):
        read_table(tmp_path / "folder.csv")
    with pytest.raises(DataError, match=r"gone\.csv: there is no such file"):
        read_table(tmp_path / "gone.csv")


ROWS = [["id", "who", "text"], ["001", "Ann", 'Héllo; a | façade, \t"really"'], ["1e5", "Bob", "two\nlines"]]


def _text(separator: str, end: str = "\n") -> str:
    text = io.StringIO(newline="")
    quoting: Any = csv.QUOTE_ALL if end == "\r" else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(ROWS)
    return text.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((f"comma{suffix}", _text(",").encode()) for suffix in (".csv", ".CSV", ".tsv", ".txt", ".Txt", ".psv")),
        *((f"t{place}.csv", _text(mark).encode()) for place, mark in enumerate(";\t|")),
        ("tab.txt", _text("\t").encode()),
        ("sep.csv", b"sep=;\r\n" + _text(";", "\r\n").encode()),
        ("sep_of_its_own.csv", b'"sep=^"\n' + _text("^").encode()),
        ("mac.csv", _text(",", "\r").encode()),
        ("windows.csv", _text(";", "\r\n").encode("utf-8-sig")),
        *((f"{name}.csv", _text("\t").encode(name)) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        ("lines.jsonl", "\n\n".join(json.dumps(dict(zip(ROWS[0], row, strict=True))) for row in ROWS[1:]).encode()),
        ("list.json", json.dumps([dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]).encode()),
    ],
)
def test_dialects(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(path)
    assert [table.columns.tolist(), *table.to_numpy().tolist()] == ROWS
    assert columns_of(path) == ROWS[0]
    assert [block.values("text")[0] for block in read_blocks(path, 1)] == [ROWS[1][2], ROWS[2][2]]


def test_western_text_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(_text(",").encode("latin-1"))
    with pytest.warns(
        DataWarning, match=r"is read as Western European text \(Windows-1252\), such as 'Héllo' in line 2"
    ):
        assert read_table(path)["text"].tolist() == [ROWS[1][2], ROWS[2][2]]


def test_a_quotation_mark_that_swallows_rows_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,size,text\n1,"5,tall\n2,6,small\n3,7",wide\n')
    with pytest.warns(DataWarning, match="line 2: a cell has 3 lines that look like rows of the table"):
        read_table(path)


def test_a_declared_separator(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a:b\n1:2\n")
    assert columns_of(path) == ["a:b"]
    declare_separator(path, ":")
    assert read_table(path)["b"].tolist() == ["2"]
    for wrong in ("", "ab", '"', "x", "\n"):
        with pytest.raises(ConfigError, match="give one character"):
            declare_separator(path, wrong)


def test_excel(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    day = datetime.datetime(2024, 1, 31)
    for row in (["id", "text", "v", "when", None], ["007", "glad", 0.5, day], [], [12, None, True], ["NA", "x", -1]):
        book.active.append(row)
    book.create_sheet("other").append(["ignored"])
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = read_table(path)
    assert table.to_dict("list") == {
        "id": ["007", "12", "NA"],
        "text": ["glad", "", "x"],
        "v": ["0.5", "True", "-1"],
        "when": ["2024-01-31 00:00:00", "", ""],
    }
    book.active["F2"] = "more"
    book.save(path)
    with pytest.raises(DataError, match="line 2 has 6 fields, the first line 4"):
        read_table(path)
    book.active["F2"] = None
    book.active["B2"] = "=1+1"
    book.save(path)
    with pytest.raises(DataError, match="line 2 has the formula '=1\\+1' without its value; save the file in Excel"):
        read_table(path)
    book.remove(book.active)
    book.save(path)
    with pytest.raises(DataError, match="no rows"):
        read_table(path)


def test_half_a_character_is_replaced_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "\\ud83d\\ude00 \\ud83d glad"}')
    with pytest.warns(DataWarning, match="half characters, such as in line 1, are replaced"):
        assert read_table(path)["text"].tolist() == ["\U0001f600 \ufffd glad"]


def test_columns_with_types(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,n,x,empty,ok,code,mixed\n001,1,0.5,,True,007,1\n2,2,NA,,false,8,high\n")
    table = read_table(path, texts={"id"})
    assert table["id"].tolist() == ["001", "2"]
    assert table["n"].tolist() == [1, 2]
    assert table["n"].dtype == np.int64
    np.testing.assert_array_equal(table["x"], [0.5, np.nan])
    assert table["ok"].tolist() == [True, False]
    for name in ("empty", "code", "mixed"):
        assert table[name].map(type).eq(str).all()


def test_wide_tables_are_read_in_linear_time(tmp_path: Path) -> None:
    def seconds(width: int) -> float:
        path = tmp_path / f"{width}.csv"
        path.write_text("\n".join(",".join(f"{kind}{i}" for i in range(width)) for kind in ("c", "", "1", "2")))
        start = time.process_time()
        read_table(path)
        columns_of(path)
        return time.process_time() - start

    seconds(10)
    assert seconds(20_000) < 20 * seconds(2_000) + 0.2


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2), min_size=1
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str, end: str, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # cells of several lines may look like rows
        assert read_table(path).to_numpy().tolist() == rows


def test_numbers() -> None:
    cells = ["1", " 2.5", "", "NA", "nan", "-3e2"]
    np.testing.assert_array_equal(to_numbers(cells, "v", "t.csv"), [1, 2.5, np.nan, np.nan, np.nan, -300])
    for cell in ("high", "inf", "1,5x", "1,234", "1.000,5"):
        with pytest.raises(DataError, match=f"t.csv: row 2: v is '{cell}', which is not a number"):
            to_numbers(["1", cell], "v", "t.csv")
    np.testing.assert_array_equal(to_numbers(["0,5", "-1,250", "", "3"], "v", "t.csv"), [0.5, -1.25, np.nan, 3])
    with pytest.raises(DataError, match="row 1: v is '0,5'"):
        to_numbers(["0,5", "0.5"], "v", "t.csv")
    with pytest.raises(DataError, match="row b: v is 'x'"):
        to_numbers(["1", "x"], "v", "t.csv", rows=["a", "b"])
    days = pd.to_datetime(["2001-01-01", "2001-01-02"])
    for values, kind in (([True, None], "true and false"), ([True, False], "true and false"), (days, "times")):
        with pytest.raises(DataError, match=f"column 'v' holds {kind}, not numbers"):
            to_numbers(pd.Series(values), "v", "t.parquet")


def test_categories_that_change_between_row_groups_are_one_column(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"emotion": pd.Categorical(list("abcd")), "x": range(4)})
    frame.to_parquet(path, row_group_size=2)
    assert read_table(path)["emotion"].astype(str).tolist() == list("abcd")


def test_an_index_that_was_saved_twice_makes_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",Unnamed: 0,text\n0,0,good\n1,1,bad\n")
    assert read_table(path).columns.is_unique
