"""Hook of the site: the notebooks as pages."""

from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def page_of(path: Path) -> str:
    """Markdown of a notebook: its texts, and its code without outputs."""
    cells = nbformat.read(path, as_version=4).cells
    parts = [cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```" for cell in cells]
    return "\n\n".join([*parts, f"This page is the notebook `notebooks/{path.name}`.\n"])


def on_files(files: Files, config: Any) -> Files:
    """Write the pages."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page_of(path)))
    return files
