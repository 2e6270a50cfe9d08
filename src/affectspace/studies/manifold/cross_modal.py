"""Do modalities meet in the shared latent: retrieval of the same sample, tests of the modality gap (Figure 2, Eq. 7), and the
vectors that are generated from another modality's affect (Eq. 6).

The paper's generated vector takes the private latent of the sample that it is compared with, which identifies that sample
whatever the affect is. For retrieval the private latent is therefore at its mean over the training rows. With the sample's
own private latent, as in Eq. 6, the error is compared with that under another sample's affect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectspace.evaluation import (
    Retrieval,
    centroid_distance,
    classifier_two_sample,
    fixed_rows,
    interval,
    retrieval,
    two_sample_test,
)
from affectspace.evaluation.folds import Fold
from affectspace.evaluation.results import Recorder, Results
from affectspace.studies.manifold.evaluation_rows import EvaluationRows
from affectspace.studies.manifold.representations import Representations

TOP = (1, 5, 10)
ROWS = 1000
ALL_PAIRS = "all pairs"
LABELS = "labels"  # source of affect: the corpus' own valence, arousal and dominance


def shared_of(outputs: Representations, modality: str) -> np.ndarray | None:
    """Return the shared posterior means of a modality; its affect for a model without shared latents."""
    return outputs.shared.get(modality, outputs.affect.get(modality))


def _common(fold: Fold, outputs: Representations, modalities: Sequence[str]) -> np.ndarray:
    """Return tested rows that have all modalities, at most `ROWS`."""
    tested = fold.test[np.all([outputs.present[modality][fold.test] for modality in modalities], axis=0)]
    return tested[fixed_rows(len(tested), ROWS)]


def _record_hits(
    recorder: Recorder, retrieved: Sequence[Sequence[Retrieval]], groups: np.ndarray, note: str = ""
) -> None:
    """Record the share of queries found among the first k, chance, and the share above chance (seed -> fold)."""
    for k in retrieved[0][0].top:
        hits = [np.concatenate([result.hits[k] for result in by_fold]) for by_fold in retrieved]
        chances = [np.concatenate([np.full(len(r.hits[k]), r.chance[k]) for r in by_fold]) for by_fold in retrieved]
        above = [hit - chance for hit, chance in zip(hits, chances, strict=True)]
        recorder.add(f"top_{k}", interval("share", None, hits, groups), note=note)
        recorder.add(f"top_{k}_chance", np.mean(chances), len(groups))
        recorder.add(f"top_{k}_above_chance", interval("mean", None, above, groups))


def retrieval_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], modalities: Sequence[str], k: int = TOP[-1]
) -> None:
    """Record how often a sample in one modality finds itself in another by its shared latent, and each model's mean over pairs.

    The first model is compared with every other one, paired by sample.
    """
    recorder = rows.recorder(results, "retrieval")
    for model in models:
        for source, target in permutations(modalities, 2):

            def find(fold: Fold, outputs: Representations, source: str = source, target: str = target) -> Any:
                queries, targets = shared_of(outputs, source), shared_of(outputs, target)
                if queries is None or targets is None:
                    return None
                tested = _common(fold, outputs, (source, target))
                return retrieval(queries[tested], targets[tested], k=TOP), rows.groups[tested]

            retrieved = rows.per_fold(model, find)
            if retrieved:
                groups = np.concatenate([people for _, people in retrieved[-1]])
                named = recorder.under(model=model, modality=source, target=target)
                _record_hits(named, [[result for result, _ in by_fold] for by_fold in retrieved], groups)
    over_pairs = {model: _over_pairs(rows, model, modalities, k) for model in models}
    first, ours = models[0], over_pairs[models[0]]
    for model, outcome in over_pairs.items():
        if outcome is None:
            continue
        hits, groups, chance = outcome
        named = recorder.under(model=model, modality=ALL_PAIRS)
        named.add(f"top_{k}", interval("share", None, hits, groups), note="mean over all pairs")
        named.add(f"top_{k}_chance", chance, len(groups))
        if ours is not None and model != first:
            difference = interval("mean", None, ours[0], groups, hits)
            recorder.add(f"top_{k}", difference, model=first, versus=model, modality=ALL_PAIRS)


def _over_pairs(
    rows: EvaluationRows, model: str, modalities: Sequence[str], k: int
) -> tuple[list[np.ndarray], np.ndarray, float] | None:
    """Compute the share of ordered pairs in which a sample is found, (rows,) per seed; the rows' groups; chance."""

    def find(fold: Fold, outputs: Representations) -> tuple[np.ndarray, np.ndarray, float] | None:
        shared = [values for values in (shared_of(outputs, name) for name in modalities) if values is not None]
        if len(shared) < len(modalities):
            return None
        tested = _common(fold, outputs, modalities)
        retrieved = [retrieval(query[tested], target[tested], k=(k,)) for query, target in permutations(shared, 2)]
        return np.mean([result.hits[k] for result in retrieved], axis=0), rows.groups[tested], retrieved[0].chance[k]

    by_seed = rows.per_fold(model, find)
    if not by_seed:
        return None
    hits = [np.concatenate([hit for hit, _, _ in by_fold]) for by_fold in by_seed]
    groups = np.concatenate([people for _, people, _ in by_seed[-1]])
    return hits, groups, float(np.mean([chance for by_fold in by_seed for _, _, chance in by_fold]))


