"""Disturbed recordings: what noise, a room, a telephone or blur make of a corpus' vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.corpora import Corpus
from affectspace.evaluation import (
    picture_blur,
    sound_gain,
    sound_noise,
    sound_padding,
    sound_reverberation,
    sound_telephone,
)
from affectspace.features import FeatureStore, extract, remake_backbone
from affectspace.features.backbone import Item
from affectspace.media.sound import read_sound
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.corpora import CORPORA, Folders, Source

SAMPLE_RATE = 16_000
Disturb = Callable[[np.ndarray], np.ndarray]
SOUNDS: dict[str, Disturb] = {
    "20 dB louder": lambda sound: sound_gain(sound, 20.0),
    "20 dB softer": lambda sound: sound_gain(sound, -20.0),
    "pink noise at 20 dB": lambda sound: sound_noise(sound, 20.0, pink=True),
    "pink noise at 10 dB": lambda sound: sound_noise(sound, 10.0, pink=True),
    "room of 0.5 s": lambda sound: sound_reverberation(sound, SAMPLE_RATE, 0.5),
    "a second of silence around": lambda sound: sound_padding(sound, SAMPLE_RATE, 1.0),
    "telephone": lambda sound: sound_telephone(sound, SAMPLE_RATE),
}
FACES: dict[str, Disturb] = {  # radius as a share of the face's side
    "blur of 1/32": lambda face: picture_blur(face, face.shape[0] / 32),
    "blur of 1/16": lambda face: picture_blur(face, face.shape[0] / 16),
}
DISTURBANCES = {"audio": SOUNDS, "video": FACES}  # modality -> its disturbances
OFFLINE = {"audio": "audio:functionals", "video": "video:gradients"}  # backbones that can be disturbed
DISTURBED = {"audio_face": "ravdess", "trimodal": "people"}  # experiment -> corpus whose recordings are disturbed


class DisturbedBackbone:
    """An offline backbone of sounds or faces, on recordings that were disturbed."""

    def __init__(self, plain: Any, name: str) -> None:
        self.modality = plain.modality
        self._plain, self._disturb = plain, DISTURBANCES[plain.modality][name]
        self.name, self.dimension, self.licence = f"{plain.name}, {name}", plain.dimension, plain.licence
        self.revision, self.columns = plain.revision, getattr(plain, "columns", None)
        self.settings: dict[str, Any] = {**plain.settings, "disturbance": name}

    def load(self, item: Item) -> np.ndarray:
        """Compute the vector of the disturbed recording. Raises UnreadableItem as the plain backbone does."""
        if self.modality == "video":
            return self._plain.vector([self._disturb(face) for face in self._plain.faces(item)])
        sound = self._disturb(read_sound(item.source, SAMPLE_RATE, item.start, item.end))
        return self._plain.vector(sound.astype(np.float32))

    def length(self, loaded: np.ndarray) -> float:
        return 0.0

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.stack(batch)


def covers(folder: Path, corpus: Corpus) -> bool:
    """Say whether a store knows every row of a corpus, as a vector or as a failure."""
    if not (folder / "backbone.json").is_file():
        return False
    known = set(FeatureStore(folder).index["id"])
    return bool(corpus.table["id"].astype(str).isin(known).all())


def disturbed_stores(folders: Folders, corpus: str) -> dict[tuple[str, str], Path]:
    """Return (modality, disturbance) -> folder of the vectors of a corpus' disturbed recordings."""
    stores = {}
    for modality in CORPORA[corpus].stores:
        plain = folders.store(corpus, modality)
        for name in DISTURBANCES.get(modality, ()):
            letters = "".join(letter if letter.isalnum() else "-" for letter in name)
            stores[modality, name] = plain.with_name(f"{plain.name}-{letters}")
    return stores


def complete_disturbed_stores(folders: Folders, corpus: str) -> dict[tuple[str, str], Path]:
    """Return those of `disturbed_stores` that are complete."""
    stores = disturbed_stores(folders, corpus)
    return {key: folder for key, folder in stores.items() if (folder / "index.parquet").is_file()}


def make_disturbed_stores(folders: Folders, source: Source, progress: Progress = silent) -> None:
    """Make the vectors of a corpus' recordings under every disturbance, where an offline backbone made the plain ones."""
    for (modality, name), folder in disturbed_stores(folders, source.name).items():
        plain = source.stores.get(modality)
        identity = FeatureStore(plain).backbone if plain is not None else {}
        if identity.get("name") != OFFLINE[modality]:
            continue
        if not covers(folder, source.corpus):
            progress(0, 0, f"vectors of {source.title} under disturbance: {name}")
            backbone = remake_backbone(identity)  # of the same revision as the store that the models were trained on
            extract(source.corpus, DisturbedBackbone(backbone, name), folder, progress=progress)
