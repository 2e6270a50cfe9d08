"""Two processes on the CPU: the same rows, the same numbers within the noise of sampling, and errors that keep their words."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affectspace.data.dataset import Dataset
from affectspace.errors import RunError
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.distributed import Relay
from affectspace.training.fit import fit
from affectspace.training.runs import open_run


def drawn_set() -> Dataset:
    """600 rows of two modalities that both say the affect; a third of the rows lacks each."""
    random = np.random.default_rng(0)
    affect = random.uniform(-0.8, 0.8, (600, 3))
    features = {
        name: np.concatenate([affect + 0.3 * random.normal(size=(600, 3)), random.normal(size=(600, width))], axis=1)
        for name, width in (("text", 5), ("audio", 3))
    }
    features["text"][:200] = np.nan
    features["audio"][400:] = np.nan
    part = random.permutation(np.repeat(["train", "validation", "test"], [400, 100, 100]))
    return Dataset.from_arrays(features, part, affect=affect)


def config_of(data: Dataset, *overrides: str) -> TrainConfig:
    fields = {
        "model": {
            "kind": "manifold",
            "hidden": (16,),
            "private": 3,
            "skip": "none",
            "dropout": 0,
            "feature_dropout": 0,
        },
        "fit": {"epochs": 12, "batch_size": 32, "threads": 1, "accelerator": "cpu", "learning_rate": 0.01},
    }
    return build_config(fields, modalities=data.modalities, overrides=overrides)


TWO = ("fit.devices=2", "fit.strategy=ddp")


@pytest.mark.slow
def test_two_processes_reach_what_one_reaches(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    data, seen = drawn_set(), []
    one = fit(config_of(data), tmp_path / "one", data=data)
    capfd.readouterr()
    two = fit(
        config_of(data, *TWO),
        tmp_path / "two",
        data=data,
        progress=lambda done, total, text: seen.append((done, total)),
    )
    assert capfd.readouterr() == ("", "")
    assert two.finished
    assert seen[-1] == (144, 144)
    assert "epoch 12:" in (tmp_path / "two" / "log.txt").read_text()
    last, other = one.history.iloc[-1], two.history.iloc[-1]
    for name in ("validation_total", "validation_anchor", "validation_independence", "train_total", "train_anchor"):
        assert other[name] == pytest.approx(last[name], rel=0.1), name
    test = data.batch("test")
    reached = []
    for run in (one, two):
        fused = run.model().represent(test.features, test.present).fused.detach()
        reached.append([np.corrcoef(fused[:, axis], test.affect[:, axis])[0, 1] for axis in range(3)])
    assert min(reached[0]) > 0.6
    np.testing.assert_allclose(reached[1], reached[0], atol=0.03)


@pytest.mark.slow
def test_an_error_in_another_process_keeps_its_words(tmp_path: Path) -> None:
    data = drawn_set()
    wild = config_of(data, *TWO, "fit.learning_rate=1e30", "fit.schedule=constant")
    with pytest.raises(RunError, match=r"the loss is (nan|inf) in epoch \d+, step \d+ .*rows of that batch: row \d+"):
        fit(wild, tmp_path / "run", data=data)
    assert not open_run(tmp_path / "run").finished


def test_a_killed_process_of_a_training_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = drawn_set()

    def killed(*_: object, **__: object) -> None:
        raise torch.multiprocessing.ProcessExitedException("terminated with signal SIGKILL", 1, 1, 1, "SIGKILL")

    monkeypatch.setattr(torch.multiprocessing, "start_processes", killed)
    with pytest.raises(
        RunError, match=r"a process of the training was killed \(terminated .* run the same command again"
    ):
        fit(config_of(data, *TWO), tmp_path / "run", data=data)


def test_what_is_told_arrives_in_order_and_the_first_error_is_raised() -> None:
    relay, message = Relay(), []
    with relay.listening(lambda done, total, text: message.append(text), message.append):
        relay.progress(1, 2, "one")
        relay.say("two")
    assert message == ["one", "two"]
    relay.failed(RunError("the loss is nan"))
    with pytest.raises(RunError, match="the loss is nan"), relay.listening(print, print):
        raise OSError("the process ended")
    with pytest.raises(OSError, match="another"), relay.listening(print, print):
        raise OSError("another")


def test_a_listener_that_fails_does_not_block_the_others() -> None:
    def broken(done: int, total: int, text: str) -> None:
        raise KeyError(text)

    def tell(relay: Relay) -> None:
        with relay.listening(broken, print):
            for step in range(10_000):  # more than a pipe holds
                relay.progress(step, 10_000, f"step {step}")

    with pytest.raises(KeyError, match="step 0"):
        tell(Relay())
