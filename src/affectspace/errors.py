"""The errors that a user of affectspace can meet. Each message names the place, the value and the remedy."""

import re
from collections.abc import Iterable
from typing import Any

_LONGEST = 60
_MOST_NAMES = 40


class AffectspaceError(ValueError):
    """Something that the caller can put right; the command line prints it without a traceback and exits with 2."""


class DataError(AffectspaceError):
    """A file, a table or a row of it cannot be used as it is."""


class ConfigError(AffectspaceError):
    """A configuration holds an unknown key or an impossible value."""


class RunError(AffectspaceError):
    """A run folder is missing, incomplete, finished already, or of another kind than the command needs."""


class UnreadableItem(Exception):
    """A sample that a backbone cannot read; its text is the reason. It costs that row, never the job."""


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


def reason_of(error: Exception) -> str:
    """A library's reason in a line, without the file's name, so that rows that fail alike are counted together."""
    text = getattr(error, "strerror", None) or str(error)
    return re.sub(r"\s*(PosixPath|WindowsPath)?\(?'[^']*[/\\][^']*'\)?", "", " ".join(text.split()))[:120]
