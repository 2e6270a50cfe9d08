"""Double dissociation on latents that are made: emotion in the shared, the speaker in the private one."""

import numpy as np
import pytest

from affectspace.errors import DataError
from affectspace.evaluation.boosted import boosted_probe
from affectspace.evaluation.dissociation import double_dissociation, speaker_probe
from affectspace.evaluation.folds import reduced
from affectspace.evaluation.probes import linear_probe


@pytest.fixture(scope="module")
def speech() -> dict[str, np.ndarray]:
    """12 people say 2 sentences in 4 emotions, 3 times."""
    rng = np.random.default_rng(0)
    who, sentence, emotion, take = (grid.ravel() for grid in np.indices((12, 2, 4, 3)))
    shared = rng.normal(size=(4, 3))[emotion] * 2 + rng.normal(size=(len(who), 3))
    private = rng.normal(size=(12, 6))[who] * 2 + rng.normal(size=(len(who), 6))
    return {"who": who, "sentence": sentence, "emotion": emotion, "take": take, "shared": shared, "private": private}


def test_emotion_is_in_the_shared_latent(speech):
    full = np.hstack([speech["shared"], speech["private"]])
    found = double_dissociation(
        {"shared": speech["shared"], "private": speech["private"], "full": full},
        speech["emotion"],
        speech["who"],
        folds=4,
        resamples=200,
    )
    assert found.uar["shared"].value > 0.6
    assert found.uar["private"].low < 0.25 < found.uar["private"].high + 0.02
    assert found.gaps["shared", "private"].low > 0.2
    assert list(found.gaps) == [("shared", "full"), ("shared", "private")]
    assert abs(found.gaps["shared", "full"].value) < 0.1
    assert found.gaps["shared", "private"].value == pytest.approx(
        found.uar["shared"].value - found.uar["private"].value
    )
    assert found.uar["shared"].groups == 12


def test_seeds_are_averaged(speech):
    other = np.random.default_rng(5).normal(size=speech["shared"].shape)
    found = double_dissociation(
        {"shared": [speech["shared"], other]}, speech["emotion"], speech["who"], folds=3, resamples=20
    )
    each = [result.uar for result in found.probes["shared"]]
    assert found.uar["shared"].value == pytest.approx(np.mean(each))
    assert found.gaps == {}


def test_a_square_leaks_to_trees_only(speech):
    emotion = speech["emotion"] % 2
    rng = np.random.default_rng(6)
    leak = np.where(emotion, 2.0, 0.3)[:, None] * rng.choice([-1.0, 1.0], (len(emotion), 1))
    leak = leak + 0.2 * rng.normal(size=leak.shape)
    one, two = (
        double_dissociation({"private": leak}, emotion, speech["who"], probe=probe, folds=4, resamples=20).uar[
            "private"
        ]
        for probe in (linear_probe, boosted_probe)
    )
    assert one.value < 0.65
    assert two.value > 0.9


def test_speakers(speech):
    options = {"folds": 2, "inner": speech["emotion"] * 3 + speech["take"]}
    private = speaker_probe(speech["private"], speech["who"], speech["sentence"], **options)
    shared = speaker_probe(speech["shared"], speech["who"], speech["sentence"], **options)
    narrow = speaker_probe(speech["private"], speech["who"], speech["sentence"], probe=reduced(linear_probe), **options)
    assert private.uar > 0.8
    assert shared.uar < 0.25
    assert shared.uar < narrow.uar < private.uar
    for part in np.unique(private.fold):
        assert len(np.unique(speech["sentence"][private.fold == part])) == 1


def test_a_speaker_of_one_sentence_cannot_be_told(speech):
    who = np.array([f"p{i}" for i in speech["who"]], dtype=object)
    who[(who == "p3") & (speech["sentence"] == 0)] = None
    with pytest.raises(DataError, match="1 speakers, the first p3, have one sentence"):
        speaker_probe(speech["shared"], who, speech["sentence"], folds=2, inner=speech["take"])
    with pytest.raises(DataError, match="speakers has 288 rows and sentences has 2"):
        speaker_probe(speech["shared"], speech["who"], [0, 1])


def test_nothing_to_probe(speech):
    with pytest.raises(DataError, match="latents is empty"):
        double_dissociation({}, speech["emotion"], speech["who"])
