"""What a prediction says: a point on the map with its standard deviation, fused and of each modality, and an emotion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from affectspace.affect import AXES

if TYPE_CHECKING:
    import pandas as pd


class VAD(NamedTuple):
    """Valence, arousal, dominance; NaN where a model does not read an axis."""

    valence: float
    arousal: float
    dominance: float = math.nan


@dataclass(frozen=True)
class Estimate:
    """A point on [-1, 1] and its standard deviation per axis, in the same unit; a deviation is NaN where none is known."""

    mean: VAD
    deviation: VAD

    @property
    def valence(self) -> float:
        return self.mean.valence

    @property
    def arousal(self) -> float:
        return self.mean.arousal

    @property
    def dominance(self) -> float:
        return self.mean.dominance

    def to_dict(self) -> dict[str, Any]:
        """Axis -> {mean, deviation}, None for NaN."""
        return {
            axis: {"mean": _number(mean), "deviation": _number(deviation)}
            for axis, mean, deviation in zip(AXES, self.mean, self.deviation, strict=True)
        }


@dataclass(frozen=True)
class Prediction(Estimate):
    """The estimate from all modalities that the sample has.

    by_modality : the estimate from each alone
    emotion, probability : the most probable category; probabilities : of every category, in falling order
    notes : what the reader of the numbers should know, such as a text that was cut
    """

    by_modality: Mapping[str, Estimate]
    emotion: str
    probability: float
    probabilities: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that were used."""
        return tuple(self.by_modality)

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            **super().to_dict(),
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
            "by_modality": {name: one.to_dict() for name, one in self.by_modality.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Failure:
    """A sample without a prediction, and why."""

    reason: str

    def to_dict(self) -> dict[str, Any]:
        return {"reason": self.reason}


def table_of(outcomes: Sequence[Prediction | Failure], modalities: Sequence[str] = ()) -> pd.DataFrame:
    """A row an outcome: axes, `<axis>_sd`, emotion, probability, modalities (joined by +), `<modality>_<axis>[_sd]`, notes,
    reason.

    modalities : that get columns of their own, also where no outcome has them; the run's, so that tables agree
    """
    import pandas as pd

    return pd.DataFrame([row_of(one, modalities) for one in outcomes])


def row_of(outcome: Prediction | Failure, modalities: Sequence[str]) -> dict[str, Any]:
    """One row of `table_of`."""
    empty = VAD(math.nan, math.nan)
    nothing = Estimate(empty, empty)
    good = outcome if isinstance(outcome, Prediction) else None
    row: dict[str, Any] = _columns(good or nothing, "")
    row["emotion"] = good.emotion if good else None
    row["probability"] = good.probability if good else math.nan
    row["modalities"] = "+".join(good.modalities) if good else None
    for name in modalities:
        row |= _columns(good.by_modality.get(name, nothing) if good else nothing, f"{name}_")
    row["notes"] = "; ".join(good.notes) if good else None
    row["reason"] = outcome.reason if isinstance(outcome, Failure) else None
    return row


def _columns(estimate: Estimate, prefix: str) -> dict[str, Any]:
    means = {f"{prefix}{axis}": value for axis, value in zip(AXES, estimate.mean, strict=True)}
    return means | {f"{prefix}{axis}_sd": value for axis, value in zip(AXES, estimate.deviation, strict=True)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
