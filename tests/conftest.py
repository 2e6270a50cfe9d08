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

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "good", "bad", "day"]

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
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of random weights that knows ten words."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("tiny") / "bert"
    tokenizer = Tokenizer(WordLevel({word: k for k, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(place)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=32,
        )  # fmt: skip
        BertModel(config).save_pretrained(place)
    return place


@pytest.fixture(scope="session")
def tiny_timesformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a TimeSformer of random weights."""
    import torch
    from transformers import TimesformerConfig, TimesformerModel

    place = tmp_path_factory.mktemp("video") / "tiny"
    config = TimesformerConfig(
        image_size=16, patch_size=8, num_frames=4, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        TimesformerModel(config).save_pretrained(place)
    return place


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
