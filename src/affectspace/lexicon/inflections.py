"""English: plain forms of inflected words, negators and intensifiers. Written for this project."""

from collections.abc import Iterator

_NEGATORS = "not no never none nobody nothing neither nor nowhere hardly scarcely barely without cannot"
_STRONGER = (
    "very really extremely absolutely completely incredibly so too totally utterly deeply highly particularly "
    "especially truly most more"
)
_WEAKER = "slightly somewhat little less partly fairly almost"
NEGATORS, STRONGER, WEAKER = (frozenset(words.split()) for words in (_NEGATORS, _STRONGER, _WEAKER))
_ENDINGS = ("ed", "ing", "er", "est")


def is_negator(word: str) -> bool:
    """Whether a lower-case word negates what follows; so do all contractions with n't."""
    return word in NEGATORS or word.endswith("n't")


def strength(word: str) -> int:
    """+1 for an intensifier ("very"), -1 for a weakener ("slightly"), else 0."""
    return (word in STRONGER) - (word in WEAKER)


def plain_forms(word: str) -> Iterator[str]:
    """Forms under which a lexicon may list an inflected word, the likeliest first: cries -> cry, stopped -> stop."""
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
