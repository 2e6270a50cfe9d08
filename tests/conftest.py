"""What every test may use: the real data where it is, and one thread so that tests do not fight for cores."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a model hub

settings.register_profile("same", derandomize=True)  # in every run the same examples
settings.register_profile("search", settings.get_profile("default"))  # new ones in every run: make test-all
settings.load_profile("same")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("AFFECTSPACE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set AFFECTSPACE_DATA to the folder that holds imfdb/, afew_va/, ...")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's cache of decoded images."""
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
