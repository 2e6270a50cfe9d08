"""The report's tables, laid out from the metrics: a row is left out where none of its figures was measured."""

from collections.abc import Iterable, Sequence

from affectspace.evaluation import MetricsFile
from affectspace.report import Cell, Report
from affectspace.studies.levasa.plan import TITLES
from affectspace.studies.levasa.readings import COMBINATIONS

CHUNKS = {"z_v": "z_v", "z_a": "z_a", "z_z": "z_z", "va": "z_v, z_a", "vaz": "all three"}
ROWS = {
    **TITLES,
    "majority": "floor: majority",
    "pca_96": "floor: PCA-96 of pixels",
    "constant": "floor: constant",
    "class_mean_centres": "knowing the emotion, against centres",
    "class_mean_sampled": "knowing the emotion, against sampled labels",
    "gaussian": "floor: N(0, I), closed form",
    "uniform": "floor: uniform guess",
    "marginal": "floor: frequencies of training levels",
    "vanilla_discrete": "Vanilla VAE (the paper's second split)",
}

DIGITS = {"p": 4, "p_holm": 4, "psnr": 2, "ssim": 3, "rate_nats": 1, "active_units": 1, "mse_ratio": 3}
DIGITS |= {f"active_units_{chunk}": 1 for chunk in ("z_v", "z_a", "z_z")}


def title(row: str) -> str:
    """A row's name in words; "head" and "probe" behind a member's name are kept."""
    if row in ROWS:
        return ROWS[row]
    name, _, rest = row.rpartition(" ")
    if name in ROWS and rest in ("head", "probe"):
        return f"{ROWS[name]}: {'projection heads' if rest == 'head' else 'linear probe of levels'}"
    return f"LeVAsa, weight {row.removeprefix('weight_')}" if row.startswith("weight_") else row


