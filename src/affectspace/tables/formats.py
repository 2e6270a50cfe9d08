"""The formats of tables. Every reader of rows goes through `read_frames`, whatever the file is."""

from __future__ import annotations

import json
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from affectspace.affect import AXES
from affectspace.errors import ConfigError, DataError, DataWarning, quoted
from affectspace.tables import EXCEL, JSON_LINES, PARQUET, SUFFIXES
from affectspace.tables.text import dialect_of, text_rows
from affectspace.tables.transcripts import is_transcript, transcript_rows

TABLES = "a .csv, .tsv, .txt, .xlsx, .jsonl or .parquet file"
_REASONS = (  # of the messages of the JSON parser
    (r"^Expecting value: line 1 column 1 ", "it does not begin like JSON"),
    (r"^Extra data: line (\d+) ", "the JSON ends before line {0}, where more text follows"),
    (
        r"^Expecting .*: line (\d+) column (\d+)",
        "the JSON breaks off, or a comma or colon is missing, in line {0}, column {1}",
    ),
    (r"^Unterminated string .*: line (\d+) column (\d+)", "the string in line {0}, column {1} is never closed"),
    (r"^Exceeds the limit .* for integer string", "a number has thousands of digits"),
)

_HALF = re.compile("[\ud800-\udfff]")  # of a pair, which JSON may have alone
_HEADER_OBJECTS = 10_000
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_safe_cells = False

Frame: TypeAlias = pd.DataFrame | pa.Table


def parser_reason(error: BaseException) -> str:
    """Return why a parser failed, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not {error.encoding.upper()} text; save it as UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).split())
    for pattern, meaning in _REASONS:
        if match := re.search(pattern, text):
            return meaning.format(*match.groups())
    return text


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the errors of parsers and of the system into a DataError that names the file."""
    if not path.is_file():
        raise DataError(f"{path}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
    try:
        yield
    except (ValueError, RecursionError, KeyError, zipfile.BadZipFile) as error:
        # ValueError is the base of the errors of pandas, pyarrow, json and of decoding
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read: {parser_reason(error)}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or parser_reason(error)}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises DataError that says where it is malformed."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8-sig"))


def require_different(path: Path, names: Iterable[Any]) -> None:
    """Raise DataError if two columns have the same name. Empty names do not count."""
    seen: set[str] = set()
    for name in (str(name).strip() for name in names):
        if name and name in seen:
            raise DataError(f"{path}: two columns are called {quoted(name)}; rename one")
        seen.add(name)


def read_frames(
    path: Path,
    rows: int | None = None,
    *,
    separator: str | None = None,
    quoting: bool = True,
    header: Sequence[str] | None = None,
) -> Iterator[Frame]:
    """Yield a table in parts of at most `rows` rows, at least one part.

    The cells of Parquet and the labels of a .json have their types, all other cells are texts. separator, quoting, header: of a
    text table; by default the separator is recognised, and the first line has the names of the columns. Raises DataError for a
    file that is malformed, or that is no table by its suffix.
    """
    suffix = path.suffix.lower()
    if separator is None and suffix not in SUFFIXES:
        raise DataError(f"{path}: a table is {TABLES}, not {suffix or 'a file without suffix'}")
    with reading(path):
        if suffix in PARQUET:
            yield from _parquet_frames(path, rows)
        elif suffix == ".json" and isinstance(content := read_json(path), dict):
            yield _label_frame(path, content)
        else:
            yield from _row_frames(path, table_rows(path, separator, quoting=quoting), rows, header)


def table_rows(path: Path, separator: str | None = None, *, quoting: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells, as texts, of each row of a table that is not Parquet. The header comes first."""
    suffix = path.suffix.lower()
    if suffix in EXCEL:
        rows = _excel_rows(path)
    elif suffix in JSON_LINES:
        rows = _object_rows(path, _json_lines(path))
    elif suffix == ".json":
        rows = _json_rows(path)
    else:
        named = is_transcript(path)
        yield from transcript_rows(path) if named else text_rows(path, separator, quoting=quoting)
        return
    noted = False
    for line, row in rows:
        texts = [_as_text(cell) for cell in row]
        if any(map(_HALF.search, texts)):
            if not noted:
                message = f"{path}: half characters, such as in line {line}, are replaced by \ufffd"
                warnings.warn(message, DataWarning, stacklevel=2)
            noted = True
            texts = [_HALF.sub("\ufffd", text) for text in texts]
        yield line, texts


def columns_of(path: Path) -> list[str]:
    """Return the names of a table's columns."""
    if path.suffix.lower() in PARQUET:
        with reading(path):
            names = list(pq.read_schema(path).names)
            require_different(path, names)
            return names
    return [str(name) for name in next(read_frames(path, 1)).columns]


def _parquet_frames(path: Path, rows: int | None) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        require_different(path, file.schema_arrow.names)
        if rows is None:  # as a whole, also where the values of categories change between row groups
            yield file.read()
            return
        done = False
        for batch in file.iter_batches(batch_size=rows):
            done = True
            yield pa.Table.from_batches([batch])
        if not done:
            yield file.schema_arrow.empty_table()


def _row_frames(
    path: Path, lines: Iterator[tuple[int, list[str]]], rows: int | None, header: Sequence[str] | None
) -> Iterator[pd.DataFrame]:
    """Make frames of rows. header: names of the columns, if the first row does not have them"""
    names = [name.strip() for name in (next(lines, (0, []))[1] if header is None else header)]
    if not names:
        raise DataError(f"{path}: cannot be read: it is empty; a table has a header and rows")
    require_different(path, names)
    blank = "Unnamed" if not any(name.startswith("Unnamed: ") for name in names) else "Blank"
    columns = pd.Index([name or f"{blank}: {place}" for place, name in enumerate(names)], dtype=object)
    part = list(islice(lines, rows))
    yield _row_frame(path, part, columns)
    while part := list(islice(lines, rows)):
        yield _row_frame(path, part, columns)


def _row_frame(path: Path, part: list[tuple[int, list[str]]], columns: pd.Index) -> pd.DataFrame:
    for line, row in part:
        if len(row) != len(columns):
            raise DataError(
                f"{path}: line {line} has {len(row)} fields, the first line {len(columns)}; give every row the same number of "
                "fields, and quote cells that contain the separator"
            )
    return pd.DataFrame([row for _, row in part], columns=columns, dtype=object)


def _excel_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of the first sheet, without empty ones, and without empty columns at the end."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise ConfigError(
            f"{path}: an Excel table needs openpyxl: pip install 'affectspace[excel]', or save it as .csv"
        ) from None
    try:
        books = [load_workbook(path, read_only=True, data_only=values) for values in (True, False)]
        try:
            sheets = [next(sheet for sheet in book.worksheets if hasattr(sheet, "iter_rows")) for book in books]
            rows = zip(*(sheet.iter_rows(values_only=True) for sheet in sheets), strict=True)
            yield from _filled_rows(path, rows)
        finally:
            for book in books:
                book.close()
    except DataError:
        raise
    except Exception as error:  # whatever openpyxl raises for files that are damaged, encrypted or of another kind
        raise DataError(
            f"{path}: this is no .xlsx file that can be read ({parser_reason(error)}); save it as .xlsx without a password, or "
            "as .csv"
        ) from error


