"""How independent shared and private latents are (Table 2), with floors, debiased, over active dimensions; and whether the
private ones are alive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from affectspace.errors import DataError
from affectspace.evaluation import (
    Interval,
    MetricsFile,
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
    t_interval,
)
from affectspace.evaluation.floors import permutation_floor
from affectspace.progress import Progress, silent
from affectspace.studies.manifold.panel import Panel
from affectspace.studies.manifold.probe_tables import ANALOGUES
from affectspace.studies.manifold.published import published
from affectspace.studies.manifold.sheet import Sheet, pooled_interval

ROWS = 1000  # of each measure, so that floors compare
PAIRS, WIDE = 192, 12  # pairs of columns that are measured one by one, and columns of a shared latent at most
EQUIVALENT = 0.02  # upper end of debiased CKA's interval below which the latents count as independent
FLOORS: dict[str, tuple[Callable[..., float], str, int]] = {  # measure, the paper's name of it, permutations
    "mean_abs_r": (mean_abs_correlation, "mean_abs_r", 20),
    "cka": (linear_cka, "cka", 20),
    "mi_bins": (binned_information, "", 5),
    "mi_pairs": (pairwise_ksg_information, "mi", 2),
    "ksg": (ksg_information, "", 5),
}


@dataclass(frozen=True, eq=False)
class Pair:
    """Shared and active private posterior means of the tested rows of one fold, (n, 3) and (n, active), with their people."""

    shared: np.ndarray
    private: np.ndarray
    groups: np.ndarray
    dimensions: int


def pairs_of(panel: Panel, model: str, modality: str) -> list[list[Pair]]:
    """seed -> fold; empty where the model has no private latents of that modality. At most `ROWS` rows a fold."""
    found: list[list[Pair]] = []
    for each in panel.of(model):
        row = []
        for fold, codes in zip(panel.folds, each, strict=True):
            if modality not in codes.private or modality not in codes.shared:
                return []
            rows = fold.test[codes.present[modality][fold.test]]
            rows = rows[fixed_rows(len(rows), ROWS)]
            shared, private = (kind[modality][rows].astype(np.float64) for kind in (codes.shared, codes.private))
            row.append(Pair(shared, private[:, active_units(private)], panel.groups[rows], private.shape[1]))
        found.append(row)
    return found


def independence_table(
    metrics: MetricsFile,
    panel: Panel,
    models: Sequence[str],
    modalities: Sequence[str],
    permutations: int,
    progress: Progress = silent,
) -> None:
    """Every measure of dependence of a model's latents by modality, each beside its floor; reconstruction, active units."""
    sheet = Sheet(metrics, f"{panel.name}_independence", panel.protocol)
    tested: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for modality in modalities:
        for model in models:
            pairs, seeds = pairs_of(panel, model, modality), panel.seeds.get(model, ())
            if not pairs:
                continue
            row, alive = f"{model} {modality}", [pair for each in pairs for pair in each if pair.private.shape[1]]
            n = sum(len(pair.shared) for pair in pairs[0])
            sheet.value(row, "dimensions", pairs[0][0].dimensions, n)
            sheet.spread(row, "active", [np.mean([p.private.shape[1] for p in each]) for each in pairs], n, seeds)
            _reconstruction(sheet, panel, row, model, modality)
            if not alive:
                sheet.value(row, "debiased_cka", float("nan"), n, seeds, "no dimension of the private latent is active")
                continue
            progress(0, 0, f"{panel.name}: dependence of shared and private, {modality}, {model}")
            _floored(sheet, row, modality if panel.real else "", model, alive, n, seeds)
            try:
                by_fold = [
                    cka_interval(
                        [each[k].shared for each in pairs], [each[k].private for each in pairs], pairs[0][k].groups
                    )
                    for k in range(len(panel.folds))
                ]
                sheet.interval(
                    row, "debiased_cka", pooled_interval(by_fold), seeds, "pairs of rows of one person left out"
                )
            except DataError as reason:  # fewer than six people, or a dead private latent in some seed
                values = [debiased_cka(pair.shared, pair.private) for pair in alive]
                sheet.value(row, "debiased_cka", float(np.mean(values)), n, seeds, f"no interval: {reason}")
            tested[model, modality] = _kernels(sheet, row, alive, n, seeds, permutations)
    _against_none(metrics, panel, tested)


