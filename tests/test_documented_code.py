"""Python blocks of README and docs run, page by page, in a folder of their own.

A comment before a block can say why it does not run, or prepare what it needs:

    <!-- not run: needs a trained run -->         only its imports are run
    <!-- setup: texts = ["good", "bad"] -->       run before the block; may have several lines
"""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- (not run|setup):(.*?)-->\s*?\n\s*)?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Kind of the comment, its text, and the code of each block of a page."""
    return [(kind, note.strip(), code) for kind, note, code in BLOCK.findall(page.read_text("utf-8"))]


def imports_of(code: str) -> str:
    """The import statements of a block, which must also be valid Python."""
    return "\n".join(
        ast.unparse(node) for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)
    )


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for kind, note, code in blocks(page):
        assert kind != "not run" or note, f"{page.name}: say why the block does not run"
        if kind == "setup":
            exec(compile(note, f"{page.name}, setup", "exec"), names)
        exec(compile(imports_of(code) if kind == "not run" else code, page.name, "exec"), names)


def test_comments_are_recognised(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- setup: x = 1\ny = 2 -->\n```python\nx + y\n```\n\n<!-- not run: slow -->\n\n```python\nimport os\n```\n"
        "```python\nplain\n```\n"
    )
    assert blocks(page) == [
        ("setup", "x = 1\ny = 2", "x + y\n"),
        ("not run", "slow", "import os\n"),
        ("", "", "plain\n"),
    ]
    assert imports_of("import os\nos.getcwd()") == "import os"
