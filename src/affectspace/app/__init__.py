"""The service: predictions over HTTP, and the web page that uses it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
