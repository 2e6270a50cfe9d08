"""Linear probes on acoustic functionals of RAVDESS (8 emotions) and EmoDB (7), in five folds with different people.

    python benchmarks/audio_backbone.py ../shared/data [--stores folder]

The probe is a logistic regression with balanced classes and C chosen in four inner folds of people. Features are
standardised on the training people, or per speaker, which uses the recordings of the test person (transductive). Then
gain, silence and codecs are applied to the recordings of two actors: how far the functionals move, in standard
deviations of the corpus, and the accuracy of a probe that was trained on the unchanged recordings of the other actors.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectspace.corpora import Corpus, read_corpus
from affectspace.features import Item, extract, make_backbone
from affectspace.media.sound import read_sound

# accuracy of eGeMAPS in the same folds: as recorded, and standardised per speaker
EGEMAPS = {"ravdess": (0.53, 0.62), "emodb": (0.65, 0.76)}


def probe(strengths: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)) -> GridSearchCV:
    model = LogisticRegression(class_weight="balanced", max_iter=300)
    return GridSearchCV(make_pipeline(StandardScaler(), model), {"logisticregression__C": strengths}, cv=GroupKFold(4))


def per_speaker(features: np.ndarray, people: np.ndarray) -> np.ndarray:
    scaled = features.copy()
    for person in np.unique(people):
        rows = people == person
        scaled[rows] = (features[rows] - features[rows].mean(axis=0)) / (features[rows].std(axis=0) + 1e-6)
    return scaled


def out_of_fold(features: np.ndarray, emotions: np.ndarray, people: np.ndarray) -> np.ndarray:
    predicted = np.empty(len(emotions), dtype=emotions.dtype)
    for train, test in GroupKFold(5).split(features, emotions, people):
        fitted = probe().fit(features[train], emotions[train], groups=people[train])
        predicted[test] = fitted.predict(features[test])
    return predicted


def read_features(name: str, root: Path, stores: Path) -> tuple[Corpus, np.ndarray, np.ndarray, np.ndarray]:
    corpus = read_corpus(name, root / name)
    done = extract(corpus, make_backbone("audio"), stores / name)
    if done.made:
        print(f"{name}: {done.made:,} recordings, {done.made / done.seconds:.1f} per second")
    features, present = done.store.read(corpus.table["id"])
    table = corpus.table[present]
    return corpus, features[present], table["emotion"].to_numpy(str), table["person"].to_numpy(str)


def disturb(sound: np.ndarray, how: str) -> np.ndarray:
    if how == "gain -20 dB":
        return sound * 0.1
    if how == "1 s of silence at both ends":
        return np.pad(sound, 16_000)
    kind, subtype = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS")}[how]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{how}"
        soundfile.write(path, sound, 16_000, format=kind, subtype=subtype)
        return read_sound(path)


def robustness(corpus: Corpus, features: np.ndarray, emotions: np.ndarray, people: np.ndarray) -> None:
    backbone = make_backbone("audio")
    test = np.isin(people, np.unique(people)[:2])
    fitted = probe().fit(features[~test], emotions[~test], groups=people[~test])
    rows, spread = np.flatnonzero(test), features.std(axis=0) + 1e-6
    print(f"robustness: {len(rows)} recordings of 2 actors, a probe on the other {len(np.unique(people)) - 2}")
    print(f"  {'unchanged':32s} accuracy {np.mean(fitted.predict(features[rows]) == emotions[rows]):.3f}")
    assert corpus.media is not None
    for how in ("gain -20 dB", "1 s of silence at both ends", "mp3", "ogg"):
        moved = []
        with tempfile.TemporaryDirectory() as folder:
            for row in rows:
                sound = disturb(read_sound(corpus.media / corpus.table["audio"].iloc[row]), how)
                path = Path(folder) / "a.wav"
                soundfile.write(path, sound, 16_000, subtype="FLOAT")
                moved.append(backbone.load(Item("a", path=path)))
        shift = np.abs(np.mean((np.stack(moved) - features[rows]) / spread, axis=0))
        accuracy = np.mean(fitted.predict(np.stack(moved)) == emotions[rows])
        worst = [backbone.columns[k] for k in np.argsort(-shift)[:3]] if backbone.columns else []
        print(
            f"  {how:32s} accuracy {accuracy:.3f}; shift: median {np.median(shift):.3f} sd, "
            f"more than .3 sd: {int((shift > 0.3).sum())} of {len(shift)} (most {', '.join(worst)})"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--stores", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder:
        stores = arguments.stores or Path(folder)
        for name, references in EGEMAPS.items():
            corpus, features, emotions, people = read_features(name, arguments.data, stores)
            for standardisation, values, reference in (
                ("as recorded", features, references[0]),
                ("per speaker (transductive)", per_speaker(features, people), references[1]),
            ):
                predicted = out_of_fold(values, emotions, people)
                majority = pd.Series(emotions).value_counts(normalize=True).iloc[0]
                correct = pd.Series(predicted == emotions).groupby(people).mean()
                print(
                    f"{name}, {standardisation}: accuracy {np.mean(predicted == emotions):.3f} (eGeMAPS {reference:.2f}), "
                    f"UAR {balanced_accuracy_score(emotions, predicted):.3f}; n {len(emotions):,} of {len(correct)} people, "
                    f"sd over people {correct.std():.3f}; majority {majority:.3f}"
                )
            if name == "ravdess":
                robustness(corpus, features, emotions, people)


if __name__ == "__main__":
    main()
