"""Tables 1 to 3 of the paper under two protocols: `paper`, as published, and `strict`, on held-out people.

`paper` measures on the images that the model was trained on, against labels sampled from the ellipses; MLPs are fitted
and tested on random rows of these. `strict` measures on people that nobody has seen, against the ellipses' centres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from scipy.special import log_softmax

from affectspace.annotation import to_levels
from affectspace.evaluation import (
    chunk_distance,
    constant_distance,
    explained_variance,
    gaussian_distance,
    interval,
    levels_cross_entropy,
    linear_probe,
    mae,
    marginal_cross_entropy,
    mlp_probe,
    mlp_readout,
    mse,
    r2,
    uniform_cross_entropy,
)
from affectspace.evaluation.intervals import Metric
from affectspace.evaluation.results import Recorder, Results
from affectspace.studies.levasa.paper import PUBLISHED
from affectspace.studies.levasa.plan import FAMILIES, LETTER
from affectspace.studies.levasa.study import AXES, COMBINATIONS, Arm, Protocol, Readings, Trained

MLP: dict[str, Any] = {"hidden": 64}  # the paper says "a simple one-layered MLP" and no more
METRICS: tuple[Metric, ...] = ("accuracy", "uar")
SMALL = 1e-6  # probability of a level that a probe has no training rows of


def measure_paper_tables(results: Results, arm: Arm, readings: Readings, protocol: Protocol) -> None:
    """Record the paper's three tables of one corpus, first seeds, under one protocol: its own models, and ours."""
    first = {name: seeds[0] for name, seeds in arm.trained.items() if seeds}
    for family in FAMILIES[::-1]:

        def those(*names: str, family: str = family) -> dict[str, Trained]:
            return {family + name: first[family + name] for name in names if family + name in first}

        levels = those("vanilla", "discrete")
        table_1_discrete(results, levels, readings, protocol, arm, family)
        table_3(results, those("vanilla", "continuous", "discrete"), readings, protocol, arm, family)
        if arm.prefix:  # no model with continuous labels
            continue
        table_1_continuous(results, those("vanilla", "continuous", "notebook"), readings, protocol, arm, family)
        table_2(results, those("vanilla", "continuous"), readings, protocol, arm, family)


def recorder_of(results: Results, table: str, protocol: Protocol, trained: Mapping[str, Trained], arm: Arm) -> Recorder:
    """Return a recorder of one table under one protocol. Published figures never stand beside drawn faces."""
    seeds = tuple(entry.member.seed for entry in trained.values())[:1]
    table = arm.prefix + table
    named = {
        "study": "levasa", "experiment": table, "condition": protocol.name, "protocol": protocol.name, "seeds": seeds,
    }  # fmt: skip
    published = PUBLISHED.filter(experiment=table)
    return Recorder(results, named, published=None if arm.data.drawn else published)


def measured_part(protocol: Protocol) -> str:
    """Return the part whose rows Table 1 is measured on."""
    return "test" if protocol.name == "strict" else "train"


def labels(readings: Readings, protocol: Protocol, part: str) -> np.ndarray:
    """Return valence and arousal that a protocol compares with, (n, 2)."""
    return readings.centres(part) if protocol.name == "strict" else readings.sampled(part)


def _with_sum(recorder: Recorder, metric: str, values: list[float], n: int, **columns: str) -> None:
    """Record a value for each axis, and their sum."""
    for target, value in zip((*AXES, "combined"), (*values, sum(values)), strict=True):
        recorder.add(metric, value, n, target=target, **columns)


