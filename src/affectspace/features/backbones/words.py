"""Lexicon statistics of a text as a modality of their own, `words`, to stand beside the text's vector."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features.backbone import Item
from affectspace.lexicon import Contextual, Lexicon, lexicon_statistics

REVISION = "1"
_KEYS = ("path", "format", "columns", "scale", "sha256")  # of a lexicon's settings


class Words:
    """Mean, extremes and spread of each lexicon's axes over the words of a text, and the lexicon's coverage.

    A text without a hit has zeros, neutral, and its coverage says so; only a text without a word is unreadable.
    """

    modality = "words"
    shard_rows = batch_rows = 2048  # there is no network that a batch must fit
    licence = "statistics: Apache-2.0 (affectspace); each lexicon its own"
    revision = REVISION

    def __init__(self, lexicons: Mapping[str, Lexicon], contextual: Contextual) -> None:
        self.name = "words:lexicon"
        self._lexicons, self._contextual = lexicons, contextual
        self.columns = tuple(lexicon_statistics([], lexicons, contextual=contextual).columns)
        self.dimension = len(self.columns)
        self.settings: dict[str, Any] = {}
        self.recipe: dict[str, Any] | None = None

    def load(self, item: Item) -> str:
        """The text. Raises UnreadableItem for one without any."""
        text = item.text or ""
        if not text.strip():
            raise UnreadableItem("the text is empty")
        return text

    def length(self, loaded: str) -> float:
        return 0.0

    def encode(self, batch: list[str]) -> np.ndarray:
        """(batch, dimension) float32."""
        table = lexicon_statistics(batch, self._lexicons, contextual=self._contextual)
        return table.to_numpy(dtype=np.float32)


def words_backbone(
    name: str = "lexicon",
    *,
    lexicons: Mapping[str, Any] | None = None,
    contextual: Mapping[str, Any] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> Words:
    """Statistics of lexicons.

    lexicons : our name of a lexicon -> its file, or {path, format, columns, scale, sha256} as `Lexicon.read` takes them; with a
    sha256 another file under that path is refused. contextual : options of `Contextual`. device, dtype : of no matter here
    Raises ConfigError without lexicons, for a file that is gone or another one, and for unknown settings.
    """
    if not lexicons or not isinstance(lexicons, Mapping):
        raise ConfigError(
            "words: name at least one lexicon: --lexicon glasgow=norms.csv (in Python lexicons={'glasgow': path})"
        )
    asked = {str(key): _asked(str(key), value) for key, value in lexicons.items()}
    read = {key: _read(key, options) for key, options in asked.items()}
    try:
        chosen = Contextual(**(contextual or {}))
    except TypeError as error:
        raise ConfigError(f"words: contextual {dict(contextual or {})}: {str(error).partition('() ')[2]}") from error
    made = Words(read, chosen)
    told = {key: {**options, "path": str(Path(options["path"]).resolve())} for key, options in asked.items()}
    made.settings = {
        "lexicons": {key: {name: o for name, o in options.items() if name != "path"} for key, options in told.items()},
        "contextual": asdict(chosen),
    }
    settings = {"lexicons": told, "contextual": made.settings["contextual"]}
    made.recipe = {"modality": "words", "name": name, "settings": settings}
    return made


def _asked(key: str, value: Any) -> dict[str, Any]:
    """A lexicon's settings with the hash of its file, without what is not set."""
    if not key.isidentifier():
        raise ConfigError(f"words: a lexicon called {key!r}; its name begins columns' names: letters, digits and _")
    options = dict(value) if isinstance(value, Mapping) else {"path": value}
    unknown = [name for name in options if name not in _KEYS]
    if unknown or not options.get("path"):
        what = f"unknown {', '.join(map(str, unknown))}" if unknown else "no path"
        raise ConfigError(f"words: lexicon {key}: {what}; give its file, or {', '.join(_KEYS)}")
    path = Path(options["path"]).expanduser()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(
            f"words: the lexicon {key} cannot be read at {path} ({error.strerror or error}); put it back, or name where "
            f"it is: --lexicon {key}=FILE"
        ) from error
    if options.get("sha256", digest) != digest:
        raise ConfigError(
            f"words: {path} is not the lexicon {key} that was used before (sha256 {digest[:16]}, expected "
            f"{str(options['sha256'])[:16]}); bring back that file, or make the features anew with this one"
        )
    return {**{name: option for name, option in options.items() if option is not None}, "path": path, "sha256": digest}


def _read(key: str, options: Mapping[str, Any]) -> Lexicon:
    try:
        return Lexicon.read(
            options["path"], options.get("format"), columns=options.get("columns"), scale=options.get("scale")
        )
    except DataError as error:
        own = (
            f"--set 'lexicons={{{key}: {{path: {options['path']}, columns: {{term: word, valence: v}}, scale: sam}}}}'"
        )
        how = "" if options.get("columns") else f"; to `affectspace extract` a lexicon's columns are named by {own}"
        raise ConfigError(f"words: lexicon {key}: {error}{how}") from error
