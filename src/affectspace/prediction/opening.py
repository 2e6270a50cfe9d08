"""Which reader a run, or a model that ships, is opened with. Heavy modules are imported for the reader that needs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from affectspace.errors import ConfigError, RunError
from affectspace.prediction.readers import Reader
from affectspace.progress import Progress

if TYPE_CHECKING:
    from affectspace.prediction.pretrained import ShippedModel
    from affectspace.training.runs import Run


def reader_of_run(
    run: Run, backbones: Mapping[str, str | Path], device: str, crop: bool | None, progress: Progress
) -> Reader:
    """Open the reader for the model of a run. Raises RunError if it does not predict valence and arousal."""
    from affectspace.devices import choose_device
    from affectspace.prediction.features import FeatureReader

    if device != "auto":
        choose_device(device)
    if "modalities" in run.model_settings:
        if crop is not None:
            raise ConfigError(
                f"{run.folder} has a model on features; --crop and --no-crop are for the run of a LeVAsa model"
            )
        return FeatureReader(run, backbones, device, progress)
    from affectspace.models import EmotionClassifier, Levasa
    from affectspace.prediction.faces import FaceReader

    model = run.model()
    if isinstance(model, EmotionClassifier):
        from affectspace.prediction.classifiers import run_reader

        if backbones:
            raise RunError(f"{run.folder} is a run on images, which needs no backbone; leave --backbone out")
        return run_reader(run, model, choose_device(device), crop, progress)
    if not isinstance(model, Levasa):
        raise RunError(
            f"{run.folder} holds a model of kind {run.facts['kind']!r}, which does not predict valence and arousal; use a run "
            "of kind levasa or classifier (faces), or of a model on features"
        )
    return FaceReader(run, model, backbones, choose_device(device), crop, progress)


def reader_of_model(model: ShippedModel, device: str, progress: Progress) -> Reader:
    """Open the reader of a model that ships."""
    if not (model.folder / "run.json").is_file():  # the model of faces: weights of a package, and a published reference
        from affectspace.prediction.classifiers import face_reader

        return face_reader(device)
    from affectspace.training.runs import open_run

    return reader_of_run(open_run(model.folder), {}, device, None, progress)
