"""Hook of the site: a page for each package with its public names, which are those of its stub, and the models' cards."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from affectspace.prediction import shipped_models

ROOT = Path(__file__).resolve().parents[2] / "src"


def public_names() -> dict[str, dict[str, str]]:
    """Package -> public name -> dotted path of its definition."""
    packages: dict[str, dict[str, str]] = {}
    for stub in sorted(ROOT.rglob("__init__.pyi")):
        package = ".".join(stub.parent.relative_to(ROOT).parts)
        for node in ast.parse(stub.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    packages.setdefault(package, {})[alias.asname or alias.name] = (
                        f"{package}.{node.module}.{alias.name}"
                    )
    return packages


def page_name(package: str) -> str:
    """The page of a package."""
    return "reference/python/" + (package.removeprefix("affectspace.") if "." in package else "index") + ".md"


def summary_of(package: str) -> str:
    """First line of a package's docstring."""
    docstring = ast.get_docstring(ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text("utf-8")))
    return (docstring or "").split("\n\n")[0]


def on_config(config: Any) -> Any:
    """Put the pages into the navigation."""
    pages: list[Any] = [{package: page_name(package)} for package in public_names()]
    pages[0] = page_name("affectspace")
    in_navigation(config.nav, "<python>", [*pages, {"Functions of the equations": "reference/python/equations.md"}])
    in_navigation(
        config.nav, "<cards>", [{model.name: f"reference/cards/{model.name}.md"} for model in shipped_models()]
    )
    return config


def in_navigation(nav: Any, mark: str, pages: list[Any]) -> None:
    """Replace a mark in the navigation by pages."""
    for item in nav:
        for title, value in item.items() if isinstance(item, dict) else ():
            if value == mark:
                item[title] = pages
            elif isinstance(value, list):
                in_navigation(value, mark, pages)


def on_files(files: Files, config: Any) -> Files:
    """Write the pages."""
    for model in shipped_models():
        card = model.card.partition("---\n")[2].partition("---\n")[2] if model.card.startswith("---") else model.card
        files.append(File.generated(config, f"reference/cards/{model.name}.md", content=card))
    packages = public_names()
    documented = {path for package, names in packages.items() if package != "affectspace" for path in names.values()}
    for package, names in packages.items():
        content = f"# {package}\n\n{summary_of(package)}\n\n"
        rows, blocks = [], []
        for name, path in names.items():
            module, _, last = path.rpartition(".")
            path = packages.get(module, {}).get(last, path)
            rows.append(f"[`{name}`][{path}]")
            if package != "affectspace" or path not in documented:
                blocks.append(f"::: {path}\n")
        content += ", ".join(rows) + "\n\n"
        if package == "affectspace":
            content += "| package | what it has |\n|---|---|\n"
            for other in packages:
                if other != package:
                    content += (
                        f"| [{other}]({page_name(other).removeprefix('reference/python/')}) | {summary_of(other)} |\n"
                    )
        files.append(File.generated(config, page_name(package), content=content + "\n" + "\n".join(blocks)))
    return files
