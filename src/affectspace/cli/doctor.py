"""`affectspace doctor`: what is installed, what can run here, and how to repair the rest."""

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from affectspace.cli.options import AsJson, print_json

NEEDED_FOR = {  # package, as in the installed metadata -> what cannot run without it
    "torch": "train, evaluate, reproduce, traverse",
    "lazy-loader": "everything",
    "safetensors": "train, evaluate, traverse",
    "huggingface-hub": "loading and saving of models",
    "pydantic": "train, reproduce",
    "pyyaml": "train, reproduce",
    "pandas": "annotate, corpus, train",
    "pyarrow": "Parquet files",
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
    "transformers": "extract: encoders of text, speech and video; steer",
    "librosa": "extract: acoustic functionals",
    "soundfile": "extract: sound files",
    "soxr": "extract: sounds with another sample rate",
    "av": "extract: clips and their sound",
    "dlib-bin": "extract: detection of faces in clips",
    "gguf": "steer: SmolLM2 from its package",
    "accelerate": "steer: SmolLM2 from its package",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "running exported models",
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
    packages = [
        package for package in map(_package, metadata.requires("affectspace") or []) if package["extra"] != "dev"
    ]
    return {
        "affectspace": metadata.version("affectspace"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "devices": _devices(),
        "cache": _cache(),
        "readers": _readers(),
        "packages": packages,
        "cannot_run": [
            {
                "what": NEEDED_FOR.get(package["name"], package["name"]),
                "why": package["why"],
                "remedy": package["remedy"],
            }
            for package in packages
            if package["why"]
        ],
    }


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
    """Return the folder of decoded images, its number of files, their size and the free space in bytes."""
    folder = Path(os.environ.get("AFFECTSPACE_CACHE") or "~/.cache/affectspace").expanduser()
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

    console = Console()
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
        "image cache",
        f"{cache['folder']}: {_bytes(cache['bytes'])} in {cache['files']} files, {_bytes(cache['free'])} free{location}",
    )
    machine.add_row("corpora", ", ".join(readers) if readers is not None else "none can be read, see below")
    console.print(machine)
    table = Table("package", "wanted", "installed", "extra", title="packages", title_justify="left")
    for package in facts["packages"]:
        state = package["installed"] or "missing"
        state = f"[red]{state}[/red]" if package["why"] else state
        table.add_row(package["name"], package["wanted"], state, package["extra"] or "")
    console.print(table)
    if not facts["cannot_run"]:
        console.print("Everything can run here.")
    for problem in facts["cannot_run"]:
        console.print(f"cannot run: {problem['what']}: {problem['why']}", highlight=False, soft_wrap=True)
        console.print(f"    {problem['remedy']}", highlight=False, markup=False, soft_wrap=True)


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
