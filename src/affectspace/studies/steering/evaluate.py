"""Every steering method measured by every judge, with intervals over documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from affectspace.affect import AXES
from affectspace.data.dataset import Dataset
from affectspace.evaluation import Interval, interval
from affectspace.evaluation.results import Recorder, Results
from affectspace.progress import Progress, silent
from affectspace.steering.encoder import Sentences
from affectspace.steering.ranking import kept_words, repetition
from affectspace.steering.steerer import Steerer
from affectspace.studies.steering.material import RIDGE, Material, material_of
from affectspace.studies.steering.measures import copied, distinct, meets_bars, slope_rows, spearman_rows
from affectspace.studies.steering.methods import Texts, methods
from affectspace.studies.steering.plan import SteeringPlan

STUDY, EXPERIMENT, CURVES = "steering", "steering", "steering_curves"


class Measure(NamedTuple):
    """What is measured of a text: the metric; with a judge, the axis that the judge reads, and the judge."""

    metric: str
    target: str = ""
    modality: str = ""


CONTENT, SURPRISE, ALL_THREE = Measure("content"), Measure("surprise"), Measure("all_three")


@dataclass(eq=False)
class Measured:
    """The texts of one method along one axis, and their measures with one value per sentence.

    curves : judge -> (n, steps), its scores minus its scores of the original sentence
    """

    texts: Texts
    values: dict[Measure, np.ndarray] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """results : all figures; texts : a row per method, sentence and step; material : sentences and judges"""

    results: Results
    texts: pd.DataFrame
    material: Material


def evaluate_steering(
    steerer: Steerer,
    rows: Dataset,
    out: Path,
    *,
    lexicons: Mapping[str, Path] | None = None,
    plan: SteeringPlan | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Steer held-out sentences by every method and measure them.

    The column ``task`` names the axis that is steered, ``modality`` the judge, ``target`` the axis that the judge reads.

    Parameters
    ----------
    out
        Folder that keeps the generated texts, so that an interrupted evaluation can continue.
    lexicons
        Name and file of judges besides the ridge on words and characters.
    """
    plan = plan or SteeringPlan()
    material = material_of(steerer, rows, lexicons or {}, plan)
    corpus = ", ".join(steerer.encoder.run.facts.get("corpora", {})) or "the corpus"
    results, tables = Results(), []
    protocol = f"held-out sentences of {corpus}, {len(plan.targets)} steps"
    recorder = Recorder(results, {"study": STUDY, "protocol": protocol, "seeds": (plan.seed,)})
    for axis in AXES:
        number = len(material.seeds) if axis == AXES[0] else plan.other_sentences
        seeds = material.seeds.take(np.arange(len(material.seeds))[:number])
        if len(seeds) < 2:
            continue
        outcomes: dict[str, Measured] = {}
        for name, texts in methods(material, seeds.texts, axis, plan, out / "texts", progress):
            progress(0, 0, f"judging {name}, {axis}")
            outcomes[name] = measure(material, seeds, axis, plan, texts)
            tables.append(_table(name, axis, plan, seeds, texts))
        outcomes["seed"] = measure(material, seeds, axis, plan, [[text] for text in seeds.texts])
        record(recorder.under(task=axis), outcomes, seeds, axis, plan, material)
    return Evaluation(results, pd.concat(tables, ignore_index=True), material)


