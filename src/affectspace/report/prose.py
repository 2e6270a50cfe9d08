"""A little markup to safe HTML: paragraphs, lists, **bold**, `code`, links to pages beside; everything else is escaped."""

import re

from markupsafe import Markup, escape

_INLINE = re.compile(
    r"`([^`\n]+)`|\*\*(?=\S)(.+?)(?<=\S)\*\*|\[([^\[\]\n]+)\]\(([\w.][\w./-]*\.html)\)"  # no scheme, no host, no root
)
_BULLET = re.compile(r"^\s*[-*•]\s+(.*)$")
_NUMBER = re.compile(r"^\s*\d+[.)]\s+(.*)$")


def inline(text: object) -> Markup:
    """One line of text with `code`, **bold** and [links](beside/report.html), escaped for HTML."""
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
    """Paragraphs (parted by blank lines), bulleted (``- ``) and numbered (``1. ``) lists, escaped for HTML.

    A line that follows an item without a marker of its own continues that item.
    """
    out: list[Markup] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        kind, lines = "p", []  # type: tuple[str, list[str]]
        for line in part.splitlines():
            bullet, number = _BULLET.match(line), _NUMBER.match(line)
            match, found = (bullet, "ul") if bullet else (number, "ol")
            if match:
                if found != kind:
                    out += _flush(kind, lines)
                    kind, lines = found, []
                lines.append(match[1])
            elif kind == "p":
                lines.append(line.strip())
            elif lines:
                lines[-1] += " " + line.strip()
        out += _flush(kind, lines)
    return Markup("\n").join(out)


def _flush(kind: str, lines: list[str]) -> list[Markup]:
    if not any(lines):
        return []
    if kind == "p":
        return [Markup("<p>{}</p>").format(inline(" ".join(lines)))]
    items = Markup("").join(Markup("<li>{}</li>").format(inline(line)) for line in lines)
    return [Markup(f"<{kind}>{{}}</{kind}>").format(items)]
