"""Drawn faces: expression follows valence and arousal; identity, pose, light and background do not."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
