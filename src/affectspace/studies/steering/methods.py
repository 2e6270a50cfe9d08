"""The methods that are compared, each as texts [sentence][step]; what was written once is read from the folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from affectspace.affect import AXES
from affectspace.files import parse_json, write_text
from affectspace.progress import Progress, silent
from affectspace.steering.ranking import Candidates, rank
from affectspace.steering.steerer import Steerer
from affectspace.studies.steering.activation import SteeringVector, layer_at, steering_vectors, written_with_vector
from affectspace.studies.steering.material import RIDGE, Material, deviations
from affectspace.studies.steering.measures import spearman_rows
from affectspace.studies.steering.plan import BARS, SteeringPlan
from affectspace.studies.steering.prompting import prompted, templated

Texts = list[list[str]]  # [sentence][step]


def methods(
    material: Material, seeds: Sequence[str], axis: str, plan: SteeringPlan, folder: Path, progress: Progress = silent
) -> Iterator[tuple[str, Texts]]:
    """Yield name and texts of every method along an axis; folder : keeps candidates, so that an evaluation can continue."""
    steerer, model, targets = material.steerer, material.steerer.model, plan.targets
    points = points_along(axis, targets, len(seeds))

    def kept(name: str, make: Callable[[], Candidates]) -> Candidates:
        lines = {name: vars(line) for name, line in steerer.calibration.lines.items()}
        facts = [plan.model_dump(mode="json"), list(seeds), steerer.run.facts.get("seconds"), lines, axis]
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return kept_texts(folder / f"{axis}-{name}.json", key, make)

    def both(name: str, written: Candidates) -> Iterator[tuple[str, Texts]]:
        ranked = rank(seeds, own, points, written, steerer.affect_of, steerer.similarity)
        if plan.candidates > 1:
            yield name, ranked.texts()
        yield f"{name}_one", ranked.texts(0)

    own = steerer.affect_of(seeds)
    written = kept(
        "steered",
        lambda: steerer.write(
            seeds, points, candidates=plan.candidates, seed=plan.seed, sampling=plan.sampling, progress=progress
        ),
    )
    yield from both("steered", written)
    nothing = kept("unsteered", lambda: without_target(steerer, seeds, len(targets), plan, progress))
    yield "unsteered", [[step[0] for step in steps] for steps in nothing]
    answers = kept(
        "prompt", lambda: prompted(model, seeds, axis, targets, plan.candidates, plan.sampling, plan.seed, progress)
    )
    yield from both("prompt", answers)
    moved = kept("vector", lambda: _with_vector(material, seeds, axis, plan, progress))
    yield from both("vector", moved)
    yield "template", [[templated(seed, axis, value) for value in targets] for seed in seeds]
    yield "template_without", [[seed] * len(targets) for seed in seeds]


def without_target(
    steerer: Steerer, seeds: Sequence[str], steps: int, plan: SteeringPlan, progress: Progress = silent
) -> Candidates:
    """Write each sentence `steps` times at its own affect, without guidance; one candidate."""
    stays = np.full((len(seeds), steps, len(AXES)), np.nan)
    unguided = plan.sampling.model_copy(update={"guidance": 1.0})
    return steerer.write(seeds, stays, calibrated=False, seed=plan.seed, sampling=unguided, progress=progress)


def points_along(axis: str, targets: Sequence[float], count: int) -> np.ndarray:
    """Return targets along one axis, (count, steps, 3), NaN on the other axes."""
    points = np.full((count, len(targets), len(AXES)), np.nan)
    points[:, :, AXES.index(axis)] = targets
    return points


def kept_texts(path: Path, key: str, make: Callable[[], Candidates]) -> Candidates:
    """Read the candidates in a file; make them where it is missing, damaged, or has another key."""
    if path.is_file():
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
        except ValueError:
            content = None
        if isinstance(content, dict) and content.get("key") == key and "written" in content:
            return content["written"]
    written = make()
    write_text(path, json.dumps({"key": key, "written": written}, ensure_ascii=False) + "\n")
    return written


def _with_vector(
    material: Material, seeds: Sequence[str], axis: str, plan: SteeringPlan, progress: Progress
) -> Candidates:
    vector = chosen_vector(material, axis, plan, progress)
    model = material.steerer.model
    return written_with_vector(model, vector, seeds, plan.targets, plan.candidates, plan.sampling, plan.seed, progress)


def chosen_vector(material: Material, axis: str, plan: SteeringPlan, progress: Progress = silent) -> SteeringVector:
    """Choose the layer and strength that steer best on validation sentences, by the ridge.

    Among those whose perplexity is at most 1.5 times that of the same requests without a vector, the largest rank correlation;
    where none is, the least perplexity.
    """
    model, place = material.steerer.model, AXES.index(axis)
    labels = deviations(material, material.train)[:, place]
    layers = sorted({layer_at(model, depth) for depth in plan.depths})
    vectors = steering_vectors(model, material.train.texts, labels, axis, layers, plan.contrast_sentences)
    texts, judge = material.tuning.texts, material.judges[RIDGE]
    ends = (min(plan.targets), 0.0, max(plan.targets))
    plain = prompted(model, texts, None, [0.0], 1, plan.sampling, plan.seed, progress)
    base = model.surprise([steps[0][0] for steps in plain]).mean()
    candidates: list[tuple[bool, float, SteeringVector]] = []
    for vector in vectors:
        for strength in plan.strengths:
            tried = SteeringVector(axis, vector.direction, vector.layer, strength)
            written = written_with_vector(model, tried, texts, ends, 1, plan.sampling, plan.seed, progress)
            flat = [step[0] for steps in written for step in steps]
            values = judge.score(flat)[:, place].reshape(len(texts), len(ends))
            ratio = float(np.exp(model.surprise(flat).mean() - base))
            fluent = ratio <= BARS["perplexity_ratio"]
            worth = float(spearman_rows(np.array(ends), values).mean()) if fluent else -ratio
            candidates.append((fluent, worth, tried))
    return max(candidates, key=lambda one: one[:2])[2]
