"""Annotation transfer fitted on facial action units: from movements to emotions, and to valence, arousal and dominance.

    python benchmarks/action_units.py ../shared/data

RAVDESS, 35 action units per clip, five folds of actors, standardised on the training actors; nothing is tuned. The
comparison is a logistic regression (C = 0.1, balanced classes). Valence, arousal and dominance are the published
centres of the emotions (Russell & Mehrabian 1977), weighted by the posterior. Their truth is the centre of the acted
emotion, so that r measures how well emotions are recognised.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectspace import AnnotationTransfer
from affectspace.corpora import read_corpus
from affectspace.evaluation import interval
from affectspace.evaluation.significance import holm
from affectspace.features import read_vectors

MODELS: dict[str, ClassifierMixin] = {
    "majority": DummyClassifier(strategy="prior"),
    "nearest centre (the paper's)": AnnotationTransfer(),
    "Mahalanobis, diagonal": AnnotationTransfer(assignment="mahalanobis"),
    "Mahalanobis, full": AnnotationTransfer(assignment="mahalanobis", covariance="full"),
    "Mahalanobis, tied": AnnotationTransfer(assignment="mahalanobis", covariance="tied"),
    "logistic regression": LogisticRegression(C=0.1, class_weight="balanced", max_iter=500),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    root = parser.parse_args().data / "ravdess"
    corpus = read_corpus("ravdess", root)
    _, items = read_vectors(root / "action_units.npz", "action_units", corpus, array="au")
    rows = corpus.table.set_index("id").loc[[item.id for item in items]]
    units = np.stack([item.vector for item in items if item.vector is not None]).astype(np.float64)
    emotions, people = rows["emotion"].to_numpy(str), rows["person"].to_numpy(str)
    centres = AnnotationTransfer.reference("russell_mehrabian_1977")
    truth = centres.centres(emotions)
    print(f"{len(units):,} clips of {len(set(people))} actors, {len(set(emotions))} emotions, 5 folds of actors")
    predictions: dict[str, np.ndarray] = {}
    for name, model in MODELS.items():
        predicted, affect = np.empty_like(emotions), np.empty_like(truth)
        for train, test in GroupKFold(5).split(units, emotions, people):
            fitted = make_pipeline(StandardScaler(), model).fit(units[train], emotions[train])
            predicted[test] = fitted.predict(units[test])
            affect[test] = fitted.predict_proba(units[test]) @ centres.centres(fitted.classes_)
        predictions[name] = predicted
        accuracy, uar = (interval(metric, emotions, predicted, people) for metric in ("accuracy", "uar"))
        with np.errstate(invalid="ignore"):
            r = [np.corrcoef(affect[:, axis], truth[:, axis])[0, 1] for axis in range(3)]
        print(
            f"{name:30s} accuracy {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]  UAR {uar.value:.3f} "
            f"[{uar.low:.3f}, {uar.high:.3f}]  r of V, A, D {r[0]:.2f} {r[1]:.2f} {r[2]:.2f}"
        )
    against = "logistic regression"
    compared = [name for name in MODELS if name not in (against, "majority")]
    gaps = [interval("uar", emotions, predictions[name], people, versus=predictions[against]) for name in compared]
    for name, gap, value in zip(compared, gaps, holm([gap.p for gap in gaps]), strict=True):
        print(
            f"{name:30s} UAR minus that of {against} {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], "
            f"p {value:.3f} (sign flips over actors, Holm)"
        )


if __name__ == "__main__":
    main()
