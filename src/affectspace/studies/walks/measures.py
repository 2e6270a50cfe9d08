"""The figures of judged walks: means over people with Student's intervals, one value a person."""

from typing import Any

import numpy as np

from affectspace.data.dataset import Dataset
from affectspace.evaluation import balanced_accuracy, interval, pearson, t_interval
from affectspace.evaluation.results import Recorder, Results
from affectspace.evaluation.significance import per_group
from affectspace.studies.walks.judged import AXES, ELSEWHERE, HEADS, WALK, Judged, Line
from affectspace.studies.walks.judges import Judges
from affectspace.training.networks import AffectRegressor, outputs_of
from affectspace.walks.readers import Reader
from affectspace.walks.strength import slope_of

PROTOCOL = "walks of test people"


def measure(judged: Judged, judges: Judges, data: Dataset) -> Results:
    """Measure judged walks: the expression by each reader, the identity, and the quality of the judges.

    The column ``task`` names the axis of the walk, ``target`` the axis that was read, ``condition`` how a picture was made.
    """
    results = Results()
    recorder = Recorder(results, {"study": "walks", "protocol": PROTOCOL})
    for reader in judges.readers:
        _measure_expression(
            recorder.under(experiment="expression", model=reader.name), judged, reader.name, reader.networks[0]
        )
    _measure_expression(recorder.under(experiment="expression", model=HEADS), judged, HEADS)
    _measure_identity(recorder.under(experiment="identity"), judged)
    quality = Recorder(results, {"study": "walks", "experiment": "judges", "protocol": "test people"})
    for reader in judges.readers:
        _measure_reader(quality.under(model=reader.name), judged, reader, judges, data)
    rows = judges.walkable
    people = np.array([judges.people.index(str(person)) for person in data.table["person"].iloc[rows]])
    named = outputs_of(judges.identity, np.array(data.images(rows))).argmax(axis=1)
    note = f"chance {1 / len(judges.people):.3f}; every second image of each person was trained on"
    _add_mean(quality, "accuracy", named == people, people, model="identity", note=note)
    return results


def _add_mean(recorder: Recorder, metric: str, values: np.ndarray, people: np.ndarray, **columns: Any) -> None:
    """Add the mean over people of each person's mean, with a t interval over people; n counts the values."""
    _, means = per_group(np.mean, people, values)
    recorder.add(metric, t_interval(means), len(values), **columns)


def _measure_expression(recorder: Recorder, judged: Judged, name: str, network: Any = None) -> None:
    """Measure whether a reader's readings follow the target. network : the reader's; None for the heads of the model."""
    people = judged.people
    for place, axis in enumerate(AXES):
        for condition in (WALK, ELSEWHERE) if network is not None else (WALK,):
            line, own = judged.lines[axis, condition], recorder.under(task=axis, condition=condition)
            _add_mean(own, "rho", line.rho(name, place), people, target=axis)
            _add_slope(own, judged, line, name, place)
            for read, target in enumerate(AXES):
                _add_mean(own, "rise", line.rise(name, read), people, target=target)
        if isinstance(network, AffectRegressor):
            _measure_truth(recorder.under(task=axis, condition=WALK), judged, name, place, network)


def _add_slope(recorder: Recorder, judged: Judged, line: Line, name: str, place: int) -> None:
    """Add the slope of the regression of all readings on their targets, with an interval over people; 1 is what was asked."""
    read = line.read[name][..., place]
    targets, people = np.broadcast_to(line.targets, read.shape).ravel(), np.repeat(judged.people, len(line.targets))
    slope = interval(lambda asked, reading: slope_of(asked, reading)[0], targets, read.ravel(), people)
    recorder.add("slope", slope, target=AXES[place], note="regression of the reading on the target, all points")


def _measure_truth(recorder: Recorder, judged: Judged, name: str, place: int, network: AffectRegressor) -> None:
    """Correlate target and reading over all walks of an axis, and measure how far all else moves, on drawn faces."""
    line, axis = judged.lines[AXES[place], WALK], AXES[place]
    read = line.read[name]
    targets = np.broadcast_to(line.targets, read.shape[:2]).ravel()
    people = np.repeat(judged.people, len(line.targets))
    r = interval("pearson", targets, read[..., place].ravel(), people)
    recorder.add("r", r, target=axis, note="target against reading, all points")
    moved = np.abs(read[:, -1] - read[:, 0]) / network.deviation.numpy()
    note = "in deviations of drawn faces"
    _add_mean(recorder, "moved", moved[:, place], judged.people, target=axis, note=note)
    if read.shape[2] > 2:
        note = f"mean of {', '.join(network.config.outputs[2:])}, {note}"
        _add_mean(recorder, "moved", moved[:, 2:].mean(axis=1), judged.people, target="rest", note=note)


def _measure_identity(recorder: Recorder, judged: Judged) -> None:
    people, rebuilt = judged.people, judged.rebuilt
    for condition, still in (("face", judged.real), ("reconstruction", rebuilt)):
        _add_mean(recorder, "named", still.named, people, condition=condition)
        _add_mean(recorder, "sure", still.sure, people, condition=condition)
    for (axis, condition), line in judged.lines.items():
        own = recorder.under(condition=condition, task=axis)
        named, sure = line.named.mean(axis=1), line.sure.mean(axis=1)
        _add_mean(own, "named", named, people)
        _add_mean(own, "named_ends", line.named[:, [0, -1]].mean(axis=1), people)
        _add_mean(own, "sure", sure, people)
        _add_mean(own, "sure_change", sure - rebuilt.sure, people)
        _add_mean(own, "named_change", named - rebuilt.named, people)
        _add_mean(own, "sure_change_ends", line.sure[:, [0, -1]].mean(axis=1) - rebuilt.sure, people)


def _measure_reader(recorder: Recorder, judged: Judged, reader: Reader, judges: Judges, data: Dataset) -> None:
    """Measure a reader on unseen real pictures of the people who are walked, and on reconstructions."""
    rows = judges.walkable
    people = data.table["person"].astype(str).to_numpy()
    pixels = np.array(data.images(rows))
    truth = data.affect[:, :2].astype(np.float64)
    emotions, labels = reader.emotions(pixels, people[rows]), data.category[rows]
    if emotions is not None and (labels >= 0).any():
        known = labels >= 0
        recorder.add("uar", balanced_accuracy(labels[known], emotions[known]), int(known.sum()))
    readings = {
        "face": (rows, reader.read(pixels, people[rows])),
        "reconstruction": (judged.rows, judged.rebuilt.read[reader.name]),
    }
    for place, axis in enumerate(AXES):
        for condition, (where, read) in readings.items():
            r = pearson(truth[where][:, place], read[:, place])
            recorder.add("r", r, len(where), target=axis, condition=condition)
