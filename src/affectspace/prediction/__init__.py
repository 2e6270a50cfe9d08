"""From a sentence, a recording, a photo or a clip, or any subset, to valence, arousal and dominance with their uncertainty."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
