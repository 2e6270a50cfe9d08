"""The paper's three themes along our valence axis, beside what the paper printed, measured by the same judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation import MetricsFile
from affectspace.evaluation.result import Measurement
from affectspace.progress import Progress, silent
from affectspace.steering.judges import Judge
from affectspace.steering.steerer import SteeredText, Steerer
from affectspace.steering.targets import target_points
from affectspace.studies.steering.measures import slope_rows, spearman_rows
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.studies.steering.published import THEMES, Theme

EXPERIMENT = "table_5"
PROTOCOL = "the paper's three seeds, one text a step"


@dataclass(frozen=True, eq=False)
class Traversal:
    """themes : those that were steered; found : ours of each, in order; own : (themes, 3), what our encoder reads of the seeds,
    on [-1, 1]; too_long : themes whose seed has more tokens than the run was trained on"""

    themes: tuple[Theme, ...]
    found: list[SteeredText]
    own: np.ndarray
    too_long: tuple[Theme, ...] = ()


def traverse_themes(steerer: Steerer, plan: SteeringPlan, progress: Progress = silent) -> Traversal:
    """Steer the themes along valence, private codes fixed, at the plan's values in sd of the corpus."""
    themes = tuple(theme for theme in THEMES if steerer.tokens(theme.seed) < steerer.longest)
    too_long = tuple(theme for theme in THEMES if theme not in themes)
    if not themes:
        return Traversal((), [], np.zeros((0, len(AXES))), too_long)
    found = steerer.steer(
        [theme.seed for theme in themes], target_points(valence=list(plan.asked)), candidates=plan.candidates,
        sampling=plan.sampling, seed=plan.seed, progress=progress,
    )  # fmt: skip
    own = np.stack([steerer.corpus_mean + steerer.corpus_deviation * one.seed_affect for one in found])
    return Traversal(themes, found, own, too_long)


def record_themes(metrics: MetricsFile, traversal: Traversal, judges: Mapping[str, Judge], plan: SteeringPlan) -> None:
    """Our reading of each seed beside the paper's, both traversals by each judge; no intervals: there are three seeds."""
    for place, theme in enumerate(traversal.themes):
        for axis, name in enumerate(AXES):
            one = Measurement(float(traversal.own[place, axis]), n=1, protocol=PROTOCOL, paper=theme.own[axis])
            metrics.set(EXPERIMENT, theme.name, name, one)
        for judge in judges.values():
            if AXES[0] not in judge.axes:
                continue
            ours = judge.score(traversal.found[place].texts)[None, :, 0]
            theirs = judge.score(list(theme.texts.values()))[None, :, 0]
            asked, printed = np.asarray(plan.asked), np.array(list(theme.texts))
            facts: dict[str, Any] = {"n": len(asked), "protocol": PROTOCOL, "seeds": (plan.seed,)}
            rho = Measurement(
                float(spearman_rows(asked, ours)[0]), paper=float(spearman_rows(printed, theirs)[0]), **facts
            )
            span = Measurement(
                float(slope_rows(asked, ours)[0] * np.ptp(asked)),
                paper=float(slope_rows(printed, theirs)[0] * np.ptp(printed)),
                **facts,
            )
            metrics.set(EXPERIMENT, theme.name, f"spearman_{judge.name}", rho)
            metrics.set(EXPERIMENT, theme.name, f"span_{judge.name}", span)