def gap_table(
    results: Results, rows: EvaluationRows, models: Sequence[str], pairs: Sequence[tuple[str, str]], permutations: int
) -> None:
    """Record how far two modalities are apart: a classifier's UAR, the distance of centroids, and the energy distance's p."""
    recorder = rows.recorder(results, "gap")
    classified: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray, list[np.ndarray]]] = {}
    for model in models:
        for modality, other in pairs:

            def test(fold: Fold, outputs: Representations, modality: str = modality, other: str = other) -> Any:
                first, second = shared_of(outputs, modality), shared_of(outputs, other)
                if first is None or second is None:
                    return None
                tested = _common(fold, outputs, (modality, other))
                groups, a, b = rows.groups[tested], first[tested], second[tested]
                folds = min(5, len(np.unique(groups.astype(str))))
                if folds < 3:  # two people cannot fit, choose and test a classifier
                    return None
                energy = two_sample_test(a, b, paired=True, groups=groups, permutations=permutations)
                return centroid_distance(a, b), energy, classifier_two_sample(a, b, groups, groups, folds=folds)

            by_seed = rows.per_fold(model, test)
            if not by_seed:
                continue
            every = [outcome for by_fold in by_seed for outcome in by_fold]
            truth = np.concatenate([classifier.truth for _, _, classifier in by_seed[0]])
            people = np.concatenate([classifier.groups for _, _, classifier in by_seed[0]])
            guesses = [np.concatenate([classifier.predictions for _, _, classifier in by_fold]) for by_fold in by_seed]
            classified[model, modality, other] = truth, people, guesses
            named, n = recorder.under(model=model, modality=modality, target=other), len(people) // 2
            named.add("classifier_uar", interval("uar", truth, guesses, people))
            named.add(
                "centroids", np.mean([centroids for centroids, _, _ in every]), n, note="pooled standard deviations"
            )
            named.add("energy", np.mean([energy.value for _, energy, _ in every]), n)
            named.add("energy_floor", np.mean([energy.floor for _, energy, _ in every]), n)
            named.add("energy_p", np.median([energy.p for _, energy, _ in every]), n)
    first = models[0]
    for (model, modality, other), (truth, people, guesses) in classified.items():
        if model != first and (first, modality, other) in classified:
            ours = classified[first, modality, other][2]
            difference = interval("uar", truth, ours, people, guesses)
            named = recorder.under(model=first, versus=model, modality=modality, target=other, seeds=())
            named.add("classifier_uar", difference, note="below 0: mixed better")


@dataclass(frozen=True, eq=False)
class Generated:
    """Vectors of one modality for rows that have it, in standard deviations of its dimensions on train.

    rows : positions of the rows; true, made : (rows, width), the vectors, and those made with the mean private latent
    own, crossed, exchanged : (rows,), squared error of the vector made with its own private latent and the affect of its own
        modality; of the source; of the source in another sample
    size : (rows,), squared length of the true vectors
    """

    rows: np.ndarray
    true: np.ndarray
    made: np.ndarray
    own: np.ndarray
    crossed: np.ndarray
    exchanged: np.ndarray
    size: np.ndarray


@torch.no_grad()
def generate(
    model: Any, outputs: Representations, features: Mapping[str, np.ndarray], affect: np.ndarray, target: str, rows: np.ndarray,
    train: np.ndarray,
) -> Generated:  # fmt: skip
    """Make vectors of `target` for rows from `affect` (rows, 3), which is in the units of the model's shared latent.

    train : rows whose mean private latent carries no content in particular
    """
    present = torch.ones(len(rows), dtype=torch.bool)
    true = model.standardise(
        target, torch.from_numpy(np.ascontiguousarray(features[target][rows], np.float32)), present
    )
    private = torch.from_numpy(outputs.private[target][rows])
    known = train[outputs.present[target][train]]
    mean_private = torch.from_numpy(outputs.private[target][known].mean(axis=0)).expand_as(private)
    shared = torch.from_numpy(np.ascontiguousarray(affect, np.float32))

    def error(latent: Tensor) -> np.ndarray:
        return (model.decode(target, latent, private) - true).square().sum(dim=1).double().numpy()

    return Generated(
        rows,
        true.double().numpy(),
        model.decode(target, shared, mean_private).double().numpy(),
        error(torch.from_numpy(outputs.shared[target][rows])),
        error(shared),
        error(shared[torch.from_numpy(other_rows(len(rows)))]),
        true.square().sum(dim=1).double().numpy(),
    )


