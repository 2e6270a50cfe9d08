"""Hook of the site: the notebooks as pages. Those that take a few seconds are executed, so that the page has their outputs."""

import base64
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient

from affectspace.features.backbones.packages import package_folders
from affectspace.prediction.pretrained import FOLDER as MODELS

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def quick() -> set[str]:
    """The notebooks that run in seconds with what is installed here."""
    names = {"label_two_corpora"}
    names |= {"conversation_dynamics"} if package_folders("sentence-transformers/all-MiniLM-L6-v2") else set()
    return names | ({"walk_a_face"} if (MODELS / "drawn-face").is_dir() else set())


def executed(path: Path) -> Any:
    """A notebook with its outputs, executed in an empty folder."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=600,
            startup_timeout=300,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],  # it warns that it talks over TCP, on this machine only
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    return notebook


def shown(output: Any, place: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """Yield the Markdown of an output; a picture goes to `pictures` under its name."""
    data = output.get("data", {})
    if "image/png" in data:
        name = f"{place}-{len(pictures) + 1}.png"
        pictures[name] = base64.b64decode(data["image/png"])
        yield f"![Output of the code above]({name})"
    elif "text/html" in data:
        table = re.sub(r"<style.*?</style>|^\s+", "", data["text/html"], flags=re.DOTALL | re.MULTILINE)
        yield '<div class="output">' + re.sub(r' (border|class|style)="[^"]*"', "", table).replace("\n", "") + "</div>"
    elif "text/plain" in data:
        yield f"```text\n{data['text/plain']}\n```"


def page_of(path: Path, notebook: Any) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook with its outputs, and its pictures by name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            parts += shown(output, path.stem, pictures)
    parts.append(f"This page is the notebook `notebooks/{path.name}`.\n")
    return "\n\n".join(parts), pictures


def on_files(files: Files, config: Any) -> Files:
    """Write the pages."""
    run = quick()
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = executed(path) if path.stem in run else nbformat.read(path, as_version=4)
        page, pictures = page_of(path, notebook)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files
