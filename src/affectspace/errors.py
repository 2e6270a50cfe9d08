"""The errors that a user can meet, and how messages quote values. A message says what is wrong, where, and what to do."""

import re
from collections.abc import Iterable
from typing import Any

_NO_MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory", "Unable to allocate")
_LONGEST = 60
_MOST_NAMES = 40
_PLURALS = {
    "person": "people", "axis": "axes", "corpus": "corpora", "match": "matches", "is": "are", "has": "have", "was": "were",
    "does": "do", "belongs": "belong", "repeats": "repeat", "exists": "exist",
    "exceeds": "exceed",
}  # fmt: skip


class AffectspaceError(ValueError):
    """Base class of errors that the caller can correct. The command line prints the message and exits with status 2."""


class DataError(AffectspaceError):
    """A file, a table or a row of it cannot be used as it is."""


class ConfigError(AffectspaceError):
    """A configuration or an argument has an unknown key or an impossible value."""


class RunError(AffectspaceError):
    """A run folder is missing, incomplete, already finished, or of another kind than the command needs."""


class DataWarning(UserWarning):
    """Something of a file is read, but the reading may be wrong. The command line prints it as a note."""


class UnreadableItem(Exception):
    """One sample cannot be read; the message is the reason. The sample is skipped and the job continues."""


def quoted(value: Any, longest: int = _LONGEST) -> str:
    """Return the `repr` of a value, cut to `longest` characters: a cell may hold a whole file."""
    text = repr(value[: longest + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= longest + 2 else f"{text[:longest]}..."


def listed(names: Iterable[Any]) -> str:
    """Join names with commas. Long and unprintable names are quoted; of very many names only the first are listed."""
    names = [str(name) for name in names]
    shown = [name if name.isprintable() and len(name) <= _LONGEST else quoted(name) for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def counted(number: int, noun: str, verb: str = "") -> str:
    """Write a number with its noun, and a verb after it, both in the singular for 1 only.

    Examples
    --------
    >>> counted(1, "person"), counted(1200, "test row", "is"), counted(0, "modality", "has")
    ('1 person', '1,200 test rows are', '0 modalities have')
    """
    if number != 1:
        start, space, last = noun.rpartition(" ")
        regular = f"{last[:-1]}ies" if last.endswith("y") and last[-2] not in "aeiou" else f"{last}s"
        noun = start + space + _PLURALS.get(last, regular)
        verb = _PLURALS.get(verb, verb)
    return f"{number:,} {noun} {verb}".rstrip()


def system_reason(error: BaseException) -> str | None:
    """Return what the system refused, with the remedy: a file, or memory. None for any other error."""
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}; choose another place, or free what is missing"
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
        reason = " ".join(str(error).split())[:150] or "the system gave no more"
        return f"there is not enough memory ({reason}); use fewer rows, a smaller batch or a smaller model"
    return None


def reason_of(error: Exception) -> str:
    """Return a library's reason in one line, without file names, so that equal failures can be counted together."""
    text = getattr(error, "strerror", None) or str(error)
    return re.sub(r"\s*(PosixPath|WindowsPath)?\(?'[^']*[/\\][^']*'\)?", "", " ".join(text.split()))[:120]
