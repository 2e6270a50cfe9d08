"""Scores of texts in context: proper tokens, terms of several words, negation and intensifiers.

Our own method: the value v of each hit depends on the words before it, and a score is sum(v) / (hits + prior), a mean that a
single word does not carry to the extreme. The defaults of its three numbers were chosen on EmoBank's train part,
cross-validated by document; those of capitals and exclamation marks on the same part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from itertools import chain
from typing import NamedTuple
from unicodedata import category

import numpy as np

from affectspace.errors import ConfigError
from affectspace.lexicon.reading import Lexicon, one_spelling

_NEGATORS = "not no never none nobody nothing neither nor nowhere hardly scarcely barely without cannot"
_STRONGER = (
    "very really extremely absolutely completely incredibly so too totally utterly deeply highly particularly "
    "especially truly most more"
)
_WEAKER = "slightly somewhat little less partly fairly almost"
NEGATORS, STRONGER, WEAKER = (frozenset(words.split()) for words in (_NEGATORS, _STRONGER, _WEAKER))
_AUXILIARIES = "is are was were do does did have has had ca wo would could should might must need"
_BARE_CONTRACTIONS = frozenset(f"{verb}nt" for verb in _AUXILIARIES.split())
_ENDINGS = ("ed", "ing", "er", "est")


def is_negator(word: str) -> bool:
    """Return whether a lower-case word negates what follows. All contractions with n't do, also without the apostrophe."""
    return word in NEGATORS or word.endswith("n't") or word in _BARE_CONTRACTIONS


def strength(word: str) -> int:
    """Return +1 for an intensifier ("very"), -1 for a weakener ("slightly"), else 0."""
    return (word in STRONGER) - (word in WEAKER)


def plain_forms(word: str) -> Iterator[str]:
    """Yield the forms under which a lexicon may list an inflected word, the likeliest first: cries -> cry, stopped -> stop."""
    if word.endswith("'s"):
        yield word[:-2]
    length = len(word)
    if length > 3 and word[-1] == "s":
        if word.endswith("ies"):
            yield word[:-3] + "y"
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-2]
    for ending in _ENDINGS:
        if word.endswith(ending) and length - len(ending) > 2:
            stem = word[: -len(ending)]
            yield stem
            yield stem + "e"
            if stem[-1] == stem[-2]:
                yield stem[:-1]
            if stem[-1] == "i":
                yield stem[:-1] + "y"
    if word.endswith("ly") and length > 4:
        yield from _stems(word[:-2])
        yield word[:-2] + "le"
        yield word[:-2] + "e"
    if word.endswith("ness") and length > 6:
        yield from _stems(word[:-4])


def _stems(stem: str) -> Iterator[str]:
    yield stem
    if stem[-1] == "i":
        yield stem[:-1] + "y"


