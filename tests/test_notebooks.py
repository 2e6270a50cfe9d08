"""The notebooks: stripped, valid, with imports that work; `make test-all` also executes them, each in an empty folder."""

import ast
import time
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs the extra notebooks")

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIMIT = 120  # seconds of processor time
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
NEEDS = {  # keys of WEIGHTS
    "steer_a_sentence": ("smollm2", MINILM),
    "train_on_your_corpus": (MINILM,),
    "conversation_dynamics": (MINILM,),
}

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@notebooks
def test_a_notebook_is_valid_and_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code, "no code"
    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert notebook.cells[0].source.startswith("# ")


@notebooks
def test_the_imports_of_a_notebook_work(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    exec("\n".join(ast.unparse(node) for node in imports), {})


@pytest.mark.slow
@notebooks
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from resource import RUSAGE_CHILDREN, getrusage

    from nbclient import NotebookClient

    from affectspace.features.backbones.packages import WEIGHTS, package_folders
    from affectspace.prediction.pretrained import FOLDER as MODELS

    if path.stem == "walk_a_face" and not (MODELS / "drawn-face").is_dir():
        pytest.skip("needs the model of drawn faces")
    for weights in NEEDS.get(path.stem, ()):
        assert weights in WEIGHTS
        if not package_folders(weights):
            pytest.skip(f"needs the weights {weights}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    started, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=900, startup_timeout=300, kernel_name="python3", resources=place).execute()
    after = getrusage(RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{path.stem}: {used:.0f} s of processor time, {time.perf_counter() - started:.0f} s")
    assert used < LIMIT
