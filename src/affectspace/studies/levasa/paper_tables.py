"""Tables 1 to 3 of the paper under two protocols: `paper`, as published, and `strict`, on held-out people.

`paper` measures on the images that the model was trained on, against labels sampled from the ellipses; MLPs are fitted
and tested on random rows of these. `strict` measures on people that nobody has seen, against the ellipses' centres.
"""

from functools import partial
from typing import Any

import numpy as np

from affectspace.annotation import to_levels
from affectspace.evaluation import (
    Interval,
    Measurement,
    MetricsFile,
    accuracy_interval,
    chunk_distance,
    constant_distance,
    explained_variance,
    gaussian_distance,
    levels_cross_entropy,
    linear_probe,
    mae,
    marginal_cross_entropy,
    mlp_probe,
    mlp_readout,
    mse,
    paired_mean_difference,
    r2,
    uar_interval,
    uniform_cross_entropy,
)
from affectspace.studies.levasa.published import published
from affectspace.studies.levasa.readings import AXES, COMBINATIONS, STRICT, Protocol, Readings, alignment_of
from affectspace.studies.levasa.study import Trained

HIDDEN, EPOCHS, PATIENCE = 64, 20, 3  # of the MLP probes; the paper says "a simple one-layered MLP" and no more
SMALL = 1e-6  # probability that a probe's level without training rows gets


class Table:
    """Writes the measurements of one table under one protocol."""

    def __init__(self, metrics: MetricsFile, table: str, protocol: Protocol, seeds: tuple[int, ...]) -> None:
        self.metrics, self.table, self.protocol, self.seeds = metrics, table, protocol, seeds

    def value(self, row: str, metric: str, value: float, n: int, note: str = "") -> None:
        self._set(row, metric, Measurement(value, **self._facts(row, metric, note), n=n))

    def interval(self, row: str, metric: str, interval: Interval, note: str = "") -> None:
        self._set(row, metric, Measurement.of(interval, **self._facts(row, metric, note)))

    def _facts(self, row: str, metric: str, note: str) -> dict:
        paper = published(self.table, row, metric)
        return {"protocol": self.protocol.name, "seeds": self.seeds, "paper": paper, "note": note}

    def _set(self, row: str, metric: str, measurement: Measurement) -> None:
        self.metrics.set(f"{self.table}_{self.protocol.name}", row, metric, measurement)


def measured_part(protocol: Protocol) -> str:
    """The part whose every row Table 1 is measured on."""
    return "test" if protocol.name == "strict" else "train"


def labels(readings: Readings, protocol: Protocol, part: str) -> np.ndarray:
    """Valence and arousal that a protocol compares with, (n, 2)."""
    return readings.centres(part) if protocol.name == "strict" else readings.sampled(part)


def _with_sum(table: Table, row: str, metric: str, values: list[float], n: int, note: str = "") -> None:
    for axis, value in zip((*AXES, "combined"), (*values, sum(values)), strict=True):
        table.value(row, f"{metric}_{axis}", value, n, note)


def table_1_continuous(
    metrics: MetricsFile, trained: dict[str, Trained], readings: Readings, protocol: Protocol
) -> None:
    """Distance of chunks and of heads to valence and arousal, with what a constant and N(0, I) reach."""
    part = measured_part(protocol)
    truth, people = labels(readings, protocol, part), readings.people(part)
    table = Table(metrics, "table_1_continuous", protocol, tuple(one.member.seed for one in trained.values())[:1])
    n = len(truth)
    errors: dict[str, np.ndarray] = {}
    for name, one in trained.items():
        rows = {name: [readings.features(one, chunk, part).astype(np.float64) for chunk in ("z_v", "z_a")]}
        if part in one.codes.affect:
            rows[f"{name} head"] = [one.codes.affect[part][:, [axis]].astype(np.float64) for axis in range(2)]
        for row, codes in rows.items():
            distances = [chunk_distance(code, truth[:, axis]) for axis, code in enumerate(codes)]
            for metric in ("mse", "mae"):
                _with_sum(table, row, metric, [distance[metric] for distance in distances], n)
            means = [abs(float(np.nanmean(code - truth[:, [axis]]))) for axis, code in enumerate(codes)]
            _with_sum(table, row, "abs_mean_error", means, n, "the published 'MAE': absolute value of the mean error")
            errors[row] = sum(((code - truth[:, [axis]]) ** 2).mean(axis=1) for axis, code in enumerate(codes))
    fitted = np.nanmean(labels(readings, protocol, "train"), axis=0)
    constant = [constant_distance(truth[:, axis], fitted[axis]) for axis in range(2)]
    gaussian = [gaussian_distance(truth[:, axis]) for axis in range(2)]
    for row, distances in (("constant", constant), ("gaussian", gaussian)):
        for metric in ("mse", "mae"):
            _with_sum(table, row, metric, [distance[metric] for distance in distances], n)
    errors["constant"] = ((truth - fitted) ** 2).sum(axis=1)
    for other in ("vanilla", "constant"):
        if "continuous" in errors and other in errors:
            difference = paired_mean_difference(errors["continuous"], errors[other], people)
            table.interval(f"continuous - {other}", "mse_combined", difference, "raw chunks")


