"""The paper's three themes along our valence axis, beside what the paper printed, measured by the same judges.

Source: Li, Cheng, Tang, Vong, "Anchoring the Affective Manifold", section 4.5, table 5 (Qwen2.5-3B; one example per step; the
paper gives no figure that measures the sentences).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affectspace.affect import AXES
from affectspace.evaluation.results import Recorder
from affectspace.progress import Progress, silent
from affectspace.steering.judges import Judge
from affectspace.steering.steerer import SteeredText, Steerer
from affectspace.steering.targets import target_points
from affectspace.studies.manifold.paper import SEED_AFFECT
from affectspace.studies.steering.measures import slope_rows, spearman_rows
from affectspace.studies.steering.plan import SteeringPlan

EXPERIMENT = "table_5"
PROTOCOL = "the paper's three seeds, one text a step"


SEEDS = {
    "theme 1": "My whole entire, bloody life time and time again.",
    "theme 2": "The business does not inspire me.",
    "theme 3": "Yes. On this I would.",
}


@dataclass(frozen=True)
class Theme:
    """name : as in `manifold.paper`, with its seed and v_orig; texts : target -> generated."""

    name: str
    texts: dict[float, str]

    @property
    def seed(self) -> str:
        return SEEDS[self.name]

    @property
    def own(self) -> tuple[float, ...]:
        """Valence, arousal, dominance that the paper's encoder reads of the seed, on [-1, 1]."""
        return SEED_AFFECT[self.name]


THEMES = (
    Theme(
        "theme 1",
        {
            -1.0: "Feeling utterly hopeless, my life repeats endlessly in agony.",
            -0.5: "I've been stuck in this endless cycle of worry and anxiety for years.",
            0.0: "In various instances throughout my life, I have faced this repeatedly.",
            0.5: "I am filled with endless optimism for every moment ahead.",
            1.0: "I'm bursting with excitement every single time; to experience this joy anew is thrilling!",
        },
    ),
    Theme(
        "theme 2",
        {
            -1.0: "Despite the bleak prospects, my spirit sinks lower than ever before in this failing enterprise.",
            -0.5: "Despite my concerns, the business still fails to excite or motivate me.",
            0.0: "Despite my lack of enthusiasm, I do not find the business inspiring.",
            0.5: "Instead of feeling uninspired, I look forward to what the business can achieve.",
            1.0: "I am thrilled and energized by the business potential!",
        },
    ),
    Theme(
        "theme 3",
        {
            -1.0: 'Feeling utterly defeated, I say simply "Yes. On this I would not."',
            -0.5: "I feel worry and anxiety saying yes, on this I would.",
            0.0: "Yes. As for this, I agree.",
            0.5: "With great positivity, I agree on this point; to my confidence, it holds true.",
            1.0: "Yes! On this I am extremely excited to agree!",
        },
    ),
)


@dataclass(frozen=True, eq=False)
class Traversal:
    """Our texts for the paper's themes.

    themes, steered : the themes, and our texts of each; own : (themes, 3), what our encoder reads of the seeds, on [-1, 1]
    too_long : themes whose seed has more tokens than the run was trained on
    """

    themes: tuple[Theme, ...]
    steered: list[SteeredText]
    own: np.ndarray
    too_long: tuple[Theme, ...] = ()


def traverse_themes(steerer: Steerer, plan: SteeringPlan, progress: Progress = silent) -> Traversal:
    """Steer the themes along valence, private codes fixed, at the plan's targets for themes."""
    themes = tuple(theme for theme in THEMES if steerer.tokens(theme.seed) < steerer.longest)
    too_long = tuple(theme for theme in THEMES if theme not in themes)
    if not themes:
        return Traversal((), [], np.zeros((0, len(AXES))), too_long)
    steered = steerer.steer(
        [theme.seed for theme in themes], target_points(valence=list(plan.theme_targets)), units=plan.themes,
        calibrated=plan.themes == "sd", candidates=plan.candidates, sampling=plan.sampling, seed=plan.seed, progress=progress,
    )  # fmt: skip
    own = np.stack([steerer.corpus_mean + steerer.corpus_deviation * text.seed_affect for text in steered])
    return Traversal(themes, steered, own, too_long)


def record_themes(recorder: Recorder, traversal: Traversal, judges: Mapping[str, Judge], plan: SteeringPlan) -> None:
    """Record our reading of each seed beside the paper's, and both traversals by each judge.

    There are no intervals, because there are three seeds.
    """
    targets = np.asarray(plan.theme_targets)
    for place, theme in enumerate(traversal.themes):
        own = recorder.under(experiment=EXPERIMENT, task=theme.name, protocol=PROTOCOL)
        for axis, name in enumerate(AXES):
            own.add("v_orig", traversal.own[place, axis], 1, target=name, paper=theme.own[axis])
        printed = np.array(list(theme.texts))
        for judge in judges.values():
            if AXES[0] not in judge.axes:
                continue
            ours = judge.score(traversal.steered[place].texts)[None, :, 0]
            theirs = judge.score(list(theme.texts.values()))[None, :, 0]
            columns = {"target": AXES[0], "modality": judge.name, "seeds": (plan.seed,)}
            rho, published = spearman_rows(targets, ours)[0], spearman_rows(printed, theirs)[0]
            own.add("spearman", rho, len(targets), **columns, paper=published)
            span, published = (
                slope_rows(values, read)[0] * np.ptp(values) for values, read in ((targets, ours), (printed, theirs))
            )
            own.add("span", span, len(targets), **columns, paper=published)
