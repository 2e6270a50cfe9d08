"""Hook of the site: pages that lie outside docs/, links to them and to source files, and formulas as MathML.

A page is written for two readers: GitHub, where links are relative paths of the repository and $$ ... $$ is a formula, and the
site. Here links to README.md, ARCHITECTURE.md and so on lead to copies in the site, a link such as
[`Levasa.terms`](../../src/affectspace/models/levasa/model.py) leads to the documentation of the function, and a link to another
file of the repository leads to a page that shows the file.
"""

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from interface import public_names
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PROJECT = {
    "README.md": "project/readme.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
EQUATIONS = "reference/python/equations.md"  # the functions that the explanations of the papers name
PREFACE = """# Functions of the equations

Functions behind the equations that are not part of the public interface, with their source. They may change from version to
version. See [LeVAsa, equation by equation](../../explanation/levasa_equations.md) and
[the manifold paper, equation by equation](../../explanation/manifold_equations.md).
"""
LINK = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
NAMED = re.compile(r"\[`([A-Za-z_.]+)`\]\(([^)\s]*src/affectspace/[^)\s]*\.py)\)")
INLINE = re.compile(r"(?<![\\$\w])\$([^$\n`]*[^$\n`\s])\$(?![\d$])")
FORMULA = re.compile(r"^\$\$\n(.*?)\n\$\$$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def repository_path(page: str, link: str) -> str:
    """Path of a link's target in the repository, for a page that is named by its own path in the repository."""
    return os.path.normpath(PurePosixPath(page).parent / link)


def named_functions(page: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield (the link as it stands, dotted path of the function) of each link of the form [`name`](.../module.py)."""
    for match in NAMED.finditer(text):
        file = repository_path(page, match[2])
        module = ".".join(PurePosixPath(file).relative_to("src").with_suffix("").parts)
        yield match[0], f"{module}.{match[1]}"


def check_function(dotted: str) -> None:
    """Raise AttributeError or ImportError where a linked function does not exist."""
    module, parts = dotted, []
    while not (ROOT / "src" / Path(*module.split("."))).with_suffix(".py").is_file():
        module, _, name = module.rpartition(".")
        parts.insert(0, name)
        if not module:
            raise ImportError(f"no module of affectspace holds {dotted}")
    value: Any = importlib.import_module(module)
    for name in parts:
        value = getattr(value, name)


def with_formulas(text: str) -> str:
    """Write $$ ... $$, and $ ... $ on a page with such a block, as MathML, which browsers draw without a script."""

    def formula(match: re.Match[str]) -> str:
        mathml = convert(" ".join(match[1].split()), display="block")
        return f'<div class="formula">{mathml}</div>'

    if not FORMULA.search(text):
        return text
    pieces = re.split(r"(^```.*?^```|`[^`\n]*`)", FORMULA.sub(formula, text), flags=re.MULTILINE | re.DOTALL)
    pieces[::2] = [INLINE.sub(lambda match: convert(match[1]), piece) for piece in pieces[::2]]
    return "".join(pieces)


def with_links(page: str, site_page: str, text: str, files: Files) -> str:
    """Rewrite the links of a page that lead outside docs/, and all of a page that lies outside."""

    def link(match: re.Match[str]) -> str:
        path, anchor = match["path"], match["anchor"] or ""
        if not path or ":" in path:
            return match[0]
        target = repository_path(page, path)
        if target in PROJECT:
            destination = PROJECT[target]
        elif target.startswith("notebooks/"):
            destination = target.replace(".ipynb", ".md")
        elif target.startswith("docs/"):
            destination = target.removeprefix("docs/")
        else:
            destination = f"source/{target}.md"
        if site_page != page.removeprefix("docs/") or not target.startswith("docs/"):
            path = os.path.relpath(destination, PurePosixPath(site_page).parent)
        return f"[{match['text']}]({path}{anchor})"

    for written, dotted in named_functions(page, text):
        name = written[1 : written.index("]")]
        text = text.replace(written, f"[{name}][{dotted}]")
    pieces, end = [], 0
    for code in CODE.finditer(text):
        pieces += [LINK.sub(link, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*pieces, LINK.sub(link, text[end:])])


def sources_of(page: str, text: str) -> Iterator[str]:
    """Yield the files outside docs/ that a page shows by a link, which are no page of the site."""
    text = NAMED.sub("", CODE.sub("", text))
    for match in LINK.finditer(text):
        if match["path"] and ":" not in match["path"]:
            target = repository_path(page, match["path"])
            if target not in PROJECT and not target.startswith(("docs/", "notebooks/")) and (ROOT / target).is_file():
                yield target


def on_files(files: Files, config: Any) -> Files:
    """Add the project's pages, the linked source files and the page of the equations' functions."""
    pages = {f"docs/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    pages |= {page: (ROOT / page).read_text("utf-8") for page in PROJECT}
    for page, destination in PROJECT.items():
        files.append(File.generated(config, destination, content=with_links(page, destination, pages[page], files)))
    for target in sorted({target for page, text in pages.items() for target in sources_of(page, text)}):
        language = {"py": "python", "yaml": "yaml", "md": "markdown"}.get(target.rpartition(".")[2], "text")
        content = f"---\nsearch: {{exclude: true}}\n---\n# `{target}`\n\n"
        content += f"````{language}\n{(ROOT / target).read_text('utf-8')}````\n"
        files.append(File.generated(config, f"source/{target}.md", content=content))
    functions = dict.fromkeys(dotted for page, text in pages.items() for _, dotted in named_functions(page, text))
    content = PREFACE
    public = {path for names in public_names().values() for path in names.values()}
    for dotted in functions:
        check_function(dotted)
        if dotted in public or (dotted.rpartition(".")[0] in public and "._" not in dotted):
            continue  # it has a place on the page of its package
        content += f"\n::: {dotted}\n    options: {{members: false, show_root_full_path: true}}\n"
    files.append(File.generated(config, EQUATIONS, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite links and formulas of a page of docs/."""
    if page.file.generated_by is None:
        markdown = with_links(f"docs/{page.file.src_uri}", page.file.src_uri, markdown, files)
    return with_formulas(markdown)
