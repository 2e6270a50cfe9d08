"""Do modalities meet in the shared space: retrieval of the same moment, centroids, and tests of the gap (Figure 2, Eq. 7)."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from affectspace.evaluation import (
    MetricsFile,
    Retrieval,
    centroid_distance,
    classifier_two_sample,
    fixed_rows,
    mean_interval,
    paired_mean_difference,
    paired_uar_difference,
    retrieval,
    two_sample_test,
    uar_interval,
)
from affectspace.evaluation.folds import Fold
from affectspace.studies.manifold.codes import Codes
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.sheet import Sheet

TOP = (1, 5, 10)
ROWS = 1000


def shared_of(codes: Codes, modality: str) -> np.ndarray | None:
    """Shared posterior means of a modality; its affect for a model without them."""
    return codes.shared.get(modality, codes.affect.get(modality))


def _both(codes: Codes, fold: Fold, one: str, other: str) -> np.ndarray:
    rows = fold.test[codes.present[one][fold.test] & codes.present[other][fold.test]]
    return rows[fixed_rows(len(rows), ROWS)]


def retrieval_table(metrics: MetricsFile, panel: Panel, models: Sequence[str], modalities: Sequence[str]) -> None:
    """Top-k of finding, from a moment in one modality, the same moment in another by its shared latent."""
    sheet = Sheet(metrics, f"{panel.name}_retrieval", panel.protocol)
    for model in models:
        seeds = panel.seeds.get(model, ())
        for one, other in permutations(modalities, 2):
            found, groups = [], np.empty(0)
            for each in panel.of(model):
                said = []
                for fold, codes in zip(panel.folds, each, strict=True):
                    queries, targets = shared_of(codes, one), shared_of(codes, other)
                    if queries is None or targets is None:
                        break
                    rows = _both(codes, fold, one, other)
                    said.append((retrieval(queries[rows], targets[rows], k=TOP), panel.groups[rows]))
                if len(said) == len(panel.folds):
                    found.append([result for result, _ in said])
                    groups = np.concatenate([people for _, people in said])
            if not found:
                continue
            row = f"{model}: {one} to {other}"
            for k in found[0][0].top:
                hits = [np.concatenate([result.hits[k] for result in each]) for each in found]
                sheet.interval(row, f"top_{k}", mean_interval(hits, groups), seeds)
                sheet.value(row, f"top_{k}_chance", float(np.mean([one.chance[k] for one in found[0]])), len(groups))
                above = [hit - chance for hit, chance in zip(hits, [_chances(each, k) for each in found], strict=True)]
                sheet.interval(row, f"top_{k}_above_chance", mean_interval(above, groups), seeds)


def retrieval_comparisons(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], modalities: Sequence[str], k: int = 10
) -> None:
    """Top-k over all ordered pairs of modalities, by model; the first model's less each other's, paired by row."""
    sheet = Sheet(metrics, f"{panel.name}_retrieval", panel.protocol)
    compared = Sheet(metrics, f"{panel.name}_retrieval_comparisons", panel.protocol)
    found = {model: over_pairs(panel, model, modalities, k) for model in models}
    ours = found[models[0]]
    for model, theirs in found.items():
        if theirs is None:
            continue
        hits, groups, chance = theirs
        seeds = panel.seeds.get(model, ())
        sheet.interval(f"{model}: all pairs", f"top_{k}", mean_interval(hits, groups), seeds, "mean over all pairs")
        sheet.value(f"{model}: all pairs", f"top_{k}_chance", chance, len(groups))
        if ours is not None and model != models[0]:
            interval = paired_mean_difference(ours[0], hits, groups)
            compared.interval(f"{models[0]} - {model}", f"top_{k}", interval, panel.seeds.get(models[0], ()))


def over_pairs(
    panel: Panel, model: str, modalities: Sequence[str], k: int
) -> tuple[list[np.ndarray], np.ndarray, float] | None:
    """Share of the ordered pairs in which a row is found, (rows,) a seed; the rows' groups; chance. None without codes."""
    hits, groups, chances = [], np.empty(0), [0.0]
    for each in panel.of(model):
        said = []
        for fold, codes in zip(panel.folds, each, strict=True):
            shared = [shared_of(codes, one) for one in modalities]
            known = [values for values in shared if values is not None]
            if len(known) < len(modalities):
                return None
            rows = fold.test[np.all([codes.present[one][fold.test] for one in modalities], axis=0)]
            rows = rows[fixed_rows(len(rows), ROWS)]
            results = [retrieval(one[rows], other[rows], k=(k,)) for one, other in permutations(known, 2)]
            said.append((np.mean([result.hits[k] for result in results], axis=0), panel.groups[rows]))
            chances.append(results[0].chance[k])
        hits.append(np.concatenate([hit for hit, _ in said]))
        groups = np.concatenate([people for _, people in said])
    return (hits, groups, float(np.mean(chances[1:]))) if hits else None


def _chances(results: Sequence[Retrieval], k: int) -> np.ndarray:
    return np.concatenate([np.full(len(result.hits[k]), result.chance[k]) for result in results])


def gap_table(
    metrics: MetricsFile, panel: Panel, models: Sequence[str], pairs: Sequence[tuple[str, str]], permutations_: int
) -> None:
    """Distance of centroids in standard deviations, a classifier's UAR of the modality, and the energy distance's p."""
    sheet = Sheet(metrics, f"{panel.name}_gap", panel.protocol)
    told: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray, list[np.ndarray]]] = {}
    for model in models:
        seeds = panel.seeds.get(model, ())
        for one, other in pairs:
            centroids, energies, said = [], [], []
            for each in panel.of(model):
                results = []
                for fold, codes in zip(panel.folds, each, strict=True):
                    first, second = shared_of(codes, one), shared_of(codes, other)
                    if first is None or second is None:
                        break
                    rows = _both(codes, fold, one, other)
                    groups = panel.groups[rows]
                    centroids.append(centroid_distance(first[rows], second[rows]))
                    energies.append(
                        two_sample_test(
                            first[rows], second[rows], paired=True, groups=groups, permutations=permutations_
                        )
                    )
                    folds = min(5, len(np.unique(groups.astype(str))))
                    results.append(classifier_two_sample(first[rows], second[rows], groups, groups, folds=folds))
                if len(results) == len(panel.folds):
                    said.append(results)
            if not said:
                continue
            row = f"{model}: {one} and {other}"
            truth, people = (
                np.concatenate([getattr(result, name) for result in said[0]]) for name in ("truth", "groups")
            )
            guesses = [np.concatenate([result.predictions for result in each]) for each in said]
            told[model, one, other] = truth, people, guesses
            sheet.interval(row, "classifier_uar", uar_interval(truth, guesses, people), seeds)
            sheet.value(
                row, "centroids", float(np.mean(centroids)), len(people) // 2, seeds, "pooled standard deviations"
            )
            sheet.value(row, "energy", float(np.mean([test.value for test in energies])), len(people) // 2, seeds)
            sheet.value(row, "energy_floor", float(np.mean([test.floor for test in energies])), len(people) // 2, seeds)
            sheet.value(row, "energy_p", float(np.median([test.p for test in energies])), len(people) // 2, seeds)
    for (model, one, other), (truth, people, guesses) in told.items():
        if model != models[0] and (models[0], one, other) in told:
            interval = paired_uar_difference(truth, told[models[0], one, other][2], guesses, people)
            sheet.interval(
                f"{models[0]} - {model}: {one} and {other}", "classifier_uar", interval, note="below 0: mixed better"
            )
