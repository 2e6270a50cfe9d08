"""How independent shared and private latents are (Table 2): debiased, with floors, over active dimensions; and whether the
private ones are active at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from affectspace.errors import DataError
from affectspace.evaluation import (
    active_units,
    binned_information,
    cka_interval,
    debiased_cka,
    dependence_test,
    fixed_rows,
    ksg_information,
    linear_cka,
    mean_abs_correlation,
    pairwise_ksg_information,
    permutation_floor,
    pooled_interval,
    t_interval,
)
from affectspace.evaluation.folds import Fold
from affectspace.evaluation.results import Recorder, Results
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.evaluation_rows import EvaluationRows
from affectspace.studies.manifold.paper import PUBLISHED
from affectspace.studies.manifold.representations import Representations

ROWS = 1000  # of each measure, so that floors compare
PAIRS, WIDE = 192, 12  # pairs of columns that are measured one by one, and columns of a shared latent at most
EQUIVALENT = 0.02  # upper end of debiased CKA's interval below which the latents count as independent
MEASURES: dict[str, tuple[Callable[..., float], int]] = {  # measure and the permutations of its floor
    "mean_abs_r": (mean_abs_correlation, 20),
    "cka": (linear_cka, 20),
    "mi_bins": (binned_information, 5),
    "mi_pairs": (pairwise_ksg_information, 2),
    "ksg": (ksg_information, 5),
}
KERNELS: tuple[tuple[str, Literal["rbf", "distance"]], ...] = (("hsic", "rbf"), ("distance", "distance"))


@dataclass(frozen=True, eq=False)
class LatentPair:
    """Posterior means of the tested rows of one fold: shared (n, 3), the active private ones (n, active), and their people.

    dimensions : of the private latent, inactive ones included
    """

    shared: np.ndarray
    private: np.ndarray
    groups: np.ndarray
    dimensions: int


def latent_pairs(rows: EvaluationRows, model: str, modality: str) -> list[list[LatentPair]]:
    """Return the pairs by seed and fold, at most `ROWS` rows each; empty where the model has no such private latents."""

    def pair(fold: Fold, outputs: Representations) -> LatentPair | None:
        if modality not in outputs.private or modality not in outputs.shared:
            return None
        tested = fold.test[outputs.present[modality][fold.test]]
        tested = tested[fixed_rows(len(tested), ROWS)]
        shared, private = (kind[modality][tested].astype(np.float64) for kind in (outputs.shared, outputs.private))
        return LatentPair(shared, private[:, active_units(private)], rows.groups[tested], private.shape[1])

    return rows.per_fold(model, pair)


def independence_table(
    results: Results,
    rows: EvaluationRows,
    models: Sequence[str],
    modalities: Sequence[str],
    permutations: int,
    progress: Progress = silent,
) -> None:
    """Record every measure of dependence of each model's latents beside its floor, active units, and reconstruction."""
    table = rows.recorder(results, "independence", PUBLISHED.filter(experiment="table_2"))
    kernels: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for modality in modalities:
        for model in models:
            by_seed = latent_pairs(rows, model, modality)
            if not by_seed:
                continue
            n, recorder = sum(len(pair.shared) for pair in by_seed[0]), table.under(model=model, modality=modality)
            recorder.add("dimensions", by_seed[0][0].dimensions, n)
            recorder.add_mean("active", [np.mean([p.private.shape[1] for p in by_fold]) for by_fold in by_seed], n)
            _record_reconstruction(recorder, rows, model, modality)
            active = [pair for by_fold in by_seed for pair in by_fold if pair.private.shape[1]]
            if not active:
                recorder.add("debiased_cka", None, n, note="no dimension of the private latent is active")
                continue
            progress(0, 0, f"{rows.experiment}: dependence of shared and private, {modality}, {model}")
            _record_floors(recorder, active, n)
            _record_debiased_cka(recorder, by_seed, active, n)
            kernels[model, modality] = _record_kernels(recorder, active, n, permutations)
    _record_against_none(table, kernels)


