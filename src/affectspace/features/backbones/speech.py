"""Speech encoders by name or folder, frozen: the mean of the last layer over a recording's time."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.features.backbones.pretrained import load_encoder, require, revision_of, short_name
from affectspace.media.sound import read_sound

RATE = 16_000
SHORTEST = 400  # samples that the first layers of wav2vec 2.0 and its kin need


class SpeechBackbone:
    """data2vec-audio, wav2vec 2.0, HuBERT, WavLM and what else takes a waveform at 16 kHz.

    A recording is brought to mean 0 and deviation 1, as these models were trained, and `seconds` of it at most are heard.
    Recordings of one length go through the model together; others one by one, so that no padding is ever heard.
    """

    modality = "audio"
    columns = None
    shard_rows = 128

    def __init__(self, name: str, folder: str, seconds: float, device: str, dtype: str) -> None:
        if seconds <= SHORTEST / RATE:
            raise ConfigError(f"seconds is {seconds:g}; a speech encoder needs more than {SHORTEST / RATE:g} s")
        model = load_encoder("speech", name, folder, device, dtype)
        if not hasattr(model, "feature_extractor"):
            raise ConfigError(f"{name} is a {model.config.model_type}, which takes no waveform; give a speech encoder")
        self._model, self._device, self._limit = model, device, int(seconds * RATE)
        self.name, self.dimension = f"audio:{name}", int(model.config.hidden_size)
        self.licence, self.revision = "see the model's card", revision_of(model)
        self.settings: dict[str, Any] = {"rate": RATE, "seconds": seconds, "dtype": dtype}

    def load(self, item: Item) -> np.ndarray:
        """Its samples. Raises UnreadableItem for what holds no sound, silence, and less than 0.025 s."""
        assert item.path is not None
        sound = read_sound(item.path, RATE, item.start, item.end)[: self._limit]
        if len(sound) < SHORTEST:
            raise UnreadableItem(f"the sound is shorter than {SHORTEST / RATE:g} s")
        if not sound.std() > 1e-6:
            raise UnreadableItem("the sound is silent")
        return (sound - sound.mean()) / sound.std()

    def length(self, loaded: np.ndarray) -> float:
        return len(loaded)

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        """(batch, dimension) float32."""
        import torch

        vectors = np.empty((len(batch), self.dimension), np.float32)
        for size in {len(sound) for sound in batch}:
            rows = [row for row, sound in enumerate(batch) if len(sound) == size]
            wave = torch.from_numpy(np.stack([batch[row] for row in rows])).to(self._device, self._model.dtype)
            with torch.inference_mode():
                hidden = self._model(wave).last_hidden_state
            vectors[rows] = hidden.float().mean(dim=1).cpu().numpy()
        return vectors


def speech_backbone(name: str, *, seconds: float = 30.0, device: str = "cpu", dtype: str = "float32") -> SpeechBackbone:
    """A speech encoder by folder or hub name, such as "facebook/data2vec-audio-base". seconds : heard of each recording."""
    require("transformers", "text", "speech encoders")
    return SpeechBackbone(short_name(name), name, seconds, device, dtype)
