"""`POST /v1/predict`: each input has its own answer, in order, in the words of `predict --json`."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from affectspace.app import Settings, create_app
from affectspace.app.uploads import Form, Upload
from affectspace.errors import ConfigError

Make = Callable[..., TestClient]
Point = Callable[[str], list[float]]


def test_texts_are_answered_in_their_order(client: Make, point_of: Point) -> None:
    answer = client().post("/v1/predict", json={"texts": ["one", "two"], "model": "text"}).json()
    assert answer["model"] == "text"
    assert answer["licence"] == "free"
    assert (answer["labels"], answer["trained_on"][0]["name"]) == (["rated"], "own")
    assert answer["failures"] == []
    for number, (text, prediction) in enumerate(zip(["one", "two"], answer["predictions"], strict=True)):
        assert (prediction["index"], prediction["id"]) == (number, text)
        assert prediction["valence"] == {"mean": pytest.approx(point_of(text)[0], abs=1e-4), "deviation": 0.1}


def test_texts_and_files_of_a_form(client: Make, tone: Callable[..., bytes], image_bytes: Callable[..., bytes]) -> None:
    files = [("files", ("loud.wav", tone())), ("files", ("face.png", image_bytes(kind="PNG")))]
    answer = client().post("/v1/predict", data={"texts": ["one", "two"]}, files=files).json()
    assert [one["id"] for one in answer["predictions"]] == ["one", "two", "loud.wav", "face.png"]
    assert [list(one["by_modality"]) for one in answer["predictions"]] == [["text"], ["text"], ["audio"], ["video"]]
    assert [one.get("face_found") for one in answer["predictions"]] == [None, None, None, True]


def test_inputs_of_one_person(client: Make, tone: Callable[..., bytes]) -> None:
    form = {"texts": ["one"], "together": "true"}
    [one] = client().post("/v1/predict", data=form, files=[("files", ("a.wav", tone()))]).json()["predictions"]
    assert list(one["by_modality"]) == ["text", "audio"]
    assert one["id"] == "all together"
    two = [("files", ("a.wav", tone())), ("files", ("b.wav", tone()))]
    refused = client().post("/v1/predict", data=form, files=two)
    assert refused.status_code == 422
    assert "there are two" in refused.json()["error"]["message"]


def test_no_text_of_an_answer_has_a_path_of_the_service(tmp_path: Path) -> None:
    form = Form(files=[Upload(tmp_path / "upload1.mp4", "clip.mp4", "files")])
    answer = {
        "notes": [f"voice left out: {tmp_path / 'upload1.mp4'}: no sound"],
        "rows": ({"id": "upload1.mp4"}, 0.5, None),
    }
    assert form.renamed(answer) == {
        "notes": ["voice left out: clip.mp4: no sound"],
        "rows": [{"id": "clip.mp4"}, 0.5, None],
    }


def test_one_input_that_fails_costs_only_itself(client: Make, tone: Callable[..., bytes]) -> None:
    files = [("files", ("a.wav", tone())), ("files", ("b.wav", b"RIFF")), ("files", ("c.bin", b"\x7fELF" * 9))]
    answer = client().post("/v1/predict", files=files).json()
    assert [one["index"] for one in answer["predictions"]] == [0]
    assert [(one["index"], one["id"]) for one in answer["failures"]] == [(1, "b.wav"), (2, "c.bin")]
    assert all("/" not in one["reason"] for one in answer["failures"])


def test_concurrent_requests_never_mix(client: Make, point_of: Point) -> None:
    service = client()

    def ask(number: int) -> None:
        texts = [f"sentence {number} {place}" for place in range(number % 3 + 1)]
        answer = service.post("/v1/predict", json={"texts": texts}).json()
        assert [one["id"] for one in answer["predictions"]] == texts
        for text, one in zip(texts, answer["predictions"], strict=True):
            assert one["arousal"]["mean"] == pytest.approx(point_of(text)[1], abs=1e-4)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(60)))


def test_requests_that_wait_are_predicted_together(
    client: Make, monkeypatch: pytest.MonkeyPatch, point_of: Point
) -> None:
    from affectspace.prediction import Predictor

    began, go_on, sizes = threading.Event(), threading.Event(), []
    predict_many = Predictor.predict_many

    def counting(self: Predictor, samples: list, **options: Any) -> list:
        sizes.append(len(samples))
        began.set()
        assert go_on.wait(20)
        return predict_many(self, samples, **options)

    monkeypatch.setattr(Predictor, "predict_many", counting)
    lane = client().app.state.models.lane("text", texts=True)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(lane.predict_texts, ["first"])
        assert began.wait(20)
        others = [pool.submit(lane.predict_texts, [f"{number} a", f"{number} b"]) for number in range(5)]
        while len(lane._queue) < 5:
            time.sleep(0.001)
        go_on.set()
        assert len(first.result()[1]) == 1
        for number, other in enumerate(others):
            for letter, outcome in zip("ab", other.result()[1], strict=True):
                assert list(outcome.mean) == point_of(f"{number} {letter}")
    assert sizes == [1, 10]


def test_an_error_reaches_only_the_request_that_caused_it(client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from affectspace.prediction import Predictor

    predict_many = Predictor.predict_many

    def failing(self: Predictor, samples: list, **options: Any) -> list:
        if any(sample.text == "fail" for sample in samples):
            raise RuntimeError("a text that fails")
        return predict_many(self, samples, **options)

    monkeypatch.setattr(Predictor, "predict_many", failing)
    lane = client().app.state.models.lane("text", texts=True)
    with ThreadPoolExecutor(8) as pool:
        with lane._lock:  # all wait, and are predicted together
            jobs = {text: pool.submit(lane.predict_texts, [text]) for text in ("before", "fail", "after")}
            while len(lane._queue) < len(jobs):
                time.sleep(0.001)
        for text in ("before", "after"):
            assert len(jobs[text].result()[1]) == 1
        with pytest.raises(RuntimeError, match="a text that fails"):
            jobs["fail"].result()


@pytest.mark.parametrize("name", ["any", "text", "voice", "drawn-face"])
def test_a_run_with_the_name_of_a_model_that_ships_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"has the name of a model that ships, {name}; rename the folder"):
        create_app(Settings(run=tmp_path / name))


def test_a_model_that_only_moves_faces_predicts_nothing(client: Make) -> None:
    answer = client().post("/v1/predict", json={"texts": ["one"], "model": "drawn-face"})
    assert answer.status_code == 422
    assert "no model 'drawn-face'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("origin", ["http://[", "null", "http://elsewhere.example"])
def test_a_page_of_another_site_is_refused(client: Make, origin: str) -> None:
    answer = client().post("/v1/predict", json={"texts": ["one"]}, headers={"Origin": origin})
    assert answer.status_code == 403
