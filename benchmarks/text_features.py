"""Text features by `extract` against a plain loop with one forward pass per sentence.

    python benchmarks/text_features.py [--sentences 1000]

Prints sentences per second of both and their ratio (goal: 3). The sentences have 3 to 40 random words. Both give the
same vectors; `extract` also writes the store.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from affectspace.corpora import Corpus, build_table
from affectspace.features import Item, extract, make_backbone


def sentences(number: int) -> list[str]:
    random = np.random.default_rng(0)
    words = ["day", "house", "because", "happy", "never", "she", "walked", "terrible", "music", "of", "the", "tomorrow"]
    lengths = np.clip(np.round(random.lognormal(2.6, 0.5, number)), 3, 40).astype(int)
    return [" ".join(random.choice(words, size=length)) for length in lengths]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=1000)
    arguments = parser.parse_args()
    texts = sentences(arguments.sentences)
    ids = [f"s{k}" for k in range(len(texts))]
    corpus = Corpus("sentences", build_table("sentences", {"id": ids, "text": texts}, where="here"))
    backbone = make_backbone("text")
    backbone.encode([backbone.load(Item("warm", text=texts[0]))])
    started = time.perf_counter()
    plain = np.concatenate([backbone.encode([backbone.load(Item("x", text=text))]) for text in texts])
    loop = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        store = extract(corpus, backbone, Path(folder) / "store").store
        ours = time.perf_counter() - started
        vectors, _ = store.read(ids)
    print(
        f"{len(texts)} sentences, {torch.get_num_threads()} threads; largest difference {np.abs(vectors - plain).max():.1e}"
    )
    print(f"loop     {len(texts) / loop:7.1f} sentences/s")
    print(f"extract  {len(texts) / ours:7.1f} sentences/s")
    print(f"ratio    {loop / ours:7.2f} (goal 3)")


if __name__ == "__main__":
    main()