def _record_floors(recorder: Recorder, pairs: list[LatentPair], n: int) -> None:
    for name, (measure, permutations) in MEASURES.items():
        shown = [_few_columns(pair) for pair in pairs[:2]] if name == "mi_pairs" else pairs
        floors = [
            permutation_floor(measure, pair.shared, pair.private, permutations=permutations)
            for pair in shown[: 4 if permutations < 20 else None]
        ]
        note = f"{len(pairs[0].shared)} rows of each fold" + (f", at most {PAIRS} pairs" if name == "mi_pairs" else "")
        recorder.add(name, np.mean([floor.value for floor in floors]), n, note=note)
        recorder.add(f"{name}_floor", np.mean([floor.floor for floor in floors]), n, note="rows permuted")


def _few_columns(pair: LatentPair) -> LatentPair:
    """Draw at most `PAIRS` pairs of columns, because an estimate by nearest neighbours takes milliseconds per pair."""
    random = np.random.default_rng(0)
    shared = random.permutation(pair.shared.shape[1])[:WIDE]
    private = random.permutation(pair.private.shape[1])[: PAIRS // len(shared)]
    return LatentPair(pair.shared[:, np.sort(shared)], pair.private[:, np.sort(private)], pair.groups, pair.dimensions)


def _record_debiased_cka(recorder: Recorder, by_seed: list[list[LatentPair]], active: list[LatentPair], n: int) -> None:
    try:
        by_fold = [
            cka_interval([pair.shared for pair in pairs], [pair.private for pair in pairs], pairs[0].groups)
            for pairs in zip(*by_seed, strict=True)
        ]
        recorder.add("debiased_cka", pooled_interval(by_fold), note="pairs of rows of one person left out")
    except DataError as reason:  # fewer than six people, or an inactive private latent in some seed
        values = [debiased_cka(pair.shared, pair.private) for pair in active]
        recorder.add("debiased_cka", np.mean(values), n, note=f"no interval: {reason}")


def _record_kernels(recorder: Recorder, pairs: list[LatentPair], n: int, permutations: int) -> dict[str, np.ndarray]:
    """Record debiased HSIC and distance correlation with permutations within people; return the values of each pair."""
    values: dict[str, np.ndarray] = {}
    for name, kind in KERNELS:
        tests = [
            dependence_test(
                pair.shared, pair.private, kind=kind, groups=_exchangeable(pair.groups), permutations=permutations
            )
            for pair in pairs
        ]
        values[name] = np.array([test.value for test in tests])
        recorder.add(name, values[name].mean(), n)
        recorder.add(f"{name}_floor", np.mean([test.floor for test in tests]), n, note="rows permuted")
        recorder.add(f"{name}_p", np.median([test.p for test in tests]), n, note="median of folds and seeds")
    values["ksg"] = np.array([ksg_information(pair.shared, pair.private) for pair in pairs])
    return values


def _exchangeable(groups: np.ndarray) -> np.ndarray | None:
    """Return the groups within which rows are permuted; None where nearly every row is a group of its own."""
    return groups if len(np.unique(groups.astype(str))) < len(groups) / 4 else None


def _record_against_none(table: Recorder, kernels: dict[tuple[str, str], dict[str, np.ndarray]]) -> None:
    """Record dependence with each penalty minus that without any, paired by fold and seed."""
    base_model = "no_independence"
    for (model, modality), values in kernels.items():
        base = kernels.get((base_model, modality))
        if base is None or model == base_model:
            continue
        for name in values:
            count = min(len(values[name]), len(base[name]))
            if count > 1:
                difference = t_interval(values[name][:count] - base[name][:count])
                note = f"t interval over {count} folds and seeds"
                table.add(name, difference, model=model, versus=base_model, modality=modality, note=note, seeds=())


def _record_reconstruction(recorder: Recorder, rows: EvaluationRows, model: str, modality: str) -> None:
    """Record R2 of the decoded features, with the private latent and with its mean in its place."""

    def sums(fold: Fold, outputs: Representations) -> np.ndarray | None:
        return (
            outputs.rebuilt[modality][fold.test].sum(axis=0, dtype=np.float64) if modality in outputs.rebuilt else None
        )

    by_seed = [np.sum(by_fold, axis=0) for by_fold in rows.per_fold(model, sums)]
    if by_seed:
        n = len(rows.tested)
        recorder.add_mean("r2_rebuilt", [1 - total[0] / total[2] for total in by_seed], n)
        note = "the private latent at its mean"
        recorder.add_mean("r2_rebuilt_without", [1 - total[1] / total[2] for total in by_seed], n, note)
