"""Published references: facts, with their source. Conventions of ours are marked as such."""

from __future__ import annotations

from typing import Any

from affectspace.errors import ConfigError

# Mean and standard deviation (divided by n - 1) of valence and arousal per expression: valence, arousal, sd, sd.
_AFFECTNET = {
    "neutral": (-0.062719, -0.019574, 0.183525, 0.147558),
    "happiness": (0.664328, 0.070280, 0.162671, 0.166012),
    "sadness": (-0.637006, -0.257004, 0.221066, 0.141985),
    "anger": (-0.452736, 0.566778, 0.174105, 0.197566),
    "fear": (-0.125745, 0.766180, 0.071007, 0.136925),
    "disgust": (-0.693719, 0.457344, 0.151534, 0.110895),
    "surprise": (0.180444, 0.689328, 0.174439, 0.157603),
}
# Pleasure, arousal, dominance of the term in brackets. "neutral" is no term of the study.
_RUSSELL_MEHRABIAN = {
    "neutral": (0.0, 0.0, 0.0),  # (convention)
    "happiness": (0.81, 0.51, 0.46),  # happy
    "sadness": (-0.63, -0.27, -0.33),  # sad
    "anger": (-0.51, 0.59, 0.25),  # angry
    "fear": (-0.64, 0.60, -0.43),  # fearful
    "disgust": (-0.60, 0.35, 0.11),  # disgusted
    "surprise": (0.40, 0.67, -0.13),  # surprised
    "contempt": (-0.23, 0.31, 0.18),  # contempt
    "calm": (0.68, -0.46, 0.06),  # relaxed (convention)
    "boredom": (-0.65, -0.62, -0.33),  # bored
    "excitement": (0.62, 0.75, 0.38),  # excited
    "frustration": (-0.64, 0.52, -0.35),  # frustrated
}
REFERENCES = ("affectnet", "russell_mehrabian_1977")


def read_reference(name: str) -> dict[str, Any]:
    """The content of a reference in the form of a transfer's JSON. An unknown name is a ConfigError."""
    if name == "affectnet":
        classes = sorted(_AFFECTNET)
        return {
            "axes": ["valence", "arousal"],
            "classes": classes,
            "centres": [list(_AFFECTNET[emotion][:2]) for emotion in classes],
            "deviations": [list(_AFFECTNET[emotion][2:]) for emotion in classes],
            "covariances": None,
            "counts": None,
            "source": "AffectNet (Mollahosseini et al. 2017), training set without the rows that have no valence or "
            "arousal; mean and standard deviation per expression as in the notebooks of LeVAsa (Nanwani et al. 2020)",
        }
    if name == "russell_mehrabian_1977":
        classes = sorted(_RUSSELL_MEHRABIAN)
        return {
            "axes": ["valence", "arousal", "dominance"],
            "classes": classes,
            "centres": [list(_RUSSELL_MEHRABIAN[emotion]) for emotion in classes],
            "deviations": None,
            "covariances": None,
            "counts": None,
            "source": "Russell & Mehrabian 1977, table 4: pleasure, arousal, dominance of the emotion's term; by our "
            "convention neutral is the origin and calm is the term relaxed",
        }
    raise ConfigError(f"unknown reference {name!r}; there are {', '.join(REFERENCES)}")
