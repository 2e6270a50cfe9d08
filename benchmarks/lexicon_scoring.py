"""How many sentences a second both methods of lexicon scoring do, beside the loop of the original tool.

    python benchmarks/lexicon_scoring.py [--sentences 50000]

The aim is 50,000 sentences/s on two cores, and 20 times the original's loop: each token is looked up in a table's index, once
per axis, for as the original scores one axis a run, three runs make what ours returns. Sentences and lexicon are made up; the
best of three, the loop on a part of the sentences, once.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from affectspace.lexicon import Lexicon, score_texts


def made_up(n: int, rng: np.random.Generator) -> tuple[Lexicon, list[str]]:
    """A lexicon of 20,000 terms (a tenth of two words) and n sentences of 5 to 30 words with punctuation."""
    letters = np.array(list("abcdefghijklmnoprstuvw"))
    words = sorted({"".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(45_000)})
    rng.shuffle(words)
    pairs = [f"{a} {b}" for a, b in zip(words[:2000], words[2000:4000], strict=True)]
    terms = words[:18_000] + pairs
    values = rng.uniform(-1, 1, (len(terms), 3))
    common = np.array([*words[:4000], *words[-8000:], "not", "very", "don't"])
    share = 1 / np.arange(1, len(common) + 1)
    share = rng.permutation(share / share.sum())
    sentences = []
    for length in rng.integers(5, 31, n):
        chosen = rng.choice(common, length, p=share).tolist()
        chosen[length // 2] += ","
        sentences.append(" ".join(chosen).capitalize() + " .")
    return Lexicon.from_terms(dict(zip(terms, values.tolist(), strict=True))), sentences


def original_loop(texts: list[str], tables: list[pd.DataFrame]) -> np.ndarray:
    """The published algorithm as one writes it with a table: membership and `.loc` per token, a run per axis."""
    means = np.full((len(texts), len(tables)), np.nan)
    for axis, table in enumerate(tables):
        for row, text in enumerate(texts):
            hits = [word for word in text.lower().split(" ") if word in table.index]
            if hits:
                means[row, axis] = np.mean([table.loc[word]["value"] for word in hits])
    return means


def rate(work: Callable[[], object], n: int, runs: int = 3) -> float:
    best = np.inf
    for _ in range(runs):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return n / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sentences", type=int, default=50_000)
    n = parser.parse_args().sentences
    lexicon, sentences = made_up(n, np.random.default_rng(0))
    columns = lexicon.values.T
    tables = [pd.DataFrame({"value": column}, index=list(lexicon.terms)) for column in columns]
    some = sentences[: min(n, 1000)]
    np.testing.assert_allclose(score_texts(some, lexicon)[list(lexicon.axes)], original_loop(some, tables), atol=1e-9)
    loop, one = (rate(lambda k=k: original_loop(some, tables[:k]), len(some), 1) for k in (3, 1))
    print(
        f"{n:,} sentences of 5 to 30 words, {len(lexicon):,} terms; sentences a second, valence, arousal and dominance"
    )
    print(f"{'':34} {'ours':>10} {'loop':>8} {'ratio':>7}   loop of one axis only: {one:,.0f}/s")
    for method in ("emotiondynamics", "contextual"):
        ours = rate(lambda method=method: score_texts(sentences, lexicon, method), n)
        print(f"{method:34} {ours:10,.0f} {loop:8,.0f} {ours / loop:6.0f}x   ({ours / one:.0f}x)")


if __name__ == "__main__":
    main()
