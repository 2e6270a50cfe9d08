"""The package's names load on first use and all exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from affectspace import evaluation


def test_every_public_name_loads():
    for name in evaluation.__all__:
        assert getattr(evaluation, name).__name__ == name
    assert dir(evaluation) == evaluation.__all__
    with pytest.raises(AttributeError, match="attribute uar"):
        _ = evaluation.uar


def test_nothing_heavy_loads_with_the_package():
    code = (
        "import sys, affectspace.evaluation.results as _, affectspace.evaluation as e\n"
        "assert not {'torch', 'sklearn', 'scipy', 'pandas', 'numpy'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_measures_need_no_torch() -> None:
    heavy = re.compile(
        r"^\s*(import|from) (torch|affectspace\.(data|features|models|training|prediction))\b", re.MULTILINE
    )
    for path in Path(evaluation.__file__).parent.glob("*.py"):
        assert not heavy.search(path.read_text(encoding="utf-8")), path.name
