"""The package's names load on first use and all exist."""

import subprocess
import sys

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
        "assert not {'torch', 'sklearn', 'scipy', 'pandas', 'numpy'} & set(sys.modules)\n"
        "for name in e.__all__: getattr(e, name)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