def measure(material: Material, seeds: Sentences, axis: str, plan: SteeringPlan, texts: Texts) -> Measured:
    """Measure texts per sentence: correlation and slope by each judge, drift of other axes, content and language."""
    steps = len(texts[0])
    flat = [text for row in texts for text in row]
    original = [seed for seed in seeds.texts for _ in range(steps)]
    outcome = Measured(texts)
    values = outcome.values

    def rows(numbers: np.ndarray) -> np.ndarray:
        return numbers.reshape(len(texts), steps)

    if steps == len(plan.targets):
        targets = np.asarray(plan.targets)
        for name, judge in material.judges.items():
            scores, own = judge.score(flat), judge.score(seeds.texts)
            for place, target in enumerate(AXES):
                if target not in judge.axes:
                    continue
                read = rows(scores[:, place])
                values[Measure("slope", target, name)] = slope_rows(targets, read)
                if target == axis:
                    values[Measure("spearman", target, name)] = spearman_rows(targets, read)
                    outcome.curves[name] = read - own[:, [place]]
        if material.steerer.similarity is not None:
            values[CONTENT] = rows(material.steerer.similarity.between(original, flat)).mean(axis=1)
        values[Measure("kept_words")] = rows(kept_words(original, flat, material.steerer.masker)).mean(axis=1)
        values[Measure("copied")] = rows(copied(original, flat)).mean(axis=1)
    values[SURPRISE] = rows(material.steerer.model.surprise(flat)).mean(axis=1)
    values[Measure("repetition")] = rows(repetition(flat)).mean(axis=1)
    return outcome


def record(
    recorder: Recorder,
    outcomes: dict[str, Measured],
    seeds: Sentences,
    axis: str,
    plan: SteeringPlan,
    material: Material,
) -> None:
    """Record means with intervals, curves, and the first method minus each other one."""

    def mean(numbers: np.ndarray, versus: np.ndarray | None = None) -> Interval:
        return interval("mean", None, numbers, seeds.groups, versus)

    base = outcomes["unsteered"].values[SURPRISE]
    for outcome in outcomes.values():
        if outcome.curves and CONTENT in outcome.values:
            outcome.values[ALL_THREE] = all_three(outcome, base, material, axis)
    figures, curves = recorder.under(experiment=EXPERIMENT), recorder.under(experiment=CURVES)
    for name, outcome in outcomes.items():
        for key, numbers in outcome.values.items():
            if np.isfinite(numbers).any():  # without content words in any sentence, no share of kept words is defined
                figures.add(key.metric, mean(numbers), model=name, target=key.target, modality=key.modality)
        figures.add("perplexity_ratio", _exponential(mean(outcome.values[SURPRISE], base)), model=name)
        flat = [text for row in outcome.texts for text in row]
        figures.add("distinct_2", distinct(flat), len(flat), model=name)
        for judge, change in outcome.curves.items():
            for step, value in enumerate(plan.targets):
                columns = {"model": name, "modality": judge, "target": axis, "condition": f"{value:g}"}
                curves.add("change", mean(change[:, step]), **columns)
    first, *others = (name for name in outcomes if name != "seed")
    for name in others:
        for key, numbers in outcomes[first].values.items():
            drift = key.modality and key.target != axis
            if key in outcomes[name].values and not drift and np.isfinite(numbers).any():
                columns = {"model": first, "versus": name, "target": key.target, "modality": key.modality}
                figures.add(key.metric, mean(numbers, outcomes[name].values[key]), **columns)


def all_three(outcome: Measured, base: np.ndarray, material: Material, axis: str) -> np.ndarray:
    """Say which sentences meet all bars at once, (n,) 0 or 1, by the ridge and every independent judge.

    base : (n,), surprise without a target
    """
    judges = [
        name
        for name, judge in material.judges.items()
        if axis in judge.axes and (name == RIDGE or not material.parts[name])
    ]
    spearman = np.stack([outcome.values[Measure("spearman", axis, name)] for name in judges])
    return meets_bars(spearman, outcome.values[CONTENT], outcome.values[SURPRISE], base)


def _exponential(logarithm: Interval) -> Interval:
    value, low, high = np.exp([logarithm.value, logarithm.low, logarithm.high])
    return replace(logarithm, value=float(value), low=float(low), high=float(high))


def _table(name: str, axis: str, plan: SteeringPlan, seeds: Sentences, texts: Texts) -> pd.DataFrame:
    rows = [
        (name, axis, row, seed, value, text)
        for row, (seed, steps) in enumerate(zip(seeds.texts, texts, strict=True))
        for value, text in zip(plan.targets, steps, strict=True)
    ]
    return pd.DataFrame(rows, columns=["method", "axis", "sentence", "seed", "target", "text"])
