"""Affect can be recovered from each modality, people held out, to different degrees; people not from affect."""

import itertools

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectspace.synthetic.speakers import RATE, Utterance, frames, plan, speak

EDGES = (60, 300, 600, 1000, 1500, 2200, 3000, 4000, 5500, 7800)


@pytest.fixture(scope="module")
def people() -> list[Utterance]:
    return plan(140, 20, seed=0)


def recovered(features: np.ndarray, spoken: list[Utterance]) -> np.ndarray:
    """R2 of valence, arousal, dominance by ridge regression, out of fold over people."""
    affect = np.array([item.affect for item in spoken])
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 6)))
    groups = [item.speaker.name for item in spoken]
    predicted = cross_val_predict(model, features, affect, groups=groups, cv=GroupKFold(5))
    return np.array(r2_score(affect, predicted, multioutput="raw_values"))


def test_text_shows_valence_then_arousal_and_little_dominance() -> None:
    spoken = plan(1200, 20, seed=0)
    words = CountVectorizer(min_df=2, binary=True, token_pattern=r"\w+|!|\.\.\.")
    v, a, d = recovered(words.fit_transform([item.text.lower() for item in spoken]).toarray().astype(float), spoken)
    assert v > 0.7
    assert v - 0.05 > a > 0.5
    assert a - 0.2 > d > 0.1


def test_voice_shows_arousal_best(people: list[Utterance]) -> None:
    v, a, d = recovered(np.array([measured(speak(item)) for item in people[:100]]), people[:100])
    assert a > 0.6
    assert a > v > 0.35
    assert a > d > 0.25


def test_face_shows_valence_best_and_little_dominance(people: list[Utterance]) -> None:
    pictures = [frames(item, fps=0.7).mean(axis=(0, 3)) for item in people]
    features = [hog(p[8:60, 10:54], orientations=8, pixels_per_cell=(6, 6), cells_per_block=(2, 2)) for p in pictures]
    v, a, d = recovered(np.array(features), people)
    assert v > 0.45
    assert v > a > 0.3
    assert a - 0.1 > d > 0.05


def test_affect_does_not_reveal_people_or_topics() -> None:
    spoken = plan(1200, 20, seed=0)
    affect = np.array([item.affect for item in spoken])
    dialogues = [item.dialogue for item in spoken]
    for labels, classes in (([item.speaker.name for item in spoken], 20), ([item.topic for item in spoken], 10)):
        guess = cross_val_predict(
            make_pipeline(StandardScaler(), LogisticRegression()), affect, labels, groups=dialogues, cv=GroupKFold(5)
        )
        assert (guess == np.array(labels)).mean() < 2.5 / classes


def measured(sound: np.ndarray) -> np.ndarray:
    """Pitch, level, length and spectrum of a recording, by autocorrelation and windowed spectra."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 640)[::160] * np.hanning(640)
    power = np.abs(np.fft.rfft(windows, 2048)) ** 2
    energy = power.sum(axis=1)
    loud = energy > 0.02 * np.quantile(energy, 0.95)
    correlation = np.fft.irfft(power, axis=1)
    correlation /= correlation[:, :1] + 1e-12
    shortest = RATE // 500
    lags = correlation[:, shortest : RATE // 60]
    peak = lags.max(axis=1)
    voiced = loud & (peak > 0.45)
    pitch = 12 * np.log2(RATE / (lags[voiced].argmax(axis=1) + shortest) / 100)
    half = len(pitch) // 2
    end = np.polyfit(np.linspace(0, 1, len(pitch) - half), pitch[half:], 1)[0]
    hertz = np.fft.rfftfreq(2048, 1 / RATE)
    mean = power[voiced].mean(axis=0)
    bands = np.log([mean[(hertz >= a) & (hertz < b)].mean() for a, b in itertools.pairwise(EDGES)])
    flux = np.sqrt((np.diff(np.log(power[loud][:, :512] + 1e-9), axis=0) ** 2).mean())
    shape = [
        pitch.mean(),
        pitch.std(),
        *np.quantile(pitch, [0.05, 0.95]),
        end,
        pitch[-len(pitch) // 4 :].mean() - pitch.mean(),
    ]
    voice = [np.log(len(sound)), peak[voiced].mean(), voiced.mean(), np.log(energy[loud].mean()), flux]
    return np.array([*shape, *voice, *(bands - bands.mean())])
