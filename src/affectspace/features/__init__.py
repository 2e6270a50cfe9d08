"""Raw media to vectors: backbones, and a store of one vector per sample and modality."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
