"""Numbers as a reader sees them: fixed decimals, true minus signs, thousands set off, en dashes for gaps."""

import math
import numbers

MISSING = "–"
_MINUS = "−"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_missing(value: object) -> bool:
    """Whether a value stands for "not measured": None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and math.isnan(value)


def is_number(value: object) -> bool:
    """Whether a value is a real number (bool is not); numpy scalars count."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def fixed(value: float | int | str | None, digits: int = 3) -> str:
    """A number with ``digits`` decimals; whole numbers without; text unchanged; an en dash for None and NaN."""
    if is_missing(value):
        return MISSING
    if not is_number(value):
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}".replace("-", _MINUS)
    number = float(value)  # type: ignore[arg-type]
    if math.isinf(number):
        return "∞" if number > 0 else f"{_MINUS}∞"
    text = f"{number:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")  # no negative zero
    return text.replace("-", _MINUS)


def plain(value: float | int | str | None, digits: int = 3) -> str:
    """As ``fixed``, but a number that would be printed as zero and is not is written with its power of ten."""
    if is_number(value) and not is_missing(value) and value != 0:
        number = float(value)  # type: ignore[arg-type]
        if not isinstance(value, numbers.Integral) and not fixed(number, digits).strip("0."):
            mantissa, exponent = f"{number:.1e}".split("e")
            power = str(int(exponent)).translate(_SUPERSCRIPTS)
            return f"{mantissa}×10{power}".replace("-", _MINUS)
    return fixed(value, digits)


def published(value: float | str | None) -> str:
    """A published figure with the digits it was given, never more."""
    if is_number(value) and not is_missing(value):
        return f"{value:g}".replace("-", _MINUS)
    return fixed(value)


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval as ``[0.190, 0.216]``; empty when there is none."""
    if low is None or high is None:
        return ""
    return f"[{fixed(low, digits)}, {fixed(high, digits)}]"
