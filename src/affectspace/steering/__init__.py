"""Sentences along valence, arousal and dominance: a frozen language model steered by a projector's soft tokens."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
