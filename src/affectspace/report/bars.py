"""Values with intervals as rows of a page: text and lines that fit every width and both themes."""

from collections.abc import Iterator, Sequence
from math import ceil, floor, isfinite, log10
from typing import Any

from affectspace.errors import DataError
from affectspace.report.blocks import Cell
from affectspace.report.intervals import IntervalRow, Reference

MARGIN = 0.04  # of the range, at both ends
COLOURS = 8  # in the style of the page


def bars_block(
    rows: Sequence[IntervalRow], references: Sequence[Reference], label: str, *, order: bool, digits: int
) -> dict[str, Any]:
    """Return what the template draws: rows from the largest value to the smallest, reference lines, ticks and groups.

    Places are per cent of the width. order : whether rows are sorted
    """
    known = [value for row in rows for value in (row.value, row.low, row.high, row.paper)]
    finite = [
        value for value in (*known, *(line.value for line in references)) if value is not None and isfinite(value)
    ]
    if not rows or not finite:
        raise DataError(
            "a figure of intervals needs at least one row with a finite value; give IntervalRow(label, value)"
        )
    low, high = min(finite), max(finite)
    pad = MARGIN * (high - low) or 0.05
    low, high = low - pad, high + pad

    def place(value: float | None) -> float | None:
        return None if value is None or not isfinite(value) else round(100 * (value - low) / (high - low), 2)

    groups = list(dict.fromkeys(row.group for row in rows))
    entries: list[tuple[float, dict[str, Any]]] = []
    for row in rows:
        cell = Cell(row.value, row.low, row.high, row.paper, digits=digits)
        entry = {"label": row.label, "kind": "measured", "colour": groups.index(row.group) % COLOURS, "cell": cell}
        entry |= {"x": place(row.value), "low": place(row.low), "high": place(row.high), "paper": place(row.paper)}
        entries.append((row.value, entry))
    for line in references:
        entry = {"label": line.label, "kind": line.kind, "cell": Cell(line.value, digits=digits)}
        entries.append((line.value, entry | dict.fromkeys(("x", "low", "high", "paper"))))
    if order:
        entries.sort(key=lambda entry: -entry[0] if isfinite(entry[0]) else float("inf"))
    return {
        "label": label,
        "rows": [entry for _, entry in entries],
        "lines": [{"kind": line.kind, "x": place(line.value)} for line in references],
        "ticks": [{"x": place(value), "text": text} for value, text in _ticks(low, high)],
        "groups": [group for group in groups if group],
    }


def _ticks(low: float, high: float, most: int = 5) -> Iterator[tuple[float, str]]:
    """Yield round numbers inside a range, and how they are written."""
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    digits = max(0, -floor(log10(step) + 1e-9))
    for number in range(ceil(low / step), floor(high / step) + 1):
        yield number * step, f"{number * step:.{digits}f}".replace("-", "−")
