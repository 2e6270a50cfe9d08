"""Two local Ray actors make the store that one process makes, stopped and continued, too."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from affectspace.errors import ConfigError, DataError, RunError
from affectspace.features import FeatureStore, RayEngine, extract, make_backbone
from affectspace.features import ray_engine as module

ROWS = 40


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of two cores that the tests of this file share."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def texts(tmp_path: Path, text_corpus, tiny_text: Path) -> SimpleNamespace:
    """Texts, a backbone of shards of eight rows, and the store that this process makes of them."""
    backbone = make_backbone("text", str(tiny_text), pooling="mean", layers=[-1, 0])
    backbone.shard_rows = 8
    corpus = text_corpus(ROWS)
    extract(corpus, backbone, tmp_path / "alone", batch_size=4)
    return SimpleNamespace(corpus=corpus, backbone=backbone, alone=contents(tmp_path / "alone"))


@pytest.mark.slow
def test_two_actors_make_the_same_store(cluster: None, tmp_path: Path, texts: SimpleNamespace) -> None:
    seen = []
    done = extract(
        texts.corpus, texts.backbone, tmp_path / "ray", batch_size=4, engine=RayEngine(actors=2),
        progress=lambda rows, total, text: seen.append((rows, total)),
    )  # fmt: skip
    assert contents(tmp_path / "ray") == texts.alone
    assert len(texts.alone) == ROWS // 8
    assert seen == [(8 * (k + 1), ROWS) for k in range(ROWS // 8)]
    assert (done.made, done.failed) == (ROWS, 0)
    first, second = (FeatureStore(tmp_path / name) for name in ("alone", "ray"))
    assert first.index.equals(second.index)
    assert first.backbone == second.backbone


@pytest.mark.slow
def test_stopped_on_ray_and_continued_here_and_back(cluster: None, tmp_path: Path, texts: SimpleNamespace) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int, text: str) -> None:
        raise StopError

    for engine in (RayEngine(actors=1), None):
        with pytest.raises(StopError):
            extract(texts.corpus, texts.backbone, tmp_path / "s", batch_size=4, engine=engine, progress=stop)
    assert len(contents(tmp_path / "s")) == 2
    done = extract(texts.corpus, texts.backbone, tmp_path / "s", batch_size=4, engine=RayEngine(actors=2))
    assert (done.made, done.kept) == (24, 16)
    assert contents(tmp_path / "s") == texts.alone
    assert extract(texts.corpus, texts.backbone, tmp_path / "s", engine=RayEngine()).made == 0


@pytest.mark.slow
def test_files_that_cannot_be_read_cost_their_row(cluster: None, tmp_path: Path, media_corpus, monkeypatch) -> None:
    time = np.arange(8_000) / 16_000
    (tmp_path / "media").mkdir()
    for k in range(4):
        voice = sum(np.sin(2 * np.pi * n * (100 + 20 * k) * time) / n for n in range(1, 9))
        soundfile.write(tmp_path / "media" / f"{k}.wav", 0.1 * voice, 16_000)
    (tmp_path / "media" / "4.wav").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    corpus = media_corpus(Path("media"), audio=[f"{k}.wav" for k in range(6)])
    backbone = make_backbone("audio")
    backbone.shard_rows = 3
    alone = extract(corpus, backbone, tmp_path / "alone")
    ray = extract(corpus, backbone, tmp_path / "ray", engine=RayEngine(actors=2))
    assert contents(tmp_path / "alone") == contents(tmp_path / "ray")
    assert ray.reasons == alone.reasons == {"the file is empty (0 bytes)": 1, "there is no such file": 1}


@pytest.mark.slow
def test_a_backbone_without_a_recipe_is_sent_itself(cluster: None, tmp_path: Path, letters, text_corpus) -> None:
    import ray.cloudpickle

    ray.cloudpickle.register_pickle_by_value(sys.modules[letters.__module__])  # the actors cannot import tests
    extract(text_corpus(25), letters(), tmp_path / "alone")
    extract(text_corpus(25), letters(), tmp_path / "ray", engine=RayEngine(actors=2))
    assert contents(tmp_path / "alone") == contents(tmp_path / "ray")
    wrong = letters()
    wrong.dimension = 5
    with pytest.raises(
        RunError, match=r"^backbone text:letters returned vectors of shape \(10, 27\) for 10 rows, but decl"
    ):
        extract(text_corpus(25), wrong, tmp_path / "wrong", engine=RayEngine(actors=1))
    wrong.lock = threading.Lock()
    with pytest.raises(ConfigError, match="backbone text:letters cannot be sent to other processes"):
        extract(text_corpus(25), wrong, tmp_path / "wrong", engine=RayEngine(actors=1))


@pytest.mark.slow
def test_remarks_and_errors_of_actors_come_back(
    cluster: None, tmp_path: Path, texts: SimpleNamespace, tiny_text: Path
) -> None:
    short = make_backbone("text", str(tiny_text), tokens=6)
    short.shard_rows = 8
    alone = extract(texts.corpus, short, tmp_path / "cut-alone").remarks
    ray = extract(texts.corpus, short, tmp_path / "cut-ray", engine=RayEngine(actors=2)).remarks
    assert alone == ray != {}
    with pytest.raises(RunError, match=r"room for 2 actors of 1 cores each .* but 3 are needed; use fewer"):
        extract(texts.corpus, short, tmp_path / "much", engine=RayEngine(actors=3))


def test_shards_come_in_order_whoever_is_done_first() -> None:
    finished = []

    class Actor:
        def __init__(self, name: str) -> None:
            self.shard = SimpleNamespace(remote=lambda rows: (name, rows))

    def wait(answers: list, num_returns: int) -> tuple[list, list]:
        finished.append(answers[-1])  # the newest first: the worst order
        return [answers[-1]], []

    ray = SimpleNamespace(get=lambda answer: answer[1], wait=wait)
    shards = list(range(50))
    assert list(module._shards_in_order(ray, [Actor("a"), Actor("b")], shards)) == shards
    assert [rows for _, rows in finished] != shards
    assert {name for name, _ in finished} == {"a", "b"}


def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Actor:
        host = SimpleNamespace(remote=lambda: ("node7", {"numpy": "1.0", "torch": "2.0"}))

    class Kind:
        def remote(self, *inputs: object) -> Actor:
            return Actor()

    ray = SimpleNamespace(
        cluster_resources=lambda: {"CPU": 4.0}, put=lambda value: value, get=lambda answers: answers,
        remote=lambda **options: lambda kind: Kind(),
    )  # fmt: skip
    monkeypatch.setattr(module, "package_versions", lambda: {"numpy": "1.0", "torch": "2.1"})
    with pytest.raises(RunError, match=r"node7 would compute other numbers \(torch 2.0 there, 2.1 here\)"):
        RayEngine()._start_actors(ray, Actor, (), 9)
    with pytest.raises(RunError, match=r"room for 0 actors of 1 cores and 1 GPUs each \(it has 4 cores and 0 GPUs\)"):
        RayEngine(gpus=1)._start_actors(ray, Actor, (), 9)


def test_a_cluster_that_does_not_answer() -> None:
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(
            RunError, match=rf"no Ray cluster at {address} \(.*refused\); correct the address, or start one: ray start"
        ):
            module._require_answer(address)
    for address in (None, "auto", "local"):
        module._require_answer(address)


def test_without_ray_the_error_says_how_to_get_it(tmp_path: Path, letters, text_corpus, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ConfigError, match=r"needs Ray: pip install 'affectspace\[ray\]'"):
        extract(text_corpus(3), letters(), tmp_path / "s", engine=RayEngine())


@pytest.mark.slow
def test_an_actor_that_cannot_begin_says_why(cluster: None, tmp_path: Path, media_corpus, tiny_text: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 16_000)
    corpus = media_corpus(tmp_path, audio=["a.wav"])
    with pytest.raises(
        ConfigError, match=r"^the backbone audio:functionals of these vectors cannot run here: revision '0'"
    ):
        extract(corpus, replaced(make_backbone("audio"), revision="0"), tmp_path / "s", engine=RayEngine(actors=1))


def test_media_that_an_actor_does_not_see(tmp_path: Path, letters) -> None:
    with pytest.raises(DataError, match=r"gone: there is no such folder or zip of media"):
        module.ShardActor(letters(), "cpu", tmp_path / "gone", 4, 1).host()


def replaced(backbone, **changes):
    for name, value in changes.items():
        setattr(backbone, name, value)
    return backbone
