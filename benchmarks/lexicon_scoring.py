"""Sentences per second of both methods of lexicon scoring, compared with the loop of the original tool.

    python benchmarks/lexicon_scoring.py [--sentences 50000]

The target is 50,000 sentences/s on two cores, and 20 times the original loop, which looks each token up in the index of a
table. The original scores one axis in a run, so it needs three runs for what ours returns. Sentences and lexicon are random.
Best of three runs; the loop runs once, on some of the sentences.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from affectspace.lexicon import Lexicon, score_texts


def random_sentences(n: int, rng: np.random.Generator) -> tuple[Lexicon, list[str]]:
    """Return a lexicon of 20,000 terms, a tenth of them of two words, and n sentences of 5 to 30 words with punctuation."""
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
    """The published algorithm, written plainly with a table: membership and `.loc` for each token, one run for each axis."""
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
    lexicon, sentences = random_sentences(n, np.random.default_rng(0))
    columns = lexicon.values.T
    tables = [pd.DataFrame({"value": column}, index=list(lexicon.terms)) for column in columns]
    some = sentences[: min(n, 1000)]
    np.testing.assert_allclose(score_texts(some, lexicon)[list(lexicon.axes)], original_loop(some, tables), atol=1e-9)
    loop, single = (rate(lambda k=k: original_loop(some, tables[:k]), len(some), 1) for k in (3, 1))
    print(f"{n:,} sentences of 5 to 30 words, {len(lexicon):,} terms, three axes; sentences per second")
    print(f"{'':34} {'ours':>10} {'loop':>8} {'ratio':>7}   loop of a single axis: {single:,.0f}/s")
    for method in ("emotiondynamics", "contextual"):
        ours = rate(lambda method=method: score_texts(sentences, lexicon, method), n)
        print(f"{method:34} {ours:10,.0f} {loop:8,.0f} {ours / loop:6.0f}x   ({ours / single:.0f}x)")


if __name__ == "__main__":
    main()