def table_1_discrete(
    metrics: MetricsFile,
    trained: dict[str, Trained],
    readings: Readings,
    protocol: Protocol,
    name: str = "table_1_discrete",
) -> None:
    """Cross-entropy in nats over levels: of discrete heads, linear probes, and raw dimensions where no head exists."""
    levels = [one.member.config.model for one in trained.values() if alignment_of(one) == "discrete"]
    if not levels:
        return
    count, low = levels[0].levels, levels[0].level_low  # type: ignore[union-attr]
    part = measured_part(protocol)
    table = Table(metrics, name, protocol, tuple(one.member.seed for one in trained.values())[:1])

    def classes(part: str) -> np.ndarray:
        values = labels(readings, protocol, part)
        known = np.isfinite(values)
        return np.where(known, np.clip(to_levels(np.where(known, values, 0.0)), low, low + count - 1), np.nan)

    truth = classes(part)
    n = len(truth)

    def record(row: str, values: list[float], note: str = "", rows: int = n) -> None:
        _with_sum(table, row, "cross_entropy", values, rows, note)

    for row, one in trained.items():
        if part in one.codes.levels:
            logits = one.codes.levels[part].astype(np.float64)
            record(row, [levels_cross_entropy(logits[:, axis], truth[:, axis], count, low) for axis in range(2)])
        else:
            codes = [readings.features(one, chunk, part).astype(np.float64) for chunk in ("z_v", "z_a")]
            if codes[0].shape[1] >= count:
                note = f"no head exists; our assumption: the chunk's first {count} dimensions as logits"
                values = [
                    levels_cross_entropy(code[:, :count], truth[:, axis], count, low) for axis, code in enumerate(codes)
                ]
                record(row, values, note)
        tested = protocol.test(classes)
        probed = [
            _probed_levels(readings, one, chunk, protocol, lambda p, axis=axis: classes(p)[:, axis], count, low)
            for axis, chunk in enumerate(("z_v", "z_a"))
        ]
        values = [levels_cross_entropy(probed[axis], tested[:, axis], count, low) for axis in range(2)]
        record(f"{row} probe", values, "linear probe of the chunk", len(tested))
    record("uniform", [uniform_cross_entropy(count)] * 2)
    fitted = classes("train")
    record(
        "marginal",
        [marginal_cross_entropy(truth[:, a], count, low, fitted[:, a]) for a in range(2)],
        "training frequencies",
    )


def _probed_levels(
    readings: Readings, one: Any, chunk: str, protocol: Protocol, classes: Any, count: int, low: int
) -> np.ndarray:
    """Log-probabilities of the levels by a linear probe, rows of the protocol's test, (n, levels)."""
    x, vx, tx = protocol.parts(lambda part: readings.features(one, chunk, part))
    y, vy, _ = protocol.parts(classes)
    names = np.arange(low, low + count).astype(float)
    found = linear_probe(x, y, vx, vy, tx, classes=list(names), grid=(1e-3, 1e-2, 1e-1), balanced=False)
    return np.log((found.probabilities + SMALL) / (1 + count * SMALL))


