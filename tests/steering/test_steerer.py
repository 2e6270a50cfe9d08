"""Steering by the Python interface: results, reproducibility, and what is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.steering import LanguageModel, Sampling, SteeredText, Steerer, target_points
from affectspace.steering.calibration import Calibration, Line
from affectspace.training.runs import Run

SEEDS = ["The dog is good.", "My house was awful, they say."]
SHORT = Sampling(longest=10)


def test_results_hold_texts_and_what_is_read_of_them(steerer: Steerer) -> None:
    results = steerer.steer(SEEDS, target_points(valence=[-1, 0, 1]), candidates=2, sampling=SHORT)
    assert [result.seed for result in results] == SEEDS
    for result in results:
        assert len(result.texts) == 3
        assert result.targets[:, 0].tolist() == [-1, 0, 1]
        assert np.isnan(result.targets[:, 1:]).all()
        assert result.target_axes == (0,)
        assert result.affect == pytest.approx(steerer.affect_of(result.texts))
        assert result.seed_affect == pytest.approx(steerer.affect_of([result.seed])[0])
        assert result.content.shape == (3,)
        table = result.table()
        assert len(table) == 3
        assert list(table.columns[:3]) == ["seed", "step", "target_valence"]


def test_texts_depend_on_the_seed_and_not_on_the_other_sentences(steerer: Steerer) -> None:
    def texts(seeds: list[str], seed: int = 0) -> list[tuple[str, ...]]:
        results = steerer.steer(seeds, target_points(valence=[-1, 1]), candidates=3, seed=seed, sampling=SHORT)
        return [result.texts for result in results]

    both = texts(SEEDS)
    assert both == texts(SEEDS)
    assert both == [texts([seed])[0] for seed in SEEDS]
    assert both != texts(SEEDS, seed=1)


def test_no_blank_of_the_prompt_is_written(steerer: Steerer, monkeypatch: pytest.MonkeyPatch) -> None:
    hot, points = Sampling(longest=40, temperature=5.0, top_p=1.0), target_points(valence=np.linspace(-2, 2, 12))

    def text() -> str:
        fresh = replace(steerer)  # which tokens are blanks is kept
        return " ".join(text for result in fresh.steer(SEEDS, points, sampling=hot) for text in result.texts)

    assert "_" not in text()
    monkeypatch.setattr(LanguageModel, "tokens_with", lambda model, letters: [])
    assert "_" in text()  # so the first assertion is a test


def test_axes_without_a_target_stay_as_they_are(steerer: Steerer) -> None:
    [result] = steerer.steer(SEEDS[:1], target_points(arousal=[-1, 1]), calibrated=False, sampling=SHORT)
    assert result.inputs[:, 1].tolist() == [-1, 1]
    for axis in (0, 2):
        assert result.inputs[:, axis] == pytest.approx(np.repeat(result.seed_affect[axis], 2))


def test_units_and_relative_values(steerer: Steerer) -> None:
    mean = target_points(valence=float(steerer.corpus_mean[0]))
    results = steerer.steer(SEEDS, mean, units="canonical", sampling=SHORT)
    assert [result.targets[0, 0] for result in results] == pytest.approx([0.0, 0.0], abs=1e-6)
    results = steerer.steer(SEEDS, target_points(valence=0.5), relative=True, sampling=SHORT)
    own = steerer.affect_of(SEEDS)[:, 0]
    assert [result.targets[0, 0] for result in results] == pytest.approx((own + 0.5).tolist())


def test_the_calibration_stands_between_targets_and_inputs(steerer: Steerer) -> None:
    def steered(line: Line, values: list[float], relative: bool = False) -> SteeredText:
        calibrated = replace(steerer, calibration=Calibration({"valence": line}, "judge", 3))
        [result] = calibrated.steer(SEEDS[:1], target_points(valence=values), relative=relative, sampling=SHORT)
        return result

    line = Line(0.5, 0.25)
    assert steered(line, [-1, 1]).inputs[:, 0].tolist() == [-2.5, 1.5]
    result = steered(line, [-1, 1], relative=True)
    assert result.inputs[:, 0] == pytest.approx(result.seed_affect[0] + np.array([-2.0, 2.0]))
    assert steered(Line(0.1, 0.0), [-1, 0, 1]).clipped == 2


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no text"), ([""], "text 1 is empty"), (["A dog.", " \n"], "text 2 is empty"),
        (["word " * 100], "text 1 .*tokens.*split it into sentences"), ("a single string", "put it into a list"),
    ],
)  # fmt: skip
def test_sentences_that_are_refused(steerer: Steerer, texts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        steerer.steer(texts, target_points(valence=1))


def test_values_and_candidates_that_are_refused(steerer: Steerer) -> None:
    with pytest.raises(ConfigError, match="valence 9: targets must lie within 4 standard deviations"):
        steerer.steer(SEEDS, target_points(valence=9))
    with pytest.raises(ConfigError, match="candidates 0"):
        steerer.steer(SEEDS, target_points(valence=1), candidates=0)
    with pytest.raises(ConfigError, match="seed -1: give 0 or more"):
        steerer.steer(SEEDS, target_points(valence=1), seed=-1)


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
        Steerer.of_run(copy, content=None)
    Run(copy).record(state="training")
    with pytest.raises(RunError, match="has not finished"):
        Steerer.of_run(copy)


def test_a_loaded_language_model_is_used_as_it_is(
    steering_run: Run, language_model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("affectspace.steering.steerer.load_language_model")
    steerer = Steerer.of_run(steering_run.folder, language_model=language_model, content=None)
    assert steerer.model is language_model


def test_the_dtype_of_the_training_is_used_on_every_machine(
    steering_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dtype: auto may mean another one here than where the run was trained."""
    copy = shutil.copytree(steering_run.folder, tmp_path / "copy")
    config = (copy / "config.yaml").read_text().replace("dtype: float32", "dtype: auto")
    assert "dtype: auto" in config
    (copy / "config.yaml").write_text(config)
    assert json.loads((copy / "run.json").read_text())["language_model"]["dtype"] == "float32"
    monkeypatch.delattr("affectspace.steering.language_model.native_dtype")
    assert Steerer.of_run(copy, content=None).model.dtype.itemsize == 4


def test_steering_changes_no_weight(steerer: Steerer) -> None:
    before = steerer.model.digest()
    steerer.steer(SEEDS, target_points(valence=[-1, 1]), sampling=SHORT)
    assert steerer.model.digest() == before
    assert all(weight.grad is None for weight in steerer.projector.parameters())
