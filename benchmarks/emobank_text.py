"""Ridge regression on EmoBank with the offline text backbone, alone and with lexicon statistics.

    python benchmarks/emobank_text.py ../shared/data [--store folder]

Pearson's r per axis on the published test split, and on documents that are not in the training. Features are
standardised on the training part, and constant ones are left out. Alpha, and the weight of the lexicon statistics
beside the long text vector, are chosen on the validation part.
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
GOALS = {"text": (0.65, 0.46, 0.36), "text and lexicon statistics": (0.67, 0.50, 0.38)}


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
            predicted = Ridge(alpha).fit(features[train], truth[train]).predict(features[choose])
            for axis in range(truth.shape[1]):
                r = float(np.corrcoef(predicted[:, axis], truth[choose, axis])[0, 1])
                if axis not in best or r > best[axis][0]:
                    best[axis] = r, features, alpha
    scores = []
    for axis, (_, features, alpha) in sorted(best.items()):
        fitted = Ridge(alpha).fit(features[both], truth[both, axis])
        scores.append(float(np.corrcoef(fitted.predict(features[test]), truth[test, axis])[0, 1]))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    corpus = read_corpus("emobank", arguments.data / "emobank")
    with tempfile.TemporaryDirectory() as folder:
        store = extract(corpus, make_backbone("text"), arguments.store or Path(folder)).store
        text, present = store.read(corpus.table["id"])
    lexicons = {
        "glasgow": Lexicon.read(next((arguments.data / "lexicons" / "glasgow2019").glob("*.csv"))),
        "vader": Lexicon.read(next((arguments.data / "lexicons" / "vader").glob("vader*.txt"))),
    }
    words = lexicon_statistics(corpus.table["text"], lexicons).to_numpy()
    truth = corpus.table[AXES].to_numpy()
    for scheme in ("published", "document"):
        parts = corpus.split(scheme).to_numpy(str)
        parts = np.where(present, parts, "")
        for name, statistics in (("text", None), ("text and lexicon statistics", words)):
            r = " ".join(f"{value:.3f}" for value in correlations(text, statistics, truth, parts))
            goal = " ".join(f"{value:.2f}" for value in GOALS[name]) if scheme == "published" else "none"
            print(f"{scheme} split, {name}: r {r} (V, A, D; goal {goal}), n {int((parts == 'test').sum()):,}")


if __name__ == "__main__":
    main()
