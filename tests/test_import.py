"""What importing costs: the package and its command line load no heavy library."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "sklearn", "scipy", "matplotlib", "lightning", "PIL")


@pytest.mark.parametrize("module", ["affectspace", "affectspace.affect", "affectspace.cli"])
def test_nothing_heavy_is_imported(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_load_and_unknown_ones_say_what_there_is() -> None:
    import affectspace

    assert affectspace.AnnotationTransfer.__name__ == "AnnotationTransfer"
    assert set(dir(affectspace)) >= {"AnnotationTransfer", "Levasa", "load", "read_corpus"}
    with pytest.raises(AttributeError, match="attribute Levassa"):
        _ = affectspace.Levassa
