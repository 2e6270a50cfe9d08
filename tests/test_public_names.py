"""Public names are those of the stubs: they exist, and type checkers see what they are."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import affectspace

ROOT = Path(affectspace.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]


def public_names() -> list[str]:
    """Dotted names of all stubs, for example affectspace.walks.move."""
    names = []
    for stub in sorted(ROOT.rglob("__init__.pyi")):
        package = ".".join(["affectspace", *stub.parent.relative_to(ROOT).parts])
        for node in ast.parse(stub.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                names += [f"{package}.{alias.asname or alias.name}" for alias in node.names]
    return names


def test_every_public_name_exists() -> None:
    for name in public_names():
        package, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(package), attribute), name


def test_no_public_name_is_any_to_type_checkers(tmp_path: Path) -> None:
    names = public_names()
    packages = sorted({name.rpartition(".")[0] for name in names})
    lines = [f"import {package}" for package in packages] + [f"reveal_type({name})" for name in names]
    code = tmp_path / "reveal.py"
    code.write_text("\n".join(lines))
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(code)]
    output = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stdout
    revealed = dict(re.findall(r'reveal\.py:(\d+): note: Revealed type is "(.*)"$', output, re.MULTILINE))
    kinds = {name: revealed.get(str(len(packages) + place)) for place, name in enumerate(names, 1)}
    assert {name: kind for name, kind in kinds.items() if kind in (None, "Any")} == {}, output[-2000:]
