"""From what the judges said to figures: means over people with Student's intervals, one value a person."""

import numpy as np

from affectspace.evaluation import (
    Interval,
    Measurement,
    MetricsFile,
    balanced_accuracy,
    group_bootstrap,
    pearson,
    t_interval,
)
from affectspace.evaluation.significance import per_group
from affectspace.studies.walks.judged import AXES, ELSEWHERE, Judged
from affectspace.studies.walks.judges import Judges, Reader
from affectspace.studies.walks.networks import AffectRegressor, outputs_of
from affectspace.training.training_set import TrainingSet

PROTOCOL = "walks of test people"


def measures(judged: Judged, judges: Judges, data: TrainingSet) -> MetricsFile:
    """Every figure of judged walks, `metrics.json`'s way."""
    metrics = MetricsFile()
    for reader in judges.readers:
        _expression(metrics, judged, reader)
    _identity(metrics, judged)
    for reader in judges.readers:
        _quality(metrics, judged, reader, judges, data)
    people = np.array([judges.people.index(str(one)) for one in data.table["person"].iloc[judges.walkable_model]])
    said = outputs_of(judges.identity, np.array(data.pixels[data.pixel_rows[judges.walkable_model]])).argmax(axis=1)
    note = f"chance {1 / len(judges.people):.3f}; every second image of each person was trained on"
    metrics.set(
        "judges", "identity", "accuracy",
        _over_people((said == people).astype(float), people, note, "unseen images of test people"),
    )  # fmt: skip
    return metrics


def _over_people(values: np.ndarray, people: np.ndarray, note: str = "", protocol: str = PROTOCOL) -> Measurement:
    """Mean over people of each one's mean, with a t interval over them; n counts the values."""
    _, means = per_group(np.mean, people, values)
    interval, note = t_interval(means), f"{note}; " if note else ""
    return Measurement(
        interval.value, interval.low, interval.high, len(values), protocol, note=f"{note}{len(means)} people"
    )  # fmt: skip


def _expression(metrics: MetricsFile, judged: Judged, reader: Reader) -> None:
    name = reader.name
    for axis, label in enumerate(AXES):
        other = AXES[1 - axis]
        for kind, row in (("walk", name), (ELSEWHERE, f"{name}, {ELSEWHERE}")):
            line = judged.lines[label, kind]
            metrics.set("walks", row, f"rho_{label}", _over_people(line.rho(name, axis), judged.people))
            metrics.set("walks", row, f"rise_{label}", _over_people(line.rise(name, axis), judged.people))
            note = f"how {other} is read at the end less at the start"
            metrics.set(
                "walks", row, f"{other}_on_{label}", _over_people(line.rise(name, 1 - axis), judged.people, note)
            )
        network = reader.networks[0]
        if isinstance(network, AffectRegressor):
            _truth(metrics, judged, name, axis, network)


def _truth(metrics: MetricsFile, judged: Judged, name: str, axis: int, network: AffectRegressor) -> None:
    """Asked against read over all walks of an axis, and how far the rest moves, where the truth of faces is known."""
    label, line = AXES[axis], judged.lines[AXES[axis], "walk"]
    read = line.read[name]
    asked = np.broadcast_to(line.asked, read.shape[:2]).ravel()
    people = np.repeat(judged.people, len(line.asked))
    interval: Interval = group_bootstrap(
        lambda a, b: float(pearson(a, b)), people, asked, read[..., axis].ravel(), resamples=500
    )
    metrics.set(
        "walks", name, f"r_{label}", Measurement.of(interval, protocol=PROTOCOL, note="asked against read, all points")
    )
    deviation = network.deviation.numpy()
    gone = np.abs(read[:, -1] - read[:, 0]) / deviation
    metrics.set(
        "walks", name, f"moved_{label}", _over_people(gone[:, axis], judged.people, "deviations of drawn faces")
    )
    if read.shape[2] > 2:
        rest = gone[:, 2:].mean(axis=1)
        note = f"mean of {', '.join(network.config.outputs[2:])}, deviations of drawn faces"
        metrics.set("walks", name, f"rest_on_{label}", _over_people(rest, judged.people, note))


def _identity(metrics: MetricsFile, judged: Judged) -> None:
    people = judged.people
    for row, still in (("the face itself", judged.real), ("its reconstruction", judged.rebuilt)):
        metrics.set("identity", row, "named", _over_people(still.named.astype(float), people))
        metrics.set("identity", row, "sure", _over_people(still.sure, people))
    for label in AXES:
        for kind, row in (("walk", f"walk along {label}"), (ELSEWHERE, f"as far elsewhere, {label}")):
            line = judged.lines[label, kind]
            metrics.set("identity", row, "named", _over_people(line.named.mean(axis=1), people))
            metrics.set("identity", row, "sure", _over_people(line.sure.mean(axis=1), people))
            change = line.sure.mean(axis=1) - judged.rebuilt.sure
            metrics.set("identity", row, "sure_change", _over_people(change, people, "against the reconstruction"))
            change = line.named.mean(axis=1) - judged.rebuilt.named
            metrics.set("identity", row, "named_change", _over_people(change, people, "against the reconstruction"))
            ends = line.sure[:, [0, -1]].mean(axis=1) - judged.rebuilt.sure
            metrics.set(
                "identity", row, "sure_change_ends", _over_people(ends, people, "the two ends of the walk only")
            )


def _quality(metrics: MetricsFile, judged: Judged, reader: Reader, judges: Judges, data: TrainingSet) -> None:
    """What a reader is worth: on unseen real pictures of the people who are walked, and on reconstructions."""
    rows = judges.walkable_model
    people = data.table["person"].astype(str).to_numpy()
    pixels = np.array(data.pixels[data.pixel_rows[rows]])
    truth = data.labels.evaluation.astype(np.float64)
    read = reader.read(pixels, people[rows])
    emotions, labelled = reader.emotions(pixels, people[rows]), data.labels.category[rows]
    if emotions is not None and (labelled >= 0).any():
        known = labelled >= 0
        uar = balanced_accuracy(labelled[known], emotions[known])
        metrics.set("judges", reader.name, "uar", Measurement(uar, n=int(known.sum()), protocol="test people"))
    for axis, label in enumerate(AXES):
        for what, values, where in (("real", read, rows), ("rebuilt", judged.rebuilt.read[reader.name], judged.rows)):
            value = pearson(truth[where][:, axis], values[:, axis])
            metrics.set(
                "judges", reader.name, f"r_{label}_{what}",
                Measurement(float(value), n=len(where), protocol="test people", note="against labels or their centres"),
            )  # fmt: skip
