"""A service for tests. Its predictor reads files really, and computes a point from their content: no two texts share one."""

import hashlib
import io
import warnings
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that httpx has a successor
    from fastapi.testclient import TestClient

from affectspace.affect import AXES
from affectspace.app import Limits, Settings, create_app
from affectspace.errors import UnreadableItem
from affectspace.media.clips import read_frames
from affectspace.media.sound import read_sound
from affectspace.prediction import VAD, Estimate, Failure, Prediction, Predictor, Sample
from affectspace.prediction.readers import TrainingCorpus


class Fingerprints:
    """A reader whose numbers are a function of the content: of a text's letters, a sound's loudness, a picture's colour."""

    modalities = ("text", "audio", "video")
    kinds = ("text", "audio", "video", "image")
    vectors: tuple[str, ...] = ()
    columns: Mapping[str, Any] = {}
    reads_boxes, axes, label_kinds, trained_on = False, AXES, ("rated",), (TrainingCorpus("own", 3, (), True, True),)

    def read(self, samples: Sequence[Sample]) -> list[Prediction | Failure]:
        return [self._one(sample) for sample in samples]

    def _one(self, sample: Sample) -> Prediction | Failure:
        points = {}
        try:
            if sample.text is not None:
                points["text"] = VAD(*_point_of(sample.text))
            if sample.audio is not None:
                loudness = float(np.abs(read_sound(sample.audio, 8000, sample.start, sample.end)).mean())
                points["audio"] = VAD(loudness, -loudness, 0.0)
            if sample.video is not None or sample.image is not None:
                source = sample.image if sample.video is None else sample.video
                colour = float(np.mean(read_frames(source, 1, sample.start, sample.end)[0])) / 255
                points["video"] = VAD(colour, 0.0)
        except UnreadableItem as error:
            return Failure(f"{sample.audio or sample.video or sample.image}: {error}")
        alone = {name: Estimate(point, VAD(0.1, 0.1, 0.1)) for name, point in points.items()}
        first = next(iter(alone.values()))
        return Prediction(first.mean, first.deviation, alone, "happiness", 0.7, {"happiness": 0.7}, licence="free")


def _point_of(text: str) -> list[float]:
    """The point that the service has for a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return [int.from_bytes(digest[place : place + 4]) / 2**31 - 1 for place in (0, 4, 8)]


@pytest.fixture(scope="session")
def point_of() -> Callable[[str], list[float]]:
    """``point_of(text)``: the valence, arousal and dominance that the service has for a text."""
    return _point_of


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TestClient]]:
    """``client(**settings)``: a client of a service with these settings; limits are given by their names."""

    def pretrained(name: str = "any", **options: Any) -> Predictor:
        return Predictor(Fingerprints(), name)

    monkeypatch.setattr(Predictor, "pretrained", pretrained)
    opened: list[TestClient] = []

    def make(**settings: Any) -> TestClient:
        limits = {name: settings.pop(name) for name in list(settings) if name in Limits.model_fields}
        service = create_app(Settings(limits=Limits(**limits), **settings))
        opened.append(TestClient(service, base_url="http://127.0.0.1:8000", raise_server_exceptions=False))
        return opened[-1].__enter__()

    yield make
    for one in opened:
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def tone() -> Callable[..., bytes]:
    """``tone(seconds=1.0, loudness=0.5)``: a WAV with a tone."""

    def make(seconds: float = 1.0, loudness: float = 0.5, rate: int = 8000) -> bytes:
        time = np.arange(int(seconds * rate)) / rate
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, rate, 0, "NONE", ""))
            sound.writeframes((32767 * loudness * np.sin(2 * np.pi * 220 * time)).astype("<i2").tobytes())
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def clip() -> Callable[..., bytes]:
    """``clip(seconds=4.0, kind="mp4")``: a clip without sound that becomes brighter."""

    def make(seconds: float = 4.0, rate: int = 5, kind: str = "mp4") -> bytes:
        av = pytest.importorskip("av")
        file, frames = io.BytesIO(), int(seconds * rate)
        with av.open(file, "w", format=kind) as container:
            stream = container.add_stream("mpeg4", rate=rate)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(frames):
                grey = np.full((48, 64, 3), 40 + 160 * number // frames, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        return file.getvalue()

    return make
