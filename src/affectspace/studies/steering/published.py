"""Table 5 of the affective-manifold paper, as printed: what was generated from its seeds.

Source: Li, Cheng, Tang, Vong, "Anchoring the Affective Manifold", section 4.5, table 5 (Qwen2.5-3B; one example a step; no
figure is given there that measures the sentences).
"""

from dataclasses import dataclass

from affectspace.studies.manifold.paper import SEED_AFFECT

SEEDS = {
    "theme 1": "My whole entire, bloody life time and time again.",
    "theme 2": "The business does not inspire me.",
    "theme 3": "Yes. On this I would.",
}


@dataclass(frozen=True)
class Theme:
    """name : as in `manifold.paper`, with its seed and v_orig; texts : asked -> generated."""

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
