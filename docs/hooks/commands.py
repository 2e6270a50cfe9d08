"""Hook of the site: a page for each command, made from the command line itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer
from interface import in_navigation
from mkdocs.structure.files import File, Files

from affectspace.cli import COMMANDS, app, load_command


def escaped(text: str | None) -> str:
    """Text of a help, on one line, as Markdown."""
    return " ".join((text or "").split()).replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def described(name: str, command: Any, context: Any, level: int) -> Iterator[str]:
    """Yield the lines of a command, and of those below it."""
    yield f"{'#' * level} affectspace {name}\n"
    below = getattr(command, "commands", {})
    yield (command.help or "").replace("\b\n", "").strip() + "\n"
    if below:
        for word, inner in below.items():
            context_ = inner.context_class(inner, parent=context, info_name=word)
            yield from described(f"{name} {word}", inner, context_, min(level + 1, 3))
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\naffectspace {name} {usage}\n```\n"
    arguments, options = [], []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or parameter.name == "help":
            continue
        names = re.sub(r" ?<list\[(\w+)\]>", r" <\1>", " ".join(record[0].split()))
        list_ = arguments if parameter.param_type_name == "argument" else options
        list_.append(f"`{names}`\n:   {escaped(record[1])}\n")
    for title, entries in (("Arguments", arguments), ("Options", options)):
        if entries:
            yield "\n".join([f"**{title}**\n", *entries])


def page_of(name: str) -> str:
    """Markdown of the page of a command."""
    context: Any = typer.main.get_command(app).context_class(typer.main.get_command(app), info_name="affectspace")
    command = load_command(name)
    inner = command.context_class(command, parent=context, info_name=name)
    lines = list(described(name, command, inner, 1))
    for longer in COMMANDS:
        if longer.startswith(f"{name} "):
            command = load_command(longer)
            lines += described(longer, command, command.context_class(command, parent=context, info_name=longer), 2)
    return "\n".join(lines)


def names() -> list[str]:
    """The commands that have a page: a command of two words is on the page of the first."""
    return [name for name in COMMANDS if " " not in name]


def on_config(config: Any) -> Any:
    """Put the pages into the navigation."""
    pages = ["reference/commands/index.md", *({name: f"reference/commands/{name}.md"} for name in names())]
    in_navigation(config.nav, "<commands>", pages)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Write the pages."""
    index = "# Commands\n\nThese pages are made from the commands themselves: they say what `--help` says.\n\n"
    index += "| command | what it does |\n|---|---|\n"
    for name, (_, summary) in COMMANDS.items():
        anchor = "" if " " not in name else f"#affectspace-{name.replace(' ', '-')}"
        index += f"| [`{name}`]({name.split()[0]}.md{anchor}) | {summary} |\n"
    files.append(File.generated(config, "reference/commands/index.md", content=index))
    for name in names():
        files.append(File.generated(config, f"reference/commands/{name}.md", content=page_of(name)))
    return files
