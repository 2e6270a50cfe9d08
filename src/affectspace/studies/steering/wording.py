"""The words in which prompting and the template ask for an affect, by axis and level."""

from __future__ import annotations

LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # sd of the corpus that the words stand for
PROMPT = {
    "valence": ("utterly hopeless", "sad", "neutral", "happy", "absolutely thrilled"),
    "arousal": ("drowsy and still", "calm", "neither calm nor excited", "excited", "frantic"),
    "dominance": ("helpless", "insecure", "neither weak nor strong", "confident", "all-powerful"),
}
TEMPLATE = {
    "valence": ("I am devastated:", "I am sad:", "", "I am happy:", "I am thrilled:"),
    "arousal": ("I am half asleep:", "I am calm:", "", "I am excited:", "I am frantic:"),
    "dominance": ("I am helpless:", "I am insecure:", "", "I am confident:", "I am all-powerful:"),
}


def level_of(asked: float) -> int:
    """Place of the nearest level."""
    return min(range(len(LEVELS)), key=lambda place: abs(LEVELS[place] - asked))


def request(seed: str, axis: str | None, asked: float) -> str:
    """A request in words to rewrite a sentence; without an axis in other words only."""
    how = "in other words" if axis is None else f"so that it sounds {PROMPT[axis][level_of(asked)]}"
    return f"Rewrite this sentence {how}. Keep what it is about. Answer with one sentence only.\n\nSentence: {seed}"


def templated(seed: str, axis: str, asked: float) -> str:
    """The sentence behind the template's words for a level."""
    return f"{TEMPLATE[axis][level_of(asked)]} {seed}".strip()
