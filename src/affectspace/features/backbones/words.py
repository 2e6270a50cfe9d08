"""Lexicon statistics of a text as a modality of their own, `words`, beside the vector of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbone import BaseBackbone, Item
from affectspace.lexicon import Contextual, Lexicon, lexicon_statistics
from affectspace.lexicon.scoring import FEATURES

LEXICON_KEYS = ("path", "format", "columns", "scale", "sha256")


class WordsBackbone(BaseBackbone):
    """Mean, extremes and spread of each lexicon's axes over the words of a text, and the coverage of the lexicon.

    A text without a known word has zeros (neutral) and coverage 0. Only an empty text is unreadable.
    """

    name = "words:lexicon"
    modality = "words"
    shard_rows = batch_rows = 2048  # no network limits the batch
    licence = "statistics: Apache-2.0 (affectspace); each lexicon its own"
    revision = "2"  # of how words are found

    def __init__(self, lexicons: Mapping[str, Lexicon], contextual: Contextual, settings: dict[str, Any]) -> None:
        super().__init__()
        self._lexicons, self._contextual, self.settings = lexicons, contextual, settings
        self.columns = tuple(lexicon_statistics([], lexicons, contextual=contextual).columns)
        self.dimension = len(self.columns)

    def load(self, item: Item) -> str:
        """Return the text. Raises UnreadableItem for an empty text."""
        text = item.text or ""
        if not text.strip():
            raise UnreadableItem("the text is empty")
        return text

    def encode(self, batch: list[str]) -> np.ndarray:
        """Return (batch, dimension) float32."""
        table = lexicon_statistics(batch, self._lexicons, contextual=self._contextual)
        return table.to_numpy(dtype=np.float32)


def words_backbone(
    name: str = "lexicon",
    *,
    lexicons: Mapping[str, Any] | None = None,
    contextual: Mapping[str, float | bool] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> WordsBackbone:
    """Make the backbone of lexicon statistics.

    lexicons : name -> file, or {path, format, columns, scale, sha256} as for `Lexicon.read`; a file with another sha256
        is refused
    contextual : options of `Contextual`; device, dtype : not used
    Raises ConfigError without lexicons, for a missing or changed file, and for unknown settings.
    """
    if not lexicons or not isinstance(lexicons, Mapping):
        raise ConfigError(
            "words: name at least one lexicon: --lexicon glasgow=norms.csv (in Python lexicons={'glasgow': path})"
        )
    options = {str(key): _lexicon_options(str(key), value) for key, value in lexicons.items()}
    opened = {key: _read_lexicon(key, settings) for key, settings in options.items()}
    chosen: dict[str, Any] = dict(contextual or {})
    try:
        scoring = replace(FEATURES, **chosen)
    except TypeError as error:
        raise ConfigError(f"words: contextual {chosen}: {str(error).partition('() ')[2]}") from error
    added = dict.fromkeys(("emphasis", "exclamation"), 0.0)  # not recorded at 0, so that old stores stay the same
    recorded = {name: value for name, value in asdict(scoring).items() if added.get(name) != value}
    located = {key: {**settings, "path": str(settings["path"].resolve())} for key, settings in options.items()}
    contents = {
        key: {name: value for name, value in settings.items() if name != "path"} for key, settings in located.items()
    }
    backbone = WordsBackbone(opened, scoring, {"lexicons": contents, "contextual": recorded})
    settings = {"lexicons": located, "contextual": recorded}
    backbone.recipe = {"modality": "words", "name": name, "settings": settings}
    return backbone


def _lexicon_options(key: str, value: Any) -> dict[str, Any]:
    """Return a lexicon's settings with the path and the hash of its file, without those that are not set."""
    if not key.isidentifier():
        raise ConfigError(
            f"words: a lexicon called {key!r}; use letters, digits and _, as the name becomes part of columns"
        )
    options = dict(value) if isinstance(value, Mapping) else {"path": value}
    unknown = [name for name in options if name not in LEXICON_KEYS]
    if unknown or not options.get("path"):
        what = f"unknown {', '.join(map(str, unknown))}" if unknown else "no path"
        raise ConfigError(f"words: lexicon {key}: {what}; give its file, or {', '.join(LEXICON_KEYS)}")
    path = Path(options["path"]).expanduser()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(
            f"words: the lexicon {key} cannot be read at {path} ({error.strerror or error}); put it back, or name its new "
            f"location: --lexicon {key}=FILE"
        ) from error
    if options.get("sha256", digest) != digest:
        raise ConfigError(
            f"words: {path} is not the lexicon {key} that was used before (sha256 {digest[:16]}, expected "
            f"{str(options['sha256'])[:16]}); restore that file, or extract the features again with this one"
        )
    return {**{name: option for name, option in options.items() if option is not None}, "path": path, "sha256": digest}


def _read_lexicon(key: str, options: Mapping[str, Any]) -> Lexicon:
    try:
        return Lexicon.read(
            options["path"], options.get("format"), columns=options.get("columns"), scale=options.get("scale")
        )
    except DataError as error:
        example = f"lexicons={{{key}: {{path: {options['path']}, columns: {{term: word, valence: v}}, scale: sam}}}}"
        remedy = "" if options.get("columns") else f"; name its columns with --set '{example}'"
        raise ConfigError(f"words: lexicon {key}: {error}{remedy}") from error
