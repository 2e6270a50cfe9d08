"""From a projector's run to figures: every method measured by every judge, with intervals over documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile, mean_interval, paired_mean_difference
from affectspace.evaluation.intervals import Interval
from affectspace.evaluation.result import Measurement
from affectspace.progress import Progress, silent
from affectspace.steering.encoder import Sentences
from affectspace.steering.ranking import kept_words, repetition
from affectspace.steering.steerer import Steerer
from affectspace.studies.steering.material import RIDGE, Material, material_of
from affectspace.studies.steering.measures import (
    copied,
    distinct,
    meets_bars,
    slope_rows,
    spearman_rows,
)
from affectspace.studies.steering.methods import Texts, methods
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.training.feature_set import FeatureSet

PROTOCOL = "held-out sentences of {corpus}, {steps} steps"


@dataclass(eq=False)
class Measured:
    """What is measured of one method along one axis, a value a sentence, and what it wrote."""

    texts: Texts
    values: dict[str, np.ndarray] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)  # judge -> (n, steps), less its score of the seed


@dataclass(frozen=True, eq=False)
class Evaluation:
    """metrics : all figures; texts : a row a method, sentence and step; material : what was worked on"""

    metrics: MetricsFile
    texts: pd.DataFrame
    material: Material


def evaluate_steering(
    steerer: Steerer,
    rows: FeatureSet,
    out: Path,
    *,
    lexicons: Mapping[str, Path] | None = None,
    plan: SteeringPlan | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Steer held-out sentences by every method and measure them. out : where candidates are kept, to go on from.

    lexicons : name -> file, of judges besides the ridge on words and characters
    """
    plan = plan or SteeringPlan()
    material = material_of(steerer, rows, lexicons or {}, plan)
    metrics, tables = MetricsFile(), []
    for axis in AXES:
        seeds = (
            material.seeds
            if axis == AXES[0]
            else material.seeds.take(np.arange(len(material.seeds))[: plan.other_sentences])
        )
        if len(seeds) < 2:
            continue
        found: dict[str, Measured] = {}
        for name, texts in methods(material, seeds.texts, axis, plan, out / "texts", progress):
            progress(0, 0, f"judging {name}, {axis}")
            found[name] = measure(material, seeds, axis, plan, texts)
            tables.append(_table(name, axis, plan, seeds, texts))
        found["seed"] = measure(material, seeds, axis, plan, [[text] for text in seeds.texts])
        record(metrics, found, seeds, axis, plan, material)
    return Evaluation(metrics, pd.concat(tables, ignore_index=True), material)


def measure(material: Material, seeds: Sentences, axis: str, plan: SteeringPlan, texts: Texts) -> Measured:
    """Per sentence: rank correlation and slope by each judge, drift on other axes, content, surprise, repetition."""
    steps = len(texts[0])
    flat = [text for row in texts for text in row]
    of = [seed for seed in seeds.texts for _ in range(steps)]
    found = Measured(texts)

    def rows(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(texts), steps)

    if steps == len(plan.asked):
        asked = np.asarray(plan.asked)
        for name, judge in material.judges.items():
            scores, own = judge.score(flat), judge.score(seeds.texts)
            for place, other in enumerate(AXES):
                if other not in judge.axes:
                    continue
                values = rows(scores[:, place])
                if other == axis:
                    found.values[f"spearman_{name}"] = spearman_rows(asked, values)
                    found.values[f"slope_{name}"] = slope_rows(asked, values)
                    found.curves[name] = values - own[:, [place]]
                else:
                    found.values[f"drift_{other}_{name}"] = slope_rows(asked, values)
        if material.steerer.similarity is not None:
            found.values["content"] = rows(material.steerer.similarity.between(of, flat)).mean(axis=1)
        found.values["kept_words"] = rows(kept_words(of, flat, material.steerer.masker)).mean(axis=1)
        found.values["copied"] = rows(copied(of, flat)).mean(axis=1)
    found.values["surprise"] = rows(material.steerer.model.surprise(flat)).mean(axis=1)
    found.values["repetition"] = rows(repetition(flat)).mean(axis=1)
    return found


def record(
    metrics: MetricsFile,
    found: dict[str, Measured],
    seeds: Sentences,
    axis: str,
    plan: SteeringPlan,
    material: Material,
) -> None:
    """Write the means with their intervals, the curves, and the first method less each other."""
    experiment = f"steering_{axis}"
    corpus = ", ".join(material.steerer.encoder.run.facts.get("corpora", {})) or "the corpus"
    facts: dict[str, Any] = {"protocol": PROTOCOL.format(corpus=corpus, steps=len(plan.asked)), "seeds": (plan.seed,)}

    def interval(values: np.ndarray) -> Interval:
        return mean_interval(values, seeds.groups, resamples=plan.resamples)

    base = found["unsteered"].values["surprise"]
    for one in found.values():
        if one.curves and "content" in one.values:
            one.values["all_three"] = all_three(one, base, material, axis)
    for name, one in found.items():
        for metric, values in one.values.items():
            if np.isfinite(values).any():  # no content word in any sentence: nothing to keep
                metrics.set(experiment, name, metric, Measurement.of(interval(values), **facts))
        ratio = paired_mean_difference(one.values["surprise"], base, seeds.groups, resamples=plan.resamples)
        metrics.set(experiment, name, "perplexity_ratio", _exponential(ratio, facts))
        flat = [text for row in one.texts for text in row]
        metrics.set(experiment, name, "distinct_2", Measurement(distinct(flat), n=len(flat), **facts))
        for judge, values in one.curves.items():
            for step, value in enumerate(plan.asked):
                metrics.set(
                    f"{experiment}_curves",
                    f"{name}: {value:g}",
                    judge,
                    Measurement.of(interval(values[:, step]), **facts),
                )
    first = next(iter(found))
    for name, one in found.items():
        if name in (first, "seed"):
            continue
        for metric, values in found[first].values.items():
            if metric in one.values and not metric.startswith("drift") and np.isfinite(values).any():
                less = paired_mean_difference(values, one.values[metric], seeds.groups, resamples=plan.resamples)
                metrics.set(f"{experiment}_comparisons", f"{first} - {name}", metric, Measurement.of(less, **facts))


def all_three(one: Measured, base: np.ndarray, material: Material, axis: str) -> np.ndarray:
    """Which sentences meet all bars at once, (n,) 0 or 1, by the ridge and every judge that had no part in anything.

    base : (n,) surprise with nothing asked
    """
    judges = [
        name
        for name, judge in material.judges.items()
        if axis in judge.axes and (name == RIDGE or not material.parts[name])
    ]
    spearman = np.stack([one.values[f"spearman_{name}"] for name in judges])
    return meets_bars(spearman, one.values["content"], one.values["surprise"], base)


def _exponential(interval: Interval, facts: dict[str, Any]) -> Measurement:
    value, low, high = np.exp([interval.value, interval.low, interval.high])
    return Measurement(float(value), float(low), float(high), interval.n, **facts)


def _table(name: str, axis: str, plan: SteeringPlan, seeds: Sentences, texts: Texts) -> pd.DataFrame:
    rows = [
        (name, axis, row, seed, value, text)
        for row, (seed, steps) in enumerate(zip(seeds.texts, texts, strict=True))
        for value, text in zip(plan.asked, steps, strict=True)
    ]
    return pd.DataFrame(rows, columns=["method", "axis", "sentence", "seed", "asked", "text"])
