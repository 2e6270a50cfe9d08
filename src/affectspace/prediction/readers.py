"""What predicts: the members of a reader, and several models side by side whose estimates are multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from affectspace.affect import AXES
from affectspace.errors import ConfigError, RunError
from affectspace.prediction.licences import strictest
from affectspace.prediction.result import VAD, Estimate, Failure, Outcome, Prediction, named
from affectspace.prediction.sample import FILES, Sample

ENGLISH = ("emobank", "meld", "vreg", "iemocap", "mosi", "mosei", "speakers")  # readers of corpora with English texts
SYNTHETIC = ("faces", "speakers")  # readers of corpora with invented people


class TrainingCorpus(NamedTuple):
    """What a model was trained on.

    rows : of training, None where it is not known; labels : kinds, of "rated" and "transferred"
    synthetic : made by affectspace; english : its texts are in English
    """

    name: str
    rows: int | None
    labels: tuple[str, ...]
    synthetic: bool
    english: bool

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON; the language is only told where texts are known to be English."""
        return {key: value for key, value in self._asdict().items() if key != "english" or value}

    def __str__(self) -> str:
        kinds = " and ".join([*(["synthetic"] if self.synthetic else []), *self.labels])
        return f"{self.name} ({'' if self.rows is None else f'{self.rows:,} '}{kinds or 'labelled'} rows)"


def training_corpora(facts: Mapping[str, Any]) -> tuple[TrainingCorpus, ...]:
    """Return the corpora in a run.json."""
    return tuple(
        TrainingCorpus(
            name,
            (corpus.get("rows") or {}).get("train"),
            tuple(map(str, corpus.get("label_kind") or ())),
            corpus.get("reader") in SYNTHETIC,
            corpus.get("reader") in ENGLISH,
        )
        for name, corpus in (facts.get("corpora") or {}).items()
    )


class Reader(Protocol):
    """A run that predicts.

    kinds : the kinds of input that it reads, of text, audio, video and image; vectors : modalities that accept ready-made
    vectors; columns : modality -> names of its dimensions, None without names
    label_kinds : kinds of the labels that it was trained on, of "rated" and "transferred"; trained_on : the corpora
    reads_boxes : whether it reads the face in `Sample.box`, instead of the largest one of a picture
    axes : of valence, arousal and dominance, those that it predicts
    """

    @property
    def axes(self) -> tuple[str, ...]: ...

    modalities: tuple[str, ...]
    kinds: tuple[str, ...]
    vectors: tuple[str, ...]
    columns: Mapping[str, Sequence[str] | None]
    reads_boxes: bool

    @property
    def label_kinds(self) -> tuple[str, ...]: ...

    @property
    def trained_on(self) -> tuple[TrainingCorpus, ...]: ...

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict each sample; one that cannot be read is a failure."""


@dataclass(eq=False)
class Expert:
    """One model of several, which is opened when a sample first needs it.

    kinds, modalities : as of its reader; licence : of its predictions; notice : to tell the user at its first use, or ""
    missing : why it cannot be used here; "" while it can
    """

    name: str
    kinds: tuple[str, ...]
    modalities: tuple[str, ...]
    open: Callable[[], Reader]
    licence: str = ""
    notice: str = ""
    missing: str = ""
    reader: Reader | None = field(default=None, init=False)
    used: bool = field(default=False, init=False)  # whether it has predicted a sample

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict samples. What is missing on this machine is a failure of each, with the remedy."""
        try:
            if self.reader is None and not self.missing:
                self.reader = self.open()
            if self.reader is not None:
                outcomes = self.reader.read(samples)
                self.used = self.used or any(isinstance(outcome, Prediction) for outcome in outcomes)
                return [
                    replace(outcome, licence=self.licence) if isinstance(outcome, Prediction) else outcome
                    for outcome in outcomes
                ]
        except (ConfigError, RunError) as error:
            self.reader, self.missing = None, str(error)
        return [Failure(self.missing)] * len(samples)

    def part_of(self, sample: Sample) -> Sample | None:
        """Return what it reads of a sample; None if it reads nothing of it."""
        kinds = [kind for kind in self.kinds if not (kind == "video" and sample.track and "image" not in self.kinds)]
        if not any(sample.has(kind) for kind in kinds):  # it is not known whose voice a clip of several people has
            return None
        absent: dict[str, Any] = {kind: None for kind in ("text", *FILES) if kind not in kinds}
        return replace(sample, **absent, vectors={})


