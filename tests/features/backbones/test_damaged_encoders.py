"""Folders of encoders, classifiers and language models that are damaged, incomplete, or want to run code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from affectspace.errors import ConfigError
from affectspace.features import Item, make_backbone
from affectspace.prediction.networks import load_network
from affectspace.steering.language_model import load_language_model

Open = Callable[[str], object]
OPENERS: dict[str, Open] = {
    "text": lambda folder: make_backbone("text", folder),
    "audio": lambda folder: make_backbone("audio", folder),
    "video": lambda folder: make_backbone("video", folder),
    "classifier": lambda folder: load_network(folder, "cpu"),
    "language model": load_language_model,
}


def write_json(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**content, **changes}))


def change_weights(folder: Path, change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> None:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def cut(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def with_nan(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    name = next(name for name in weights if name.endswith("weight"))
    return {**weights, name: np.full_like(weights[name], np.nan)}


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut weights": (cut, "cannot be loaded"),
    "lying header": (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "cannot be loaded"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
    "empty weights": (lambda folder: change_weights(folder, lambda _: {"x": np.ones(1, np.float32)}), "no weights for"),
    "half of the weights": (
        lambda folder: change_weights(folder, lambda weights: dict(sorted(weights.items())[: len(weights) // 2])),
        "no weights for",
    ),
    "weights that are no numbers": (lambda folder: change_weights(folder, with_nan), "missing or infinite numbers"),
    "no layers": (lambda folder: write_json(folder / "config.json", num_hidden_layers="many"), "cannot be loaded"),
    "other width": (lambda folder: write_json(folder / "config.json", hidden_size=32), "cannot be loaded"),
    "configuration cut": (lambda folder: (folder / "config.json").write_text('{"model_type": "be'), "cannot be loaded"),
    "configuration a list": (lambda folder: (folder / "config.json").write_text("[1]"), "cannot be loaded"),
    "configuration deep": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "cannot be loaded"),
}


@pytest.mark.parametrize("kind", ["text", "video"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_encoders_are_refused(kind: str, damage: str, tiny_text: Path, tiny_vit: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_text if kind == "text" else tiny_vit, tmp_path / "model"))
    do, message = DAMAGES[damage]
    do(folder)
    with pytest.raises(
        ConfigError, match=rf"{kind} encoder '.*model' cannot be loaded \(.*{'' if 'cannot' in message else message}"
    ):
        OPENERS[kind](str(folder))


@pytest.mark.parametrize("kind", OPENERS)
def test_no_folder_runs_its_own_code(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: ...\n")
    automatic = dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoTokenizer"), "own.Own")
    write_json(tmp_path / "config.json", model_type="own", auto_map=automatic, architectures=["Own"])
    write_json(tmp_path / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]})
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(
        ConfigError, match=rf"the configuration in {tmp_path} asks to run Python code of its own \(auto_map\)"
    ):
        OPENERS[kind](str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_the_code_of_a_tokenizer_is_not_run_either(
    tiny_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_text, tmp_path / "model"))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: ...\n")
    write_json(folder / "tokenizer_config.json", tokenizer_class="Own", auto_map={"AutoTokenizer": ["own.Own", None]})
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    make_backbone("text", str(folder))  # transformers has a tokenizer for this architecture
    assert not (tmp_path / "ran").exists()


def test_a_pooler_that_is_missing_does_not_matter(tiny_text: Path, tmp_path: Path) -> None:
    """Weights that the vectors do not depend on may be absent: they are drawn again at each load, and are not in the hash."""
    folder = Path(shutil.copytree(tiny_text, tmp_path / "model"))
    change_weights(folder, lambda weights: {name: value for name, value in weights.items() if "pooler" not in name})
    first, second, complete = (make_backbone("text", str(place)) for place in (folder, folder, tiny_text))
    assert first.revision == second.revision
    vectors = [model.encode([model.load(Item("a", text="good day"))]) for model in (first, second, complete)]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    np.testing.assert_array_equal(vectors[0], vectors[2])


def test_an_encoder_without_layers_is_refused(tiny_text: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_text, tmp_path / "model"))
    write_json(folder / "config.json", num_hidden_layers=0)
    with pytest.raises(ConfigError, match="has no layers"):
        make_backbone("text", str(folder))
