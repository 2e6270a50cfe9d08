"""What an evaluation of steering measures, and how much of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.steering.decoding import Sampling

TITLES = {  # method -> what the report calls it
    "steered": "projector, candidates ranked",
    "steered_one": "projector, one candidate",
    "unsteered": "projector, no target",
    "prompt": "prompting, candidates ranked",
    "prompt_one": "prompting, one candidate",
    "vector": "steering vector, candidates ranked",
    "vector_one": "steering vector, one candidate",
    "template": "template",
    "template_without": "template, its own words not counted",
    "seed": "the sentence as it was",
}
PRIMARY = (
    "valence: mean over sentences of Spearman's correlation of target and measure, by each judge that had no part in it"
)
BARS = {"spearman": 0.6, "content": 0.5, "perplexity_ratio": 1.5}  # named beforehand


class SteeringPlan(Configuration):
    """How many sentences, which values, which comparisons."""

    sentences: int = Field(200, ge=2, description="held-out sentences that are steered along valence")
    other_sentences: int = Field(8, ge=0, description="of them, also steered along arousal and dominance")
    tuning_sentences: int = Field(
        16, ge=2, description="validation sentences that choose the vector's layer and strength"
    )
    targets: tuple[float, ...] = Field((-2.0, -1.0, 0.0, 1.0, 2.0), min_length=3, description="sd of the corpus")
    candidates: int = Field(6, ge=1, description="of each method that ranks")
    strengths: tuple[float, ...] = Field((0.5, 1.0, 2.0), description="of the steering vector, of which one is chosen")
    depths: tuple[float, ...] = Field(
        (0.4, 0.6), description="of its layer, share of the network, of which one is chosen"
    )
    contrast_sentences: int = Field(200, ge=4, description="training sentences that make the vector, half at each end")
    sampling: Sampling = Sampling()
    themes: Literal["sd", "canonical"] = Field(
        "sd",
        description="of the paper's three themes. sd: at the targets; canonical: at -1, -0.5, 0, 0.5, 1 on [-1, 1] without "
        "calibration, as in the paper",
    )
    sheet_sentences: int = Field(10, ge=0, description="sentences on the sheet for human raters")
    seed: int = Field(0, ge=0)

    @property
    def theme_targets(self) -> tuple[float, ...]:
        """Targets of the paper's three themes, in the units of `themes`."""
        return (-1.0, -0.5, 0.0, 0.5, 1.0) if self.themes == "canonical" else self.targets


PAPER = {"candidates": 1, "sampling": Sampling(guidance=1.0), "themes": "canonical"}
"""Changes of a plan to the paper's setting: one text for each step, no guidance, valence from -1 to 1."""


def quick_plan(seed: int = 0) -> SteeringPlan:
    """Make a plan that shows that everything works."""
    return SteeringPlan(
        sentences=6, other_sentences=2, tuning_sentences=2, candidates=2, strengths=(1.0,), depths=(0.5,),
        contrast_sentences=16, sampling=Sampling(longest=14), sheet_sentences=2, seed=seed,
    )  # fmt: skip
