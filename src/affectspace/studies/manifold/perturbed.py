"""RAVDESS' sounds made again under disturbances, as stores beside the plain one: what a microphone, a room or a line does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.evaluation import (
    sound_gain,
    sound_noise,
    sound_padding,
    sound_reverberation,
    sound_telephone,
)
from affectspace.features.backbone import Item
from affectspace.studies.manifold.sources import CORPORA, Places

Change = Callable[[np.ndarray], np.ndarray]
RATE = 16_000

PERTURBATIONS: dict[str, Change] = {
    "20 dB louder": lambda sound: sound_gain(sound, 20.0),
    "20 dB softer": lambda sound: sound_gain(sound, -20.0),
    "pink noise at 20 dB": lambda sound: sound_noise(sound, 20.0, pink=True),
    "pink noise at 10 dB": lambda sound: sound_noise(sound, 10.0, pink=True),
    "room of 0.5 s": lambda sound: sound_reverberation(sound, RATE, 0.5),
    "a second of silence around": lambda sound: sound_padding(sound, RATE, 1.0),
    "telephone": lambda sound: sound_telephone(sound, RATE),
}


class Disturbed:
    """The offline audio backbone behind a disturbance of the sound."""

    modality = "audio"

    def __init__(self, plain: Any, name: str, change: Change) -> None:
        self._plain, self._change = plain, change
        self.name, self.dimension, self.licence = f"{plain.name}, {name}", plain.dimension, plain.licence
        self.revision, self.columns = plain.revision, plain.columns
        self.settings: dict[str, Any] = {**plain.settings, "disturbance": name}

    def load(self, item: Item) -> np.ndarray:
        """The functionals of the disturbed sound. Raises UnreadableItem as the plain backbone."""
        from affectspace.media.sound import read_sound

        assert item.path is not None
        sound = self._change(read_sound(item.path, RATE, item.start, item.end))
        return self._plain.vector(sound.astype(np.float32))

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def store_name(key: str) -> str:
    """Folder of a disturbance's store."""
    plain = CORPORA["ravdess"].stores["audio"]
    return plain + "-" + "".join(letter if letter.isalnum() else "-" for letter in key)


def perturbed_stores(places: Places) -> dict[str, Path]:
    """Disturbance -> store, of those that are complete."""
    found = {}
    for key in PERTURBATIONS:
        folder = places.features / store_name(key)
        if (folder / "index.parquet").is_file():
            found[key] = folder
    return found
