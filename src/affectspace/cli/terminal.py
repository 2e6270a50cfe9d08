"""What the command line prints fits every terminal: no character that it cannot show, and none that could mislead or harm."""

import codecs
import io
import re
import sys
from typing import Any

_SIMPLE = str.maketrans({
    "\u00b1": "+-", "\u00b7": ".", "\u2013": "-", "\u2014": "-", "\u2500": "-", "\u2501": "-", "\u2502": "|", "\u2503": "|",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "...", "\u2192": "->", "\u00d7": "x",
})  # fmt: skip
_COLOURS = r"\x1b\[[0-9;]*m"
_PROGRESS = r"\x1b\[(?:[0-9]*A|[0-9]*K|\?25[hl])|\r"  # how a bar is drawn again
_UNSAFE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # control, and direction of writing
)


def _simple_characters(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what an encoding lacks by similar characters, or by its code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SIMPLE)
    return text.encode(error.encoding, "backslashreplace").decode(error.encoding), error.end


class _SafeStream(io.TextIOWrapper):
    """A stream that writes escapes of names in files as text. Colours stay, and on stderr the marks of a progress bar."""

    allowed: re.Pattern[str]

    def write(self, text: str) -> int:
        return super().write(self.allowed.sub(lambda match: match[1] or _shown(match[2]), text))


def _shown(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def prepare_streams() -> None:
    """Make stdout and stderr safe. Streams that are not the process's own stay as they are."""
    codecs.register_error("simple_characters", _simple_characters)
    for name, kept in (("stdout", _COLOURS), ("stderr", f"{_COLOURS}|{_PROGRESS}")):
        stream: Any = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__") or not isinstance(stream, io.TextIOWrapper):
            continue
        encoding, lines = stream.encoding, stream.line_buffering
        stream.flush()
        safe = _SafeStream(stream.detach(), encoding=encoding, errors="simple_characters", line_buffering=lines)
        safe.allowed = re.compile(f"({kept})|({_UNSAFE})")
        setattr(sys, name, safe)
        setattr(sys, f"__{name}__", safe)