class CombinedReader:
    """Several models. Each reads the inputs that it can, and their estimates are multiplied.

    notices : messages for the user; it grows as models are used
    """

    vectors: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str] | None] = {}
    reads_boxes = True

    def __init__(self, experts: Sequence[Expert], notices: list[str]) -> None:
        self.experts, self.notices = list(experts), notices
        self.modalities = tuple(dict.fromkeys(name for expert in experts for name in expert.modalities))
        self.kinds = tuple(dict.fromkeys(kind for expert in experts for kind in expert.kinds))
        self.axes: tuple[str, ...] = AXES  # of all models together; some predict fewer

    @property
    def label_kinds(self) -> tuple[str, ...]:
        """Kinds of the labels of the models that were used."""
        opened = [expert.reader for expert in self.experts if expert.reader is not None and expert.used]
        return tuple(sorted({kind for reader in opened for kind in reader.label_kinds}))

    @property
    def trained_on(self) -> tuple[TrainingCorpus, ...]:
        """The corpora of the models that were used."""
        opened = [expert.reader for expert in self.experts if expert.reader is not None and expert.used]
        return tuple(dict.fromkeys(corpus for reader in opened for corpus in reader.trained_on))

    def forget_use(self) -> None:
        """Forget which models were used, so that `notices`, `label_kinds` and `trained_on` tell of the next samples."""
        self.notices.clear()
        for expert in self.experts:
            expert.used = False

    def read(self, samples: Sequence[Sample]) -> list[Outcome]:
        """Predict each sample with every model that reads one of its inputs."""
        outcomes: list[dict[str, Outcome]] = [{} for _ in samples]
        for expert in self.experts:
            parts = {row: part for row, sample in enumerate(samples) if (part := expert.part_of(sample)) is not None}
            if not parts:
                continue
            for row, outcome in zip(parts, expert.read(list(parts.values())), strict=True):
                outcomes[row][expert.name] = outcome
            self._tell(expert.notice if expert.used else "")
        return [self._combine(sample, by_model) for sample, by_model in zip(samples, outcomes, strict=True)]

    def _combine(self, sample: Sample, outcomes: Mapping[str, Outcome]) -> Outcome:
        """Multiply the estimates of the models.

        A named input that cannot be read fails the sample. A clip may lack sound or a face, and a model may be missing.
        """
        predictions = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Prediction)}
        failures = {name: outcome.reason for name, outcome in outcomes.items() if isinstance(outcome, Failure)}
        missing = {expert.name: expert.missing for expert in self.experts if expert.missing}
        notes = []
        for name, reason in failures.items():
            if not predictions:
                return Failure("; ".join(dict.fromkeys(failures.values())))
            if name in missing:
                self._tell(f"the model {name} is left out: {reason}")
            elif not self._from_clip(name, sample):
                return Failure(reason)
            notes.append(f"{name} left out: {reason}")
        if not predictions:
            return Failure("no model reads this input")
        used = [name for name, one in predictions.items() if not one.unlike] or list(predictions)
        if len(used) > 1:
            notes.insert(0, f"the product of the models {' and '.join(used)}")
        notes += [f"{name} left out: its input is unlike its training data" for name in predictions if name not in used]
        combined = multiply([predictions[name] for name in used])
        unlike = any(one.unlike for one in predictions.values())
        licence = strictest(one.licence for one in predictions.values())
        return replace(combined, notes=tuple(dict.fromkeys([*notes, *combined.notes])), unlike=unlike, licence=licence)

    def _from_clip(self, name: str, sample: Sample) -> bool:
        """Whether a model reads nothing of a sample but its clip."""
        expert = next(expert for expert in self.experts if expert.name == name)
        return sample.has("video") and not any(sample.has(kind) for kind in expert.kinds if kind != "video")

    def _tell(self, message: str) -> None:
        if message and message not in self.notices:
            self.notices.append(message)


def multiply(predictions: Sequence[Prediction]) -> Prediction:
    """Multiply the Gaussians of predictions of one sample from different inputs.

    The mean of an axis is weighted by precision, over the predictions that have the axis. Probabilities of emotions are
    averaged over the emotions that all predictions know, or over all emotions if there is no common one.
    """
    if len(predictions) == 1:
        return predictions[0]
    axes = [_product([(one.mean[axis], one.deviation[axis]) for one in predictions]) for axis in range(len(AXES))]
    alone: dict[str, Estimate] = {}
    for one in predictions:
        alone |= one.by_modality
    common = set.intersection(*(set(one.probabilities) for one in predictions))
    totals: dict[str, float] = {}
    for one in predictions:
        for emotion, probability in one.probabilities.items():
            if emotion in common or not common:
                totals[emotion] = totals.get(emotion, 0.0) + probability
    whole = sum(totals.values()) or 1.0
    ranked = dict(sorted(((name, total / whole) for name, total in totals.items()), key=lambda pair: -pair[1]))
    return Prediction(
        VAD(*(mean for mean, _ in axes)), VAD(*(deviation for _, deviation in axes)), alone, *named(ranked), ranked,
        tuple(dict.fromkeys(note for one in predictions for note in one.notes)),
        strictest(one.licence for one in predictions), any(one.unlike for one in predictions),
    )  # fmt: skip


def _product(estimates: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and standard deviation of the product of Gaussians; those without a deviation count only if all are without.

    Where they disagree more than their deviations allow, the deviation grows by the root of chi-squared per degree of freedom
    (Birge 1932).
    """
    known = [(mean, deviation) for mean, deviation in estimates if not math.isnan(mean)]
    certain = [(mean, 1 / deviation**2) for mean, deviation in known if deviation > 0]
    if certain:
        precision = sum(weight for _, weight in certain)
        product = sum(mean * weight for mean, weight in certain) / precision
        squared = sum(weight * (mean - product) ** 2 for mean, weight in certain) / max(len(certain) - 1, 1)
        return product, precision**-0.5 * max(1.0, squared) ** 0.5
    return (sum(mean for mean, _ in known) / len(known) if known else math.nan), math.nan
