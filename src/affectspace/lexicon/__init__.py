"""Words to valence, arousal and dominance: lexicons, the scores of texts, and how they move over a conversation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
