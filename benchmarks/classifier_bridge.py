"""From a classifier's probabilities to points: the mixture of all emotions against the centre of the likeliest one.

    python benchmarks/classifier_bridge.py ../shared/data

RAVDESS: out-of-fold probabilities of a logistic regression on 35 action units, five folds of actors; the truth is the centre
of the acted emotion (a proxy). MELD: a logistic regression on MiniLM vectors of the training part gives the probabilities of
the test part; the truth is the sentiment, as the sign of valence. Nothing is tuned. Intervals of 95 % are over actors or
dialogues. About five minutes of one core.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectspace import AnnotationTransfer
from affectspace.affect import AXES
from affectspace.corpora import read_corpus
from affectspace.evaluation import Interval, gaussian_nll, interval
from affectspace.features import Item, make_backbone, read_vectors
from affectspace.features.backbone import encode_by_length
from affectspace.prediction.bridge import EmotionBridge

REFERENCE = "russell_mehrabian_1977"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    ravdess(data / "ravdess")
    meld(data / "meld")


def ravdess(root: Path) -> None:
    """Print r and the negative log-likelihood of both ways on each axis."""
    corpus = read_corpus("ravdess", root)
    _, items = read_vectors(root / "action_units.npz", "action_units", corpus, array="au")
    rows = corpus.table.set_index("id").loc[[item.id for item in items]]
    units = np.stack([item.vector for item in items if item.vector is not None]).astype(np.float64)
    emotions, actors = rows["emotion"].to_numpy(str), rows["person"].to_numpy(str)
    names = np.unique(emotions)
    probabilities = np.empty((len(emotions), len(names)))
    for train, test in GroupKFold(5).split(units, emotions, actors):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500))
        probabilities[test] = probe.fit(units[train], emotions[train]).predict_proba(units[test])
    truth = AnnotationTransfer.reference(REFERENCE).centres(emotions)
    print(f"RAVDESS, {len(truth):,} clips of {len(set(actors))} actors, against the centre of the acted emotion")
    ways = points_of(names, probabilities)
    for axis, name in enumerate(AXES):
        for way, (mean, deviation) in ways.items():
            r = interval("pearson", truth[:, axis], mean[:, axis], actors)
            losses = gaussian_nll(truth[:, [axis]], mean[:, [axis]], deviation[:, [axis]])
            print(f"  {name:<10} {way:<9} r {plain(r)}   negative log-likelihood {float(np.mean(losses)):.3f}")
        r = interval("pearson", truth[:, axis], *(ways[way][0][:, axis] for way in ("mixture",)), actors,
                     versus=ways["likeliest"][0][:, axis])  # fmt: skip
        print(f"  {name:<10} difference of r {plain(r)}")


def meld(root: Path) -> None:
    """Print how valence agrees with the sentiment."""
    table = read_corpus("meld", root).table
    backbone = make_backbone("text", "minilm", tokens=64)
    texts = {row: backbone.load(Item(str(row), text=text)) for row, text in enumerate(table["text"])}
    vectors = np.empty((len(table), backbone.dimension), np.float32)
    for row, vector in encode_by_length(backbone, texts, 64):
        vectors[row] = vector
    emotions, parts = table["emotion"].to_numpy(str), table["split"].to_numpy(str)
    train, test = parts == "train", parts == "test"
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=300))
    probabilities = probe.fit(vectors[train], emotions[train]).predict_proba(vectors[test])
    sentiment = np.sign(table["sentiment"].to_numpy(float)[test])
    groups = table["dialogue"].to_numpy(str)[test]
    print(f"MELD, {test.sum():,} test sentences of {len(set(groups))} dialogues, against the sentiment")
    ways = points_of(probe.classes_, probabilities)
    for way, (mean, _) in ways.items():
        print(f"  {way:<9} r of valence with -1, 0, 1: {plain(interval('pearson', sentiment, mean[:, 0], groups))}")
    versus = ways["likeliest"][0][:, 0]
    difference = interval("pearson", sentiment, ways["mixture"][0][:, 0], groups, versus=versus)
    print(f"  difference of r {plain(difference)}")
    signed = sentiment != 0
    for way, (mean, deviation) in ways.items():
        losses = -norm.logcdf(sentiment * mean[:, 0] / deviation[:, 0])[signed]
        loss = interval("mean", None, losses, groups[signed])
        print(f"  {way:<9} log loss of the sign of {signed.sum():,} sentences: {plain(loss)}")


def plain(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def points_of(names: np.ndarray, probabilities: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return mean and deviation of both ways, (n, 3) each."""
    bridge = EmotionBridge(list(names), REFERENCE)
    likeliest = np.full_like(probabilities, -50.0)
    likeliest[np.arange(len(likeliest)), probabilities.argmax(axis=1)] = 0
    both = {"mixture": np.log(np.maximum(probabilities, 1e-12)), "likeliest": likeliest}
    points = {way: bridge.points(list(logits[:, None])) for way, logits in both.items()}
    return {way: (point.mean, point.deviation) for way, point in points.items()}


if __name__ == "__main__":
    main()