def table_1_continuous(
    results: Results,
    trained: dict[str, Trained],
    readings: Readings,
    protocol: Protocol,
    arm: Arm,
    family: str = "",
) -> None:
    """Record distances of chunks and heads to valence and arousal, and those of a constant and of N(0, I)."""
    if not trained:
        return
    part = measured_part(protocol)
    truth, recorder = (
        labels(readings, protocol, part),
        recorder_of(results, "table_1_continuous", protocol, trained, arm),
    )
    n, errors = len(truth), {}
    for name, entry in trained.items():
        codes = {"": readings.closest(entry, part)}
        if part in entry.outputs.affect:
            codes["head"] = [entry.outputs.affect[part][:, [axis]].astype(np.float64) for axis in range(2)]
        for latent, values in codes.items():
            named = {"model": name, "latent": latent}
            distances = [chunk_distance(code, truth[:, axis]) for axis, code in enumerate(values)]
            for metric in ("mse", "mae"):
                _with_sum(recorder, metric, [distance[metric] for distance in distances], n, **named)
            means = [abs(float(np.nanmean(code - truth[:, [axis]]))) for axis, code in enumerate(values)]
            note = "the published 'MAE': absolute value of the mean error"
            _with_sum(recorder, "abs_mean_error", means, n, note=note, **named)
        errors[name] = sum(((code - truth[:, [axis]]) ** 2).mean(axis=1) for axis, code in enumerate(codes[""]))
    fitted = np.nanmean(labels(readings, protocol, "train"), axis=0)
    constant = [constant_distance(truth[:, axis], fitted[axis]) for axis in range(2)]
    gaussian = [gaussian_distance(truth[:, axis]) for axis in range(2)]
    for name, distances in (("constant", constant), ("gaussian", gaussian)):
        for metric in ("mse", "mae"):
            _with_sum(recorder, metric, [distance[metric] for distance in distances], n, model=name)
    errors["constant"] = ((truth - fitted) ** 2).sum(axis=1)
    for model, versus in product((f"{family}continuous", "notebook"), (f"{family}vanilla", "constant")):
        if model in errors and versus in errors:
            difference = interval("mean", None, errors[model], readings.people(part), errors[versus])
            named = {"model": model, "versus": versus, "target": "combined"}
            recorder.add("mse", difference, note="raw chunks", **named)


def table_1_discrete(
    results: Results, trained: dict[str, Trained], readings: Readings, protocol: Protocol, arm: Arm, family: str = ""
) -> None:
    """Record cross-entropy in nats over levels: of discrete heads, linear probes, and raw dimensions without a head."""
    levels = [entry.member.config.model for entry in trained.values() if entry.alignment == "discrete"]
    if not levels:
        return
    count, low = levels[0].levels, levels[0].level_low
    part = measured_part(protocol)
    recorder = recorder_of(results, "table_1_discrete", protocol, trained, arm).under(task=f"{count} levels")

    def classes(part: str) -> np.ndarray:
        values = labels(readings, protocol, part)
        known = np.isfinite(values)
        return np.where(known, np.clip(to_levels(np.where(known, values, 0.0)), low, low + count - 1), np.nan)

    truth = classes(part)

    def record(values: list[np.ndarray], truth: np.ndarray, **columns: str) -> None:
        entropies = [levels_cross_entropy(entry, truth[:, axis], count, low) for axis, entry in enumerate(values)]
        _with_sum(recorder, "cross_entropy", entropies, len(truth), **columns)

    nats: dict[str, np.ndarray] = {}
    for name, entry in trained.items():
        if part in entry.outputs.levels:
            logits, note = list(entry.outputs.levels[part].astype(np.float64).transpose(1, 0, 2)), ""
        else:
            logits = [code[:, :count] for code in readings.closest(entry, part)]
            note = f"no head exists; our assumption: the chunk's first {count} dimensions as logits"
        if logits[0].shape[1] == count:
            record(logits, truth, model=name, note=note)
            nats[name] = np.sum([_nats(values, truth[:, axis] - low) for axis, values in enumerate(logits)], axis=0)
        probed = [
            _probed_levels(readings, entry, chunk, protocol, lambda p, axis=axis: classes(p)[:, axis], count, low)  # type: ignore[misc]
            for axis, chunk in enumerate(("z_v", "z_a"))
        ]
        record(probed, protocol.test(classes), model=name, latent="probe", note="linear probe of the chunk")
    model, versus = f"{family}discrete", f"{family}vanilla"
    if model in nats and versus in nats:
        difference = interval("mean", None, nats[model], readings.people(part), nats[versus])
        recorder.add("cross_entropy", difference, model=model, versus=versus, target="combined")
    n, fitted = len(truth), classes("train")
    _with_sum(recorder, "cross_entropy", [uniform_cross_entropy(count)] * 2, n, model="uniform")
    marginal = [marginal_cross_entropy(truth[:, axis], count, low, fitted[:, axis]) for axis in range(2)]
    _with_sum(recorder, "cross_entropy", marginal, n, model="marginal", note="training frequencies")


