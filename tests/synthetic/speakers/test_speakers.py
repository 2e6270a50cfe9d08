"""Invented people: who says what, and how it sounds and looks."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from affectspace.errors import ConfigError, DataError
from affectspace.synthetic.speakers import Utterance, frames, plan, score, speak, speaker, utterance
from affectspace.synthetic.speakers.face import faces
from affectspace.synthetic.speakers.prosody import sounds
from affectspace.synthetic.speakers.sentences import ADJECTIVES, INTENTIONS, JUDGEMENTS, MANNERS, TOPICS
from affectspace.synthetic.speakers.voice import RATE, _tract


@pytest.fixture(scope="module")
def spoken() -> Utterance:
    plain = "The second verse was tuned, we shall see."
    return replace(utterance(0, "p000-p001-d0-03"), text=plain, gain_db=0.0, snr_db=40.0)


def test_a_row_is_a_function_of_seed_and_id() -> None:
    rows = plan(60, 6, seed=3)
    assert [row.id for row in rows] == [row.id for row in plan(90, 6, seed=3)][:60]
    assert rows == [utterance(3, row.id) for row in reversed(rows)][::-1]
    assert rows != plan(60, 6, seed=4)
    assert len({row.id for row in rows}) == 60


def test_dialogues() -> None:
    rows = plan(120, 6, seed=0)
    for row, then in itertools.pairwise(rows):
        if row.dialogue == then.dialogue:
            assert row.speaker.name != then.speaker.name
            assert (then.turn, then.topic, then.session) == (row.turn + 1, row.topic, row.session)
    sessions: dict[str, set[str]] = {}
    for row in rows:
        sessions.setdefault(row.speaker.name, set()).add(row.session)
    assert set(sessions) == {f"p{k:03d}" for k in range(6)}
    assert all(len(of_one) == 1 for of_one in sessions.values())
    assert {row.speaker.name for row in plan(12, 5)} == {f"p{k:03d}" for k in range(5)}


def test_affect_drifts_about_home() -> None:
    rows = plan(2000, 20, seed=0)
    affect = np.array([row.affect for row in rows])
    assert (np.abs(affect) <= 0.95).all()
    assert (affect.std(axis=0) > 0.33).all()
    assert (np.abs(np.corrcoef(affect.T)[np.triu_indices(3, 1)]) < 0.15).all()
    same = [(a, b) for a, b in zip(rows, rows[2:], strict=False) if a.dialogue == b.dialogue]
    before, after = (np.array([pair[k].affect for pair in same]) for k in (0, 1))
    assert all(np.corrcoef(before[:, k], after[:, k])[0, 1] > 0.3 for k in range(3))


def test_words_are_rated_within_the_scale_and_topics_are_apart() -> None:
    for table in (ADJECTIVES, JUDGEMENTS, INTENTIONS, MANNERS):
        ratings = np.array(list(table.values()))
        assert (np.abs(ratings) <= 1).all()
    rated = {word for table in (ADJECTIVES, JUDGEMENTS) for word in table}
    neutral = {word for things, deeds in TOPICS.values() for part in (*things, *deeds) for word in part.split()}
    assert rated & neutral == set()


@pytest.mark.parametrize(("n", "people", "turns"), [(10, 1, None), (3, 4, None), (20, 4, 1), (20, 10, 9)])
def test_impossible_plans(n: int, people: int, turns: int | None) -> None:
    with pytest.raises(ConfigError, match="people"):
        plan(n, people, turns=turns)


def test_no_id() -> None:
    with pytest.raises(DataError, match="'x' is not the id of an utterance"):
        utterance(0, "x")


def test_sounds() -> None:
    assert sounds("...") == []
    assert [word for _, word in sounds("We, I.")] == [0, 0, -1, 1]
    assert sum(sound.vowel for sound, _ in sounds("tree house")) == 2


def test_voice_is_deterministic_and_follows_affect(spoken: Utterance) -> None:
    assert np.array_equal(speak(spoken), speak(spoken))
    happy, sad = replace(spoken, affect=(0.8, 0.6, 0.3)), replace(spoken, affect=(-0.8, -0.5, -0.5))
    sounds_happy, sounds_sad = speak(happy), speak(sad)
    assert len(sounds_happy) < 0.85 * len(sounds_sad)
    assert sounds_happy.std() > 1.8 * sounds_sad.std()
    assert np.median(score(happy).pitch) > 1.15 * np.median(score(sad).pitch)
    assert score(happy).pitch[-60:].mean() > 1.3 * score(sad).pitch[-60:].mean()
    assert score(happy).formants[:, 1].mean() > score(sad).formants[:, 1].mean()
    assert score(happy).tilt < score(sad).tilt
    strong = replace(spoken, affect=(0.0, 0.0, 0.9))
    weak = replace(spoken, affect=(0.0, 0.0, -0.9))
    assert np.median(score(strong).pitch) < 0.9 * np.median(score(weak).pitch)
    assert _chest(speak(strong)) > 1.3 * _chest(speak(weak))
    assert abs(score(happy).seconds - len(sounds_happy) / RATE) < 1e-9
    for sound in (sounds_happy, sounds_sad):
        assert np.isfinite(sound).all()
        assert sound.dtype == np.float32
        assert 0.01 < np.abs(sound).max() <= 1


def test_resonances_are_those_of_the_filter() -> None:
    """A tract that does not move is the cascade of two-pole filters."""
    formants = np.tile([500.0, 1500.0, 2500.0, 3500.0], (40, 1))
    source = np.random.default_rng(0).standard_normal(40 * 80)
    expected = source
    for hertz, width in zip(formants[0], (70, 100, 140, 250), strict=True):
        r = np.exp(-np.pi * width / RATE)
        a = [1.0, -2 * r * np.cos(2 * np.pi * hertz / RATE), r * r]
        expected = lfilter([sum(a)], a, expected)
    assert np.abs(_tract(source, formants) - expected).max() < 1e-3 * expected.std()


def _chest(sound: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(power[hertz < 300].sum() / power[(hertz > 300) & (hertz < 3000)].sum())


def test_microphone(spoken: Utterance) -> None:
    quiet, loud = speak(replace(spoken, gain_db=-6.0)), speak(replace(spoken, gain_db=6.0))
    assert loud.std() / quiet.std() == pytest.approx(10 ** (12 / 20), rel=1e-3)
    edge = slice(0, 1200)  # before the first word
    noisy, clean = speak(replace(spoken, snr_db=15.0)), speak(replace(spoken, snr_db=40.0))
    assert noisy[edge].std() / clean[edge].std() == pytest.approx(10 ** (25 / 20), rel=0.05)


def test_identity_is_in_the_voice(spoken: Utterance) -> None:
    high = replace(spoken, speaker=replace(spoken.speaker, pitch=220.0, tract=1.12))
    low = replace(spoken, speaker=replace(spoken.speaker, pitch=95.0, tract=0.9))
    assert np.median(score(high).pitch) == pytest.approx(220 / 95 * np.median(score(low).pitch), rel=0.01)
    assert score(high).formants.mean() == pytest.approx(1.12 / 0.9 * score(low).formants.mean(), rel=0.01)
    assert speaker(0, "p001") != speaker(1, "p001")


def test_face_speaks(spoken: Utterance) -> None:
    from affectspace.synthetic.faces import render_face

    clip = frames(spoken, fps=4, size=32)
    assert clip.shape == (int(score(spoken).seconds * 4), 32, 32, 3)
    assert np.array_equal(clip, frames(spoken, fps=4, size=32))
    face = faces(spoken, 1)[0]
    assert np.array_equal(render_face(face, 48, opening=0.0), render_face(face, 48))
    assert not np.array_equal(render_face(face, 48, opening=1.0), render_face(face, 48))
    assert np.abs(np.array([[f.valence, f.arousal] for f in faces(spoken, 20)]) - spoken.affect[:2]).max() < 0.3


def test_mouth_opens_with_the_voice(spoken: Utterance) -> None:
    plan_of = score(spoken)
    opening = plan_of.opening(1 / 0.005)
    assert (opening >= 0).all()
    assert opening.max() <= 1.2
    assert np.corrcoef(opening, plan_of.voice[: len(opening)])[0, 1] > 0.5
    assert opening[:10].max() < 0.2
