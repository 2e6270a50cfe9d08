"""Whatever the terminal and the names: nothing crashes, and escapes of names are shown as text."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from affectspace.annotation import AnnotationTransfer, plot_ellipses
from affectspace.cli import terminal
from affectspace.lexicon import plot_trajectory, series_dynamics
from affectspace.tables.formats import for_spreadsheets

ODD = [
    "[/red]",
    "[bold]x",
    "$\\frac$",
    "a$b",
    ":smile:",
    "caf\u00e9",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\u202egpj.exe",
    "=1+1",
]


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "0.5 \u00b1 0.1 \u2500\u2192 caf\u00e9 \U0001f60a", "0.5 +- 0.1 --> caf\\xe9 \\U0001f60a"),
        ("latin-1", "\u00b1 \u2026 caf\u00e9 \u0416", "\u00b1 ... caf\u00e9 \\u0416"),
        ("utf-8", "caf\u00e9 \x1b[31mred\x1b[0m\n\t", "caf\u00e9 \x1b[31mred\x1b[0m\n\t"),
        ("utf-8", "a\x1b]0;t\x07b \x1b[2J \r \u202eb\u2066", "a\\x1b]0;t\\x07b \\x1b[2J \\x0d \\u202eb\\u2066"),
    ],
)
def test_what_a_stream_shows(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str, shown: str) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding=encoding)
    for name in ("stdout", "__stdout__"):
        monkeypatch.setattr(sys, name, stream)
    terminal.prepare_streams()
    sys.stdout.write(text)
    sys.stdout.flush()
    assert content.getvalue().decode(encoding) == shown


@pytest.mark.filterwarnings("ignore:Glyph")  # the font has no control characters
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_odd_names_on_every_terminal(tmp_path: Path, encoding: str) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "out"
    pd.DataFrame({"who": ODD, "emotion": ODD, "v": range(10), "a": range(10)}).to_csv(path, index=False)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"}
    commands = (
        "lexicon dynamics TABLE --values v --speaker who --min-words 1 --window 1 --out OUT",
        "annotate fit TABLE --as-is --valence v --arousal a --scale 0:9 --out OUT.json",
    )
    for command in commands:
        words = [word.replace("TABLE", str(path)).replace("OUT", str(out)) for word in command.split()]
        result = subprocess.run([sys.executable, "-m", "affectspace", *words], capture_output=True, env=environment)
        outputs = (result.stdout + result.stderr).decode("utf-8", "replace")
        assert result.returncode == 0, outputs
        assert "[/red]" in outputs
        if encoding != "ascii":
            assert not re.search("\x1b(?!\\[[0-9;]*m)|\u202e", outputs), outputs
    plot_ellipses(AnnotationTransfer.from_json(Path(f"{out}.json"))).savefig(tmp_path / "figure.png")


def test_dollar_signs_in_figures(tmp_path: Path) -> None:
    for name in ("$\\frac$", "$x$", "a$b"):
        values = pd.DataFrame({"valence": [0.1, 0.2, 0.9, 0.1, 0.2, 0.1]})
        figure = plot_trajectory(series_dynamics(values, [name] * 6))
        figure.savefig(tmp_path / "figure.png")  # mathtext that cannot be parsed is an error
        shown = [text for axes in figure.axes for text in (axes.title, *axes.texts) if name in text.get_text()]
        assert not any(text.get_parse_math() for text in shown)


def test_texts_that_a_spreadsheet_would_run() -> None:
    cells = ["=1+1", "+cmd|' /C calc'!A0", "-2", "-2,5", "+1e3", "@SUM(A1)", "\t=1", " =1", "a=b", "", "\uff1d1"]
    table = pd.DataFrame({"=a": cells, "n": range(len(cells))})
    assert for_spreadsheets(table) is table
    safe = for_spreadsheets(table, always=True)
    assert list(safe) == ["'=a", "n"]
    expected = [
        "'=1+1",
        "'+cmd|' /C calc'!A0",
        "-2",
        "-2,5",
        "+1e3",
        "'@SUM(A1)",
        "'\t=1",
        "' =1",
        "a=b",
        "",
        "'\uff1d1",
    ]
    assert safe["'=a"].tolist() == expected
