"""Which words of a sentence bear affect, and the prompt with blanks in their place.

A prompt that shows the whole sentence teaches copying: the likeliest continuation needs no latent. With blanks in place of
the affect-bearing words, the affect has to come from the latent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from affectspace.errors import ConfigError, RunError
from affectspace.files import parse_json, write_text
from affectspace.lexicon.contextual import is_negator, plain_forms
from affectspace.lexicon.reading import Lexicon

BLANK = "___"
PATTERNS = ("inside", "end", "start")  # where a prompt has an additional blank; "inside": nowhere
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENDING = re.compile(r"[\s.!?,;:\"'”’]*$")
_MAX_SPAN = 4  # words
_MIN_TEXTS = 3  # in which a word occurs, for the ridge to weigh it


@dataclass(frozen=True)
class Masker:
    """Hides affect-bearing words. words : lower case, also matched by inflected forms; negators : hide "not", "never", ..."""

    words: frozenset[str]
    negators: bool = True
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def bears_affect(self, word: str) -> bool:
        """Tell whether a word is hidden."""
        word = word.lower().replace("’", "'")
        if word not in self._known:
            listed = word in self.words or any(form in self.words for form in plain_forms(word))
            self._known[word] = listed or (self.negators and is_negator(word))
        return self._known[word]

    def hidden(self, text: str) -> np.ndarray:
        """Tell for each word of a text whether it is hidden, (words,) bool."""
        return np.array([self.bears_affect(word) for word in words_of(text)], dtype=bool)

    def prompt(self, text: str, pattern: str = "inside") -> str:
        """Replace affect-bearing words by blanks, and add one at the start or end where the pattern says so.

        A text without affect-bearing words gets its blank at the end.
        """
        if pattern not in PATTERNS:
            raise ConfigError(f"unknown pattern {pattern!r}; use {', '.join(PATTERNS)}")
        hidden = self.hidden(text)
        masked = with_blanks(text, hidden)
        if pattern == "start":
            return joined_blanks(f"{BLANK} {masked}")
        if pattern == "end" or not hidden.any():
            return joined_blanks(f"{_ENDING.sub('', masked)} {BLANK}")
        return masked

    def training_prompt(self, text: str, random: np.random.Generator, spans: float) -> str:
        """Hide the affect-bearing words and, with probability `spans`, a span of other words at the start, end or anywhere.

        Spans make all patterns of `prompt` known from training. A text without affect-bearing words always has one.
        """
        hidden = self.hidden(text)
        count = len(hidden)
        if count > 1 and (not hidden.any() or random.random() < spans):
            length = int(random.integers(1, min(_MAX_SPAN, count - 1) + 1))
            begin = (0, count - length, int(random.integers(0, count - length + 1)))[random.integers(3)]
            hidden[begin : begin + length] = True
            if begin + length == count:
                return joined_blanks(_ENDING.sub("", with_blanks(text, hidden)))
        return with_blanks(text, hidden)

    def write(self, path: Path) -> None:
        content = {"negators": self.negators, "words": sorted(self.words)}
        write_text(path, json.dumps(content, ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def read(cls, path: Path) -> Masker:
        """Read what `write` wrote. Raises RunError where the file is missing or damaged."""
        try:
            fields = parse_json(path.read_text(encoding="utf-8"))
            return cls(frozenset(fields["words"]), bool(fields["negators"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is missing or damaged ({error}); train the projector again with --force") from error


def words_of(text: str) -> list[str]:
    """List the words of a text, as written."""
    return _WORD.findall(text)


def plain_words(text: str) -> list[str]:
    """List the words of a text, in lower case."""
    return [word.lower() for word in words_of(text)]


def with_blanks(text: str, hidden: np.ndarray) -> str:
    """Replace the hidden words by blanks. Neighbours share one, so that the prompt does not show their number."""
    pieces, end = [], 0
    for match, is_hidden in zip(_WORD.finditer(text), hidden, strict=True):
        if is_hidden:
            pieces += [text[end : match.start()], BLANK]
            end = match.end()
    return joined_blanks("".join([*pieces, text[end:]]))


def joined_blanks(text: str) -> str:
    """Join blanks that only white space separates."""
    return re.sub(rf"{BLANK}(?:\s+{BLANK})+", BLANK, text).strip()


def lexicon_masker(lexicon: Lexicon, share: float = 0.4, negators: bool = True) -> Masker:
    """Hide the share of a lexicon's words that lie farthest from its mean, in its standard deviations, on any axis."""
    values = np.stack(list(lexicon.entries.values()))
    spread = values.std(axis=0)
    strength = (np.abs(values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return _strongest(dict(zip(lexicon.entries, strength.tolist(), strict=True)), share, negators)


def ridge_masker(texts: Sequence[str], affect: np.ndarray, share: float = 0.4, negators: bool = True) -> Masker:
    """Hide the share of words with the largest weights in a ridge regression of affect (n, 3) on words.

    Texts without all labels are left out.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import Ridge

    labelled = np.isfinite(affect).all(axis=1)
    counts = CountVectorizer(binary=True, min_df=_MIN_TEXTS, token_pattern=_WORD.pattern)
    try:
        present = counts.fit_transform([texts[row] for row in np.flatnonzero(labelled).tolist()])
    except ValueError as error:
        raise ConfigError(
            f"no word occurs in {_MIN_TEXTS} labelled training sentences, so a ridge cannot weigh words; set mask.lexicon"
        ) from error
    labels = affect[labelled]
    spread = labels.std(axis=0)
    weights = Ridge(alpha=10.0).fit(present, (labels - labels.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).coef_
    strength = np.abs(np.atleast_2d(weights)).max(axis=0)
    return _strongest(dict(zip(counts.get_feature_names_out(), strength.tolist(), strict=True)), share, negators)


def _strongest(strength: Mapping[str, float], share: float, negators: bool) -> Masker:
    ordered = sorted(strength, key=lambda word: (-strength[word], word))
    return Masker(frozenset(ordered[: max(round(share * len(ordered)), 1)]), negators)
