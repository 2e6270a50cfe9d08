"""Imports run one way: a module imports only from folders above its own in the list, and never in a circle."""

import ast
from pathlib import Path

import pytest

import affectspace

ROOT = Path(affectspace.__file__).parent
LAYERS = (  # the order of ARCHITECTURE.md; names in one row may not import each other
    ("errors",), ("files", "processes", "progress"), ("configuration", "devices", "tensors"), ("affect",), ("emotions",),
    ("tables",), ("media",), ("report",), ("annotation",), ("lexicon",), ("corpora",), ("synthetic",), ("features",), ("data",),
    ("models",),
    ("training",), ("evaluation",), ("prediction",), ("walks",), ("steering",), ("studies",), ("app",), ("cli",), ("__main__",),
)  # fmt: skip
PLACE = {name: place for place, row in enumerate(LAYERS) for name in row}


def modules() -> dict[str, Path]:
    """Dotted name below the package -> file."""
    names = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = modules()


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, also inside functions; imports for type checkers do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "affectspace":
            base = node.module.removeprefix("affectspace").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                found.add(full if full in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("affectspace.") for alias in node.names if alias.name.startswith("affectspace.")
            }
    return found


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name))
def test_a_module_imports_only_from_above(name: str) -> None:
    own = name.split(".")[0]
    assert own in PLACE, f"{own} has no place in LAYERS"
    upwards = [
        other
        for other in IMPORTS[name]
        if other and other.split(".")[0] != own and PLACE[other.split(".")[0]] >= PLACE[own]
    ]
    assert not upwards, f"{name} imports {', '.join(upwards)}, which lie below it"


def test_no_module_imports_itself_through_others() -> None:
    state: dict[str, int] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, " -> ".join([*path[path.index(name) :], name])
        state[name] = 1
        path.append(name)
        for other in sorted(IMPORTS.get(name, ()) - {name}):
            visit(other)
        path.pop()
        state[name] = 2

    for name in sorted(IMPORTS):
        if name:
            visit(name)
