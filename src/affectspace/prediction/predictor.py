"""What an engineer calls: a run in, then predictions of sentences, sounds, pictures, clips, or any subset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, DataError, RunError, UnreadableItem
from affectspace.models import AffectModel, EmotionClassifier, Levasa
from affectspace.prediction.answers import Reader
from affectspace.prediction.face_run import FaceReader
from affectspace.prediction.feature_run import FeatureReader
from affectspace.prediction.result import Failure, Prediction
from affectspace.prediction.sample import Sample
from affectspace.prediction.trajectory import Trajectory
from affectspace.prediction.windows import (
    LONG_SECONDS,
    LONG_TEXT,
    SECONDS,
    SENTENCES,
    Window,
    require_steps,
    seconds_of,
    text_windows,
    time_windows,
)
from affectspace.progress import Progress, silent
from affectspace.training.runs import open_run

TOGETHER = 128  # samples, or windows, that are read and predicted at a time


class Predictor:
    """Predicts valence, arousal and dominance with a finished run.

    >>> predictor = Predictor.of_run("runs/mine")                     # doctest: +SKIP
    >>> prediction = predictor.predict(text="What a wonderful day!")  # doctest: +SKIP
    >>> prediction.valence, prediction.deviation.valence              # doctest: +SKIP
    (0.62, 0.21)
    """

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader, self.name = reader, name

    @classmethod
    def of_run(
        cls,
        run: str | Path,
        *,
        device: str = "cpu",
        backbones: Mapping[str, str | Path] | None = None,
        crop: bool | None = None,
        progress: Progress = silent,
    ) -> Predictor:
        """The predictor of a finished run, on features or on faces (LeVAsa).

        backbones : modality -> where its backbone's weights are, for those that are not found by name: a folder, a hub name,
            or of a LeVAsa eye its run. crop : to the face in pictures for a LeVAsa run; None: unless the picture is one
        progress : of what is made at first use (a face run's read-out)
        Raises RunError where the folder is no finished run, or one of a kind that predicts nothing of the sort.
        """
        opened = open_run(Path(run))
        model = opened.model()
        if isinstance(model, EmotionClassifier):
            raise RunError(
                f"{run} holds a classifier of emotions, which knows no valence and arousal; `affectspace predict` needs a "
                "run of kind levasa (faces) or of a model on features, and `affectspace evaluate` judges this one"
            )
        require_device(device)
        if isinstance(model, Levasa):
            return cls(FaceReader(opened, model, backbones or {}, device, crop, progress), str(run))
        if isinstance(model, AffectModel):
            return cls(FeatureReader(opened, model, backbones or {}, device), str(run))
        raise RunError(f"{run} is a run of kind {opened.facts['kind']!r}, which predicts no valence and arousal")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the run's modalities."""
        return self._reader.modalities

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it can read: of text, audio, video, image."""
        return self._reader.kinds

    @property
    def label_kinds(self) -> tuple[str, ...]:
        """Kinds of labels that the run was trained on: "rated", or "transferred" from emotions, which are proxies."""
        return self._reader.label_kinds

    @property
    def columns(self) -> Mapping[str, Sequence[str] | None]:
        """Modality -> names of the dimensions of its vectors, None where they have none."""
        return self._reader.columns

    def predict(
        self,
        *,
        text: str | None = None,
        audio: str | Path | None = None,
        video: str | Path | None = None,
        image: str | Path | None = None,
        vectors: Mapping[str, Any] | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> Prediction:
        """The prediction of one sample from whatever is given.

        audio, video, image : files; start, end : seconds of them; vectors : modality -> (width,) ready-made numbers
        A long text (over 2,000 characters) or recording (over 60 s) is predicted in windows and averaged.
        Raises DataError where nothing is given, something is that the run does not read, or a file cannot be read.
        """
        sample = _sample(text, audio, video, image, vectors, start, end)
        [outcome] = self.predict_many([sample])
        if isinstance(outcome, Failure):
            raise DataError(outcome.reason)
        return outcome

    def predict_many(self, samples: Iterable[Sample], *, progress: Progress = silent) -> list[Prediction | Failure]:
        """A prediction, or a failure with its reason, for each sample; memory does not grow with their files."""
        found: list[Prediction | Failure] = []
        total = len(samples) if isinstance(samples, Sequence) else 0
        waiting = iter(samples)
        while part := list(islice(waiting, TOGETHER)):
            found.extend(self._together(part))
            progress(len(found), max(total, len(found)), "predicting")
        return found

    def over_time(
        self,
        *,
        text: str | None = None,
        audio: str | Path | None = None,
        video: str | Path | None = None,
        image: str | Path | None = None,
        vectors: Mapping[str, Any] | None = None,
        start: float | None = None,
        end: float | None = None,
        window: float | None = None,
        step: float | None = None,
        progress: Progress = silent,
    ) -> Trajectory:
        """The trajectory of a long sound, clip or text; only one window's files are in memory at a time.

        window, step : seconds, by default 4 and 2; of a text alone sentences, by default 3 and 1. What is given besides a
            sound or clip, such as a text, goes with every window. Raises DataError and ConfigError.
        """
        sample = _sample(text, audio, video, image, vectors, start, end)
        reason = self.refusal(sample)
        if reason:
            raise DataError(reason)
        return self.follow(sample, window=window, step=step, progress=progress)

    def follow(
        self,
        sample: Sample,
        *,
        window: float | None = None,
        step: float | None = None,
        name: str | None = None,
        progress: Progress = silent,
    ) -> Trajectory:
        """`over_time` of a Sample."""
        timed = sample.audio is not None or sample.video is not None
        if not timed and sample.text is None:
            raise DataError("a trajectory needs a sound, a clip or a text")
        usual = SECONDS if timed else SENTENCES
        width = usual[0] if window is None else window
        pace = min(usual[1], width) if step is None else step
        require_steps(width, pace)
        called = name or str(sample.audio or sample.video or "text")
        try:
            total, windows = self._windows(sample, timed, width, pace)
        except UnreadableItem as error:
            raise DataError(f"{called}: {error}") from error
        kept: list[Window] = []
        outcomes: list[Prediction | Failure] = []
        while part := list(islice(windows, TOGETHER)):
            kept += part
            outcomes += self._answer([one.sample for one in part])
            progress(len(kept), max(total, len(kept)), f"windows of {called}")
        if not kept:
            raise DataError(f"{called}: the text is empty")
        kept = [replace(one, sample=Sample(text=one.sample.text if not timed else None)) for one in kept]
        return Trajectory(called, "s" if timed else "sentence", kept, outcomes, self.modalities)

    def refusal(self, sample: Sample) -> str | None:
        """Why a sample cannot be asked of this run at all; None where it can."""
        reader = self._reader
        if not sample.kinds:
            return "nothing is given; give a text, files, or ready-made vectors"
        strange = [kind for kind in sample.kinds if kind != "vectors" and kind not in reader.kinds]
        if strange:
            return f"{self.name} has no modality that reads {strange[0]}; {self.reads()}"
        unknown = [name for name in sample.vectors if name not in reader.vectors]
        if unknown:
            return f"{self.name} takes no vectors of {unknown[0]!r}; {self.reads()}"
        if sample.text is not None and not sample.text.strip():
            return "the text is empty"
        if sample.start is not None and sample.end is not None and sample.end <= sample.start:
            return f"the cut ends ({sample.end:g} s) before it starts ({sample.start:g} s)"
        return None

    def reads(self) -> str:
        """What the run reads, as a sentence for messages."""
        vectors = f"ready-made vectors of {', '.join(self._reader.vectors)}" if self._reader.vectors else ""
        return "it reads " + ", and ".join(part for part in (", ".join(self.kinds), vectors) if part)

    def _together(self, samples: list[Sample]) -> list[Prediction | Failure]:
        """Predictions of some samples: refused ones fail, long ones are followed, the others are asked at once."""
        found: dict[int, Prediction | Failure] = {}
        plain: list[int] = []
        for row, sample in enumerate(samples):
            reason = self.refusal(sample)
            if reason:
                found[row] = Failure(reason)
            elif self.is_long(sample):
                try:
                    found[row] = self.follow(sample).whole
                except DataError as error:
                    found[row] = Failure(str(error))
            else:
                plain.append(row)
        found |= dict(zip(plain, self._answer([samples[row] for row in plain]), strict=True))
        return [found[row] for row in range(len(samples))]

    def is_long(self, sample: Sample) -> bool:
        """Whether a sample is predicted in windows unless it is asked for otherwise."""
        if sample.audio is None and sample.video is None:
            return sample.kinds == ("text",) and len(sample.text or "") > LONG_TEXT
        try:
            return seconds_of(sample) > LONG_SECONDS
        except UnreadableItem:
            return False  # the reader says why

    def _answer(self, samples: list[Sample]) -> list[Prediction | Failure]:
        return self._reader.answer(samples).outcomes() if samples else []

    def _windows(self, sample: Sample, timed: bool, window: float, step: float) -> tuple[int, Iterator[Window]]:
        """About how many windows there are, and the windows."""
        if timed:
            seconds = seconds_of(sample)
            if seconds <= 0:
                raise UnreadableItem("it has no length")
            return int(np.ceil(seconds / step)), time_windows(sample, seconds, window, step)
        if window != int(window) or step != int(step):
            raise ConfigError(f"window {window:g}, step {step:g}: of a text they are whole numbers of sentences")
        pieces = text_windows(sample.text or "", int(window), int(step))
        return len(pieces), iter(pieces)


def require_device(device: str) -> None:
    """Raises ConfigError where a device is unknown or cannot be had here."""
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"device {device!r} cannot be had here: {str(error).splitlines()[0]}") from error


def _sample(text: Any, audio: Any, video: Any, image: Any, vectors: Any, start: Any, end: Any) -> Sample:
    files = {
        name: None if one is None else Path(one) for name, one in (("audio", audio), ("video", video), ("image", image))
    }
    numbers = {name: np.asarray(value) for name, value in (vectors or {}).items()}
    return Sample(text=text, **files, vectors=numbers, start=start, end=end)
