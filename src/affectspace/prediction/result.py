"""The output of a prediction: a point on the map with its standard deviation, fused and per modality, and an emotion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from affectspace.affect import AXES, SCALES, Scale
from affectspace.affect import scale as scale_of
from affectspace.errors import ConfigError

LEAST = 0.3  # probability of an emotion that is named; chosen on MELD's training part
TOLERANCE = 1e-6  # beyond the end of [-1, 1], of rounding
UNLIKE = 2.0  # distance from the training rows, in typical ones, from which an input is unlike them

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class VAD(NamedTuple):
    """Valence, arousal and dominance; NaN where a model does not predict an axis.

    Examples
    --------
    >>> VAD(0.5, -0.2)
    VAD(valence=0.5, arousal=-0.2, dominance=nan)
    """

    valence: float
    arousal: float
    dominance: float = math.nan


@dataclass(frozen=True)
class Answer:
    """The scale and the names of the axes in which predictions are written; by default [-1, 1] and our names.

    Attributes
    ----------
    scale : Scale
        Its axes are written, in its order.
    names : mapping of str to str
        Axis -> name of its column, where it is not the name of the axis.

    Examples
    --------
    >>> answer = Answer.of("1:7", {"arousal": "act", "valence": "val"})
    >>> answer.columns(Estimate(VAD(0.5, -1.0), VAD(0.1, 0.2)))
    {'act': 1.0, 'val': 5.5, 'act_sd': 0.6000000000000001, 'val_sd': 0.30000000000000004}
    """

    scale: Scale = SCALES["canonical"]
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scale: str | Scale | None = None, names: Mapping[str, str] | None = None) -> Answer:
        """Make the answer on a scale, or range such as "1:7". names : axis -> column, in the order of the columns

        Raises ConfigError for an unknown scale or axis, a name that is given twice, and a scale without one of our axes.
        """
        chosen = scale_of("canonical" if scale is None else scale, tuple(names) if names else None)
        columns = [(names or {}).get(axis, axis) for axis in chosen.axes]
        if len(set(columns)) < len(columns):
            raise ConfigError(f"two axes would have the same column ({', '.join(columns)}); give different names")
        if not set(chosen.axes) <= set(AXES):
            raise ConfigError(f"the scale {chosen.name} is of {', '.join(chosen.axes)}, which is not predicted")
        return cls(chosen, names or {})

    def name(self, axis: str) -> str:
        """Return the name of an axis."""
        return self.names.get(axis, axis)

    def values(self, estimate: Estimate) -> dict[str, tuple[float, float]]:
        """Return axis -> mean and deviation on the scale, in its order."""
        values = {}
        for axis, (low, high) in zip(self.scale.axes, self.scale.ranges, strict=True):
            mean, deviation = getattr(estimate.mean, axis), getattr(estimate.deviation, axis)
            values[axis] = (low + high) / 2 + (high - low) / 2 * mean, (high - low) / 2 * deviation
        return values

    def columns(self, estimate: Estimate, prefix: str = "") -> dict[str, float]:
        """Return the columns of an estimate: a mean for each axis, then the deviations."""
        values = {f"{prefix}{self.name(axis)}": pair for axis, pair in self.values(estimate).items()}
        return {name: mean for name, (mean, _) in values.items()} | {
            f"{name}_sd": sd for name, (_, sd) in values.items()
        }

    def to_dict(self, estimate: Estimate) -> dict[str, Any]:
        """Return name of the axis -> {mean, deviation}, None for NaN."""
        return {
            self.name(axis): {"mean": _rounded(mean), "deviation": _rounded(deviation)}
            for axis, (mean, deviation) in self.values(estimate).items()
        }


@dataclass(frozen=True)
class Estimate:
    """A point on [-1, 1] and its standard deviation per axis, in the same unit.

    Attributes
    ----------
    mean : VAD
    deviation : VAD
        NaN where no deviation is known.

    Examples
    --------
    >>> Estimate(VAD(0.5, -0.2), VAD(0.1, 0.2)).to_dict()["arousal"]
    {'mean': -0.2, 'deviation': 0.2}
    """

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

    def to_dict(self, answer: Answer | None = None) -> dict[str, Any]:
        """Convert to axis -> {mean, deviation}, None for NaN."""
        return (answer or Answer()).to_dict(self)


@dataclass(frozen=True)
class Prediction(Estimate):
    """The estimate from all modalities of a sample.

    Attributes
    ----------
    by_modality : mapping of str to Estimate
        The estimate from each modality alone.
    emotion, probability : str or None, float
        The most probable emotion and its probability. None where the probability is below 0.3, so that no name is given.
    probabilities : mapping of str to float
        Probability of each emotion, in descending order.
    notes : tuple of str
        Remarks on this sample, for example that its text was cut.
    licence : str
        The strictest licence of the models that were used, and of the data that they were trained on.
    unlike : bool
        Whether an input is unlike the training data. Such a prediction is wide and near the mean of the training labels.

    Examples
    --------
    >>> text = Estimate(VAD(0.5, -0.2), VAD(0.1, 0.2))
    >>> emotions = {"happiness": 0.8, "sadness": 0.2}
    >>> prediction = Prediction(text.mean, text.deviation, {"text": text}, "happiness", 0.8, emotions)
    >>> prediction.valence, prediction.modalities
    (0.5, ('text',))
    """

    by_modality: Mapping[str, Estimate]
    emotion: str | None
    probability: float
    probabilities: Mapping[str, float]
    notes: tuple[str, ...] = ()
    licence: str = ""
    unlike: bool = False

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that were used."""
        return tuple(self.by_modality)

    def plot(self) -> Figure:
        """Draw the point on valence and arousal with its deviation, and the point of each modality beside it."""
        from affectspace.report import plane_figure

        estimates = {"all together": self, **self.by_modality} if len(self.by_modality) > 1 else {"all together": self}
        means = np.array([estimate.mean[:2] for estimate in estimates.values()])
        deviations = np.array([estimate.deviation[:2] for estimate in estimates.values()])
        title = f"valence {self.valence:+.2f}, arousal {self.arousal:+.2f}, dominance {self.dominance:+.2f}"
        return plane_figure(means, list(estimates), deviations=deviations, title=title)

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        rows = "".join(
            f"<tr><th>{escape(name)}</th>"
            + "".join(
                f"<td>{mean:+.2f} \u00b1 {deviation:.2f}</td>"
                for mean, deviation in zip(estimate.mean, estimate.deviation, strict=True)
            )
            + "</tr>"
            for name, estimate in {"together": self, **self.by_modality}.items()
        )
        emotion = f"{escape(self.emotion)} ({self.probability:.0%})" if self.emotion else "no emotion above 30 %"
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        head = "".join(f"<th>{axis}</th>" for axis in AXES)
        return f"<table><caption>{emotion}</caption><tr><th></th>{head}</tr>{rows}</table><ul>{notes}</ul>"

    def to_dict(self, answer: Answer | None = None) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return {
            **super().to_dict(answer),
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
            "by_modality": {name: estimate.to_dict(answer) for name, estimate in self.by_modality.items()},
            "unlike": self.unlike,
            "notes": list(self.notes),
            "licence": self.licence,
        }


