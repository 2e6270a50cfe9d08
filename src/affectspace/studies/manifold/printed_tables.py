"""The report's tables, laid out from the metrics: a row is left out where none of its figures was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile
from affectspace.report import Cell, Report
from affectspace.studies.manifold.plan import HEADLINE, TITLES
from affectspace.studies.manifold.published import PUBLISHED

WORDS = {
    "constant": "floor: mean of train",
    "majority": "floor: most frequent of train",
    "most frequent of the part": "floor: most frequent of the part",
    "raw": "bound: raw vectors",
    "labels": "bound: valence, arousal, dominance themselves",
}
LATENTS = {"full": "shared and private", "shared": "shared", "private": "private", "private_3": "private, PCA-3"}
DIGITS = {"p": 4, "p_holm": 4, "dimensions": 0, "active": 1, "centroids": 2}


def title(row: str) -> str:
    """A row's name in words: a model, two models and their difference, a model and what it was shown."""
    if " - " in row and row.split(" - ")[0] in TITLES:
        first, _, rest = row.partition(" - ")
        return f"{title(first)} less {title(rest)}"
    for mark in (": ", " "):
        name, found, rest = row.partition(mark)
        if name in TITLES or name in WORDS:
            return TITLES.get(name) or WORDS[name] if not found else f"{title(name)}: {rest.replace('_', ' ')}"
    return WORDS.get(row, row.replace("_", " "))


def as_printed(value: float | None, digits: int) -> Cell | None:
    """A published figure with the digits that it has in its table."""
    return None if value is None else Cell(value, digits=digits)


def cell(metrics: MetricsFile, experiment: str, row: str, metric: str, digits: int = 3) -> Cell | None:
    """A measurement as a table's cell; None where it was not measured."""
    if (experiment, row, metric) not in metrics:
        return None
    found = metrics.get(experiment, row, metric)
    return Cell(found.value, found.low, found.high, found.paper, digits=DIGITS.get(metric, digits))


