"""Extension of griffe: lines such as `rows, columns : number of each` in a docstring become a list.

Sections of numpydoc (Parameters, Returns, ...) are left alone; griffe reads them.
"""

import re
from typing import Any

import griffe

SECTION = re.compile(r"^[A-Z][\w ]*\n-{3,}$", re.MULTILINE)
ENTRY = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*) : (?=\S)")


def as_list(text: str) -> str:
    """Write the lines `name : text` of a docstring's prose as a list of Markdown."""
    section = SECTION.search(text)
    end = section.start() if section else len(text)
    lines, in_list = [], False
    for line in text[:end].split("\n"):
        entry = ENTRY.match(line)
        if entry:
            if not in_list:
                lines.append("")
            names = entry[1].replace("_", "\\_")
            lines.append(f"- **{names}**: {line[entry.end() :]}")
            in_list = True
        else:
            in_list = in_list and bool(line.strip())
            lines.append(f"  {line.strip()}" if in_list else line)
    return "\n".join(lines) + text[end:]


class ListsOfNames(griffe.Extension):
    """Apply `as_list` to every docstring."""

    def on_object(self, *, obj: Any, **arguments: Any) -> None:
        if not obj.is_alias and obj.docstring is not None:
            obj.docstring.value = as_list(obj.docstring.value)
