"""EmoBank with the offline text backbone and ridge regression, alone and with lexicon statistics beside it.

    python benchmarks/emobank_text.py ../shared/data [--store folder]

Pearson's r per axis on the published test split and on documents that training has not seen. Features are standardised on
train, constant ones left out. Alpha, and how much the few lexicon statistics weigh beside the long text vector, are chosen on
the split's validation part.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from affectspace.corpora import read_corpus
from affectspace.features import extract, make_backbone
from affectspace.lexicon import Lexicon, lexicon_statistics

AXES = ["valence", "arousal", "dominance"]
WEIGHTS = (1.0, 3.0, 10.0)
ALPHAS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
AIMS = {"text": (0.65, 0.46, 0.36), "text and lexicon statistics": (0.67, 0.50, 0.38)}


def standardised(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    spread = features[train].std(axis=0)
    return ((features - features[train].mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0))[:, spread > 1e-6]


def correlations(text: np.ndarray, words: np.ndarray | None, truth: np.ndarray, parts: np.ndarray) -> list[float]:
    train, choose, test = (parts == name for name in ("train", "validation", "test"))
    both = train | choose
    text = standardised(text, train)
    sets = [text] if words is None else [np.hstack([text, weight * standardised(words, train)]) for weight in WEIGHTS]
    best: dict[int, tuple[float, np.ndarray, float]] = {}
    for features in sets:
        for alpha in ALPHAS:
            guessed = Ridge(alpha).fit(features[train], truth[train]).predict(features[choose])
            for axis in range(truth.shape[1]):
                r = float(np.corrcoef(guessed[:, axis], truth[choose, axis])[0, 1])
                if axis not in best or r > best[axis][0]:
                    best[axis] = r, features, alpha
    found = []
    for axis, (_, features, alpha) in sorted(best.items()):
        fitted = Ridge(alpha).fit(features[both], truth[both, axis])
        found.append(float(np.corrcoef(fitted.predict(features[test]), truth[test, axis])[0, 1]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--store", type=Path)
    asked = parser.parse_args()
    corpus = read_corpus("emobank", asked.data / "emobank")
    with tempfile.TemporaryDirectory() as folder:
        store = extract(corpus, make_backbone("text"), asked.store or Path(folder)).store
        text, present = store.read(corpus.table["id"])
    lexicons = {
        "glasgow": Lexicon.read(next((asked.data / "lexicons" / "glasgow2019").glob("*.csv"))),
        "vader": Lexicon.read(next((asked.data / "lexicons" / "vader").glob("vader*.txt"))),
    }
    words = lexicon_statistics(corpus.table["text"], lexicons).to_numpy()
    truth = corpus.table[AXES].to_numpy()
    for scheme in ("published", "document"):
        parts = corpus.split(scheme).to_numpy(str)
        parts = np.where(present, parts, "")
        for what, beside in (("text", None), ("text and lexicon statistics", words)):
            r = " ".join(f"{value:.3f}" for value in correlations(text, beside, truth, parts))
            aim = " ".join(f"{value:.2f}" for value in AIMS[what]) if scheme == "published" else "none stated"
            print(f"{scheme} split, {what}: r {r} (V, A, D; aim {aim}), n {int((parts == 'test').sum()):,}")


if __name__ == "__main__":
    main()
