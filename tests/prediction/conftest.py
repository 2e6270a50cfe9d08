"""Runs that need no training and no weights: small models on backbones of a few lines, found as another package's are."""

import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from affectspace.errors import UnreadableItem
from affectspace.features import Item
from affectspace.features.backbone import BaseBackbone, identity_of, make_backbone
from affectspace.media.clips import read_frames
from affectspace.media.sound import read_sound
from affectspace.models import MODELS, AffectModel
from affectspace.progress import note

RATE = 8000


class Letters(BaseBackbone):
    """Text: how often each letter occurs, and how long it is. Texts of more than `longest` letters are cut and counted."""

    name, modality, dimension, licence, revision, columns = "text:letters", "text", 27, "none", "1", None

    def __init__(self, longest: int) -> None:
        self.settings = {"longest": longest}
        self.counts = Counter()

    def load(self, item: Item) -> str:
        if "?" in (item.text or ""):
            raise UnreadableItem("it asks something")
        if len(item.text or "") > self.settings["longest"]:
            note(self.counts, "a text that was cut")
        return (item.text or "")[: self.settings["longest"]].lower()

    def length(self, loaded: str) -> float:
        return len(loaded)

    def encode(self, batch: list[str]) -> np.ndarray:
        return np.array([[text.count(chr(97 + k)) for k in range(26)] + [len(text)] for text in batch], np.float32)


class Loudness:
    """Audio: root mean square, length, and zero crossings."""

    name, modality, dimension, licence, revision, columns = "audio:loudness", "audio", 3, "none", "1", None
    settings: dict[str, Any] = {}  # noqa: RUF012

    def load(self, item: Item) -> np.ndarray:
        sound = read_sound(item.source, RATE, item.start, item.end)
        if np.abs(sound).max() < 1e-4:
            raise UnreadableItem("the sound is silent")
        crossings = np.mean(np.diff(np.sign(sound)) != 0)
        return np.array([np.sqrt(np.mean(sound**2)), len(sound) / RATE, crossings], np.float32)

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


class Colour:
    """Video: the mean colour."""

    name, modality, dimension, licence, revision, columns = "video:colour", "video", 3, "none", "1", None
    settings: dict[str, Any] = {}  # noqa: RUF012

    def load(self, item: Item) -> np.ndarray:
        return np.mean([frame.mean(axis=(0, 1)) for frame in read_frames(item.source, 2, item.start, item.end)], axis=0)

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch).astype(np.float32)


FACTORIES: dict[str, Callable[..., Any]] = {
    "text:letters": lambda name, device, dtype, longest=400: Letters(longest),
    "audio:loudness": lambda name, device, dtype: Loudness(),
    "video:colour": lambda name, device, dtype: Colour(),
}
WIDTHS = {"text": 27, "audio": 3, "video": 3}


@pytest.fixture(autouse=True)
def _backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three backbones are found by their entry points."""
    real = importlib.metadata.entry_points
    ours = [SimpleNamespace(name=name, load=lambda made=made: made) for name, made in FACTORIES.items()]

    def entry_points(**selected: Any) -> Any:
        return ours if selected.get("group") == "affectspace.backbones" else real(**selected)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


def written(name: str, **settings: Any) -> dict[str, Any]:
    """What a run records of a backbone, through JSON as it is stored."""
    modality, _, short = name.partition(":")
    return json.loads(json.dumps(identity_of(make_backbone(modality, short, **settings))))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """``make_run("text", "audio", kind="manifold", **model)``: the folder of a finished run of an untrained model."""

    def make(
        *modalities: str,
        kind: str = "manifold",
        facts: dict[str, Any] | None = None,
        state: str = "finished",
        widths: dict[str, int] | None = None,
        **model: Any,
    ) -> Path:
        folder = tmp_path / f"{kind}-{'-'.join(modalities)}"
        widths = {name: WIDTHS.get(name, 4) for name in modalities} | (widths or {})
        config = MODELS[kind].config_class(modalities=widths, **model)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            built = MODELS[kind](config)
            assert isinstance(built, AffectModel)
            spread(built)
            built.eval().save_pretrained(folder / "model")
        names = {"text": "text:letters", "audio": "audio:loudness", "video": "video:colour"}
        recorded = {name: written(names[name]) for name in modalities if name in names} if facts is None else facts
        (folder / "config.yaml").write_text("model: {}\n", encoding="utf-8")
        corpora = {"a": {"licence": "free", "label_kind": ["transferred"], "rows": {"train": 3}}}
        run_facts = {"kind": kind, "state": state, "modalities": recorded, "corpora": corpora}
        (folder / "run.json").write_text(json.dumps(run_facts), encoding="utf-8")
        return folder

    return make


def spread(model: AffectModel) -> None:
    """Weights, statistics, read-outs and factors that are not the neutral ones, so that a test sees whether they are used."""
    for parameter in model.parameters():
        parameter.data.normal_(0.0, 0.1)
    for name, buffer in model.named_buffers():
        if name.startswith("statistics.scale"):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
        elif "statistics." in name and not buffer.isfinite().all():
            continue  # no row is unlike the training rows, of which there are none
        elif buffer.is_floating_point() and not buffer.isfinite().all():
            buffer.copy_(torch.rand_like(buffer) * 0.5 + 0.1)
        elif "calibration" in name:
            buffer.copy_(torch.rand_like(buffer) + 0.5)
        elif name.startswith("statistics.mean"):
            buffer.copy_(torch.randn_like(buffer))


def tone(path: Path, seconds: float, hertz: float = 200.0, loudness: float = 0.3) -> Path:
    """A sound file of a tone whose loudness rises and falls."""
    time = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, loudness * np.sin(2 * np.pi * hertz * time) * (0.6 + 0.4 * np.sin(time)), RATE)
    return path


def clip(path: Path, seconds: float, sound: bool = True, frames: int = 5) -> Path:
    """A clip of changing grey, with or without a tone."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=frames)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = container.add_stream("aac", rate=RATE) if sound else None
        for number in range(int(seconds * frames)):
            picture = np.full((32, 32, 3), 60 + 10 * (number % 10), np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if audio is not None:
            wave = (0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)
            for start in range(0, len(wave), 1024):
                block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts = RATE, start
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    return path
