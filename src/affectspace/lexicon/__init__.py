"""Words to valence, arousal and dominance: lexicons, the scores of texts, and how they move over a conversation."""

from affectspace.lexicon.contextual import Contextual
from affectspace.lexicon.dynamics import Dynamics, dynamics
from affectspace.lexicon.figure import plot_trajectory
from affectspace.lexicon.formats import FORMATS
from affectspace.lexicon.reading import Lexicon, LexiconReport
from affectspace.lexicon.scoring import METHODS, score_texts
from affectspace.lexicon.speakers import SpeakerDynamics, series_dynamics, utterance_dynamics
from affectspace.lexicon.statistics import lexicon_statistics

__all__ = [
    "FORMATS",
    "METHODS",
    "Contextual",
    "Dynamics",
    "Lexicon",
    "LexiconReport",
    "SpeakerDynamics",
    "dynamics",
    "lexicon_statistics",
    "plot_trajectory",
    "score_texts",
    "series_dynamics",
    "utterance_dynamics",
]
