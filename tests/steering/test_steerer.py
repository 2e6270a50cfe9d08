"""Steering by the Python interface: what comes back, that it is reproducible, and what is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.steering import LanguageModel, Sampling, Steerer, ask
from affectspace.steering.asking import table_of
from affectspace.steering.calibration import Calibration, Line
from affectspace.steering.masking import Masker
from affectspace.steering.ranking import ContentSimilarity, kept_words, rank
from affectspace.training.runs import Run

SEEDS = ["The dog is good.", "My house was awful, they say."]
SHORT = Sampling(longest=10)


def test_a_text_a_step_with_what_is_read_of_it(steerer: Steerer) -> None:
    found = steerer.steer(SEEDS, ask(valence=[-1, 0, 1]), candidates=2, sampling=SHORT)
    assert [one.text for one in found] == SEEDS
    for one in found:
        assert len(one.texts) == 3
        assert one.asked[:, 0].tolist() == [-1, 0, 1]
        assert np.isnan(one.asked[:, 1:]).all()
        assert one.asked_axes == (0,)
        assert one.reached == pytest.approx(steerer.own_affect(one.texts))
        assert one.own == pytest.approx(steerer.own_affect([one.text])[0])
        assert one.content.shape == (3,)
    table = table_of(found)
    assert len(table) == 6
    assert list(table.columns[:3]) == ["seed", "step", "asked_valence"]


def test_the_same_seed_gives_the_same_texts_whatever_else_is_asked(steerer: Steerer) -> None:
    def texts(seeds: list[str], seed: int = 0) -> list[tuple[str, ...]]:
        return [
            one.texts for one in steerer.steer(seeds, ask(valence=[-1, 1]), candidates=3, seed=seed, sampling=SHORT)
        ]

    assert texts(SEEDS) == texts(SEEDS)
    assert texts(SEEDS) == [texts([seed])[0] for seed in SEEDS]
    assert texts(SEEDS) != texts(SEEDS, seed=1)


def test_no_blank_of_the_prompt_comes_into_a_text(steerer: Steerer, monkeypatch: pytest.MonkeyPatch) -> None:
    hot, points = Sampling(longest=40, temperature=5.0, top_p=1.0), ask(valence=np.linspace(-2, 2, 25).tolist())

    def texts() -> str:
        anew = replace(steerer)  # which tokens are blanks is found once by each
        return " ".join(one for found in anew.steer(SEEDS, points, sampling=hot) for one in found.texts)

    assert "_" not in texts()
    monkeypatch.setattr(LanguageModel, "tokens_with", lambda model, letters: [])
    assert "_" in texts()  # so that the first assertion says something


def test_axes_that_are_not_asked_for_stay_as_they_are(steerer: Steerer) -> None:
    [one] = steerer.steer(SEEDS[:1], ask(arousal=[-1, 1]), calibrated=False, sampling=SHORT)
    assert one.given[:, 1].tolist() == [-1, 1]
    assert one.given[:, 0] == pytest.approx(np.repeat(one.own[0], 2))
    assert one.given[:, 2] == pytest.approx(np.repeat(one.own[2], 2))


def test_units_and_relative_values(steerer: Steerer) -> None:
    own = steerer.own_affect(SEEDS)
    value = float(steerer.corpus_mean[0])
    found = steerer.steer(SEEDS, ask(valence=value), units="canonical", sampling=SHORT)
    assert [one.asked[0, 0] for one in found] == pytest.approx([0.0, 0.0], abs=1e-6)
    found = steerer.steer(SEEDS, ask(valence=0.5), relative=True, sampling=SHORT)
    assert [one.asked[0, 0] for one in found] == pytest.approx((own[:, 0] + 0.5).tolist())


def test_calibration_is_what_comes_between(steerer: Steerer) -> None:
    lines = {"valence": Line(0.5, 0.25, 0.5)}
    set_up = replace(steerer, calibration=Calibration(lines, "judge", 3))
    [one] = set_up.steer(SEEDS[:1], ask(valence=[-1, 1]), sampling=SHORT)
    assert one.given[:, 0].tolist() == [-2.5, 1.5]
    [one] = set_up.steer(SEEDS[:1], ask(valence=[-1, 1]), relative=True, sampling=SHORT)
    assert one.given[:, 0] == pytest.approx(one.own[0] + np.array([-2.0, 2.0]))
    far = replace(steerer, calibration=Calibration({"valence": Line(0.1, 0.0, 0.1)}, "judge", 3))
    [one] = far.steer(SEEDS[:1], ask(valence=[-1, 0, 1]), sampling=SHORT)
    assert one.clipped == 2


def test_a_difference_of_nothing_leaves_a_sentence_its_own_affect() -> None:
    calibration = Calibration({"valence": Line(0.5, 0.25, 0.5)}, "judge", 3, reach=2.5)
    own = np.array([[2.0, 0.3, 0.0], [-1.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    asked = own[:, None] + np.array([[-1.0], [0.0], [1.0]]) * [1, np.nan, np.nan]
    given = calibration.input_of(asked, own, relative=True)
    assert given[:2, 1, 0] == pytest.approx([2.0, -1.0])
    assert given[0, :, 1] == pytest.approx([0.3] * 3)
    assert (np.diff(given[..., 0], axis=1) > 0).all()
    assert (np.abs(given[..., 0]) < 2.5).all()


def test_candidates_are_ranked_by_affect_and_content() -> None:
    written = [[["bad", "good", ""]]]
    affect = {"bad": [-1.0, 0, 0], "good": [1.0, 0, 0], "seed": [0.0, 0, 0]}

    def read(texts: object) -> np.ndarray:
        return np.array([affect[text] for text in texts])  # type: ignore[attr-defined]

    class Alike(ContentSimilarity):
        def between(self, seeds: object, texts: object) -> np.ndarray:
            return np.array([1.0 if text == "bad" else 0.0 for text in texts])  # type: ignore[attr-defined]

    def best(asked: float, similarity: ContentSimilarity | None) -> str:
        points = np.array([[[asked, np.nan, np.nan]]])
        return rank(["seed"], np.zeros((1, 3)), points, written, read, similarity).texts()[0][0]

    assert best(1.0, None) == "good"
    assert best(-1.0, None) == "bad"
    assert best(0.2, Alike()) == "bad"  # content outweighs a small step
    assert rank(["seed"], np.zeros((1, 3)), np.full((1, 1, 3), 0.0), [[[""]]], read, None).texts() == [[""]]


def test_a_text_that_loops_is_kept_only_where_no_other_is_sound() -> None:
    loop = "he loved it and he loved it and he loved it"

    def kept(candidates: list[str], seed: str = "he saw it") -> str:
        def read(texts: object) -> np.ndarray:
            return np.array([[1.0 if "loved" in text else -1.0, 0, 0] for text in texts])  # type: ignore[attr-defined]

        asked = np.array([[[1.0, np.nan, np.nan]]])
        return rank([seed], np.zeros((1, 3)), asked, [[candidates]], read, None).texts()[0][0]

    assert kept([loop, "he hated it"]) == "he hated it"
    assert kept([loop, "he loved it"]) == "he loved it"
    assert kept(["", loop]) == loop
    assert kept([loop, "he hated it"], seed=loop) == loop  # as its seed does


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no text"), ([""], "text 1 is empty"), (["A dog.", " \n"], "text 2 is empty"),
        (["word " * 100], "text 1 .*tokens.*split it into sentences"), ("a single string", "put it into a list"),
    ],
)  # fmt: skip
def test_sentences_that_are_refused(steerer: Steerer, texts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        steerer.steer(texts, ask(valence=1))


def test_values_and_candidates_that_are_refused(steerer: Steerer) -> None:
    with pytest.raises(ConfigError, match="valence 9: asked values lie within 4 standard deviations"):
        steerer.steer(SEEDS, ask(valence=9))
    with pytest.raises(ConfigError, match="candidates 0"):
        steerer.steer(SEEDS, ask(valence=1), candidates=0)


def test_runs_that_are_refused(
    steering_run: Run, text_run: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"kind manifold.*affectspace train configs/steering.yaml --set run="):
        Steerer.of_run(text_run)
    with pytest.raises(RunError, match="trained on other weights"):
        Steerer.of_run(steering_run.folder, language_model=str(make_model(seed=9)))
    with pytest.raises(ConfigError, match="device"):
        Steerer.of_run(steering_run.folder, device="nowhere")
    copy = shutil.copytree(steering_run.folder, tmp_path / "copy")
    (copy / "calibration.json").write_text("{")
    with pytest.raises(RunError, match="calibration"):
        Steerer.of_run(copy)
    Run(copy).record(state="training")
    with pytest.raises(RunError, match="has not finished"):
        Steerer.of_run(copy)


def test_steering_changes_no_weight(steerer: Steerer) -> None:
    before = steerer.model.digest()
    steerer.steer(SEEDS, ask(valence=[-1, 1]), sampling=SHORT)
    assert steerer.model.digest() == before
    assert not torch.is_grad_enabled() or all(weight.grad is None for weight in steerer.projector.parameters())


def test_content_of_equal_and_of_empty_texts(steerer: Steerer) -> None:
    assert steerer.similarity is not None
    found = steerer.similarity.between(["The dog.", "The dog.", "A cat"], ["The dog.", "", "A cat"])
    assert found.tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_kept_words_leave_out_little_and_hidden_ones() -> None:
    masker = Masker(frozenset({"awful"}))
    found = kept_words(["The awful dog of the garden", "It is awful", "A dog"], ["my dog", "It is", "DOG!"], masker)
    assert found[0] == 0.5
    assert np.isnan(found[1])
    assert found[2] == 1.0
