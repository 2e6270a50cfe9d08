"""Random language models with their tokenizer, an untrained manifold on counted letters, a projector trained on both."""

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.cli import main
from affectspace.data.dataset import Dataset
from affectspace.errors import UnreadableItem
from affectspace.features import Item
from affectspace.features.backbone import identity_of, make_backbone
from affectspace.models import MODELS
from affectspace.steering import LanguageModel, Steerer, fit_projector, load_language_model
from affectspace.steering.ranking import ContentSimilarity
from affectspace.training.configuration import ProjectorTrainConfig, build_projector_config
from affectspace.training.runs import Run

SUBJECTS = ("the dog", "my house", "our street", "the long road", "a garden")
VERBS = ("is", "was", "seems", "looks")
FEELINGS = {"awful": -1.0, "sad": -0.6, "dull": -0.3, "fine": 0.3, "good": 0.6, "lovely": 1.0}
WIDTH = 27


class Letters:
    """Text: how often each letter occurs, and how long it is."""

    name, modality, dimension, licence, revision, columns = "text:letters", "text", WIDTH, "none", "1", None
    settings: dict[str, Any] = {}  # noqa: RUF012

    def load(self, item: Item) -> str:
        if not (item.text or "").strip():
            raise UnreadableItem("the text is empty")
        return (item.text or "").lower()

    def length(self, loaded: str) -> float:
        return len(loaded)

    def encode(self, batch: list[str]) -> np.ndarray:
        return np.array([[text.count(chr(97 + k)) for k in range(26)] + [len(text)] for text in batch], np.float32)


def letters(name: str, device: str, dtype: str) -> Letters:
    return Letters()


@pytest.fixture(scope="session", autouse=True)
def _backbone() -> Iterator[None]:
    """The backbone is found by its entry point, as another package's is."""
    real = importlib.metadata.entry_points

    def entry_points(**selected: Any) -> Any:
        if selected.get("group") != "affectspace.backbones":
            return real(**selected)  # what other packages look up must stay as it is
        return [SimpleNamespace(name="text:letters", load=lambda: letters), *real(**selected)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.metadata, "entry_points", entry_points)
        yield


def sentences() -> tuple[list[str], np.ndarray]:
    """Sentences and their affect (n, 3)."""
    texts, affect = [], []
    for subject in SUBJECTS:
        for verb in VERBS:
            for feeling, value in FEELINGS.items():
                texts.append(f"{subject.capitalize()} {verb} {feeling}.")
                affect.append([value, abs(value) - 0.5, 0.5 * value + 0.1 * len(verb)])
    return texts, np.array(affect, np.float32)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_model("qwen2", eos="<end>")``: a folder with a random language model and a byte-level tokenizer.

    The tokenizer of "gpt2" has no padding token; that of "qwen2" is given one by its class.
    """
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    def make(kind: str = "qwen2", eos: str | None = "<end>", seed: int = 0) -> Path:
        place = tmp_path_factory.mktemp(kind) / "tiny"
        tokenizer = Tokenizer(BPE())
        tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = BpeTrainer(
            vocab_size=340,
            special_tokens=[eos] if eos else [],
            initial_alphabet=ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sentences()[0], trainer)
        named = {"eos_token": eos} if eos else {}
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(place)
        size, ends = tokenizer.get_vocab_size(), {"bos_token_id": None, "eos_token_id": None}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network: Any = GPT2LMHeadModel(
                GPT2Config(vocab_size=size, n_positions=256, n_embd=16, n_layer=2, n_head=2, **ends)
            )
            if kind == "qwen2":
                config = Qwen2Config(
                    vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                    intermediate_size=32, max_position_embeddings=256, tie_word_embeddings=True, **ends,
                )  # fmt: skip
                network = Qwen2ForCausalLM(config)
            network.save_pretrained(place)
        return place

    return make


@pytest.fixture(scope="session")
def tiny_qwen(make_model: Callable[..., Path]) -> Path:
    return make_model()


@pytest.fixture(scope="session")
def language_model(tiny_qwen: Path) -> LanguageModel:
    return load_language_model(str(tiny_qwen))


@pytest.fixture(scope="session")
def rows() -> Dataset:
    """The sentences as a manifold's training would have them."""
    texts, affect = sentences()
    vectors = Letters().encode([text.lower() for text in texts])
    part = np.array(["train", "train", "train", "validation", "test"])[np.arange(len(texts)) % 5]
    return Dataset.from_arrays(
        {"text": vectors}, part, affect=affect, columns={"text": texts},
        person=[f"p{row % 12}" for row in range(len(texts))], ids=[f"s{row:03d}" for row in range(len(texts))],
    )  # fmt: skip


def write_run(folder: Path, kind: str = "manifold", modality: str = "text", **model: Any) -> Path:
    """The folder of a finished run of an untrained model on letters."""
    config = MODELS[kind].config_class(modalities={modality: WIDTH}, **model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = MODELS[kind](config)
        for parameter in built.parameters():
            parameter.data.normal_(0.0, 0.05)
    built.eval().save_pretrained(folder / "model")
    fields = {"data": {}, "model": json.loads(config.model_dump_json())}
    (folder / "config.yaml").write_text(json.dumps(fields), encoding="utf-8")
    recorded = json.loads(json.dumps(identity_of(make_backbone("text", "letters"))))
    message = {"kind": kind, "state": "finished", "modalities": {modality: recorded} if modality == "text" else {}}
    (folder / "run.json").write_text(json.dumps(message), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "manifold", private=4, hidden=(8,))


@pytest.fixture(scope="session")
def make_config(text_run: Path, tiny_qwen: Path) -> Callable[..., ProjectorTrainConfig]:
    """``make_config("fit.epochs=2")``: a small training of a projector, with overrides."""

    def make(*overrides: str) -> ProjectorTrainConfig:
        fields = {
            "run": str(text_run),
            "language_model": {"name": str(tiny_qwen)},
            "model": {"tokens": 3, "hidden": [8]},
            "fit": {
                "epochs": 2, "batch_size": 8, "rows": 32, "validation_rows": 12, "longest": 40, "threads": 1,
                "checkpoint_seconds": 0, "learning_rate": 0.01,
            },
            "calibration": {"sentences": 2, "points": [-2, 2]},
        }  # fmt: skip
        return build_projector_config(fields, overrides=overrides)

    return make


@pytest.fixture(scope="session")
def steering_run(
    make_config: Callable[..., ProjectorTrainConfig],
    rows: Dataset,
    language_model: LanguageModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """A projector after two short epochs."""
    out = tmp_path_factory.mktemp("steering") / "run"
    return fit_projector(make_config(), out, data=rows, language_model=language_model)


@pytest.fixture(scope="session")
def steerer(steering_run: Run) -> Steerer:
    made = Steerer.of_run(steering_run.folder, content=None)
    return Steerer.of_parts(made.run, made.encoder, made.model, ContentSimilarity(Letters()))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``call("steer", run, ...)``: exit code, stdout and stderr of the command."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affectspace", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        code = stop.value.code
        return (0 if code is None else int(code), *capsys.readouterr())

    return run
