"""The facial expression network on IMFDB: seven emotions untrained and with a probe, and valence of happiness above the rest.

    python benchmarks/expression_faces.py ../shared/data

21,258 faces of at least 48 pixels, 98 actors. The faces are read whole, as they are cut already. The probe is a logistic
regression with balanced classes on the 135 numbers of the backbone `video:expression`, five folds with different actors,
C = 0.01, nothing tuned. Intervals of 95 % are over actors. About two minutes of one core.

The last lines say how many of these faces, and of drawn ones, get the note that they look drawn.
"""

import argparse
import csv
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectspace.emotions import parse_emotions
from affectspace.evaluation import interval
from affectspace.features.backbones.expression import EMOTIONS, SIZE, expression_network
from affectspace.prediction.bridge import Calibration, EmotionBridge
from affectspace.prediction.classifiers import FACE_TEMPERATURE, face_reader
from affectspace.prediction.networks import SMOOTH, smoothness
from affectspace.prediction.sample import Sample
from affectspace.synthetic.faces import make_faces

NEGATIVE = ("anger", "sadness", "fear", "disgust")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    root = parser.parse_args().data / "imfdb"
    with (root / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if min(float(row["width"]), float(row["height"])) >= 48]
    emotions = np.array(parse_emotions([row["emotion"] for row in rows], "imfdb"))
    actors = np.array([row["actor"] for row in rows])
    with zipfile.ZipFile(root / "imfdb_64x64.zip") as faces:
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(faces.read(row["path"]))).convert("RGB")) for row in rows])
    print(
        f"{len(rows):,} faces of {len(set(actors))} actors; the most frequent emotion has {most_frequent(emotions):.3f}"
    )
    features, log_probabilities = expression_network()(pixels)

    untrained = np.array(EMOTIONS)[log_probabilities.argmax(axis=1)]
    show("untrained", emotions, untrained, actors)
    poses = np.array([row["pose"] for row in rows])
    for pose in ("FRONTAL", "LEFT", "RIGHT"):
        chosen = poses == pose
        show(f"  {pose.lower()} ({chosen.sum():,})", emotions[chosen], untrained[chosen], actors[chosen])
    vectors = np.concatenate([features, log_probabilities], axis=1)
    probed = np.empty_like(emotions)
    for train, test in GroupKFold(5).split(vectors, emotions, actors):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=300))
        probed[test] = probe.fit(vectors[train], emotions[train]).predict(vectors[test])
    show("probe", emotions, probed, actors)

    bridge = EmotionBridge(EMOTIONS, "affectnet", calibration=Calibration(temperature=FACE_TEMPERATURE))
    points = bridge.points(list(log_probabilities[:, None]))
    confidence, right = points.probabilities.max(axis=1).mean(), (untrained == emotions).mean()
    print(f"stated probability of the named emotion {confidence:.3f}, how often it is right {right:.3f}")
    for names in (NEGATIVE, *((name,) for name in NEGATIVE)):
        chosen = np.isin(emotions, ["happiness", *names])
        happy, valence = emotions[chosen] == "happiness", points.mean[chosen, 0]
        area = interval(roc_auc_score, happy, valence, actors[chosen])
        print(
            f"valence, happiness above {', '.join(names):<30} "
            f"AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]  n {chosen.sum():,}"
        )
    look_drawn(pixels)


def look_drawn(pixels: np.ndarray) -> None:
    """Print the share of faces that look drawn: of photographs, and of drawn ones."""
    small = [np.asarray(Image.fromarray(face).resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for face in pixels]
    print(f"photographs ({len(small):,}): {np.mean(smoothness(np.stack(small)) > SMOOTH):.4f} look drawn")
    for size in (64, 256):
        with TemporaryDirectory() as folder:
            make_faces(folder, n=120, size=size, workers=1)
            with zipfile.ZipFile(Path(folder) / "faces.zip") as faces:
                paths = [Path(faces.extract(name, folder)) for name in faces.namelist()]
            outcomes = face_reader("cpu").read([Sample(image=face) for face in paths])
        print(f"drawn faces of {size} pixels: {np.mean([outcome.unlike for outcome in outcomes]):.2f} look drawn")


def most_frequent(emotions: np.ndarray) -> float:
    return float(np.unique(emotions, return_counts=True)[1].max() / len(emotions))


def show(name: str, truth: np.ndarray, prediction: np.ndarray, actors: np.ndarray) -> None:
    found = interval("uar", truth, prediction, actors)
    print(f"{name:<22} balanced accuracy {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")


if __name__ == "__main__":
    main()