def _filled_rows(path: Path, rows: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that are not empty, all as long as the first one. Rows come with the formulas of their cells."""
    width, calculated, missing = None, False, None
    for line, (cells, formulas) in enumerate(rows, start=1):
        for value, formula in zip(cells, formulas, strict=True):
            if value is None and formula is not None:  # never calculated, or an empty text
                missing = missing or (line, formula)
            calculated = calculated or (value is not None and isinstance(formula, str) and formula.startswith("="))
        row = list(cells)
        while row and row[-1] is None and len(row) > (width or 0):
            row.pop()
        if any(cell is not None for cell in row):
            width = width or len(row)
            yield line, row + [None] * (width - len(row))
    if missing is not None and not calculated:
        raise DataError(
            f"{path}: line {missing[0]} has the formula {quoted(missing[1])} without its value; save the file in Excel, or as "
            ".csv"
        )


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding=dialect_of(path).encoding) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataError(
                        f"{path}: line {number} is not JSON ({parser_reason(error)}); write one object on each line"
                    ) from error


def _object_rows(path: Path, objects: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield a header and rows of JSON objects. The keys of the first thousands are the columns."""
    objects = iter(objects)
    first = list(islice(objects, _HEADER_OBJECTS))
    names = dict.fromkeys(key for number, content in first for key in _object(path, number, content))
    yield 0, list(names)
    for number, content in chain(first, objects):
        if _object(path, number, content).keys() - names.keys():
            key = next(key for key in content if key not in names)
            raise DataError(
                f"{path}: line {number} has {quoted(key)}, which no object before has; add it to the first one"
            )
        yield number, [content.get(name) for name in names]


def _object(path: Path, number: int, content: Any) -> dict[str, Any]:
    """Return a JSON object. Raises DataError, with the line or row, for anything else."""
    if not isinstance(content, dict):
        raise DataError(f'{path}: line {number}: expected an object such as {{"text": "hello"}}, got {quoted(content)}')
    return content


def _json_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError(
            f"{path}: expected a list of objects, or an object key -> [valence, arousal], got a {type(content).__name__}"
        )
    return _object_rows(path, enumerate(content, start=1))


def _label_frame(path: Path, content: dict[str, Any]) -> pd.DataFrame:
    """Make a frame with the column id of an object key -> [valence, arousal] or [valence, arousal, dominance]."""
    width = len(next(iter(content.values()), ())) if all(isinstance(v, list) for v in content.values()) else 0
    if content and width not in (2, 3):
        raise DataError(f"{path}: expected key -> [valence, arousal], or three numbers, for every key")
    for key, values in content.items():
        if len(values) != width or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise DataError(f"{path}: {quoted(key)}: expected {width} numbers, got {quoted(values)}")
    table = pd.DataFrame(list(content.values()), columns=list(AXES[: width or 2]))
    table.insert(0, "id", list(content))
    return table


def _as_text(cell: Any) -> str:
    """The text of a cell of a format with types."""
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else str(cell)


def write_safe_cells(wanted: bool) -> None:
    """State whether the text tables that this process writes have no cells that a spreadsheet would run as formulas."""
    global _safe_cells
    _safe_cells = wanted


def for_spreadsheets(table: pd.DataFrame, *, always: bool = False) -> pd.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would run as formulas: =, +, -, @ at their start, except numbers.

    A table is returned as it is unless `write_safe_cells` or `always` asks for it.
    """
    if not (_safe_cells or always):
        return table
    texts = table.columns[
        [pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind) for kind in table.dtypes]
    ]
    safe = table.assign(**{name: [_safe(cell) for cell in table[name]] for name in texts})
    return safe.rename(columns={name: _safe(name) for name in table.columns})


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
