"""Which words of a sentence bear affect, and the sentence with blanks in their place.

A prompt that shows the whole sentence teaches copying: the likeliest continuation needs no latent. With blanks where the
affect was, the latent tells more than the prompt does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from affectspace.errors import ConfigError, RunError
from affectspace.files import write_text
from affectspace.lexicon.contextual import is_negator, plain_forms
from affectspace.lexicon.reading import Lexicon

BLANK = "___"
PATTERNS = ("inside", "end", "start")  # where a prompt has a blank besides those of affect-bearing words
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENDING = re.compile(r"[\s.!?,;:\"'”’]*$")
_LONGEST_SPAN = 4
_SEEN = 3  # texts in which a word must stand for the ridge to weigh it


@dataclass(frozen=True)
class Masker:
    """Affect-bearing words, lower case; a word also counts under its plain form. negators : whether they are hidden too."""

    words: frozenset[str]
    negators: bool = True
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def bears_affect(self, word: str) -> bool:
        """Whether a word is hidden."""
        word = word.lower().replace("’", "'")
        if word not in self._known:
            listed = word in self.words or any(form in self.words for form in plain_forms(word))
            self._known[word] = listed or (self.negators and is_negator(word))
        return self._known[word]

    def hidden(self, text: str) -> np.ndarray:
        """For each word of a text, whether it bears affect, (words,) bool."""
        return np.array([self.bears_affect(match[0]) for match in _WORD.finditer(text)], dtype=bool)

    def prompt(self, text: str, pattern: str = "inside") -> str:
        """The text with blanks for its affect-bearing words, and one more at the start or end where the pattern asks for it.

        A text without any such word has its blank at the end.
        """
        if pattern not in PATTERNS:
            raise ConfigError(f"pattern {pattern!r}; there are {', '.join(PATTERNS)}")
        hidden = self.hidden(text)
        masked = with_blanks(text, hidden)
        if pattern == "start":
            return joined_blanks(f"{BLANK} {masked}")
        if pattern == "end" or not hidden.any():
            return joined_blanks(f"{_ENDING.sub('', masked)} {BLANK}")
        return masked

    def training_prompt(self, text: str, random: np.random.Generator, spans: float) -> str:
        """The text with its affect-bearing words hidden, and with probability `spans` a run of other words as well.

        Such a run stands at the start, at the end or anywhere, so that the prompts of `prompt` are known from training. A
        text that has nothing hidden so far always has one.
        """
        hidden = self.hidden(text)
        count = len(hidden)
        if count > 1 and (not hidden.any() or random.random() < spans):
            length = int(random.integers(1, min(_LONGEST_SPAN, count - 1) + 1))
            begin = (0, count - length, int(random.integers(0, count - length + 1)))[random.integers(3)]
            hidden[begin : begin + length] = True
            if begin + length == count:
                return joined_blanks(_ENDING.sub("", with_blanks(text, hidden)))
        return with_blanks(text, hidden)

    def to_json(self) -> str:
        return json.dumps({"negators": self.negators, "words": sorted(self.words)}, ensure_ascii=False, indent=0) + "\n"

    def write(self, path: Path) -> None:
        write_text(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> Masker:
        """Raises RunError where the file is missing or damaged."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(frozenset(fields["words"]), bool(fields["negators"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is missing or damaged ({error}); train the projector again with --force") from error


def words_of(text: str) -> list[str]:
    """The words of a text, as written."""
    return _WORD.findall(text)


def plain_words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower() for word in words_of(text)]


def with_blanks(text: str, hidden: np.ndarray) -> str:
    """The text with blanks in place of the hidden words; neighbours share one, so that their number is not told."""
    pieces, at = [], 0
    for match, gone in zip(_WORD.finditer(text), hidden, strict=True):
        if gone:
            pieces += [text[at : match.start()], BLANK]
            at = match.end()
    return joined_blanks("".join([*pieces, text[at:]]))


def joined_blanks(text: str) -> str:
    """Blanks with nothing but white space between them become one."""
    return re.sub(rf"{BLANK}(?:\s+{BLANK})+", BLANK, text).strip()


def lexicon_masker(lexicon: Lexicon, share: float = 0.4, negators: bool = True) -> Masker:
    """The words of a lexicon that lie farthest from its mean on any axis, in its standard deviations; this share of them."""
    values = np.stack(list(lexicon.entries.values()))
    spread = values.std(axis=0)
    strength = (np.abs(values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return _strongest(dict(zip(lexicon.entries, strength.tolist(), strict=True)), share, negators)


def ridge_masker(texts: Sequence[str], affect: np.ndarray, share: float = 0.4, negators: bool = True) -> Masker:
    """The words that weigh most in a ridge regression of affect (n, 3) on the words of the texts; this share of them.

    Rows without all labels are left out. Raises ConfigError where no word stands in three texts.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import Ridge

    known = np.isfinite(affect).all(axis=1)
    counts = CountVectorizer(binary=True, min_df=_SEEN, token_pattern=_WORD.pattern)
    try:
        present = counts.fit_transform([text for text, there in zip(texts, known, strict=True) if there])
    except ValueError as error:
        raise ConfigError(
            f"no word stands in {_SEEN} labelled training sentences, so that a ridge cannot weigh words; name mask.lexicon"
        ) from error
    labels = affect[known]
    spread = labels.std(axis=0)
    weights = Ridge(alpha=10.0).fit(present, (labels - labels.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).coef_
    strength = np.abs(np.atleast_2d(weights)).max(axis=0)
    return _strongest(dict(zip(counts.get_feature_names_out(), strength.tolist(), strict=True)), share, negators)


def _strongest(strength: Mapping[str, float], share: float, negators: bool) -> Masker:
    ordered = sorted(strength, key=lambda word: (-strength[word], word))
    return Masker(frozenset(ordered[: max(round(share * len(ordered)), 1)]), negators)
