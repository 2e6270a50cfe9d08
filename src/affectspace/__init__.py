"""Faces, voices and words as points on the map of valence, arousal and dominance, and back."""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
