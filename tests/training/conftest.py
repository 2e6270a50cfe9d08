"""The tiny corpora of the tests of `data`."""

from ..data.conftest import config, sentences, squares, union, voices  # noqa: F401