class Tables:
    """Appends tables of one study to a report."""

    def __init__(self, report: Report, metrics: MetricsFile) -> None:
        self.report, self.metrics = report, metrics

    def rows_of(self, experiment: str) -> list[str]:
        return list(self.metrics.experiments.get(experiment, {}))

    def has(self, experiment: str) -> bool:
        return experiment in self.metrics.experiments

    def add(
        self,
        caption: str,
        experiment: str,
        columns: Mapping[str, str],
        rows: Iterable[str] | None = None,
        *,
        note: str = "",
        digits: int = 3,
        first: str = "model",
        names: Mapping[str, str] | None = None,
    ) -> None:
        """A table with a row per row of an experiment and a column per metric (metric -> heading); none, no table.

        names : of rows, before `title`
        """
        body: list[Sequence[object]] = []
        known = self.rows_of(experiment)
        shown = [
            metric for metric in columns if any(metric in self.metrics.experiments[experiment][row] for row in known)
        ]
        for row in known if rows is None else [row for row in rows if row in known]:
            cells = [cell(self.metrics, experiment, row, metric, digits) for metric in shown]
            if any(one is not None for one in cells):
                body.append(((names or {}).get(row) or title(row), *cells, self._basis(experiment, row, shown)))
        if body:
            self.report.table(caption, (first, *(columns[metric] for metric in shown), "basis"), body, note)

    def _basis(self, experiment: str, row: str, columns: Iterable[str]) -> str:
        """Protocol, rows and seeds of a row's figures."""
        texts = []
        for name, one in self.metrics.experiments[experiment][row].items():
            if name in columns:
                seeds = f", seeds {' '.join(map(str, one.seeds))}" if len(one.seeds) else ""
                texts.append(f"{one.protocol}, n {one.n:,}{seeds}" if one.n else one.protocol + seeds)
        kept = [text for text in dict.fromkeys(texts) if not any(text != o and o.startswith(text) for o in texts)]
        return "; ".join(kept[:2])

    def axes(self, experiment: str, where: str, note: str = "") -> None:
        """r of every axis with its intervals, then concordance, error and spread."""
        columns = {"r_mean": "mean r"} | {f"r_{axis}": f"r {axis}" for axis in AXES}
        self.add(f"Pearson's r, {where}", experiment, columns, note=note)
        rows = [row for row in self.rows_of(experiment) if not row.startswith("ceiling")]
        columns = {f"ccc_{axis}": f"CCC {axis}" for axis in AXES} | {
            f"spread_{axis}": f"sd ratio {axis}" for axis in AXES
        }
        text = (
            "CCC falls fast when predictions shrink: at r .70, with .3, .5, .7 of the labels' sd it is .39, .56, .66."
        )
        self.add(f"Concordance and spread, {where}", experiment, columns, rows, note=text)
        columns = {f"mae_{axis}": f"MAE {axis}" for axis in AXES}
        self.add(f"Mean absolute error, {where}", experiment, columns, rows)

    def comparisons(self, experiment: str, where: str, primary: str = "ridge") -> None:
        columns = {f"r_{name}": f"r {name}" for name in ("mean", *AXES, "sentiment")} | {
            "p": "p",
            "p_holm": "p after Holm",
        }
        note = (
            f"Paired over the groups of the intervals. Against {TITLES.get(primary, primary)} is the primary comparison, not "
            "corrected; the others are, together."
        )
        self.add(f"The manifold less every other model, {where}", experiment, columns, note=note, first="a less b")

    def matrix(self, experiment: str, where: str) -> None:
        """Table 1: the axes of the shared space against the attributes, with the labels among themselves beside it."""
        columns = {f"r_{axis}": f"true {axis}" for axis in AXES} | {"own_above_others": "own above the largest other"}
        names = {f"z_{axis}": f"shared {axis}" for axis in AXES} | {f"truth_{axis}": f"labels: {axis}" for axis in AXES}
        note = (
            "The published figures are on IEMOCAP's test set. Rows of labels are their own correlations: no axis can be told "
            "from another better than those allow. The axes are the fused ones."
        )
        self.add(f"Table 1, {where}", experiment, columns, note=note, first="axis", names=names)

    def published(self, table: str, caption: str, columns: Mapping[str, str], note: str) -> None:
        """The paper's own table."""
        figures = [value for cells in PUBLISHED[table].values() for value in cells.values()]
        digits = max(len(f"{value:g}".partition(".")[2]) for value in figures)
        body = [
            (title(row), *(as_printed(cells.get(name), digits) for name in columns))
            for row, cells in PUBLISHED[table].items()
        ]
        self.report.table(caption, ("row", *columns.values()), body, note)

    def probes(self, experiment: str, where: str, task: str, note: str = "") -> None:
        """Accuracy and UAR of a task from each part of the latents, then the gaps."""
        for probe, kind in (("linear", "linear probe"), ("boosted", "gradient-boosted trees")):
            name = f"{experiment}_{task}_{probe}"
            for metric, measure in (("accuracy", "accuracy"), ("uar", "UAR")):
                columns = {f"{metric}_{what}": told for what, told in LATENTS.items()}
                self.add(
                    f"{task.capitalize()}, {kind}, {measure}; {where}",
                    name,
                    columns,
                    note=note,
                    first="model, modality",
                )
            gaps = {f"uar {a} - {b}": f"{LATENTS[a]} less {LATENTS[b]}" for a, b in
                    (("shared", "full"), ("shared", "private"), ("shared", "private_3"))}  # fmt: skip
            gaps |= {
                "accuracy shared - full": "accuracy: shared less both",
                "accuracy shared - private": "accuracy: shared less private",
            }
            self.add(f"{task.capitalize()}, {kind}, gaps; {where}", name, gaps, first="model, modality")

    def independence(self, experiment: str, where: str) -> None:
        """Table 2 with its floors, and the measures that see more."""
        rows = self.rows_of(f"{experiment}_independence")
        columns = {
            "mean_abs_r": "mean |r|",
            "mean_abs_r_floor": "floor",
            "cka": "CKA",
            "cka_floor": "floor",
            "mi_pairs": "mean MI, pairs (KSG)",
            "mi_pairs_floor": "floor",
            "mi_bins": "mean MI, 10 bins",
            "mi_bins_floor": "floor",
        }
        note = (
            "The published measures, on posterior means of active dimensions, 1,000 rows at most. A floor is the same measure "
            "with rows permuted. The paper does not say how it estimates MI; pairs by nearest neighbours come nearest to it."
        )
        self.add(
            f"Table 2, {where}",
            f"{experiment}_independence",
            columns,
            rows,
            note=note,
            digits=4,
            first="model, modality",
        )
        columns = {
            "debiased_cka": "debiased CKA",
            "hsic": "HSIC, debiased",
            "hsic_floor": "floor",
            "hsic_p": "p",
            "distance": "distance correlation, debiased",
            "distance_p": "p",
            "ksg": "MI of the blocks (KSG), nats",
            "ksg_floor": "floor",
        }
        note = (
            "Debiased CKA is 0 under independence and leaves pairs of rows of one person out; its interval is a jackknife over "
            "people. HSIC and distance correlation see dependence that is not linear; p by permuting rows within people."
        )
        self.add(
            f"Beyond the paper, {where}",
            f"{experiment}_independence",
            columns,
            rows,
            note=note,
            first="model, modality",
        )
        columns = {
            "dimensions": "private dimensions",
            "active": "active",
            "r2_rebuilt": "R2 of the reconstruction",
            "r2_rebuilt_without": "with the private code at its mean",
        }
        note = (
            "Active: the mean's variance over the rows exceeds .01. A dead private latent is independent of everything."
        )
        self.add(
            f"Is it alive? {where}", f"{experiment}_independence", columns, rows, note=note, first="model, modality"
        )
        columns = {"hsic": "HSIC", "distance": "distance correlation", "ksg": "KSG"}
        self.add(
            f"With a penalty less without any, {where}",
            f"{experiment}_independence_comparisons",
            columns,
            first="a less b",
        )
        columns = {
            f"r_{axis}_{kind}": f"{axis}, {told}"
            for kind, told in (("linear", "linear"), ("boosted", "trees"))
            for axis in AXES
        }
        note = "What of affect can be read off the private latents of held-out people; 0 is nothing."
        self.add(
            f"r read off the private latents, {where}",
            f"{experiment}_private_affect",
            columns,
            note=note,
            first="model, modality",
        )

    def uncertainty(self, experiment: str, where: str) -> None:
        name = f"{experiment}_uncertainty"
        rows = self.rows_of(name)
        columns = {f"{s}_{axis}_above_constant": f"{s.upper()} {axis}" for s in ("nll", "crps") for axis in AXES}
        note = "Less that of one constant width an axis, fitted on validation: below 0 is better. Over people or documents."
        self.add(
            f"Scores of predicted widths, {where}", f"{experiment}_uncertainty", columns, rows, note=note, digits=4
        )
        columns = {f"coverage_{axis}": axis for axis in AXES} | {f"rank_{axis}": f"rank, {axis}" for axis in AXES}
        note = (
            "Rank: Spearman's correlation of the width with the absolute error; for exact Gaussians far below 1, too."
        )
        self.add(f"Coverage of 90 % intervals, and whether width ranks error, {where}", name, columns, rows, note=note)
        columns = {
            f"coverage_{axis}_{third}": f"{axis}, {third}" for axis in AXES for third in ("narrow", "middle", "wide")
        }
        self.add(f"Coverage by third of the predicted width, {where}", name, columns, rows)
        columns = {"mean_width": "mean width", "ratio": "width without over with", "share_wider": "share that is wider"}
        self.add(f"Widths as modalities drop, {where}", f"{experiment}_widening", columns, first="shown")

    def conditions(self, experiment: str, what: str, caption: str, note: str = "") -> None:
        columns = {"r_mean": "mean r"} | {f"r_{axis}": f"r {axis}" for axis in AXES}
        self.add(caption, f"{experiment}_{what}", columns, note=note, first="model: shown")

    def gap(self, experiment: str, where: str) -> None:
        columns = {"classifier_uar": "classifier's UAR", "centroids": "centroids, sd", "energy": "energy distance"}
        columns |= {"energy_floor": "floor", "energy_p": "p"}
        note = (
            "Does a point tell its modality? UAR .5 is no, 1 is yes, people kept apart. Centroids in pooled "
            "standard deviations; energy distance with its value and p when the modalities of a row are exchanged."
        )
        self.add(f"The modality gap, {where}", f"{experiment}_gap", columns, note=note, first="model: modalities")


def ablation_rows(metrics: MetricsFile, columns: Mapping[str, tuple[str, str, str]]) -> list[list[object]]:
    """A row a model of the plan with the figures of several experiments; {model} in a row's name is filled in.

    columns : heading -> experiment, row, metric
    """
    body: list[list[object]] = []
    for model, name in TITLES.items():
        cells = [
            cell(metrics, experiment, row.format(model=model), metric) for experiment, row, metric in columns.values()
        ]
        if any(one is not None for one in cells):
            body.append([name if model != HEADLINE else f"{name} (headline)", *cells])
    return body