def other_rows(n: int) -> np.ndarray:
    """Choose another row for each of n, in a random order that is always the same."""
    order = np.random.default_rng(0).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def generation_table(
    results: Results,
    rows: EvaluationRows,
    trained: Callable[[str], list[list[Any]]],
    models: Sequence[str],
    modalities: Sequence[str],
) -> None:
    """Record, for each ordered pair of modalities and from the labels, retrieval by generated vectors, and their error.

    trained : name -> seed -> fold -> trained model
    """
    recorder = rows.recorder(results, "generation")
    pairs = [*permutations(modalities, 2), *((LABELS, modality) for modality in modalities)]
    for model in models:
        by_seed = rows.of(model)
        if not by_seed or not all(outputs.private and outputs.shared for by_fold in by_seed for outputs in by_fold):
            continue
        networks = trained(model)
        for source, target in pairs:
            generated = [
                [
                    _generate_fold(rows, fold, outputs, network, source, target)
                    for fold, outputs, network in zip(rows.folds, by_fold, by_fold_networks, strict=True)
                ]
                for by_fold, by_fold_networks in zip(by_seed, networks, strict=True)
            ]
            if min(len(vectors.rows) for vectors in generated[0]) > 1:
                _record_generated(recorder.under(model=model, modality=source, target=target), rows, generated)


def _generate_fold(
    rows: EvaluationRows, fold: Fold, outputs: Representations, network: Any, source: str, target: str
) -> Generated:
    tested = fold.test[outputs.present[target][fold.test]]
    known = np.isfinite(rows.truth[tested]).all(axis=1) if source == LABELS else outputs.present[source][tested]
    tested = tested[known]
    tested = tested[fixed_rows(len(tested), ROWS)]
    affect = _pooled(network, rows.truth[tested]) if source == LABELS else outputs.shared[source][tested]
    return generate(network, outputs, rows.features, affect, target, tested, fold.train)


def _pooled(network: Any, labels: np.ndarray) -> np.ndarray:
    """Convert labels of a training's one corpus to the units of the shared latent."""
    values = torch.from_numpy(np.ascontiguousarray(labels, np.float32))
    with torch.no_grad():
        pooled: Tensor = network.in_pooled_units(values, torch.zeros(len(values), dtype=torch.int64))
    return pooled.numpy()


def _record_generated(recorder: Recorder, rows: EvaluationRows, generated: list[list[Generated]]) -> None:
    """Record every figure of one pair; generated : seed -> fold."""
    groups = np.concatenate([rows.groups[vectors.rows] for vectors in generated[0]])
    retrieved = [
        [retrieval(vectors.made, vectors.true, k=TOP, metric="cosine") for vectors in by_fold] for by_fold in generated
    ]
    _record_hits(recorder, retrieved, groups, "by cosine, the private latent at its mean")
    if "emotion" in rows.table:
        emotions = rows.table["emotion"].to_numpy(object)
        pairs = [[_same_emotion(vectors, emotions[vectors.rows]) for vectors in by_fold] for by_fold in generated]
        shares = [np.concatenate([share for share, _ in by_fold]) for by_fold in pairs]
        above = [np.concatenate([share - chance for share, chance in by_fold]) for by_fold in pairs]
        note = f"of the {TOP[-1]} nearest true vectors of other samples, those with the emotion"
        recorder.add("same_emotion", interval("share", None, shares, groups), note=note)
        recorder.add("same_emotion_above_chance", interval("mean", None, above, groups))
    size = [float(np.concatenate([vectors.size for vectors in by_fold]).mean()) for by_fold in generated]
    for metric, name in (("r2_own", "own"), ("r2_crossed", "crossed"), ("r2_exchanged", "exchanged")):
        errors = [np.concatenate([getattr(vectors, name) for vectors in by_fold]).mean() for by_fold in generated]
        recorder.add_mean(metric, [1 - error / total for error, total in zip(errors, size, strict=True)], len(groups))
    gains = [
        np.concatenate([(vectors.exchanged - vectors.crossed) / total for vectors in by_fold])
        for by_fold, total in zip(generated, size, strict=True)
    ]
    recorder.add(
        "r2_gain", interval("mean", None, gains, groups), note="Eq. 6 minus the same with another sample's affect"
    )


def _same_emotion(vectors: Generated, emotions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute which share of the ten nearest other true vectors carries a sample's emotion, and which share of all others."""
    made, true = (
        values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        for values in (vectors.made, vectors.true)
    )
    similarity = made @ true.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : min(TOP[-1], len(emotions) - 1)]
    same = emotions[:, None] == emotions
    share = np.take_along_axis(same, nearest, axis=1).mean(axis=1)
    return share, (same.sum(axis=1) - 1) / (len(emotions) - 1)
