"""The site's hooks: pages of commands and of public names, links to functions, formulas; and a build without a warning."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from affectspace.cli import COMMANDS, load_command

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))

pytest.importorskip("mkdocs", reason="needs the extra docs")


sys.path.insert(0, str(ROOT / "docs" / "hooks"))  # as MkDocs does
REPOSITORY, INTERFACE, COMMAND_PAGES, DOCSTRINGS = (
    importlib.import_module(name) for name in ("repository", "interface", "commands", "docstrings")
)
sys.path.pop(0)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())
def test_linked_functions_exist(page: Path) -> None:
    name = page.relative_to(ROOT).as_posix()
    for _, dotted in REPOSITORY.named_functions(name, page.read_text("utf-8")):
        REPOSITORY.check_function(dotted)


def test_a_function_that_does_not_exist_is_seen() -> None:
    for dotted in ("affectspace.models.levasa.losses.none", "affectspace.nowhere.none", "os.path.join.none"):
        with pytest.raises((AttributeError, ImportError)):
            REPOSITORY.check_function(dotted)


@pytest.mark.parametrize(
    ("page", "numbers"),
    [("levasa_equations", range(1, 4)), ("manifold_equations", range(1, 12))],
)
def test_every_equation_of_a_paper_is_linked_to_its_function(page: str, numbers: range) -> None:
    """Each equation has a section with a formula and a link to a function."""
    path = ROOT / "docs" / "explanation" / f"{page}.md"
    sections = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
    for number in numbers:
        [section] = [section for section in sections if re.match(rf"Equation {number}\b", section)]
        assert "$$\n" in section, number
        assert list(REPOSITORY.named_functions("docs/explanation/x.md", section)), number


def test_links_lead_to_the_site() -> None:
    text = "[a](../../README.md#x) [b](../how-to/predict.md) [`Levasa.terms`](../../src/affectspace/models/levasa/model.py)"
    text += " [c](../../configs/levasa.yaml) [d](https://example.org)\n```text\n[a](../../README.md)\n```\n"
    assert REPOSITORY.with_links("docs/explanation/x.md", "explanation/x.md", text, None) == (
        "[a](../project/readme.md#x) [b](../how-to/predict.md) [`Levasa.terms`][affectspace.models.levasa.model.Levasa.terms]"
        " [c](../source/configs/levasa.yaml.md) [d](https://example.org)\n```text\n[a](../../README.md)\n```\n"
    )
    assert REPOSITORY.with_links("README.md", "project/readme.md", "![p](docs/images/p.png)", None) == (
        "![p](../images/p.png)"
    )


def test_formulas_become_mathml() -> None:
    html = REPOSITORY.with_formulas("a\n$$\nz = \\mu + \\sigma \\odot \\epsilon\n$$\nb $5 and $6\n")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in html
    assert html.endswith("b $5 and $6\n")


@pytest.mark.parametrize("name", [name for name in COMMANDS if " " not in name])
def test_the_page_of_a_command_has_every_option(name: str) -> None:
    page = COMMAND_PAGES.page_of(name)

    def options(command: Any) -> list[str]:
        below = getattr(command, "commands", {}).values()
        return [option for inner in below for option in options(inner)] or [
            option for parameter in command.params for option in parameter.opts if not parameter.hidden
        ]

    assert [option for option in options(load_command(name)) if option.startswith("--") and option not in page] == [
        "--help"
    ] * ("--help" in options(load_command(name)))


def test_public_names_are_on_a_page() -> None:
    packages = INTERFACE.public_names()
    assert packages["affectspace"]["predict"] == "affectspace.prediction.predict"
    assert packages["affectspace.models"]["Levasa"] == "affectspace.models.levasa.model.Levasa"


def test_troubleshooting_quotes_messages_that_exist() -> None:
    """Each message in bold, cut at its examples, is in the source."""
    source = " ".join(path.read_text("utf-8") for path in (ROOT / "src" / "affectspace").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    page = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text("utf-8")
    quoted = [
        message for line in re.findall(r"^\*\*(.*)\*\*$", page, re.MULTILINE) for message in re.findall("`(.*?)`", line)
    ]
    assert len(quoted) > 10
    examples = r"\.\.\.|row 1: v is 12|messages\.csv|line 3 has 2|,? the first line|the sound"
    for message in quoted:
        for part in re.split(examples, message):
            assert part.strip(" ,;") in source, (message, part)


def test_names_in_a_docstring_become_a_list() -> None:
    text = "Do it.\n\nrows, a_b : of a table,\nmore\nother : x\n\nEnd.\n\nReturns\n-------\nx : int"
    assert DOCSTRINGS.as_list(text) == (
        "Do it.\n\n\n- **rows, a\\_b**: of a table,\n  more\n- **other**: x\n\nEnd.\n\nReturns\n-------\nx : int"
    )


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_the_net(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        html = page.read_text("utf-8")
        loaded = re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*?\b(?:href|src)=\"?(https?:[^\s\">]+)", html)
        assert loaded == [], page
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.findall(r"url\(\s*[\"']?https?:", sheet.read_text("utf-8")), sheet
