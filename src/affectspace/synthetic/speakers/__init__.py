"""Invented people who speak: text, voice and face of the same moments, with known affect and known rest."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