def _nats(logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the cross-entropy of each row, (n,); NaN where its class is."""
    known = np.isfinite(classes)
    picked = log_softmax(logits, axis=1)[np.arange(len(classes)), np.where(known, classes, 0).astype(int)]
    return np.where(known, -picked, np.nan)


def _probed_levels(
    readings: Readings,
    entry: Trained,
    chunk: str,
    protocol: Protocol,
    classes: Callable[[str], np.ndarray],
    count: int,
    low: int,
) -> np.ndarray:
    """Predict log-probabilities of the levels by a linear probe, rows of the protocol's test, (n, levels).

    Levels are not weighted: a cross-entropy needs their frequencies.
    """
    x, vx, tx = protocol.parts(lambda part: readings.features(entry, chunk, part))
    y, vy, _ = protocol.parts(classes)
    names = list(np.arange(low, low + count).astype(float))
    probe = linear_probe(x, y, vx, vy, tx, classes=names, grid=(1e-3, 1e-2, 1e-1), balanced=False)
    return np.log((probe.probabilities + SMALL) / (1 + count * SMALL))


def _convergence(converged: bool, epoch: float) -> str:
    return f"MLP {'converged' if converged else 'not converged'}, best epoch {epoch:.0f}"


def table_2(
    results: Results, trained: dict[str, Trained], readings: Readings, protocol: Protocol, arm: Arm, family: str = ""
) -> None:
    """Record MLP regression of valence from z_v and of arousal from z_a."""
    if not trained:
        return
    recorder, people = recorder_of(results, "table_2", protocol, trained, arm), protocol.test(readings.people)
    fit, choose, truth = protocol.parts(lambda part: labels(readings, protocol, part))
    notes: dict[tuple[str, int], str] = {}
    predictions = {"constant": [np.full(len(truth), np.nanmean(fit[:, axis])) for axis in range(2)]}
    for name, entry in trained.items():
        predictions[name] = []
        for axis, chunk in enumerate(("z_v", "z_a")):
            readings.progress(0, 0, f"table 2, {protocol.name}: MLP regression on {entry.member.folder} {chunk}")
            x, vx, tx = protocol.parts(partial(readings.features, entry, chunk))
            readout = mlp_readout(x, fit[:, axis], vx, choose[:, axis], tx, **MLP)
            predictions[name].append(readout.predictions)
            notes[name, axis] = _convergence(readout.converged, readout.chosen[0])
    for name, columns in predictions.items():
        for axis, target in enumerate(AXES):
            for metric, measure in (("mse", mse), ("mae", mae), ("ev", explained_variance), ("r2", r2)):
                value = float(measure(truth[:, axis], columns[axis]))
                recorder.add(metric, value, len(truth), model=name, target=target, note=notes.get((name, axis), ""))
    model, versus = f"{family}continuous", f"{family}vanilla"
    if model in predictions and versus in predictions:
        for axis, target in enumerate(AXES):
            ours, theirs = ((truth[:, axis] - predictions[name][axis]) ** 2 for name in (model, versus))
            difference = interval("mean", None, ours, people, theirs)
            recorder.add("mse", difference, model=model, versus=versus, target=target)


def table_3(
    results: Results, trained: dict[str, Trained], readings: Readings, protocol: Protocol, arm: Arm, family: str = ""
) -> None:
    """Record MLP classification of the emotion from each combination of chunks, the same split for every model."""
    if not trained:
        return
    recorder, people = recorder_of(results, "table_3", protocol, trained, arm), protocol.test(readings.people)
    fit, choose, truth = protocol.parts(readings.emotion)
    known = truth != None  # noqa: E711
    hits: dict[tuple[str, str], np.ndarray] = {}
    for name, entry in trained.items():
        second = (f"{LETTER}vanilla_discrete",) if name == f"{LETTER}vanilla" and not arm.data.drawn else ()
        models, converged = (name, *second), []
        for latent in COMBINATIONS:
            readings.progress(0, 0, f"table 3, {protocol.name}: MLP probe of {entry.member.folder} {latent}")
            x, vx, tx = protocol.parts(partial(readings.features, entry, latent))
            probe = mlp_probe(x, fit, vx, choose, tx, **MLP)
            guess, note = probe.predictions, _convergence(probe.converged, probe.chosen["epoch"])
            converged.append(probe.converged)
            hits[name, latent] = np.where(known, guess == truth, np.nan).astype(float)
            for metric in METRICS:
                measured = interval(metric, truth, guess, people)
                for model in models:
                    recorder.add(metric, measured, model=model, latent=latent, note=note)
        for model in models:
            recorder.add("converged", float(np.mean(converged)), len(converged), model=model, note="share of the MLPs")
    values, counts = np.unique(truth[known].astype(str), return_counts=True)
    note = f"{values[counts.argmax()]}, the most frequent emotion of these rows"
    recorder.add("accuracy", float(counts.max() / counts.sum()), len(truth), model="majority", note=note)
    pairs = (("continuous", "vanilla", "va"), ("continuous", "continuous", "vaz"), ("discrete", "continuous", "va"))
    for name, versus, latent in (*pairs, ("discrete", "vanilla", "va")):
        model, other = family + name, family + versus
        if (model, "va") in hits and (other, latent) in hits:
            difference = interval("mean", None, hits[model, "va"], people, hits[other, latent])
            recorder.add("accuracy", difference, model=model, latent="va", versus=latent if model == other else other)