def cell(metrics: MetricsFile, experiment: str, row: str, metric: str, *, digits: int = 3) -> Cell | None:
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

    def add(
        self,
        caption: str,
        experiment: str,
        columns: dict[str, str],
        rows: Iterable[str] | None = None,
        *,
        note: str = "",
        digits: int = 3,
        first: str = "model",
    ) -> None:
        """A table with a row per row of an experiment and a column per metric (metric -> heading); none, no table."""
        body: list[Sequence[object]] = []
        known = self.rows_of(experiment)
        for row in known if rows is None else [row for row in rows if row in known]:
            cells = [cell(self.metrics, experiment, row, metric, digits=digits) for metric in columns]
            if any(one is not None for one in cells):
                body.append((title(row), *cells, self._basis(experiment, row, columns)))
        if body:
            self.report.table(caption, (first, *columns.values(), "basis"), body, note)

    def _basis(self, experiment: str, row: str, columns: Iterable[str]) -> str:
        """Protocol, rows and seeds of a row's figures."""
        found = [m for name, m in self.metrics.experiments[experiment][row].items() if name in columns]
        texts = []
        for one in found:
            seeds = f", seeds {' '.join(map(str, one.seeds))}" if len(one.seeds) else ""
            texts.append(f"{one.protocol}, n {one.n:,}{seeds}" if one.n else one.protocol + seeds)
        kept = [text for text in dict.fromkeys(texts) if not any(text != o and o.startswith(text) for o in texts)]
        return "; ".join(kept)

    def headline(self) -> None:
        columns = {f"uar_{name}": f"UAR {CHUNKS[name]}" for name in ("va", "z_v", "z_a", "z_z", "vaz")}
        note = (
            "Linear probe fitted on train people, its C chosen on validation people, scored on test people; classes "
            "weigh alike. Intervals: bootstrap over people, seeds averaged inside each resample. The supervised "
            "network is scored by its own logits. The Vanilla VAE's z_v and z_a are the chunks that align best "
            "on validation."
        )
        self.add("Primary endpoint and all combinations of chunks: UAR", "probes", columns, note=note)
        accuracy = {f"accuracy_{name}": f"accuracy {CHUNKS[name]}" for name in ("va", "z_v", "z_a", "z_z", "vaz")}
        accuracy["share_of_part"] = "most frequent emotion's share"
        self.add(
            "The same probes: accuracy",
            "probes",
            accuracy,
            note="Classes weigh alike in the fit, so accuracy is not sought.",
        )
        seeds = {"uar_va_lowest_seed": "lowest seed", "uar_va_highest_seed": "highest seed"}
        several = [row for row in self.rows_of("probes") if len(self._seeds("probes", row)) > 1]
        self.add("Spread between seeds: UAR of z_v, z_a", "probes", seeds, several)
        self.add("Each pair of the Vanilla VAE's chunks", "vanilla_pairs", {"uar": "UAR"}, first="pair")

    def _seeds(self, experiment: str, row: str) -> tuple[int, ...]:
        return tuple(next(iter(self.metrics.experiments[experiment][row].values())).seeds)

    def comparisons(self) -> None:
        columns = {"uar": "difference of UAR", "p": "p", "p_holm": "p after Holm"}
        rows = [row for row in self.rows_of("comparisons") if row != "gap_closed"]
        note = "Paired by person; p by exchanging predictions person by person. The first row is the primary endpoint."
        self.add(
            "Differences of UAR on the valence and arousal chunks",
            "comparisons",
            columns,
            rows,
            note=note,
            first="a - b",
        )

    def readouts(self, experiment: str = "readouts") -> None:
        columns = {
            "r2_valence": "R2 valence",
            "r2_arousal": "R2 arousal",
            "r2_valence_above_vanilla": "valence, above Vanilla",
            "r2_arousal_above_vanilla": "arousal, above Vanilla",
            "r2_valence_heads": "own head, valence",
            "r2_arousal_heads": "own head, arousal",
            "uar_heads": "UAR, own heads' nearest ellipse",
        }
        present = {metric for row in self.metrics.experiments.get(experiment, {}).values() for metric in row}
        note = (
            "Ridge on z_v and z_a, fitted on train people at the emotions' natural frequencies, penalty chosen on "
            "validation people, against the evaluation labels (the ellipses' centres where labels are transferred). "
            "Training draws all emotions equally often, so the heads' mean differs from these rows', and their "
            "R2 suffers."
        )
        kept = {metric: name for metric, name in columns.items() if metric in present}
        self.add("Second endpoint: valence and arousal read off held-out people", experiment, kept, note=note)

    def reconstruction(self, experiment: str = "reconstruction") -> None:
        columns = {"mse": "MSE", "mse_ratio": "MSE over Vanilla's", "psnr": "PSNR, dB", "ssim": "SSIM"}
        columns |= {"rate_nats": "KL, nats", "active_units": "active units"}
        columns |= {f"active_units_{chunk}": f"active in {chunk}" for chunk in ("z_v", "z_a", "z_z")}
        present = {metric for row in self.metrics.experiments.get(experiment, {}).values() for metric in row}
        kept = {metric: name for metric, name in columns.items() if metric in present}
        note = "Decoded posterior means, images in [0, 1]. Active: the mean's variance exceeds .01 (Burda et al. 2016)."
        self.add("Reconstruction, rate and active units on test people", experiment, kept, note=note, digits=4)

    def paper_tables(self, protocol: str, where: str) -> None:
        """Tables 1 to 3 under one protocol; `where` says on what they are measured."""
        base = f"protocol {protocol}: {where}"
        columns = {
            f"{metric}_{axis}": f"{name} {axis}"
            for axis in ("valence", "arousal", "combined")
            for metric, name in (("mse", "MSE"), ("abs_mean_error", "|mean error|"), ("mae", "MAE"))
        }
        note = (
            "The published 'MAE' is the absolute value of the mean error and stands in that column; published values "
            "are halved in the authors' notebooks and 'normalized' in the text, so they are not the same measure "
            "as ours."
        )
        rows = [row for row in self.rows_of(f"table_1_continuous_{protocol}") if " - " not in row]
        self.add(f"Table 1, continuous; {base}", f"table_1_continuous_{protocol}", columns, rows, note=note)
        self.discrete(f"Table 1, discrete; {base}", f"table_1_discrete_{protocol}")
        columns = {
            f"{metric}_{axis}": f"{axis} {name}"
            for axis in ("valence", "arousal")
            for metric, name in (("mse", "MSE"), ("mae", "MAE"), ("ev", "EV"), ("r2", "R2"))
        }
        note = "One hidden layer (its width is our assumption), valence from z_v, arousal from z_a."
        rows = [row for row in self.rows_of(f"table_2_{protocol}") if " - " not in row]
        self.add(f"Table 2, regression; {base}", f"table_2_{protocol}", columns, rows, note=note)
        rows = [row for row in self.rows_of(f"table_3_{protocol}") if " - " not in row]
        columns = {f"accuracy_{name}": CHUNKS[name] for name in COMBINATIONS} | {"accuracy": "whatever the chunk"}
        note = (
            "One split for both annotations; the paper has two, so both its Vanilla rows stand beside one "
            "of our models."
        )
        self.add(f"Table 3, accuracy; {base}", f"table_3_{protocol}", columns, rows, note=note)
        if protocol == "strict":
            columns = {f"uar_{name}": CHUNKS[name] for name in COMBINATIONS}
            self.add(f"Table 3 with UAR for accuracy; {base}", f"table_3_{protocol}", columns, rows)

    def discrete(self, caption: str, experiment: str) -> None:
        columns = {f"cross_entropy_{axis}": axis for axis in ("combined", "valence", "arousal")}
        note = (
            "Nats, combined is the sum of both axes. A Vanilla VAE has no head over levels and the paper does not say "
            "what is measured there; its row takes each chunk's first dimensions as logits, which is our assumption."
        )
        self.add(f"{caption}: cross-entropy", experiment, columns, note=note)

    def drawn(self) -> None:
        """All tables of the drawn faces."""
        self.discrete("Table 1, discrete, drawn faces; protocol paper (training images)", "drawn_paper")
        self.discrete("Table 1, discrete, drawn faces; protocol strict (held-out identities)", "drawn_strict")
        columns = {"uar_va": "UAR z_v, z_a", "uar_vaz": "UAR all three", "accuracy_va": "accuracy z_v, z_a"}
        note = "The emotion of a frame is that of the nearest ellipse's centre (Algorithm 1, line 6), a convention."
        self.add("Emotion from drawn faces by a linear probe, held-out identities", "drawn_probes", columns, note=note)
        self.readouts("drawn_readouts")
        self.reconstruction("drawn_reconstruction")
