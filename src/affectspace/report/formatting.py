"""Numbers and prose as a reader sees them."""

import math
import numbers
import re

from markupsafe import Markup, escape

MISSING = "–"
_MINUS = "−"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_INLINE = re.compile(
    r"`([^`\n]+)`|\*\*(?=\S)(.+?)(?<=\S)\*\*|\[([^\[\]\n]+)\]\(([\w.][\w./-]*\.html)\)"  # no scheme, no host, no root
)
_BULLET = re.compile(r"^\s*[-*•]\s+(.*)$")
_NUMBER = re.compile(r"^\s*\d+[.)]\s+(.*)$")


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, or the NA or NaT of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and math.isnan(value)


def is_number(value: object) -> bool:
    """Return whether a value is a real number. NumPy scalars are, bool is not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def fixed(value: float | int | str | None, digits: int = 3) -> str:
    """Format a number with `digits` decimals, an integer without; text is unchanged; None and NaN are an en dash."""
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
    """Format as `fixed`, but use a power of ten for a small number that would be printed as zero."""
    if is_number(value) and not is_missing(value) and value != 0:
        number = float(value)  # type: ignore[arg-type]
        if not isinstance(value, numbers.Integral) and not fixed(number, digits).strip("0."):
            mantissa, exponent = f"{number:.1e}".split("e")
            power = str(int(exponent)).translate(_SUPERSCRIPTS)
            return f"{mantissa}×10{power}".replace("-", _MINUS)
    return fixed(value, digits)


def published(value: float | str | None) -> str:
    """Format a published value with the digits that it was given, and no more."""
    if is_number(value) and not is_missing(value):
        return f"{value:g}".replace("-", _MINUS)
    return fixed(value)


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Format an interval as ``[0.190, 0.216]``; empty if there is none."""
    if low is None or high is None:
        return ""
    return f"[{fixed(low, digits)}, {fixed(high, digits)}]"


def signed(value: float) -> str:
    """Format a number with its sign and two decimals; zero has no sign."""
    text = f"{value:+.2f}"
    return (text[1:] if not text.strip("+-0.") else text).replace("-", _MINUS)


def inline(text: object) -> Markup:
    """Convert one line with `code`, **bold** and [links](beside/report.html) to HTML, escaped."""
    source, out, end = str(text), Markup(""), 0
    for match in _INLINE.finditer(source):
        out += escape(source[end : match.start()])
        if match[1] is not None:
            out += Markup("<code>{}</code>").format(match[1])
        elif match[2] is not None:
            out += Markup("<strong>{}</strong>").format(inline(match[2]))
        else:
            out += Markup('<a href="{}">{}</a>').format(match[4], match[3])
        end = match.end()
    return out + escape(source[end:])


def prose(text: str) -> Markup:
    """Convert paragraphs (separated by blank lines), bulleted (``- ``) and numbered (``1. ``) lists to HTML, escaped.

    A line that follows an item without a marker of its own continues that item.
    """
    out: list[Markup] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        kind, lines = "p", []  # type: tuple[str, list[str]]
        for line in part.splitlines():
            bullet, number = _BULLET.match(line), _NUMBER.match(line)
            match, list_kind = (bullet, "ul") if bullet else (number, "ol")
            if match:
                if list_kind != kind:
                    out += _render(kind, lines)
                    kind, lines = list_kind, []
                lines.append(match[1])
            elif kind == "p":
                lines.append(line.strip())
            elif lines:
                lines[-1] += " " + line.strip()
        out += _render(kind, lines)
    return Markup("\n").join(out)


def _render(kind: str, lines: list[str]) -> list[Markup]:
    """Render one paragraph ("p") or list ("ul", "ol")."""
    if not any(lines):
        return []
    if kind == "p":
        return [Markup("<p>{}</p>").format(inline(" ".join(lines)))]
    items = Markup("").join(Markup("<li>{}</li>").format(inline(line)) for line in lines)
    return [Markup(f"<{kind}>{{}}</{kind}>").format(items)]
