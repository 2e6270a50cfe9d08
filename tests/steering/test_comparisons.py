"""The methods that steering is compared with: the steering vector and prompting, and the choice of the vector."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError
from affectspace.steering import LanguageModel, Sampling, Steerer, load_language_model
from affectspace.steering.judges import Judge
from affectspace.studies.steering import methods
from affectspace.studies.steering.activation import (
    SteeringVector,
    added,
    decoder_layers,
    layer_at,
    mean_states,
    steering_vectors,
    written_with_vector,
)
from affectspace.studies.steering.material import RIDGE, material_of
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.studies.steering.prompting import prompt_tokens, prompted, request

TEXTS = ["A garden.", "The long road was awful, and dull.", "My house is fine"]
CHAT = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"


@pytest.fixture(scope="module", params=["qwen2", "gpt2"])
def model(request: pytest.FixtureRequest, make_model: Callable[..., Path]) -> LanguageModel:
    return load_language_model(str(make_model(request.param)))


def states(model: LanguageModel, text: str) -> list[torch.Tensor]:
    """What each layer, and the normalisation behind the last, reads of a text, (tokens, width)."""
    found: list[torch.Tensor] = []
    base = next(module for module in model.network.children() if not isinstance(module, torch.nn.Linear))
    behind = getattr(base, "norm", None) or base.ln_f
    handles = [
        reader.register_forward_pre_hook(lambda module, given: found.append(given[0][0].clone()))
        for reader in (*decoder_layers(model), behind)
    ]
    ids = torch.tensor([[model.start, *model.encode(text)]])
    with torch.inference_mode():
        model.network(input_ids=ids)
    for handle in handles:
        handle.remove()
    return found


def hooks(model: LanguageModel) -> int:
    return sum(len(layer._forward_hooks) for layer in decoder_layers(model))


def test_a_vector_moves_the_states_behind_its_layer_by_exactly_that_much(model: LanguageModel) -> None:
    direction, before = torch.linspace(-1, 1, model.width), hooks(model)
    plain = states(model, TEXTS[1])
    with added(model, SteeringVector("valence", direction, 0, strength=0.5), target=3.0):
        moved = states(model, TEXTS[1])
    assert torch.equal(moved[0], plain[0])
    assert moved[1] - plain[1] == pytest.approx((1.5 * direction).expand_as(plain[1]), abs=1e-5)
    assert not torch.allclose(moved[2], plain[2])
    assert hooks(model) == before
    assert all(torch.equal(one, other) for one, other in zip(states(model, TEXTS[1]), plain, strict=True))


def test_the_hook_is_gone_after_an_exception(model: LanguageModel) -> None:
    plain, before = states(model, TEXTS[0]), hooks(model)

    def stop() -> None:
        with added(model, SteeringVector("valence", torch.ones(model.width), 0), target=2.0):
            assert hooks(model) == before + 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert hooks(model) == before
    assert torch.equal(states(model, TEXTS[0])[-1], plain[-1])


def test_without_target_moves_nothing(model: LanguageModel) -> None:
    sampling, vector = Sampling(longest=6), SteeringVector("valence", torch.linspace(-1, 1, model.width), 0)
    written = written_with_vector(model, vector, TEXTS[:2], [0.0, 3.0], 2, sampling, 5)
    assert [len(written), len(written[0]), len(written[0][0])] == [2, 2, 2]
    plain = prompted(model, TEXTS[:2], None, [0.0], 2, sampling, 5)
    assert [row[0] for row in written] == [row[0] for row in plain]
    same_draws = prompted(model, TEXTS[:2], None, [3.0], 2, sampling, 1005)
    assert [row[1] for row in written] != [row[0] for row in same_draws]


def test_mean_states_are_those_of_each_text_alone(model: LanguageModel) -> None:
    found = mean_states(model, TEXTS, [0, 1])
    assert found.shape == (3, 2, model.width)
    for row, text in enumerate(TEXTS):
        assert found[row, 0] == pytest.approx(states(model, text)[1].mean(dim=0).numpy(), abs=1e-5)
        assert found[row] == pytest.approx(mean_states(model, [text], [0, 1])[0], abs=1e-5)


def test_a_vector_is_the_difference_of_either_end_for_one_deviation(language_model: LanguageModel) -> None:
    affect = np.array([2.0, np.nan, -2.0, 0.5])
    texts = [TEXTS[0], "not labelled", TEXTS[1], TEXTS[2]]
    [vector] = steering_vectors(language_model, texts, affect, "arousal", [0], number=2)
    ends = mean_states(language_model, [TEXTS[0], TEXTS[1]], [0])[:, 0]
    assert vector.direction.numpy() == pytest.approx((ends[0] - ends[1]) / 4, abs=1e-6)
    assert (vector.axis, vector.layer, vector.strength) == ("arousal", 0, 1.0)
    assert vector.direction.dtype == language_model.dtype
    for labels in ([1.0, 1.0, 1.0, 1.0], [np.nan] * 3 + [1.0]):
        with pytest.raises(ConfigError, match="arousal: the training sentences have no two ends"):
            steering_vectors(language_model, texts, np.array(labels), "arousal", [0], number=4)


def test_layers_at_a_share_of_the_depth(language_model: LanguageModel) -> None:
    assert [layer_at(language_model, depth) for depth in (0.0, 0.4, 1.0)] == [0, 0, 0]  # of two; the last never
    deep = replace(language_model, network=Layered(30))
    assert [layer_at(deep, depth) for depth in (0.0, 0.4, 0.6, 1.0)] == [0, 12, 18, 28]
    with pytest.raises(ConfigError, match="its 30 layers were not found"):
        decoder_layers(deep)


class Layered(torch.nn.Module):
    """A network that says how many layers it has."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.config = type("Config", (), {"num_hidden_layers": count})


