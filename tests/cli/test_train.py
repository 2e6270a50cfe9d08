"""`affectspace train` and `evaluate` as a user runs them, on tiny drawn faces."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.corpora.faces import make_faces
from affectspace.errors import RunError

SMALL = {"width": 4, "image_size": 32, "hidden": [16], "chunk": 4}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    make_faces(folder / "drawn", n=120, people=12, size=32, workers=1)
    fields = {
        "data": {"corpus": "faces", "path": str(folder / "drawn")},
        "model": SMALL,
        "fit": {"epochs": 1, "batch_size": 16, "accelerator": "cpu"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


@pytest.mark.filterwarnings("default")  # on so few rows the probes' libraries may warn
@pytest.mark.parametrize("alignment", ["continuous", "none"])
def test_train_then_evaluate(config: Path, tmp_path: Path, alignment: str) -> None:
    run = tmp_path / "run"
    options = ["--out", str(run), "--set", f"model.alignment={alignment}"]
    trained = CliRunner().invoke(app, ["train", str(config), *options], catch_exceptions=False)
    assert f"next: affectspace evaluate {run}" in trained.output
    judged = CliRunner().invoke(app, ["evaluate", str(run)], catch_exceptions=False)
    assert "uar_va" in judged.output
    assert f"report: {run / 'report.html'}" in judged.output
    with pytest.raises(RunError, match="was evaluated already"):
        CliRunner().invoke(app, ["evaluate", str(run)], catch_exceptions=False)
    again = CliRunner().invoke(app, ["evaluate", str(run), "--force", "--json"], catch_exceptions=False)
    assert json.loads(again.stdout)["probes"]


def test_errors_are_one_line_and_exit_2(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "affectspace",
        "train",
        str(tmp_path / "none.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.yaml: cannot be read" in done.stderr
