"""Our own questions to the method: floors, leaks, living latents, widths, the union."""

from __future__ import annotations

from collections.abc import Callable

from affectspace.affect import AXES
from affectspace.report.blocks import Verdict
from affectspace.studies.manifold.generated_tables import LABELS
from affectspace.studies.manifold.judge import COVERED, LEAK, MARGIN, PLACES, REBUILT, Found, Judge, at_least, listed
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.verdicts import above, below, said, together


class OurQuestions(Judge):
    """Rules of the statements that are ours."""

    def rules(self) -> dict[str, Callable[[], Found]]:
        """Key of a statement -> what decides it."""
        return {
            "ridge": self._ridge,
            "ridge_zero_shot": lambda: self.zero_shot("ridge"),
            "intensity": self._intensity,
            "softmax": lambda: [("RAVDESS", self.compared("audio_face", "softmax", "r_mean", at_least))],
            "leak": self._leak,
            "alive": self._alive,
            "hsic": self._hsic,
            "union": self._union,
            "retrieval": self._retrieval,
            "generated": self._generated,
            "subsets": self._subsets,
            "scores": self._scores,
            "coverage": self._coverage,
            "widening": self._widening,
        }

    def _ridge(self) -> Found:
        places = (
            ("text_axes", "EmoBank, published"),
            ("text_axes_documents", "EmoBank, documents apart"),
            ("iemocap", "IEMOCAP"),
        )
        found: Found = []
        for experiment, name in places:
            if self.find(f"{experiment}_comparisons", f"{HEADLINE} - ridge", "r_mean") is not None:
                verdict, text = self.compared(experiment, "ridge", "r_mean", at_least)
                found.append((name, (verdict, f"{text}; at least as well bears a loss of {MARGIN}")))
        return found

    def _intensity(self) -> Found:
        rise = self.find("audio_face_intensity", HEADLINE, "difference_arousal")
        return [("RAVDESS", (above(rise), said(rise, "strong less normal")))] if rise is not None else []

    def _leak(self) -> Found:
        told = []
        for one in PLACES["audio_face"][0]:
            measurement = self.find("audio_face_emotion_linear", f"{HEADLINE} {one}", "accuracy_private")
            if measurement is not None:
                told.append((one, measurement))
        if not told:
            return []
        text = listed(told, "accuracy of eight emotions")
        for one, _ in told:
            nonlinear = self.find("audio_face_emotion_boosted", f"{HEADLINE} {one}", "accuracy_private")
            text += f"; {said(nonlinear, f'{one}, boosted trees')}" if nonlinear is not None else ""
        return [("RAVDESS", (together(*(below(measurement, LEAK) for _, measurement in told)), text))]

    def _alive(self) -> Found:
        found: Found = []
        for experiment, (modalities, name) in PLACES.items():
            table, verdicts, told = f"{experiment}_independence", [], []
            for one in modalities:
                row = f"{HEADLINE} {one}"
                active, full, without = (
                    self.find(table, row, key) for key in ("active", "r2_rebuilt", "r2_rebuilt_without")
                )
                if active is None or full is None or without is None:
                    continue
                gain = (full.value or 0.0) - (without.value or 0.0)
                verdicts.append("held" if (active.value or 0) >= 1 and gain >= REBUILT else "not held")
                told.append(
                    f"{one}: {active.value:g} active units, R2 of the reconstruction {full.value:.2f}, {gain:.2f} of it"
                )
                speaker = self.find(f"{experiment}_speaker_linear", row, "uar_private")
                chance = self.find(f"{experiment}_speaker_linear", "majority", "uar_full")
                if speaker is not None and chance is not None and chance.value is not None:
                    verdicts.append(above(speaker, chance.value))
                    told.append(said(speaker, f"{one}: speaker's UAR, chance {chance.value:.2f}:"))
            if told:
                found.append((name, (together(*verdicts), "; ".join(told))))  # type: ignore[arg-type]
        return found

    def _hsic(self) -> Found:
        found: Found = []
        for experiment, (modalities, name) in PLACES.items():
            table = f"{experiment}_independence_comparisons"
            told = self.each(table, "hsic - no_independence", "hsic", modalities)
            if told:
                text = listed(told, "debiased HSIC, with less without")
                found.append((name, (together(*(below(measurement) for _, measurement in told)), text)))
        return found

    def _union(self) -> Found:
        told = []
        for row in self.rows("union", ""):
            for metric in ("r_mean", "intensity", "r_arousal_within"):
                measurement = self.find("union", row, metric)
                if measurement is not None and row.endswith("union - single"):
                    told.append((f"{row.split(':')[0]} {metric.replace('_', ' ')}", measurement))
        if not told:
            return []
        worse: list[Verdict] = ["not held" if below(one) == "held" else "held" for _, one in told]
        return [("", (together(*worse), listed(told, "union less single") + "; held where no interval lies below 0"))]

    def _retrieval(self) -> Found:
        start, table = f"{HEADLINE}: ", "trimodal_retrieval"
        found = [(row, self.find(table, row, "top_10_above_chance")) for row in self.rows(table, start)]
        told = [(row.removeprefix(start), one) for row, one in found if one is not None]
        if not told:
            return []
        return [
            ("", (together(*(above(one) for _, one in told)), listed(told, "share among the first ten above chance")))
        ]

    def _generated(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            table, start = f"{experiment}_generated", f"{HEADLINE}: "
            rows = [row for row in self.rows(table, start) if not row.startswith(f"{start}{LABELS}")]
            told = [(row.removeprefix(start), self.find(table, row, "top_10_above_chance")) for row in rows]
            known = [(row, one) for row, one in told if one is not None]
            if known:
                text = listed(known, "share among the first ten above chance")
                found.append((name, (together(*(above(one) for _, one in known)), text)))
        return found

    def _subsets(self) -> Found:
        told = []
        for row in self.rows("trimodal_subsets", f"{HEADLINE}: "):
            for axis in AXES[:2]:
                told.append(
                    (f"{row.removeprefix(f'{HEADLINE}: ')}, {axis}", self.find("trimodal_subsets", row, f"r_{axis}"))
                )
        return [("", (together(*(above(one) for _, one in told)), listed(told, "r")))] if told else []

    def _scores(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            told = []
            for axis in AXES:
                for score in ("nll", "crps"):
                    one = self.find(f"{experiment}_uncertainty", HEADLINE, f"{score}_{axis}_above_constant")
                    if one is not None:
                        told.append((f"{score.upper()} of {axis}", one))
            if told:
                text = listed(told, "less that of a constant width")
                found.append((name, (together(*(below(one) for _, one in told)), text)))
        return found

    def _coverage(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            told = []
            for axis in AXES:
                for third in ("narrow", "middle", "wide"):
                    one = self.find(f"{experiment}_uncertainty", HEADLINE, f"coverage_{axis}_{third}")
                    if one is not None and one.value is not None:
                        told.append((f"{axis}, {third}", one.value))
            if told:
                inside: list[Verdict] = [
                    "held" if COVERED[0] <= value <= COVERED[1] else "not held" for _, value in told
                ]
                text = "without intervals: " + "; ".join(f"{what} {value:.3f}" for what, value in told)
                found.append((name, (together(*inside), text)))
        return found

    def _widening(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            ratio = self.find(f"{experiment}_widening", "without one modality", "ratio")
            share = self.find(f"{experiment}_widening", "without one modality", "share_wider")
            if ratio is not None and share is not None and ratio.value is not None and share.value is not None:
                verdict: Verdict = "held" if ratio.value > 1 and share.value > 0.5 else "not held"
                text = f"without intervals: {ratio.value:.3f} times as wide, {100 * share.value:.0f} % of rows and axes wider"
                found.append((name, (verdict, text)))
        return found
