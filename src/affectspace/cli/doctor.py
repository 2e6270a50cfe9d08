"""`affectspace doctor`: what is installed, what can run here, and what mends the rest."""

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

WITHOUT = {  # what stands still without a package; names as the installed metadata writes them
    "torch": "train, evaluate, reproduce, traverse",
    "lightning": "train, reproduce, demo",
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
    "scikit-image": "evaluate (SSIM)",
    "numpy": "everything",
    "filelock": "train, reproduce",
    "packaging": "doctor's check of versions",
    "threadpoolctl": "evaluate, reproduce",
    "h5py": "labels of CMU-MOSI and CMU-MOSEI (.csd)",
    "tensorboard": "fit.logger: tensorboard",
    "transformers": "extract: encoders of text, speech and video; steer",
    "librosa": "extract: acoustic functionals",
    "soundfile": "extract: sounds",
    "soxr": "extract: sounds of another sample rate",
    "av": "extract: clips and their sound",
    "dlib-bin": "extract: faces found in clips",
    "gguf": "steer: SmolLM2 from its package",
    "accelerate": "steer: SmolLM2 from its package",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "running what export wrote",
    "ray": "extract --engine ray: many machines",
}


def doctor(json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False) -> None:
    """Show what is installed, which devices and corpus readers there are, and how to mend what cannot run."""
    import json

    facts = examine()
    if json_:
        typer.echo(json.dumps(facts, indent=2))
    else:
        _show(facts)


def examine() -> dict[str, Any]:
    """Everything that `doctor` shows. Raises nothing: what is missing is told."""
    packages = [_package(text) for text in metadata.requires("affectspace") or []]
    packages = [one for one in packages if one["extra"] != "dev"]
    return {
        "affectspace": metadata.version("affectspace"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "devices": _devices(),
        "cache": _cache(),
        "readers": _readers(),
        "packages": packages,
        "cannot_run": [
            {"what": WITHOUT.get(one["name"], one["name"]), "why": one["why"], "remedy": one["remedy"]}
            for one in packages
            if one["why"]
        ],
    }


def _package(text: str) -> dict[str, Any]:
    """Name, wanted and installed version of a requirement, and the pip line where they do not agree."""
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
        why = f"{wanted.name} is {installed}, needed is {wanted.specifier}"
    what = f"{wanted.name}{wanted.specifier}" if extra is None else f"affectspace[{extra}]"
    return {
        "name": wanted.name,
        "wanted": str(wanted.specifier),
        "installed": installed,
        "extra": extra,
        "why": why,
        "remedy": f"pip install '{what}'" if why else None,
    }


def _devices() -> dict[str, Any]:
    """Cores and threads, CUDA and MPS as torch sees them; null where torch is not installed."""
    found: dict[str, Any] = {"cores": os.cpu_count(), "threads": None, "cuda": None, "mps": None}
    try:
        import torch
    except ImportError:
        return found
    found["threads"] = torch.get_num_threads()
    found["cuda"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    found["mps"] = torch.backends.mps.is_available()
    return found


def _cache() -> dict[str, Any]:
    """Where decoded images are kept, how much that is and how much room is left, in bytes."""
    folder = Path(os.environ.get("AFFECTSPACE_CACHE") or "~/.cache/affectspace").expanduser()
    size, files = 0, 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(root) / name).stat().st_size
            except FileNotFoundError:  # removed meanwhile
                continue
            files += 1
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(nearest).free
    return {"folder": str(folder), "files": files, "bytes": size, "free": free}


def _readers() -> list[str] | None:
    """Names of the corpora that can be read; null where pandas or another package they need is missing."""
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
    here = Table(title=f"affectspace {facts['affectspace']}", title_justify="left", show_header=False)
    here.add_row("Python", f"{facts['python']}, {facts['system']}")
    threads = f", PyTorch uses {devices['threads']} threads" if devices["threads"] else ""
    here.add_row("CPU", f"{devices['cores']} cores{threads}")
    unknown = "unknown: torch is not installed"
    here.add_row("CUDA", unknown if devices["cuda"] is None else ", ".join(devices["cuda"]) or "none")
    here.add_row("MPS", unknown if devices["mps"] is None else "yes" if devices["mps"] else "none")
    here.add_row(
        "image cache",
        f"{cache['folder']}: {_bytes(cache['bytes'])} in {cache['files']} files, {_bytes(cache['free'])} free"
        + ("; AFFECTSPACE_CACHE names another folder" if not cache["files"] else ""),
    )
    here.add_row("corpora", ", ".join(readers) if readers is not None else "none can be read: see below")
    console.print(here)
    table = Table("package", "wanted", "installed", "for", title="packages", title_justify="left")
    for one in facts["packages"]:
        state = one["installed"] or "missing"
        table.add_row(one["name"], one["wanted"], f"[red]{state}[/red]" if one["why"] else state, one["extra"] or "")
    console.print(table)
    if not facts["cannot_run"]:
        console.print("Everything can run here.")
    for one in facts["cannot_run"]:
        console.print(f"cannot run: {one['what']}: {one['why']}", highlight=False, soft_wrap=True)
        console.print(f"    {one['remedy']}", highlight=False, markup=False, soft_wrap=True)


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