PLAN = SteeringPlan(
    sentences=2, tuning_sentences=2, targets=(-1.0, 0.0, 1.0), strengths=(0.5, 1.0, 2.0), depths=(0.5,),
    contrast_sentences=8, sampling=Sampling(longest=5),
)  # fmt: skip


def chosen(
    steerer: Steerer,
    rows: Dataset,
    patch: pytest.MonkeyPatch,
    follows: dict[float, float],
    costs: dict[float, float],
) -> float:
    """The strength that is chosen where each one follows the targets so well and multiplies perplexity so much."""
    material = material_of(steerer, rows, {}, PLAN)

    def write(model: Any, vector: SteeringVector, texts: Any, targets: Any, *rest: Any) -> Any:
        return [[[f"{vector.strength} {value}"] for value in targets] for _ in texts]

    def read(texts: list[str]) -> np.ndarray:
        pairs = [tuple(map(float, text.split())) for text in texts]
        return np.array([[follows[strength] * value] * 3 for strength, value in pairs])

    judge = Judge(RIDGE, AXES, np.ones(3), read)

    def surprise(self: LanguageModel, texts: list[str]) -> np.ndarray:
        return np.array([np.log(costs[float(text.split()[0])]) if text.split() else 0.0 for text in texts])

    patch.setattr(methods, "written_with_vector", write)
    patch.setattr(methods, "prompted", lambda model, texts, *rest: [[[""]] for _ in texts])
    patch.setattr(LanguageModel, "surprise", surprise)
    return methods.chosen_vector(replace(material, judges={RIDGE: judge}), "valence", PLAN).strength


def test_the_vector_that_follows_best_among_the_fluent_ones_is_chosen(
    steerer: Steerer, rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    follows = {0.5: 0.0, 1.0: 1.0, 2.0: 1.0}
    assert chosen(steerer, rows, monkeypatch, follows, {0.5: 1.0, 1.0: 1.4, 2.0: 4.0}) == 1.0
    assert chosen(steerer, rows, monkeypatch, follows, {0.5: 1.6, 1.0: 9.0, 2.0: 4.0}) == 0.5  # none is fluent
    assert chosen(steerer, rows, monkeypatch, {0.5: -1, 1.0: 0, 2.0: 1}, dict.fromkeys(follows, 1.0)) == 2.0


def test_a_model_without_a_chat_template_is_asked_in_plain_words(language_model: LanguageModel) -> None:
    assert not language_model.tokenizer.chat_template
    text = request(TEXTS[0], "valence", 2.0)
    assert language_model.decode(prompt_tokens(language_model, text)) == f"{text}\nRewritten sentence:"


def test_a_chat_model_is_asked_in_its_template(tiny_qwen: Path) -> None:
    model = load_language_model(str(tiny_qwen))
    model.tokenizer.chat_template = CHAT
    text = request(TEXTS[0], "valence", -2.0)
    assert model.decode(prompt_tokens(model, text)) == f"<user>{text}<assistant>"
    written = prompted(model, TEXTS[:2], "valence", [-2.0, 2.0], 2, Sampling(longest=5), 0)
    assert [len(written), len(written[0]), len(written[0][0])] == [2, 2, 2]


def test_answers_do_not_depend_on_what_else_is_asked(language_model: LanguageModel) -> None:
    def ask(texts: list[str], targets: list[float], seed: int = 0) -> list[list[list[str]]]:
        return prompted(language_model, texts, "valence", targets, 2, Sampling(longest=6), seed)

    whole = ask(TEXTS, [-2.0, 2.0])
    assert whole == ask(TEXTS, [-2.0, 2.0])
    assert whole[0][0] == ask(TEXTS[:1], [-2.0])[0][0]
    assert whole[0][0][0] != whole[0][0][1]
    assert whole != ask(TEXTS, [-2.0, 2.0], seed=1)
