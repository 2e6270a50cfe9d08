"""The studies' engine: one rule on folders with other settings, for studies and for `train`."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from affectspace.errors import RunError
from affectspace.studies.engine import require_same_members
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.runs import open_run, start_run


@dataclass(frozen=True)
class Member:
    folder: str
    config: TrainConfig


def config(epochs: int) -> TrainConfig:
    return build_config({"data": {"corpus": "faces", "path": "drawn"}, "model": {}, "fit": {"epochs": epochs}})


def test_a_start_that_failed_before_it_trained_binds_neither_a_study_nor_a_training(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    start_run(folder, config(3))
    plan = [Member("one", config(5)), Member("absent", config(5))]
    require_same_members(tmp_path, plan)
    start_run(folder, config(5))
    assert open_run(folder).image_config.fit.epochs == 5


def test_a_folder_that_has_trained_binds_both(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    start_run(folder, config(3))
    (folder / "checkpoints").mkdir()
    require_same_members(tmp_path, [Member("one", config(3))])
    start_run(folder, config(3))
    message = r"one was started with another configuration \(fit.epochs: 3 -> 5\); "
    with pytest.raises(RunError, match=message + "choose another --out for this study"):
        require_same_members(tmp_path, [Member("one", config(5))])
    with pytest.raises(RunError, match=message + "continue it with the same one"):
        start_run(folder, config(5))
