"""Released datasets, anybody's tables and drawn faces as one kind of table. Names load on first use."""

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "COLUMNS": "schema",
    "CORPORA": "registry",
    "Corpus": "corpus",
    "ImageSet": "images",
    "ReadReport": "report",
    "Reader": "registry",
    "build_table": "schema",
    "leakage": "splits",
    "parse_columns": "table",
    "read_corpus": "registry",
    "split_table": "splits",
}

__all__ = [
    "COLUMNS",
    "CORPORA",
    "Corpus",
    "ImageSet",
    "ReadReport",
    "Reader",
    "build_table",
    "leakage",
    "parse_columns",
    "read_corpus",
    "split_table",
]

if TYPE_CHECKING:
    from affectspace.corpora.corpus import Corpus
    from affectspace.corpora.images import ImageSet
    from affectspace.corpora.registry import CORPORA, Reader, read_corpus
    from affectspace.corpora.report import ReadReport
    from affectspace.corpora.schema import COLUMNS, build_table
    from affectspace.corpora.splits import leakage, split_table
    from affectspace.corpora.table import parse_columns


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'affectspace.corpora' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"affectspace.corpora.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