def _floored(
    sheet: Sheet, row: str, modality: str, model: str, pairs: list[Pair], n: int, seeds: Sequence[int]
) -> None:
    for name, (measure, theirs, permutations) in FLOORS.items():
        shown = [_few_columns(pair) for pair in pairs[:2]] if name == "mi_pairs" else pairs
        floors = [
            permutation_floor(measure, pair.shared, pair.private, permutations=permutations)
            for pair in shown[: 4 if permutations < 20 else None]
        ]
        paper = published("table_2", ANALOGUES.get(modality, ""), theirs) if theirs and model == "manifold" else None
        note = f"{len(pairs[0].shared)} rows of each fold" + (f", {PAIRS} pairs at most" if name == "mi_pairs" else "")
        sheet.value(row, name, float(np.mean([floor.value for floor in floors])), n, seeds, note, paper)
        sheet.value(row, f"{name}_floor", float(np.mean([floor.floor for floor in floors])), n, seeds, "rows permuted")


def _few_columns(pair: Pair) -> Pair:
    """At most `PAIRS` pairs of columns, drawn once: an estimate by nearest neighbours takes milliseconds a pair."""
    random = np.random.default_rng(0)
    kept = random.permutation(pair.shared.shape[1])[:WIDE]
    others = random.permutation(pair.private.shape[1])[: PAIRS // len(kept)]
    return Pair(pair.shared[:, np.sort(kept)], pair.private[:, np.sort(others)], pair.groups, pair.dimensions)


def _kernels(
    sheet: Sheet, row: str, pairs: list[Pair], n: int, seeds: Sequence[int], permutations: int
) -> dict[str, np.ndarray]:
    """HSIC and distance correlation, debiased, with permutations within people; the values that were found."""
    found: dict[str, np.ndarray] = {}
    kinds: tuple[tuple[str, Literal["rbf", "distance"]], ...] = (("hsic", "rbf"), ("distance", "distance"))
    for name, kind in kinds:
        tests = [
            dependence_test(
                pair.shared, pair.private, kind=kind, groups=_people(pair.groups), permutations=permutations
            )
            for pair in pairs
        ]
        found[name] = np.array([test.value for test in tests])
        sheet.value(row, name, float(found[name].mean()), n, seeds)
        sheet.value(row, f"{name}_floor", float(np.mean([test.floor for test in tests])), n, seeds, "rows permuted")
        sheet.value(
            row, f"{name}_p", float(np.median([test.p for test in tests])), n, seeds, "median of folds and seeds"
        )
    found["ksg"] = np.array([ksg_information(pair.shared, pair.private) for pair in pairs])
    return found


def _people(groups: np.ndarray) -> np.ndarray | None:
    """Groups within which rows can be exchanged; none where nearly every row is its own."""
    return groups if len(np.unique(groups.astype(str))) < len(groups) / 4 else None


def _against_none(metrics: MetricsFile, panel: Panel, tested: dict[tuple[str, str], dict[str, np.ndarray]]) -> None:
    """Dependence with each penalty less that without any, paired by fold and seed."""
    sheet = Sheet(metrics, f"{panel.name}_independence_comparisons", panel.protocol)
    for (model, modality), values in tested.items():
        base = tested.get(("no_independence", modality))
        if base is None or model == "no_independence":
            continue
        for name in values:
            count = min(len(values[name]), len(base[name]))
            if count > 1:
                difference = values[name][:count] - base[name][:count]
                note = f"t interval over {count} folds and seeds"
                interval: Interval = t_interval(difference)
                sheet.interval(f"{model} - no_independence {modality}", name, interval, note=note)


def _reconstruction(sheet: Sheet, panel: Panel, row: str, model: str, modality: str) -> None:
    """R2 of the decoded features, with the private code and with its mean in its place."""
    full, without = [], []
    for each in panel.of(model):
        if any(modality not in codes.rebuilt for codes in each):
            return
        pairs = zip(panel.folds, each, strict=True)
        sums = np.sum(
            [codes.rebuilt[modality][fold.test].sum(axis=0, dtype=np.float64) for fold, codes in pairs], axis=0
        )
        full.append(1 - sums[0] / sums[2])
        without.append(1 - sums[1] / sums[2])
    n, seeds = len(panel.tested), panel.seeds.get(model, ())
    sheet.spread(row, "r2_rebuilt", full, n, seeds)
    sheet.spread(row, "r2_rebuilt_without", without, n, seeds, "the private code at its mean")
