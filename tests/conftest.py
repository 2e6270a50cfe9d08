"""What every test may use: the real data where it is, and one thread so that tests do not fight for cores."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a model hub

settings.register_profile("same", derandomize=True, deadline=None, max_examples=25)  # in every run the same examples
settings.register_profile("search", settings.get_profile("default"))  # 100 new ones in every run: make test-all
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


@pytest.fixture(scope="session")
def image_bytes() -> Callable[..., bytes]:
    """A file with a picture of noise: ``image_bytes(seed=0, size=(20, 20), kind="JPEG", mode="RGB", **saving)``."""

    def make(seed: int = 0, size: tuple[int, int] = (20, 20), kind: str = "JPEG", mode: str = "RGB", **saving) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(file, kind, **saving)
        return file.getvalue()

    return make


@pytest.fixture
def write_csv() -> Callable[..., Path]:
    """``write_csv(path, rows)``: rows are lists, the first the header."""

    def write(path: Path, rows: list[list]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return path

    return write
