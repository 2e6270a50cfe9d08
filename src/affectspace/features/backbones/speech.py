"""Frozen speech encoders: the mean of the last layer over a recording."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.features.backbones.pretrained import PretrainedBackbone, processor_settings, short_name
from affectspace.media.sound import read_sound
from affectspace.progress import note

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000  # samples per second
FRAME = 320  # samples of a step of Whisper's encoder: two frames of mel bands
SHORTEST = 400  # samples that the first layers of wav2vec 2.0 and similar models need


class SpeechBackbone(PretrainedBackbone):
    """data2vec-audio, wav2vec 2.0, HuBERT, WavLM and other models of waveforms; and the encoder of Whisper.

    The first `seconds` of a recording are scaled to mean 0 and standard deviation 1, unless the model's own feature extractor
    says that it takes samples as they are (WavLM-base). It also states the rate. A model without one is read at 16 kHz, scaled.
    Recordings of equal length pass the model together, others one by one, so that no padding enters. Whisper reads mel bands
    of a window of 30 s, which a shorter recording does not fill; the mean is over the recording's part of the window.
    """

    modality, kind = "audio", "speech"
    shard_rows = 128

    def __init__(self, name: str, folder: str, seconds: float, device: str, dtype: str) -> None:
        if seconds <= SHORTEST / RATE:
            raise ConfigError(f"seconds is {seconds:g}; a speech encoder needs more than {SHORTEST / RATE:g} s")
        super().__init__(name, folder, device, dtype)
        config = self.model.config
        processor = processor_settings(name, folder, "feature_extractor", getattr(config, "_commit_hash", None))
        self._rate = int((processor or {}).get("sampling_rate", RATE))
        self._scaled = bool((processor or {}).get("do_normalize", True))
        self._remark = ""
        self._bands: Any = None
        if config.model_type == "whisper":
            from transformers import WhisperFeatureExtractor

            self._rate, self._scaled = RATE, False
            window = config.max_source_positions * FRAME
            self.model, seconds = self.model.get_encoder(), min(seconds, window / RATE)
            self._bands = WhisperFeatureExtractor(feature_size=config.num_mel_bins, chunk_length=window // RATE)
        elif not hasattr(self.model, "feature_extractor"):
            raise ConfigError(f"{name} is a {config.model_type}, which does not read sounds; give a speech encoder")
        elif processor is None:
            self._remark = f"read at {RATE:,} Hz and scaled to deviation 1, because {name} states neither"
        self._limit = int(seconds * self._rate)
        self.dimension = int(config.hidden_size)
        self.settings: dict[str, Any] = {"rate": self._rate, "seconds": seconds, "dtype": dtype}
        if not self._scaled and self._bands is None:
            self.settings["scaled"] = False

    def load(self, item: Item) -> np.ndarray:
        """Return the samples, (samples,). Raises UnreadableItem for no sound, silence, and less than 0.025 s at 16 kHz."""
        sound = read_sound(item.source, self._rate, item.start, item.end, note=partial(note, self.counts))[
            : self._limit
        ]
        if len(sound) < SHORTEST:
            raise UnreadableItem(f"the sound is shorter than {SHORTEST / self._rate:g} s")
        if not sound.std() > 1e-6:
            raise UnreadableItem("the sound is silent")
        if self._remark:
            note(self.counts, self._remark)
        return (sound - sound.mean()) / sound.std() if self._scaled else sound

    def length(self, loaded: np.ndarray) -> float:
        return len(loaded)

    def vectors(self, batch: list[np.ndarray]) -> Tensor:
        """Compute the means over time, (batch, dimension) float32."""
        import torch

        if self._bands is not None:
            bands = self._bands(batch, sampling_rate=RATE, return_tensors="pt")["input_features"]
            hidden = self.model(bands.to(self.device, self.model.dtype)).last_hidden_state.float()
            frames = [-(-len(sound) // FRAME) for sound in batch]
            return torch.stack([rows[:count].mean(dim=0) for rows, count in zip(hidden, frames, strict=True)])
        means: dict[int, Tensor] = {}
        for size in {len(sound) for sound in batch}:
            rows = [row for row, sound in enumerate(batch) if len(sound) == size]
            wave = torch.from_numpy(np.stack([batch[row] for row in rows])).to(self.device, self.model.dtype)
            means |= dict(zip(rows, self.model(wave).last_hidden_state.float().mean(dim=1), strict=True))
        return torch.stack([means[row] for row in range(len(batch))])


def speech_backbone(
    name: str,
    *,
    seconds: Annotated[float, Field(allow_inf_nan=False)] = 30.0,
    device: str = "cpu",
    dtype: str = "float32",
) -> SpeechBackbone:
    """Load a speech encoder by folder or hub name, for example "facebook/data2vec-audio-base" or
    "openai/whisper-base".

    seconds : part of a recording that is read; Whisper reads 30 s at most
    """
    return SpeechBackbone(short_name(name), name, seconds, device, dtype)