@dataclass(frozen=True)
class Failure:
    """A sample without a prediction, and the reason."""

    reason: str

    def to_dict(self, answer: Answer | None = None) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return {"reason": self.reason}


Outcome = Prediction | Failure


def to_record(outcome: Outcome) -> dict[str, Any]:
    """Convert an outcome to a dictionary for JSON without loss, for `of_record`."""
    return asdict(outcome)


def of_record(record: Mapping[str, Any]) -> Outcome:
    """Make the outcome that `to_record` converted."""
    if "reason" in record:
        return Failure(record["reason"])
    alone = {
        name: Estimate(VAD(*estimate["mean"]), VAD(*estimate["deviation"]))
        for name, estimate in record["by_modality"].items()
    }
    changes = {
        "mean": VAD(*record["mean"]),
        "deviation": VAD(*record["deviation"]),
        "by_modality": alone,
        "notes": tuple(record["notes"]),
    }
    return Prediction(**{**record, **changes})


def named(ranked: Mapping[str, float]) -> tuple[str | None, float]:
    """Return the first of ranked emotions with its probability; no name where the probability is below LEAST."""
    emotion, probability = next(iter(ranked.items()))
    return (emotion if probability >= LEAST else None), probability


def to_outcomes(
    outputs: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    emotions: Sequence[str],
    failures: Mapping[int, str],
    notes: Mapping[int, Sequence[str]],
    unlike: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> list[Outcome]:
    """Convert what a model computed from n samples to a prediction or a failure for each.

    outputs : arrays by the names of `Representation.outputs`
    present : modality -> (n,) bool; emotions : names of the columns of `log_emotion`
    failures : row -> reason; notes : row -> remarks; unlike : row -> remarks on input that the model was not trained for
    """
    mean, deviation = outputs["mean"], outputs["deviation"]
    alone = {
        name: (outputs[f"{name}_mean"], outputs[f"{name}_deviation"]) for name, rows in present.items() if rows.any()
    }
    probabilities = np.exp(outputs["log_emotion"])
    order = np.argsort(-probabilities, axis=1, kind="stable")
    outcomes: list[Outcome] = []
    for row in range(len(mean)):
        if row in failures:
            outcomes.append(Failure(failures[row]))
            continue
        ranked = {emotions[column]: float(probabilities[row, column]) for column in order[row]}
        by_modality = {
            name: Estimate(VAD(*means[row].tolist()), VAD(*deviations[row].tolist()))
            for name, (means, deviations) in alone.items()
            if present[name][row]
        }
        fused = VAD(*mean[row].tolist()), VAD(*deviation[row].tolist())
        remarks, far = list(dict.fromkeys(notes.get(row, ()))), list(unlike.get(row, ()))
        for name in by_modality:
            if f"{name}_distance" in outputs and outputs[f"{name}_distance"][row] > UNLIKE:
                far.append(f"the {name} is unlike the training data: the prediction is wide and near the average")
        outcomes.append(
            Prediction(*fused, by_modality, *named(ranked), ranked, (*remarks, *dict.fromkeys(far)), unlike=bool(far))
        )
    return outcomes


def note_beyond(prediction: Prediction) -> Prediction:
    """Note the axes whose mean lies beyond the ends of the scale: a regression may go there, and the value is kept."""
    axes = [axis for axis, mean in zip(AXES, prediction.mean, strict=True) if abs(mean) > 1 + TOLERANCE]
    if not axes:
        return prediction
    note = f"{' and '.join(axes)} beyond the end of the scale (the value is not cut off)"
    return replace(prediction, notes=(*prediction.notes, note))


def table_of(outcomes: Sequence[Outcome], modalities: Sequence[str] = (), answer: Answer | None = None) -> pd.DataFrame:
    """Make a table with a row per outcome.

    Parameters
    ----------
    outcomes : sequence of Prediction or Failure
    modalities : sequence of str
        Modalities that get columns of their own, such as those of the run.
    answer : Answer, optional
        Scale and names of the axes. Default: [-1, 1] and our names.

    Returns
    -------
    pandas.DataFrame
        Columns: the axes, `<axis>_sd`, emotion, probability, modalities (joined by +), `<modality>_<axis>`,
        `<modality>_<axis>_sd`, notes, reason, licence.

    Examples
    --------
    >>> table_of([Failure("the text is empty")])["reason"].tolist()
    ['the text is empty']
    """
    import pandas as pd

    return pd.DataFrame([row_of(outcome, modalities, answer) for outcome in outcomes])


def row_of(outcome: Outcome, modalities: Sequence[str], answer: Answer | None = None) -> dict[str, Any]:
    """Make one row of `table_of`."""
    prediction = outcome if isinstance(outcome, Prediction) else None
    unknown = Estimate(VAD(math.nan, math.nan), VAD(math.nan, math.nan))
    answer = answer or Answer()
    row: dict[str, Any] = dict(answer.columns(prediction or unknown))
    row["emotion"] = prediction.emotion if prediction else None
    row["probability"] = prediction.probability if prediction else math.nan
    row["modalities"] = "+".join(prediction.modalities) if prediction else None
    for name in modalities:
        row |= answer.columns(prediction.by_modality.get(name, unknown) if prediction else unknown, f"{name}_")
    row["notes"] = "; ".join(prediction.notes) if prediction else None
    row["reason"] = outcome.reason if isinstance(outcome, Failure) else None
    row["licence"] = prediction.licence if prediction else None
    return row


@dataclass
class Summary:
    """Counts of the outcomes of many samples, and the first ones.

    limit : number of outcomes and failures to keep; outcomes : (name, outcome); failures : (name, reason)
    """

    limit: float
    succeeded: int = 0
    failed: int = 0
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, names: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        """Count outcomes, and keep them up to the limit."""
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, Failure):
                self.failed += 1
                if len(self.failures) < self.limit:
                    self.failures.append((name, outcome.reason))
            else:
                self.succeeded += 1
            if len(self.outcomes) < self.limit:
                self.outcomes.append((name, outcome))


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
