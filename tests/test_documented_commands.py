"""Every `affectspace ...` command in README, docs and configs parses: sub-commands, options, what is required."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from affectspace.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_UsageError: type = typer.BadParameter.__base__  # of the click that typer brings or has inside
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(affectspace [a-z][^`]*)`")
_PROGRAM = re.compile(r"^\s*(?:\$ |#\s+)?(affectspace .*)$", re.MULTILINE)


def commands_of(text: str) -> list[str]:
    """The command lines in a text, those that go on behind a backslash joined."""
    return [match[1] for match in _PROGRAM.finditer(re.sub(r"\\\n\s*#?", " ", text))]


def documented() -> list[tuple[str, str]]:
    """(file, command) of all code blocks of a shell, and of the comments of the example configurations."""
    result = []
    for page in PAGES:
        for language, block in _BLOCK.findall(page.read_text("utf-8")):
            if language in ("", "bash", "sh", "console"):
                result += [(page.name, command) for command in commands_of(block)]
    for config in sorted((ROOT / "configs").glob("*.yaml")):
        result += [(config.name, command) for command in commands_of(config.read_text("utf-8"))]
    return result


def in_prose() -> list[tuple[str, str]]:
    """(file, command) of all commands between backticks, which may be without their arguments."""
    return [
        (page.name, " ".join(command.split())) for page in PAGES for command in _INLINE.findall(page.read_text("utf-8"))
    ]


def what_is_wrong(command: str, *, whole: bool = True) -> str | None:
    """Why the command line refuses a command before any work; None where it does not.

    whole : whether what is required must be there; it need not where "..." stands for it
    """
    _, *words = shlex.split(command, comments=True)
    whole = whole and "..." not in words
    words = [word for word in words if word != "..."]
    group: Any = typer.main.get_command(app)
    context = group.context_class(group, info_name="affectspace")
    while hasattr(group, "get_command"):
        if not words or words[0].startswith("-"):
            return (
                None if not words or words in (["--version"], ["--help"]) else f"{words[0]} where a command should be"
            )
        if group.get_command(context, words[0]) is None:
            return f"{context.command_path} has no command {words[0]!r}"
        name, command_, words = group.resolve_command(context, words)
        group, context = command_, command_.context_class(command_, parent=context, info_name=name)
    try:
        inputs, left, _ = group.make_parser(context).parse_args(args=list(words))
    except _UsageError as error:
        return str(error.format_message())
    lacking = [option.name for option in group.params if option.required and inputs.get(str(option.name)) is None]
    if whole and lacking:
        return f"lacks {', '.join(map(str, lacking))}"
    return f"does not take {', '.join(left)}" if left else None


@pytest.mark.parametrize(("page", "command"), documented())
def test_a_documented_command_parses(page: str, command: str) -> None:
    assert what_is_wrong(command) is None, f"{page}: {command}"


@pytest.mark.parametrize(("page", "command"), in_prose())
def test_a_command_in_prose_exists(page: str, command: str) -> None:
    assert what_is_wrong(command, whole=False) is None, f"{page}: {command}"


def test_all_pages_are_searched() -> None:
    pages = {page for page, _ in documented()}
    assert len(in_prose()) > 5
    assert {
        "README.md",
        "annotate.md",
        "read-corpora.md",
        "score-texts.md",
        "predict.md",
        "manifold_ravdess.yaml",
    } <= pages


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("affectspace doctor", None),
        ("affectspace --version", None),
        ("affectspace train c.yaml --set a=b --out runs/x   # a remark", None),
        ("affectspace train ... --out runs/x", None),
        ("affectspace train ... --ouut runs/x", "No such option: --ouut"),
        ("affectspace dokter", "affectspace has no command 'dokter'"),
        ("affectspace corpus mak faces x", "affectspace corpus has no command 'mak'"),
        ("affectspace train c.yaml --ouut x", "No such option: --ouut"),
        ("affectspace train c.yaml", "lacks out"),
        ("affectspace train c.yaml d.yaml --out x", "does not take d.yaml"),
    ],
)
def test_mistakes_are_seen(command: str, wrong: str | None) -> None:
    result = what_is_wrong(command)
    assert result == wrong if wrong is None else wrong in str(result)
