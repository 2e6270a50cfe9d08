"""Training end to end in small: a run folder, the same numbers after a kill, and clear stops."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from scipy.stats import pearsonr

import affectspace
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.evaluation import concordance
from affectspace.files import partial_path, write_atomic
from affectspace.models import EmotionClassifier, Levasa
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import fit
from affectspace.training.loop import Loop
from affectspace.training.people import people_network
from affectspace.training.runs import Run, open_run, start_run


def changed(config: TrainConfig, *overrides: str) -> TrainConfig:
    return build_config(config.model_dump(), overrides=overrides)


def test_a_run_folder_holds_what_it_promises(config: TrainConfig, tmp_path: Path) -> None:
    seen = []
    run = fit(config, tmp_path / "run", progress=lambda done, total, text: seen.append((done, total, text)))
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"config.yaml", "run.json", "split.csv", "model", "checkpoints", "history.csv", "log.txt"}
    assert run.finished
    assert run.config == config
    assert run.facts["label_kind"] == "transferred"
    assert len(run.history) == 3
    assert {"train_total", "validation_total", "train_alignment", "validation_kl"} <= set(run.history.columns)
    assert isinstance(affectspace.load(run.folder), Levasa)
    split = run.split
    assert not set(split.query("part == 'train'").person) & set(split.query("part != 'train'").person)
    assert "images/s" in seen[-1][2]
    assert not list(run.folder.rglob("*.partial"))
    assert "finished after 3 epochs" in (run.folder / "log.txt").read_text()


def test_the_network_of_people_learns_from_training_people_only_and_is_trained_once(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    read = Dataset.images
    people = changed(config, "model.identity_weight=0.5", "fit.epochs=2")
    data = Dataset.of_config(people)
    monkeypatch.setattr(
        Dataset, "images", lambda self, rows: seen.update(np.asarray(rows).tolist()) or read(self, rows)
    )
    network = people_network(data, tmp_path / "kept", seed=0)
    assert seen <= set(data.rows("train").tolist())
    person = data.table["person"].iloc[data.rows("train")]
    assert network.config.categories == tuple(dict.fromkeys(person))
    outputs = network(data.batch("train").image)
    torch.testing.assert_close(outputs.mean(dim=0), torch.zeros(outputs.shape[1]), atol=1e-4, rtol=0)
    assert not any(weight.requires_grad for weight in network.parameters())
    seen.clear()
    again = people_network(data, tmp_path / "kept", seed=0)
    assert not seen
    torch.testing.assert_close(again(data.batch("train").image), outputs)
    monkeypatch.undo()
    run = fit(people, tmp_path / "run")
    assert np.isfinite(run.history[["train_identity", "validation_identity"]]).all(axis=None)
    assert (run.folder / "people" / "config.json").is_file()
    assert not [name for name in load_file(run.folder / "model" / "model.safetensors") if "people" in name]


def test_one_person_teaches_no_network_of_people(config: TrainConfig, tmp_path: Path) -> None:
    data = Dataset.of_config(config)
    data.table["person"] = "Ana"
    with pytest.raises(ConfigError, match="identity_weight needs training images of two people or more"):
        people_network(data, tmp_path, seed=0)


def test_training_learns(config: TrainConfig, tmp_path: Path) -> None:
    longer = changed(config, "fit.epochs=20", "fit.learning_rate=0.01", "fit.augmentation.brightness=0")
    history = fit(longer, tmp_path / "run").history
    assert history["train_reconstruction"].iloc[-1] < 0.5 * history["train_reconstruction"].iloc[0]
    assert history["train_alignment"].iloc[-1] < 0.5 * history["train_alignment"].iloc[0]


@pytest.mark.parametrize("alignment", ["none", "discrete", "categories"])
def test_every_member_of_the_family_trains(config: TrainConfig, tmp_path: Path, alignment: str) -> None:
    names = ("happiness", "sadness", "anger")
    fields = config.model_dump()
    fields["model"].update(alignment=alignment, categories=names if alignment == "categories" else ())
    fields["fit"]["epochs"] = 1
    assert np.isfinite(fit(build_config(fields), tmp_path / "run").history["validation_total"]).all()


@pytest.mark.parametrize("alignment", ["none", "discrete", "continuous", "categories"])
def test_a_run_on_images_has_the_validation_score_of_its_heads(
    config: TrainConfig, tmp_path: Path, alignment: str
) -> None:
    fields = config.model_dump()
    names = ("happiness", "sadness", "anger")
    fields["model"].update(alignment=alignment, categories=names if alignment == "categories" else ())
    fields["fit"]["epochs"] = 1
    run = fit(build_config(fields), tmp_path / "run")
    if alignment in ("none", "categories"):
        assert run.facts["validation"] == {}
        return
    rows = run.dataset("images").batch("validation")
    model: Any = run.model()
    with torch.no_grad():
        predicted = model.read_affect(model.encode(rows.image).mean).double().numpy()
    for column, axis in enumerate(("valence", "arousal")):
        truth, score = rows.affect[:, column].double().numpy(), run.facts["validation"][axis]
        assert score["n"] == len(truth)
        assert score["r"] == pytest.approx(pearsonr(truth, predicted[:, column])[0], abs=1e-3)
        assert score["ccc"] == pytest.approx(float(concordance(truth, predicted[:, column])), abs=1e-3)


def test_the_ceiling_trains_and_needs_the_corpus_emotions(config: TrainConfig, tmp_path: Path) -> None:
    fields = {**config.model_dump(), "model": {"kind": "classifier", "image_size": 32, "width": 4, "hidden": (16,)}}
    fields["model"]["categories"] = ("anger", "happiness", "sadness")  # the order of the data counts
    fields["fit"]["epochs"] = 1
    assert isinstance(fit(build_config(fields), tmp_path / "run").model(), EmotionClassifier)
    assert fit(build_config(fields), tmp_path / "run2").model().config.categories == ("happiness", "sadness", "anger")
    del fields["model"]["categories"]
    assert fit(build_config(fields), tmp_path / "run3").model().config.categories == ("happiness", "sadness", "anger")
    fields["model"]["categories"] = ("anger", "fear")
    with pytest.raises(ConfigError, match="lacks happiness, sadness, which the corpus has"):
        fit(build_config(fields), tmp_path / "other")


def test_keep_last_and_early_stopping(config: TrainConfig, tmp_path: Path) -> None:
    assert fit(config, tmp_path / "rest").facts["kept_epoch"] == 2
    assert fit(changed(config, "fit.keep=last"), tmp_path / "last").facts["kept_epoch"] == 2
    best = fit(changed(config, "fit.keep=best"), tmp_path / "best")
    assert best.facts["kept_epoch"] == int(best.history["validation_total"].to_numpy().argmin())
    fast = changed(config, "fit.patience=1", "fit.epochs=40", "fit.learning_rate=0.3", "fit.schedule=constant")
    assert fit(fast, tmp_path / "stopped").facts["epochs"] < 40


KILLED = """
import sys, os, signal
from pathlib import Path
from affectspace.training.configuration import read_config
from affectspace.training.fit import fit
def die(done, total, text):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
fit(read_config(Path(sys.argv[1])), Path(sys.argv[2]), progress=die)
"""


def test_a_killed_training_ends_with_the_uninterrupted_numbers(config: TrainConfig, tmp_path: Path) -> None:
    whole = fit(config, tmp_path / "whole")
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    steps = json.loads((whole.folder / "run.json").read_text())["rows"]["train"] // config.fit.batch_size
    middle_of_second_epoch = str(steps + steps // 2)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(tmp_path / "killed"), middle_of_second_epoch],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not open_run(tmp_path / "killed").finished
    with pytest.raises(RunError, match="has not finished; run the same train command again"):
        affectspace.load(tmp_path / "killed")
    continued = fit(config, tmp_path / "killed")
    pd.testing.assert_frame_equal(continued.history, whole.history, check_exact=True)
    first, second = (load_file(run.folder / "model" / "model.safetensors") for run in (whole, continued))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_nan_stops_and_names_the_batch(config: TrainConfig, tmp_path: Path) -> None:
    wild = changed(config, "fit.learning_rate=1e30", "fit.schedule=constant")
    with pytest.raises(
        RunError, match=r"the loss is (nan|inf) in epoch \d+, step \d+ .*rows of that batch: .*learning_rate"
    ):
        fit(wild, tmp_path / "run")
    assert not open_run(tmp_path / "run").finished


def test_folders_that_are_not_ours_are_left_alone(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="not empty and not a run"):
        fit(config, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"
    with pytest.raises(RunError, match="is a file"):
        fit(config, tmp_path / "mine" / "thesis.txt")
    with pytest.raises(RunError, match=r"not a run of affectspace: it lacks config.yaml and run.json"):
        affectspace.load(tmp_path / "mine")


def test_a_finished_run_is_not_overwritten_and_another_configuration_not_mixed_in(
    config: TrainConfig, tmp_path: Path
) -> None:
    fit(config, tmp_path / "run")
    with pytest.raises(RunError, match="holds a finished run; --force"):
        fit(config, tmp_path / "run")
    (tmp_path / "half" / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "run.json"):
        shutil.copy(tmp_path / "run" / name, tmp_path / "half")
    open_run(tmp_path / "half").record(state="training")
    with pytest.raises(RunError, match=r"another configuration \(fit.seed: 0 -> 5\)"):
        fit(changed(config, "fit.seed=5"), tmp_path / "half")
    assert fit(changed(config, "fit.seed=5"), tmp_path / "run", force=True).config.fit.seed == 5


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match=r"cannot write .*history.csv: No space left on device; free some space"):
        write_atomic(tmp_path / "history.csv", full)
    assert list(tmp_path.iterdir()) == []


def test_images_that_cannot_be_read_are_counted_and_left_out(
    squares: Path, config: TrainConfig, tmp_path: Path
) -> None:
    broken = tmp_path / "squares"
    shutil.copytree(squares, broken)
    (broken / "images" / "004.png").write_text("this is text")
    data = (broken / "images" / "007.png").read_bytes()
    (broken / "images" / "007.png").write_bytes(data[: len(data) // 2])
    moved = changed(config, f"data.path={broken / 'index.csv'}", f"data.media={broken / 'images'}")
    run = fit(moved, tmp_path / "run")
    assert run.facts["unreadable"] == 2
    assert "left out: 004.png: " in (tmp_path / "run" / "log.txt").read_text()
    assert len(run.split) == 118


def test_continuing_takes_the_newest_epoch_and_not_the_best(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Loop, "_validate", lambda loop: {"total": float(loop.epoch)})  # worse with every epoch
    longer = changed(config, "fit.epochs=6")

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("epoch 5/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(longer, tmp_path / "run", progress=stop)
    assert open_run(tmp_path / "run").history["validation_total"].tolist() == [0, 1, 2, 3]
    seen: list[str] = []
    fit(longer, tmp_path / "run", progress=lambda done, total, text: seen.append(text))
    assert next(text for text in seen if text.startswith("epoch")).startswith("epoch 5/")


def test_a_checkpoint_of_another_version_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    fit(config, tmp_path / "run")
    open_run(tmp_path / "run").record(state="training")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    torch.save({"epoch": 1, "loops": {}, "state_dict": {}}, last)
    with pytest.raises(RunError, match=r"last.ckpt was written by another version .*--force"):
        fit(config, tmp_path / "run")


def test_a_corpus_that_changed_is_refused(squares: Path, config: TrainConfig, tmp_path: Path) -> None:
    moved = tmp_path / "squares"
    shutil.copytree(squares, moved)
    here = changed(config, f"data.path={moved / 'index.csv'}", f"data.media={moved / 'images'}")
    run = fit(here, tmp_path / "run")
    assert list(run.dataset("images").part) == list(run.split["part"])
    table = pd.read_csv(moved / "index.csv")
    table.loc[:20, "who"] = "p3"
    table.to_csv(moved / "index.csv", index=False)
    with pytest.raises(
        RunError, match=r"has changed since the training \(\d+ rows differ, the first .*restore the corpus"
    ):
        run.dataset("images")
    table.iloc[:100].to_csv(moved / "index.csv", index=False)
    with pytest.raises(RunError, match="120 rows then, 100 now"):
        run.dataset("images")


def test_a_start_that_failed_binds_nobody(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="person"):
        fit(changed(config, "data.where=person == 'p1'"), tmp_path / "run")
    assert fit(config, tmp_path / "run").finished


@pytest.mark.parametrize("override", ["fit.accelerator=foo", "fit.precision=foo"])
def test_unknown_devices_and_precisions_are_refused_with_the_known_ones(config: TrainConfig, override: str) -> None:
    with pytest.raises(ConfigError, match=r"fit\.(accelerator|precision): Input should be '.*' \(given: 'foo'\)"):
        changed(config, override)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("override", ["fit.accelerator=cuda", "fit.precision=16-mixed"])
def test_a_device_that_this_machine_lacks(config: TrainConfig, tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"not available here|needs a GPU"):
        fit(changed(config, override), tmp_path / "run")


def test_a_start_that_was_killed_before_its_record_was_written_binds_nobody(
    config: TrainConfig, tmp_path: Path
) -> None:
    run = start_run(tmp_path / "run", config)
    (run.folder / "run.json").rename(partial_path(run.folder / "run.json"))
    other = changed(config, "fit.seed=7")
    assert start_run(run.folder, other).facts["state"] == "training"
    assert open_run(run.folder).config == other


@pytest.mark.parametrize("force", [False, True])
def test_two_trainings_in_one_folder(config: TrainConfig, tmp_path: Path, force: bool) -> None:
    run = fit(changed(config, "fit.epochs=1"), tmp_path / "run")
    run.record(state="training")
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with (
        FileLock(run.folder / ".lock"),
        pytest.raises(RunError, match="another process is training in this folder"),
    ):
        fit(config, run.folder, force=force)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    assert fit(config, run.folder, force=True).finished


def test_force_leaves_nothing_of_the_run_before(config: TrainConfig, tmp_path: Path) -> None:
    run = fit(changed(config, "fit.epochs=1"), tmp_path / "run")
    fresh = {path.relative_to(run.folder) for path in run.folder.rglob("*")}
    (run.folder / "figures").mkdir()
    (run.folder / "figures" / "a.png").touch()
    (run.folder / "metrics.json").touch()
    fit(changed(config, "fit.epochs=1"), run.folder, force=True)
    assert {path.relative_to(run.folder) for path in run.folder.rglob("*")} == fresh


def test_a_refused_training_leaves_the_place_as_it_was(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        fit(changed(config, "data.path=absent.csv"), tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").touch()
    with pytest.raises(RunError, match="not a run of affectspace"):
        fit(config, tmp_path / "mine", force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "diary.txt"]


def test_a_training_continues_with_its_number_of_threads(config: TrainConfig, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if "epoch 2" in text:
            raise KeyboardInterrupt

    threads = torch.get_num_threads()
    free = changed(config, "fit.threads=null")
    with pytest.raises(KeyboardInterrupt):
        fit(free, tmp_path / "run", threads=threads + 1, progress=stop)
    assert open_run(tmp_path / "run").facts["threads"] == threads + 1
    seen: list[int] = []
    run = fit(free, tmp_path / "run", progress=lambda done, total, text: seen.append(torch.get_num_threads()))
    assert set(seen) == {threads + 1}
    assert run.facts["threads"] == threads + 1
    assert torch.get_num_threads() == threads


def test_one_person_only(squares: Path, config: TrainConfig) -> None:
    with pytest.raises(DataError, match="person"):
        Dataset.of_config(changed(config, "data.where=person == 'p1'"))


def test_an_interrupted_training_says_so(config: TrainConfig, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 2 and "epoch" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "run", progress=stop)
    assert fit(config, tmp_path / "run").finished


def test_a_damaged_split_is_named(config: TrainConfig, tmp_path: Path) -> None:
    run = fit(changed(config, "fit.epochs=1"), tmp_path / "run")
    (run.folder / "split.csv").write_text("x\n")
    with pytest.raises(RunError, match=r"split.csv is damaged"):
        run.dataset("images")


def test_names_of_a_split_are_text(tmp_path: Path) -> None:
    names = ["007", "7", "NA", "nan", "1e5", "1E5", "None", "True"]
    (tmp_path / "split.csv").write_text(
        "id,person,part\n" + "".join(f"{name},{name},train\n" for name in names) + "x,,\n"
    )
    split = Run(tmp_path).split
    assert split["id"].tolist() == [*names, "x"]
    assert split["person"].tolist()[:-1] == names
    assert split.loc[8, ["person", "part"]].isna().all()
