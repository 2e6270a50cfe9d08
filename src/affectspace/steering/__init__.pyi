from .decoding import Sampling as Sampling
from .language_model import LanguageModel as LanguageModel
from .language_model import load_language_model as load_language_model
from .steerer import SteeredText as SteeredText
from .steerer import Steerer as Steerer
from .targets import target_points as target_points
from .training import fit_projector as fit_projector
