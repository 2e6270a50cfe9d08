"""Texts that a model of English sentences was not trained for: other scripts, other languages, and no words at all.

The rule needs no library and is meant to be right rather than complete: short texts and mixed ones pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

SHARE = 0.3  # of the letters that are of another script
MIN_WORDS = 3  # that a text needs to be judged by its function words
MIN_LETTERS = 3  # of a word that is looked for among the pieces of a tokenizer
SHORT_PIECES = 2.5  # letters per piece, up to which a word of several pieces is no English one
_REPEATED = re.compile(r"(.)\1+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_ENGLISH_WORDS = (
    "a about after all am an and any are as at be because been but by can could did do does for from had has have he her here "
    "him his how i if in into is it its just like me more my no not now of off on one or our out over she should so some than "
    "that the their them then there these they this those to too up us very was we were what when where which who why will "
    "with would you your i'm it's don't can't that's you're i've i'll didn't doesn't isn't won't "
)
_OTHER_WORDS = (
    # German and Dutch
    "der die das und ich ist nicht ein eine einen zu den mit sich auf für von dem des im sie wir ihr mich "
    "mir dich dir wie sehr auch aber noch nur wenn kann habe bin bist sind werden möchte het een en niet "
    "je dat van voor met zijn heb maar ook geen "
    # French
    "le la les un une et tu il elle nous vous est pas que qui dans pour avec sur mon ma mes suis ne ce "
    "cette c'est j'ai très "
    # Spanish and Portuguese
    "el los las y es estoy muy por para con yo te mi pero qué cómo está o os uma eu não com meu minha "
    "muito você isso "
    # Italian
    "lo gli di che per sono molto questo è "
    # Swedish, Danish and Norwegian
    "och jag det inte att som på mycket og ikke jeg er meget "
    # Polish, Turkish, Finnish and Indonesian
    "nie jest na się bardzo jestem ve bir bu çok için olen niin ja että on kuin minä mutta yang saya "
    "dan ini itu tidak sangat "
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHERS = frozenset(_OTHER_WORDS.split()) - _ENGLISH


def unusual_text(text: str, pieces: Callable[[Sequence[str]], Sequence[int]] | None = None) -> str:
    """Return why a text is not an English one; "" where nothing speaks against it.

    pieces : counts the pieces into which the tokenizer of an English model splits each word. A text without any function word
    is none of English words if at least half of them fall into short pieces. On EmoBank this holds for 0.3 % of the sentences.

    Examples
    --------
    >>> unusual_text("What a wonderful day!")
    ''
    >>> unusual_text("Ich bin so traurig.")
    'the text is not in English, which the model was trained on'
    >>> unusual_text("4711 :-)")
    'the text has no words'
    """
    words = _WORD.findall(text.lower().replace("\u2019", "'"))
    letters = "".join(words)
    if not letters:
        return "the text has no words"
    foreign = sum(letter > "\u024f" for letter in letters)
    if foreign > SHARE * len(letters):
        return "the text is in another script than English, which the model was trained on"
    english, other = (len(known.intersection(words)) for known in (_ENGLISH, _OTHERS))
    if len(words) >= MIN_WORDS and other >= 2 and other > english:
        return "the text is not in English, which the model was trained on"
    parts = [part for word in words for part in word.split("'") if len(part) >= MIN_LETTERS]
    if pieces is None or english or not parts:
        return ""
    plain = [_REPEATED.sub(r"\1", part) for part in parts]  # "ooohh" is "oh"
    counts = zip(parts, pieces(parts), pieces(plain), strict=True)
    unknown = sum(min(whole, shortened) > 1 and len(part) <= SHORT_PIECES * whole for part, whole, shortened in counts)
    return "few words of the text are English, which the model was trained on" if 2 * unknown >= len(parts) else ""
