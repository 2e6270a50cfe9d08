"""What messages about tables quote: values and names cut to a length, and a parser's reason in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 60
_MOST_NAMES = 40


def quoted(value: Any, longest: int = _LONGEST) -> str:
    """`repr` of a value, cut to so many characters: a cell may hold a whole file."""
    text = repr(value[: longest + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= longest + 2 else f"{text[:longest]}..."


def listed(names: Iterable[Any]) -> str:
    """Names of columns, separated by commas; long or unprintable ones are quoted, and of very many the first."""
    every = [str(name) for name in names]
    shown = [name if name.isprintable() and len(name) <= _LONGEST else quoted(name) for name in every[:_MOST_NAMES]]
    more = f" and {len(every) - len(shown):,} more" if len(every) > len(shown) else ""
    return ", ".join(shown) + more


def reason(error: Exception) -> str:
    """Why a parser failed, in one line, with the remedy where the text is not UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start}): save it as UTF-8 (it looks like latin-1 or UTF-16)"
    return " ".join(str(error).split())


def repeated(names: Sequence[Any]) -> str | None:
    """The first name that stands twice among a header's; empty ones do not count."""
    seen: set[str] = set()
    for name in (str(cell).strip() for cell in names):
        if name and name in seen:
            return name
        seen.add(name)
    return None
