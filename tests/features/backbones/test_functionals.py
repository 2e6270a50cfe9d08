"""Acoustic functionals against voices whose pitch, noise, resonances and tempo are known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features import Item, extract, make_backbone
from affectspace.features.backbones.functionals import frames_of, statistics

RATE = 16_000


def voice(
    hertz: float = 120.0, seconds: float = 1.5, noise: float = 0.0, formants: tuple = (500, 1500, 2500)
) -> np.ndarray:
    """Harmonics of a pitch that wavers a little, through resonances of a known place."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * hertz * time + 0.02 * np.sin(2 * np.pi * 5 * time)
    sound = sum(np.cos(k * phase) / k for k in range(1, int(7000 / hertz)))
    for place in formants:
        radius, angle = np.exp(-np.pi * 80 / RATE), 2 * np.pi * place / RATE
        sound = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], sound)
    sound /= np.abs(sound).max()
    return (0.5 * sound + noise * np.random.default_rng(0).standard_normal(len(sound))).astype(np.float32)


def numbers(sound: np.ndarray) -> dict[str, float]:
    return statistics(frames_of(sound))


@pytest.mark.parametrize("hertz", [80.0, 120.0, 210.0, 330.0, 450.0])
def test_pitch_is_found_within_two_per_cent(hertz: float) -> None:
    result = 27.5 * 2 ** (numbers(voice(hertz))["pitch_median"] / 12)
    assert result == pytest.approx(hertz, rel=0.02)


def test_a_rising_pitch_rises() -> None:
    time = np.arange(RATE * 2) / RATE
    sweep = sum(np.sin(2 * np.pi * k * (120 * time + 30 * time**2)) / k for k in range(1, 8)).astype(np.float32)
    result = numbers(sweep)
    assert result["pitch_rise_mean"] > 2
    # percentiles 20 and 80 of 120 .. 240 Hz
    assert result["pitch_range"] == pytest.approx(12 * np.log2(216 / 144), rel=0.1)


def test_noise_lowers_harmonicity() -> None:
    clean, noisy = (numbers(voice(noise=noise))["harmonicity_mean"] for noise in (0.0, 0.03))
    assert clean > noisy + 3


def test_formants_are_found() -> None:
    result = numbers(voice(100, formants=(600, 1300, 2600)))
    assert result["f1_median"] == pytest.approx(0.6, rel=0.1)
    assert result["f2_median"] == pytest.approx(1.3, rel=0.1)
    assert result["f3_median"] == pytest.approx(2.6, rel=0.1)


@pytest.mark.parametrize("per_second", [2, 4])
def test_tempo_counts_syllables(per_second: int) -> None:
    beat = (np.sin(2 * np.pi * per_second * np.arange(RATE * 3) / RATE) > 0).astype(np.float32)
    result = numbers(voice(150, seconds=3) * beat)
    assert result["voiced_per_second"] == pytest.approx(per_second, rel=0.25)
    assert result["peaks_per_second"] == pytest.approx(per_second, rel=0.3)
    assert result["voiced_mean"] == pytest.approx(0.5 / per_second, rel=0.3)


def test_gain_and_silence_do_not_matter() -> None:
    sound = voice(140) * np.hanning(round(1.5 * RATE)).astype(np.float32)
    base = numbers(sound)
    for changed in (sound * 0.05, np.pad(sound, 8_000)):
        for name, value in numbers(changed).items():
            assert value == pytest.approx(base[name], abs=0.02 * max(1, abs(base[name]))), name


def test_the_constant_is_left_out_and_the_first_revision_still_has_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(), RATE)
    new, old = make_backbone("audio"), make_backbone("audio", revision=1)
    assert (new.revision, old.revision) == ("2", "1")
    assert (new.dimension, old.dimension) == (276, 277)
    assert new.columns is not None
    assert old.columns is not None
    at = old.columns.index("loudness_mean")
    assert old.columns[:at] + old.columns[at + 1 :] == new.columns
    assert old.columns[at - 1 : at + 2] == (new.columns[at - 1], "loudness_mean", "loudness_sd")
    item = Item("a", path=tmp_path / "a.wav")
    vector = old.load(item)
    assert vector[at] == 1
    np.testing.assert_array_equal(np.delete(vector, at), new.load(item))
    with pytest.raises(ConfigError, match=r"revision '3' of the acoustic functionals; choose one of 1, 2"):
        make_backbone("audio", revision=3)


def test_no_number_is_the_same_for_every_recording() -> None:
    time = np.arange(RATE * 3) / RATE
    beats = [(np.sin(2 * np.pi * pace * time + pace * time**2) > 0).astype(np.float32) for pace in (1, 2, 3)]
    hiss = np.random.default_rng(0).standard_normal(len(time)).astype(np.float32)
    sounds = [voice(90 + 50 * k, seconds=3) * beat + 0.003 * (k + 1) * hiss for k, beat in enumerate(beats)]
    result = [numbers(sound) for sound in sounds]
    assert [name for name in result[0] if len({row[name] for row in result}) == 1] == []


def test_a_recording_without_voice_is_finite() -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    result = numbers(hiss)
    assert all(np.isfinite(value) for value in result.values())
    assert result["voiced_share"] < 0.1
    if result["voiced_share"] == 0:
        assert result["pitch_mean"] == result["f1_mean"] == 0


def test_backbone_names_its_numbers_and_costs_a_row_at_most(tmp_path: Path, media_corpus) -> None:
    soundfile.write(tmp_path / "a.wav", voice(), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "short.wav", voice()[:500], RATE)
    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    backbone = make_backbone("audio")
    assert backbone.dimension == len(backbone.columns) == len(set(backbone.columns))
    corpus = media_corpus(tmp_path, audio=["a.wav", "silent.wav", "short.wav", "noise.wav", "gone.wav"])
    done = extract(corpus, backbone, tmp_path / "store")
    assert done.made == 1
    assert done.reasons == {
        "the sound is silent": 1, "the sound is shorter than 0.2 s": 1, "there is no such file": 1,
        "no voice was found in the sound": 1,
    }  # fmt: skip
    vectors, _ = done.store.read(["m0"])
    assert dict(zip(done.store.columns, vectors[0], strict=True))["pitch_median"] == pytest.approx(
        12 * np.log2(120 / 27.5), abs=0.4
    )


def test_only_the_cut_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.r_[voice(100), voice(200)], RATE)
    backbone = make_backbone("audio")
    place = backbone.columns.index("pitch_median")
    low, high = (backbone.load(Item("x", path=tmp_path / "a.wav", start=s, end=s + 1.5))[place] for s in (0.0, 1.5))
    assert high - low == pytest.approx(12, abs=0.5)
    with pytest.raises(UnreadableItem, match="no sound in this part"):
        backbone.load(Item("x", path=tmp_path / "a.wav", start=9.0))


def test_on_real_recordings_angry_is_louder_and_higher_than_sad(shared_data: Path) -> None:
    backbone = make_backbone("audio")
    place = [backbone.columns.index(name) for name in ("pitch_mean", "alpha_mean")]
    result = {}
    for emotion in ("04", "05"):  # sad, angry
        files = sorted((shared_data / "ravdess").glob(f"Actor_0[1-4]/03-01-{emotion}-02-01-01-*"))
        result[emotion] = np.mean([backbone.load(Item("x", path=path))[place] for path in files], axis=0)
    assert result["05"][0] > result["04"][0] + 1  # semitones
    assert result["05"][1] < result["04"][1] - 1  # dB of low over high bands