def table_2(metrics: MetricsFile, trained: dict[str, Trained], readings: Readings, protocol: Protocol) -> None:
    """MLP regression of valence from z_v and of arousal from z_a."""
    seeds = tuple(one.member.seed for one in trained.values())[:1]
    table = Table(metrics, "table_2", protocol, seeds)
    fit, choose, truth = protocol.parts(lambda part: labels(readings, protocol, part))
    people = protocol.test(readings.people)
    errors: dict[str, list[np.ndarray]] = {}
    guesses: dict[str, list[np.ndarray]] = {
        "constant": [np.full(len(truth), np.nanmean(fit[:, axis])) for axis in range(2)]
    }
    for name, one in trained.items():
        guesses[name] = []
        for axis, chunk in enumerate(("z_v", "z_a")):
            readings.progress(0, 0, f"table 2, {protocol.name}: MLP regression on {one.member.folder} {chunk}")
            x, vx, tx = protocol.parts(partial(readings.features, one, chunk))
            found = mlp_readout(
                x, fit[:, axis], vx, choose[:, axis], tx, hidden=HIDDEN, max_epochs=EPOCHS, patience=PATIENCE
            )
            guesses[name].append(found.predictions)
    for name, columns in guesses.items():
        errors[name] = [(truth[:, axis] - guess) ** 2 for axis, guess in enumerate(columns)]
        for axis, label in enumerate(AXES):
            true, guess = truth[:, axis], columns[axis]
            for metric, measure in (("mse", mse), ("mae", mae), ("ev", explained_variance), ("r2", r2)):
                table.value(name, f"{metric}_{label}", float(measure(true, guess)), len(true))
    if "continuous" in errors and "vanilla" in errors:
        for axis, label in enumerate(AXES):
            difference = paired_mean_difference(errors["continuous"][axis], errors["vanilla"][axis], people)
            table.interval("continuous - vanilla", f"mse_{label}", difference)


def table_3(metrics: MetricsFile, trained: dict[str, Trained], readings: Readings, protocol: Protocol) -> None:
    """MLP classification of the emotion from each combination of chunks, the same split for every model."""
    table = Table(metrics, "table_3", protocol, tuple(one.member.seed for one in trained.values())[:1])
    fit, choose, truth = protocol.parts(readings.emotion)
    people = protocol.test(readings.people)
    balanced = protocol.name == "strict"
    known = truth != None  # noqa: E711
    hits: dict[tuple[str, str], np.ndarray] = {}
    for name, one in trained.items():
        for combination in COMBINATIONS:
            readings.progress(0, 0, f"table 3, {protocol.name}: MLP probe of {one.member.folder} {combination}")
            x, vx, tx = protocol.parts(partial(readings.features, one, combination))
            guess = mlp_probe(
                x, fit, vx, choose, tx, hidden=HIDDEN, max_epochs=EPOCHS, patience=PATIENCE, balanced=balanced
            ).predictions
            hits[name, combination] = np.where(known, guess == truth, np.nan).astype(float)
            accuracy, recall = accuracy_interval(truth, guess, people), uar_interval(truth, guess, people)
            for row in (name, "vanilla_discrete") if name == "vanilla" else (name,):
                table.interval(row, f"accuracy_{combination}", accuracy)
                table.interval(row, f"uar_{combination}", recall)
    values, counts = np.unique(truth[known].astype(str), return_counts=True)
    note = f"{values[counts.argmax()]}, the most frequent emotion of these very rows"
    table.value("majority", "accuracy", float(counts.max() / counts.sum()), len(truth), note)
    differences = [(("continuous", "va"), ("vanilla", "va")), (("continuous", "va"), ("continuous", "vaz"))]
    differences += [(("discrete", "va"), ("continuous", "va"))]
    for a, b in differences:
        if a in hits and b in hits:
            row = f"{a[0]} {a[1]} - {b[0]} {b[1]}"
            table.interval(row, "accuracy", paired_mean_difference(hits[a], hits[b], people))


def all_tables(metrics: MetricsFile, members: dict[str, list[Trained]], readings: Readings, protocol: Protocol) -> None:
    """The paper's three tables of one corpus, first seeds, under one protocol."""
    first = {name: ones[0] for name, ones in members.items()}

    def those(*names: str) -> dict[str, Trained]:
        return {name: first[name] for name in names if name in first}

    table_1_continuous(metrics, those("vanilla", "continuous", "notebook"), readings, protocol)
    table_1_discrete(metrics, those("vanilla", "discrete"), readings, protocol)
    table_2(metrics, those("vanilla", "continuous"), readings, protocol)
    table_3(metrics, those("vanilla", "continuous", "discrete"), readings, protocol)


__all__ = ["STRICT", "all_tables", "table_1_continuous", "table_1_discrete", "table_2", "table_3"]
