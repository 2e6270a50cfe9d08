"""What a run's model says of samples, and how that becomes predictions: the same for runs on features and on images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from affectspace.prediction.result import VAD, Estimate, Failure, Prediction
from affectspace.prediction.sample import Sample


@dataclass(eq=False)
class Answers:
    """What a model says of n samples.

    mean, deviation : (n, 3) of all modalities together; NaN on axes that the model does not read and in rows that failed
    by_modality : name -> means, deviations (n, 3), and which rows have it (n,)
    probabilities : (n, emotions); emotions : their names
    failures : row -> reason; notes : row -> what is to be told
    """

    mean: np.ndarray
    deviation: np.ndarray
    by_modality: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    probabilities: np.ndarray
    emotions: Sequence[str]
    failures: dict[int, str] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)

    def outcomes(self) -> list[Prediction | Failure]:
        """A prediction or a failure for each sample."""
        return [
            Failure(self.failures[row]) if row in self.failures else self._prediction(row)
            for row in range(len(self.mean))
        ]

    def _prediction(self, row: int) -> Prediction:
        order = np.argsort(-self.probabilities[row], kind="stable")
        probabilities = {self.emotions[place]: float(self.probabilities[row, place]) for place in order}
        emotion, probability = next(iter(probabilities.items()))
        alone = {
            name: Estimate(VAD(*map(float, mean[row])), VAD(*map(float, deviation[row])))
            for name, (mean, deviation, present) in self.by_modality.items()
            if present[row]
        }
        return Prediction(
            VAD(*map(float, self.mean[row])), VAD(*map(float, self.deviation[row])), alone, emotion, probability,
            probabilities, tuple(dict.fromkeys(self.notes.get(row, ()))),
        )  # fmt: skip


class Reader(Protocol):
    """A run that can be asked: what it reads, and what it says.

    kinds : of text, audio, video, image those that it can use; vectors : modalities that take ready-made vectors
    columns : modality -> names of its dimensions, None where they have none
    label_kinds : of what it was trained on, "rated", "transferred"
    """

    modalities: tuple[str, ...]
    kinds: tuple[str, ...]
    vectors: tuple[str, ...]
    columns: Mapping[str, Sequence[str] | None]
    label_kinds: tuple[str, ...]

    def answer(self, samples: Sequence[Sample]) -> Answers:
        """What the model says; a sample that cannot be read is a failure of its row."""