_EMOJI = (  # the pictographs of Unicode, as ranges of a regular expression
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab"
    "\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_FLAG = "\U0001f1e6-\U0001f1ff"
_IS_EMOJI = re.compile(f"[{_EMOJI}{_FLAG}]")
_SKIN = "\U0001f3fb-\U0001f3ff"
_JOINER = "\u200d"
_SKIN_TONE = re.compile(f"[{_SKIN}]")
_APART = re.compile(  # links, addresses, names of users and marks of HTML
    r"(?i:https?://|www\.)\S+|(?<![^\s@])[^\s@]+@\S+\.\w+|(?<![\w@])@\w+|</?[A-Za-z][^<>\s]*>"
)


@cache
def _token_pattern() -> re.Pattern[str]:
    """Something like an emoticon between blanks, an emoji, a word with inner apostrophes and hyphens, or the end of a clause.

    Combining marks and joiners belong to their word.
    """
    marks = "".join(
        f"{chr(start)}-{chr(stop)}"
        for start, stop in _ranges(c for c in range(0x300, 0x1F000) if category(chr(c))[0] == "M")
    )
    letter = rf"[^\W\d_](?:[{marks}\u200c{_JOINER}]*)"
    picture = f"[{_EMOJI}][{_SKIN}]?"
    return re.compile(
        rf"(?<!\S)(?!\S*\w\w)[^\w\s{_EMOJI}{_FLAG}]\S{{1,3}}(?!\S)|(?<=\w)[:;=]['-]?[)(\]\[](?!\w)"
        rf"|[{_FLAG}]{{2}}|{picture}(?:{_JOINER}{picture})*"
        rf"|(?:{letter})+(?:['-](?:{letter})+)*|[.,;:!?]+"
    )


def _ranges(numbers: Iterator[int]) -> list[tuple[int, int]]:
    """First and last number of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


_INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u2060\ufeff\u00ad")
)  # zero-width blank and joiner, byte-order mark, soft hyphen
_HYPHENATED = re.compile(r"\b(not|never)-(?=[^\W\d_])", re.IGNORECASE)


def _plain(text: str) -> str:
    """Return a text without invisible characters, with hyphenated negators apart (not-happy), and lower if it shouts."""
    text = text if text.isascii() else text.translate(_INVISIBLE)
    text = _HYPHENATED.sub(r"\1 ", text) if "-" in text else text
    return text.lower() if text.isupper() else text


_CLAUSE_ENDS = frozenset(".,;:!?")
_LENGTHENED = re.compile(r"([^\W\d_])\1{2,}")
_MOST_MARKS = 3  # exclamation marks that count
_SCOPE = 3  # words that a negator reaches
_MOST_WORDS = 1_000_000  # remembered; then the memory is cleared


@dataclass(frozen=True)
class Contextual:
    """Options of the contextual method.

    Parameters
    ----------
    negation : float
        Factor for valence and dominance of the three words behind a negator in its clause; arousal does not change.
    intensifier : float
        A word behind "very" counts 1 + this, behind "slightly" 1 - this.
    prior : float
        Number of neutral words that are added to the hits.
    neutral_band : float
        Values of at most this size are no hits on their axis (NRC-VAD v2 suggests .333).
    plain_forms : bool
        Look inflected English words up under their plain form, and "sooo" under "soo" and "so".
    emphasis : float
        A word in capitals, in a text that has others, or with a letter three times counts 1 + this.
    exclamation : float
        For each of up to three exclamation marks at the end of a clause, the arousal of its words rises by this, and their
        valence counts 1 + this.
    """

    negation: float = -0.5
    intensifier: float = 0.5
    prior: float = 1.0
    neutral_band: float = 0.0
    plain_forms: bool = True
    emphasis: float = 0.5
    exclamation: float = 0.5

    def __post_init__(self) -> None:
        if not -1 <= self.negation <= 1 or not 0 <= self.intensifier <= 1:
            raise ConfigError(f"{self}: negation must be in -1..1, intensifier in 0..1")
        if not 0 <= self.prior < np.inf or not 0 <= self.neutral_band < 1:
            raise ConfigError(f"{self}: prior must be 0 or more, neutral_band in 0..1")
        if not 0 <= self.emphasis <= 1 or not 0 <= self.exclamation <= 1:
            raise ConfigError(f"{self}: emphasis and exclamation must be in 0..1")


_COMMON_WORDS = (
    "the a an and or but of to in on at for from with by as is are was were be been am it its this that these those he she "
    "they we you i his her their our your my me him them us who what which when where there here have has had do does did "
    "will would can could should if then than into about up out all one over after before because not no don"
)
_COMMON = frozenset(_COMMON_WORDS.split())
FEW_KNOWN = 0.15  # share of words; 3 % of the sentences of EmoBank have fewer, most of them names and addresses
SHORTEST = 5  # words of a text whose language can be told


def is_foreign(text: str, lexicon: Lexicon) -> bool:
    """Return whether so few words of a text are known that it seems to be in another language than the lexicon.

    Known are the words of the lexicon and the commonest English ones.
    """
    pieces = text.lower().split()
    if sum(map(_COMMON.__contains__, pieces)) > 2 * FEW_KNOWN * len(pieces):  # clear without the regular expression
        return False
    words = [token for token in tokens(text) if _counts(token)]
    known = sum(word.partition("'")[0] in _COMMON or word in lexicon.entries for word in words)
    return len(words) >= SHORTEST and known < FEW_KNOWN * len(words)


def _counts(token: str) -> bool:
    """Whether a token is a word or an emoji."""
    return token[0].isalpha() or _is_emoji(token)


def _is_emoji(token: str) -> bool:
    return _IS_EMOJI.match(token) is not None


class Hits(NamedTuple):
    """values: (h, axes), NaN in the neutral band; owner: (h,) number of the text, ascending; tokens: (n,) numbers of words."""

    values: np.ndarray
    owner: np.ndarray
    tokens: np.ndarray


def scorer(lexicon: Lexicon, options: Contextual) -> ContextualScorer:
    """Return the scorer of a lexicon with these options, which is made once."""
    if options not in lexicon.scorers:
        lexicon.scorers[options] = ContextualScorer(lexicon, options)
    return lexicon.scorers[options]


def tokens(text: str) -> list[str]:
    """Return the lower-case words, emoticons, emoji and ends of clauses of a text, with plain apostrophes and hyphens.

    Links, addresses and names of users (@ann) are left out.
    """
    return [token.lower() for token in _written_tokens(text)]


def _written_tokens(text: str) -> list[str]:
    text = unescape(text) if "&" in text else text
    return _token_pattern().findall(_APART.sub(" ", one_spelling(text)))


def is_emphasised(token: str) -> bool:
    """Return whether a word is in capitals or has a letter three times, as in "GOOD" and "gooood"."""
    return (len(token) > 1 and token.isupper()) or (
        token[0].isalpha() and _LENGTHENED.search(token.lower()) is not None
    )


class _Words(dict[str, int]):
    """Token -> code. A token is analysed when it first appears."""

    def __init__(self, lexicon: Lexicon, options: Contextual) -> None:
        super().__init__()
        self._entries, self._options = lexicon.entries, options
        self.names: list[str] = []
        self.rated: list[np.ndarray] = [np.full(len(lexicon.axes), np.nan)]
        self.known: list[tuple[int, bool, int, int, bool]] = []
        """Row in rated, negator, strength, clause end (1 + its exclamation marks, 0 for none), word."""

    def __missing__(self, token: str) -> int:
        values = self.lookup(token)
        if values is not None:
            self.rated.append(values)
        end = values is None and token[0] in _CLAUSE_ENDS
        row = 0 if values is None else len(self.rated) - 1
        marks = 1 + min(token.count("!"), _MOST_MARKS) if end else 0
        self.known.append((row, is_negator(token), strength(token), marks, row > 0 or _counts(token)))
        self.names.append(token)
        self[token] = len(self)
        return self[token]

    def lookup(self, token: str) -> np.ndarray | None:
        """Return the values of a token, of its plain form, or the mean over the known parts between its hyphens."""
        if token in self._entries:
            return self._entries[token]
        if _is_emoji(token):
            return self._lookup_emoji(token)
        if not self._options.plain_forms or not token[0].isalpha():
            return None
        shortened = (
            [_LENGTHENED.sub(r"\1\1", token), _LENGTHENED.sub(r"\1", token)] if _LENGTHENED.search(token) else []
        )
        for form in chain(shortened, plain_forms(token)):
            if form in self._entries:
                return self._entries[form]
        return self._mean(token.split("-")) if "-" in token else None

    def _lookup_emoji(self, token: str) -> np.ndarray | None:
        """Return the values of an emoji without its colour of skin, or the mean over the known ones that it joins."""
        plain = _SKIN_TONE.sub("", token)
        if plain in self._entries:
            return self._entries[plain]
        return self._mean(plain.split(_JOINER)) if _JOINER in plain else None

    def _mean(self, parts: Sequence[str]) -> np.ndarray | None:
        known = [values for values in map(self.lookup, parts) if values is not None]
        return np.mean(known, axis=0) if known else None


class _Chunks(dict[str, int]):
    """Piece of a text between blanks -> its number. It is split into tokens when it first appears.

    Most pieces recur, so the regular expression runs once for each piece, not once for each text.
    """

    def __init__(self, words: _Words) -> None:
        super().__init__()
        self._words = words
        self.codes: list[int] = []  # of the tokens of all pieces, one after the other
        self.emphasised: list[bool] = []  # of the same tokens
        self.starts: list[int] = []
        self.lengths: list[int] = []

    def __missing__(self, chunk: str) -> int:
        written = _written_tokens(chunk)
        codes = [self._words[token.lower()] for token in written]
        self.emphasised += [is_emphasised(token) for token in written]
        self.starts.append(len(self.codes))
        self.lengths.append(len(codes))
        self.codes += codes
        self[chunk] = len(self)
        return self[chunk]


class ContextualScorer:
    """Scores texts with a lexicon in context."""

    def __init__(self, lexicon: Lexicon, options: Contextual) -> None:
        self.lexicon, self.options = lexicon, options
        self._valence, self._arousal = (
            np.array([axis == name for axis in lexicon.axes]) for name in ("valence", "arousal")
        )
        self._negated_axes = np.array([axis in ("valence", "dominance") for axis in lexicon.axes])
        self._phrases: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = {}
        for term in lexicon.entries:
            pieces = tuple(tokens(term))
            if len(pieces) > 1 and all(piece[0].isalpha() for piece in pieces):
                self._phrases.setdefault((pieces[0], pieces[1]), []).append((pieces, term))
        for candidates in self._phrases.values():
            candidates.sort(key=lambda item: -len(item[0]))
        self._forget()

    def _forget(self) -> None:
        self._words = _Words(self.lexicon, self.options)
        self._chunks = _Chunks(self._words)
        self._pairs = {(self._words[a], self._words[b]): candidates for (a, b), candidates in self._phrases.items()}

    def score(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (n, axes) scores, NaN without a hit; n numbers of words; n numbers of hits on any axis."""
        hits, n = self.hits(texts), len(texts)
        present = np.isfinite(hits.values)
        filled = np.where(present, hits.values, 0.0)
        counts = np.stack([np.bincount(hits.owner, weights=column, minlength=n) for column in present.T], axis=1)
        sums = np.stack([np.bincount(hits.owner, weights=column, minlength=n) for column in filled.T], axis=1)
        scores = np.full(sums.shape, np.nan)
        np.divide(sums, counts + self.options.prior, out=scores, where=counts > 0)
        number = np.bincount(hits.owner[present.any(axis=1)], minlength=n)
        return np.clip(scores, -1, 1), hits.tokens, number

    def hits(self, texts: Sequence[str]) -> Hits:
        """Return the values of all hits, changed by their context."""
        if len(self._chunks) > _MOST_WORDS:
            self._forget()
        codes, owner, emphasised = self._codes(texts)
        known = np.array(self._words.known, dtype=np.int64).reshape(-1, 5)[codes]
        row, negator, booster, end, word = known.T.copy()
        values = np.stack(self._words.rated)
        clause = np.cumsum((end > 0) | (np.diff(owner, prepend=-1) > 0))
        values = self._join_phrases(values, codes, clause, row, negator, booster)
        negated = np.zeros(len(codes), dtype=bool)
        for step in range(1, min(_SCOPE, len(codes) - 1) + 1):
            negated[step:] |= (negator[:-step] > 0) & (clause[:-step] == clause[step:])
        factor = np.ones(len(codes))
        factor[1:] += self.options.intensifier * booster[:-1] * (clause[:-1] == clause[1:])
        factor += self.options.emphasis * emphasised
        at = np.flatnonzero(row)
        hits = values[row[at]]
        if self.options.neutral_band:
            hits = np.where(np.abs(hits) > self.options.neutral_band, hits, np.nan)
        sign = np.where(negated[at, None] & self._negated_axes, self.options.negation, 1.0)
        words = np.bincount(owner[word > 0], minlength=len(texts))
        hits = hits * sign * factor[at, None]
        if self.options.exclamation:
            marks = np.zeros(int(clause[-1]) + 2 if len(clause) else 0)
            ends = np.flatnonzero((end > 1) & (np.diff(owner, prepend=-1) == 0))
            np.add.at(marks, clause[ends] - 1, end[ends] - 1)  # an end begins the next clause
            raised = self.options.exclamation * np.minimum(marks[clause[at]], _MOST_MARKS)[:, None]
            hits = np.where(self._arousal, hits + raised, np.where(self._valence, hits * (1 + raised), hits))
        return Hits(hits, owner[at], words)

    def _codes(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The codes of all tokens, (t,), the number of the text of each, and whether it is emphasised in its text."""
        split = [_plain(text).split() for text in texts]
        counts = np.fromiter(map(len, split), dtype=np.int64, count=len(split))
        pieces = chain.from_iterable(split)
        chunk = np.fromiter(map(self._chunks.__getitem__, pieces), dtype=np.int64, count=int(counts.sum()))
        lengths = np.array(self._chunks.lengths, dtype=np.int64)[chunk]
        before = np.cumsum(lengths) - lengths
        starts = np.array(self._chunks.starts, dtype=np.int64)[chunk]
        place = np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
        codes = np.array(self._chunks.codes, dtype=np.int64)[place]
        emphasised = np.array(self._chunks.emphasised, dtype=bool)[place]
        return codes, np.repeat(np.repeat(np.arange(len(texts)), counts), lengths), emphasised

    def _join_phrases(
        self,
        values: np.ndarray,
        codes: np.ndarray,
        clause: np.ndarray,
        row: np.ndarray,
        negator: np.ndarray,
        booster: np.ndarray,
    ) -> np.ndarray:
        """Match terms of several words, the longest first: the first word takes the value, the others none. Changes `row`."""
        if not self._pairs or len(codes) < 2:
            return values
        first, second = np.zeros((2, len(self._words)), dtype=bool)
        for a, b in self._pairs:
            first[a] = second[b] = True
        together = first[codes[:-1]] & second[codes[1:]] & (clause[:-1] == clause[1:])
        names = self._words.names
        extra: list[np.ndarray] = []
        free = 0
        for start in np.flatnonzero(together).tolist():
            if start < free:
                continue
            for pieces, term in self._pairs.get((int(codes[start]), int(codes[start + 1])), ()):
                stop = start + len(pieces)
                words = tuple(names[code] for code in codes[start:stop].tolist())
                if words == pieces and clause[start] == clause[stop - 1]:
                    row[start:stop] = negator[start:stop] = booster[start:stop] = 0
                    row[start] = len(values) + len(extra)
                    extra.append(self.lexicon.entries[term])
                    free = stop
                    break
        return np.concatenate([values, np.stack(extra)]) if extra else values
