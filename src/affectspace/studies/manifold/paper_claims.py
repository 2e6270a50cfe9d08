"""The paper's claims, decided on every corpus on which they can be tested."""

from __future__ import annotations

from collections.abc import Callable

from affectspace.affect import AXES
from affectspace.evaluation.result import Measurement
from affectspace.report.blocks import Verdict
from affectspace.studies.manifold.independence_tables import EQUIVALENT
from affectspace.studies.manifold.judge import MIXED, NEAR, PLACES, Found, Judge, listed
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.verdicts import UNDECIDED, above, below, said, together


class PaperClaims(Judge):
    """Rules of the statements that the paper makes."""

    def rules(self) -> dict[str, Callable[[], Found]]:
        """Key of a statement -> what decides it."""
        return {
            "axes": self._axes,
            "agreement": self._agreement,
            "centroids": self._centroids,
            "mixing": lambda: self._gaps(
                "classifier_uar", lambda one: below(one, MIXED), "classifier's UAR of the modality"
            ),
            "independence": self._independence,
            "denoising": lambda: self._emotion("accuracy shared - full", above),
            "private": lambda: self._emotion("accuracy shared - private", above),
            "dissociation": self._dissociation,
            "mvae": lambda: self.zero_shot("mvae"),
            "misa": lambda: self.zero_shot("misa"),
            "supervised": lambda: self.zero_shot("supervised"),
            "cross": self._cross,
            "lexicon": lambda: [("V-reg", self.compared("zero_shot_text", "no_lexicon", "r_valence"))],
            "steering": lambda: [
                ("", (UNDECIDED, "no sentence is generated in this study: `affectspace steer` does that"))
            ],
        }

    def _axes(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            own = [self.find(f"{experiment}_matrix", f"z_{axis}", "own_above_others") for axis in AXES]
            if any(one is not None for one in own):
                text = listed(zip(AXES, own, strict=True), "own r above the largest other")
                found.append((name, (together(*map(above, own)), text)))
        return found

    def _agreement(self) -> Found:
        found = []
        for axis in AXES[1:]:
            r = self.find("text_axes", HEADLINE, f"r_{axis}")
            agreed = self.find("text_axes", "reader and writer", f"r_{axis}")
            if r is not None and agreed is not None and agreed.value is not None:
                ceiling = self.find("text_axes", "ceiling of readers", f"r_{axis}")
                told = f"; readers and writers agree at {agreed.value:.2f}"
                told += f", the readers' means bound r at {ceiling.value:.2f}" if ceiling and ceiling.value else ""
                found.append((above(r, agreed.value), said(r, f"{axis}: r") + told))
        if not found:
            return []
        text = "; ".join(text for _, text in found) + ". Agreement is no bound; the root of the reliability is"
        return [("EmoBank", (together(*(verdict for verdict, _ in found)), text))]

    def _centroids(self) -> Found:
        def near(measurement: Measurement | None) -> Verdict:
            if measurement is None or measurement.value is None:
                return UNDECIDED
            return "held" if measurement.value < NEAR else "not held"

        return self._gaps("centroids", near, f"distance in pooled sd, without interval, nearly is below {NEAR}")

    def _gaps(self, metric: str, rule: Callable[[Measurement | None], Verdict], what: str) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            rows = self.rows(f"{experiment}_gap", f"{HEADLINE}: ")
            told = [(row.removeprefix(f"{HEADLINE}: "), self.find(f"{experiment}_gap", row, metric)) for row in rows]
            if told:
                found.append((name, (together(*(rule(one) for _, one in told)), listed(told, what))))
        return found

    def _independence(self) -> Found:
        found: Found = []
        for experiment, (modalities, name) in PLACES.items():
            table = f"{experiment}_independence"
            told = self.each(table, HEADLINE, "debiased_cka", modalities)
            if told:
                text = listed(told, f"debiased CKA (bar {EQUIVALENT})")
                for one, _ in told:
                    p = self.find(table, f"{HEADLINE} {one}", "hsic_p")
                    text += f"; {one}: permutation p of HSIC {p.value:.3g}" if p and p.value is not None else ""
                found.append((name, (together(*(below(measurement, EQUIVALENT) for _, measurement in told)), text)))
        return found

    def _emotion(self, metric: str, rule: Callable[[Measurement | None], Verdict]) -> Found:
        found: Found = []
        for experiment, (modalities, name) in PLACES.items():
            table = f"{experiment}_emotion_linear"
            told = self.each(table, HEADLINE, metric, modalities)
            if told:
                found.append((name, (together(*(rule(measurement) for _, measurement in told)), listed(told, metric))))
        return found

    def _dissociation(self) -> Found:
        found: Found = []
        for experiment, (modalities, name) in PLACES.items():
            told, verdicts = [], []
            for one in modalities:
                row, gap = f"{HEADLINE} {one}", "uar shared - private"
                emotion = self.find(f"{experiment}_emotion_linear", row, gap)
                speaker = self.find(f"{experiment}_speaker_linear", row, gap)
                if emotion is not None and speaker is not None:
                    verdicts += [above(emotion), below(speaker)]
                    told += [(f"{one}, emotion", emotion), (f"{one}, speaker", speaker)]
            if told:
                found.append((name, (together(*verdicts), listed(told, "UAR of shared less private"))))
        return found

    def _cross(self) -> Found:
        found: Found = []
        for experiment, (_, name) in PLACES.items():
            start = f"{HEADLINE} - no_cross: "
            rows = self.rows(f"{experiment}_gap", start)
            told = [(row.removeprefix(start), self.find(f"{experiment}_gap", row, "classifier_uar")) for row in rows]
            if told:
                text = listed(told, "classifier's UAR of the modality, with less without Eq. 7")
                found.append((name, (together(*(below(one) for _, one in told)), text)))
        return found
