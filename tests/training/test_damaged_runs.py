"""Damaged files of a run: each is an error that names the file and says what to do, never a traceback."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affectspace.errors import AffectspaceError
from affectspace.training.configuration import TrainConfig
from affectspace.training.fit import fit
from affectspace.training.runs import Run, open_run

Damage = Callable[[Path], Any]
DEEP = b"[" * 100_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for one finished run, which `finished` copies."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def finished(trained: Path, union: TrainConfig, tmp_path: Path) -> Path:
    if not trained.exists():
        fit(union, trained)
    return shutil.copytree(trained, tmp_path / "run")


def holding(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content)


def with_values(**values: Any) -> Damage:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


ANY = {"empty": holding(b""), "bytes": holding(b"\xff\xfe\x00junk"), "folder": as_folder, "missing": Path.unlink}
JSON = {**ANY, "cut": cut, "list": holding(b"[]"), "deep": holding(DEEP), "digits": holding(b"9" * 5000)}
RUN = {
    **JSON,
    **{
        f"{key} {value}": with_values(**{key: value})
        for key, value in [
            ("kind", ["manifold"]), ("kind", {"a": 1}), ("kind", None), ("kind", "other"), ("modalities", ["text"]),
            ("modalities", {"text": 1}), ("corpora", [1]), ("corpora", {"a": 1}), ("places", "x"), ("places", {"a": 1}),
        ]
    },
}  # fmt: skip
MODEL = {
    **JSON,
    **{
        f"{key} {value}": with_values(**{key: value})
        for key, value in [
            ("private", {"size": 2_000_000_000}), ("private", {"size": 2**63}), ("private", "x"), ("modalities", []),
            ("modalities", {"text": 0}), ("modalities", None), ("categories", 5), ("fusion", "x"), ("kind", "mvae"),
            ("encoder", {"hidden": [-1]}), ("encoder", {"hidden": [10**9] * 3}), ("unknown", 1),
        ]
    },
}  # fmt: skip


def use(run: Path) -> None:
    """What prediction and evaluation read."""
    opened = open_run(run)
    assert isinstance(opened.backbones, dict)
    opened.dataset("features")
    opened.model()


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param(file, damage, id=f"{file}: {name}")
        for file, damages in {
            "run.json": RUN,
            "model/config.json": MODEL,
            "model/model.safetensors": {**ANY, "cut": cut},
            "split.csv": {**ANY, "header": holding(b"id,part\n"), "columns": holding(b"x\n1\n")},
            "config.yaml": {
                **ANY, "list": holding(b"[]"), "deep": holding(DEEP), "twice": holding(b"fit: {}\nfit: {}\n"),
                "kind": holding(b"model: {kind: [manifold]}"),
            },
        }.items()
        for name, damage in damages.items()
    ],
)  # fmt: skip
def test_a_damaged_file_of_a_run_is_named(finished: Path, file: str, damage: Damage) -> None:
    damage(finished / file)
    with pytest.raises(AffectspaceError) as error:
        use(finished)
    assert Path(file).name in str(error.value) or "of kind" in str(error.value) or "changed" in str(error.value)


@pytest.mark.parametrize("damage", ANY.values(), ids=ANY)
def test_a_damaged_history_is_named(finished: Path, damage: Damage) -> None:
    damage(finished / "history.csv")
    with pytest.raises(AffectspaceError, match=r"history\.csv is missing or damaged .*--force"):
        assert Run(finished).history


def saved(content: Any) -> Damage:
    return lambda path: torch.save(content, path)


def reshaped(path: Path) -> None:
    """Give the first weight another shape."""
    state = torch.load(path, weights_only=True)
    name = next(iter(state["model"]))
    state["model"][name] = torch.zeros(7, 7)
    torch.save(state, path)


def without(key: str) -> Damage:
    def remove(path: Path) -> None:
        state = torch.load(path, weights_only=True)
        torch.save({name: value for name, value in state.items() if name != key}, path)

    return remove


CHECKPOINT = {
    **{name: damage for name, damage in ANY.items() if name != "missing"},
    "cut": cut, "empty dict": saved({}), "list": saved([1]), "number": saved(1), "shapes": reshaped, "keys": without("model"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param(file, damage, id=f"{file}: {name}")
        for file, damages in {
            "last.ckpt": {**CHECKPOINT, "best": lambda path: shutil.copyfile(path.with_name("best.ckpt"), path)},
            "best.ckpt": {**CHECKPOINT, "missing": Path.unlink},
        }.items()
        for name, damage in damages.items()
    ],
)
def test_a_damaged_checkpoint_is_named(finished: Path, file: str, damage: Damage) -> None:
    config = open_run(finished).config
    best = config.model_copy(update={"fit": config.fit.model_copy(update={"keep": "best"})})
    (finished / "config.yaml").write_text(best.to_yaml())
    Run(finished).record(state="training")
    damage(finished / "checkpoints" / file)
    if file == "last.ckpt" and (finished / "checkpoints" / file).is_dir():
        return  # it counts as none, and the training begins again
    with pytest.raises(
        AffectspaceError, match=rf"{file} (is missing or damaged .*delete the folder|was written by an)"
    ):
        fit(best, finished)


def test_a_missing_history_is_written_again(finished: Path) -> None:
    run = open_run(finished)
    before = run.history
    run.record(state="training")
    (finished / "history.csv").unlink()
    assert fit(run.config, finished).history.equals(before)
