"""Run commands and tests with the lowest versions of the dependencies that pyproject.toml allows.

    python benchmarks/lowest_versions.py [--folder build/lowest]

The versions are installed into a folder that stands before the installed ones; PyTorch stays as it is. Warnings are ignored,
because old versions warn of each other.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/tables",
    "tests/lexicon",
    "tests/annotation/test_calibration.py",
    "tests/annotation/test_figure.py",
    "tests/models/manifold",
    "tests/training/test_configuration.py",
    "tests/training/test_feature_fit.py",
    "tests/test_files.py",
    "tests/cli/test_stops.py",
)
LEFT_OUT = ("torch",)  # gigabytes


def lowest() -> list[str]:
    """Return name==version for each dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [re.match(r"([\w.-]+?)>=([\d.]+)", dependency) for dependency in project["dependencies"]]
    return [f"{match[1]}=={match[2]}" for match in found if match and match[1] not in LEFT_OUT]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "lowest")
    folder = parser.parse_args().folder
    wanted = lowest()
    print(" ".join(wanted))
    install = ("-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target", str(folder))
    subprocess.run([sys.executable, *install, *wanted], check=True)
    path = os.pathsep.join([str(folder), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    from affectspace.cli import COMMANDS

    failed = 0
    for command in COMMANDS:
        call = [sys.executable, "-m", "affectspace", *command.split(), "--help"]
        done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
        failed += done.returncode != 0
        print(f"{command} --help: {'ok' if done.returncode == 0 else done.stderr.strip().splitlines()[-1]}")
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:warnings", *TESTS]
    failed += subprocess.run(call, cwd=ROOT, env=environment, check=False).returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
