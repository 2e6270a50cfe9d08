"""The store and the extraction: equal however they were interrupted, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import Corpus, build_table
from affectspace.errors import DataError, RunError
from affectspace.features import FeatureStore, extract
from affectspace.progress import note


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


def test_vectors_come_back_by_id(tmp_path: Path, letters, text_corpus) -> None:
    corpus, backbone = text_corpus(35), letters()
    done = extract(corpus, backbone, tmp_path / "s", batch_size=4)
    assert (done.made, done.failed, done.kept, done.without) == (35, 0, 0, 0)
    assert backbone.encoded == [4, 4, 2] * 3 + [4, 1]
    store = FeatureStore(tmp_path / "s")
    order = corpus.table["id"].iloc[::-1]
    vectors, present = store.read([*order, "nobody"])
    expected = backbone.encode(list(corpus.table["text"].iloc[::-1]))
    np.testing.assert_array_equal(vectors[:-1], expected)
    assert present.tolist() == [True] * 35 + [False]
    assert not vectors[-1].any()
    ids = [name for part, _ in store for name in part]
    assert ids == corpus.table["id"].tolist()


def test_what_is_there_is_not_made_again(tmp_path: Path, letters, text_corpus) -> None:
    extract(text_corpus(25), letters(), tmp_path / "s")
    before = contents(tmp_path / "s")
    again = letters()
    done = extract(text_corpus(25), again, tmp_path / "s")
    assert (done.made, done.kept, again.encoded) == (0, 25, [])
    grown = extract(text_corpus(40), letters(), tmp_path / "s")
    assert (grown.made, grown.kept) == (15, 25)
    assert {name: value for name, value in contents(tmp_path / "s").items() if name in before} == before
    assert FeatureStore(tmp_path / "s").read(text_corpus(40).table["id"])[1].all()


def test_a_changed_text_is_made_again(tmp_path: Path, letters, text_corpus) -> None:
    corpus = text_corpus(12)
    extract(corpus, letters(), tmp_path / "s")
    changed = replace(
        corpus, table=corpus.table.assign(text=corpus.table["text"].where(corpus.table.index != 3, "zzz"))
    )
    done = extract(changed, letters(), tmp_path / "s")
    assert (done.made, done.kept) == (1, 11)
    store = FeatureStore(tmp_path / "s")
    vectors, _ = store.read(["r003", "r004"])
    assert vectors[0, 25] == 3
    assert sum(len(ids) for ids, _ in store) == 12


def test_an_unreadable_row_costs_one_row(tmp_path: Path, letters, text_corpus) -> None:
    corpus = text_corpus(12)
    texts = corpus.table["text"].mask(corpus.table.index == 5, "why?").mask(corpus.table.index == 6)
    done = extract(replace(corpus, table=corpus.table.assign(text=texts)), letters(), tmp_path / "s")
    assert (done.made, done.failed, done.without) == (10, 1, 1)
    assert done.reasons == {"it asks something": 1}
    index = FeatureStore(tmp_path / "s").index.set_index("id")
    assert index.loc["r005", "reason"] == "it asks something"
    assert index.loc["r005", "row"] == -1
    assert "r006" not in index.index


def test_vectors_that_are_not_finite_cost_their_row(tmp_path: Path, letters, text_corpus) -> None:
    class Odd(letters):
        def encode(self, batch):
            vectors = super().encode(batch)
            vectors[[len(text) > 40 for text in batch], 0] = np.nan
            return vectors

    corpus = text_corpus(30)
    long = int((corpus.table["text"].str.len() > 40).sum())
    done = extract(corpus, Odd(), tmp_path / "s")
    assert 0 < long == done.failed
    assert done.reasons == {"the vector is not finite": long}


def test_another_backbone_is_refused(tmp_path: Path, letters, text_corpus) -> None:
    extract(text_corpus(12), letters(tokens=5), tmp_path / "s")
    before = contents(tmp_path / "s")
    with pytest.raises(
        RunError, match=r"features of another backbone \(settings: .*5.* in the store, .*6.* here\); .*--force"
    ):
        extract(text_corpus(12), letters(tokens=6), tmp_path / "s")
    assert contents(tmp_path / "s") == before
    assert extract(text_corpus(12), letters(tokens=6), tmp_path / "s", force=True).made == 12


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, letters, text_corpus) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(RunError, match="not empty and not a store of features"):
            extract(text_corpus(3), letters(), tmp_path / "s", force=force)
    assert (tmp_path / "s" / "mine.txt").read_text() == "mine"
    with pytest.raises(RunError, match="is not a store of features; `affectspace extract` makes one"):
        FeatureStore(tmp_path / "nowhere")


def test_a_store_without_a_shard_is_completed(tmp_path: Path, letters, text_corpus) -> None:
    extract(text_corpus(25), letters(), tmp_path / "s")
    path = tmp_path / "s" / "shard-00001.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"shard-00001.safetensors is damaged .*; delete this file and extract again"):
        extract(text_corpus(25), letters(), tmp_path / "s")
    path.unlink()
    assert extract(text_corpus(25), letters(), tmp_path / "s").made == 10
    assert FeatureStore(tmp_path / "s").read(text_corpus(25).table["id"])[1].all()


def test_a_complete_store_is_only_read(tmp_path: Path, letters, text_corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may belong to somebody else, or lie on a disk that is read-only."""
    extract(text_corpus(25), letters(), tmp_path / "s")
    before = contents(tmp_path / "s")
    (tmp_path / "s" / ".lock").unlink()
    monkeypatch.setattr("affectspace.files.write_atomic", lambda *_: pytest.fail("something was written"))
    assert extract(text_corpus(25), letters(), tmp_path / "s").kept == 25
    assert not (tmp_path / "s" / ".lock").exists()
    assert contents(tmp_path / "s") == before


def test_numbered_rows_of_another_table_do_not_replace_vectors(tmp_path: Path, letters, text_corpus) -> None:
    mine, other = (replace(text_corpus(20, seed=seed), numbered=True) for seed in (0, 1))
    extract(mine, letters(), tmp_path / "s")
    with pytest.raises(
        RunError, match=r"has vectors of 20 of these rows already, .* choose another --out, give the table a"
    ):
        extract(other, letters(), tmp_path / "s")
    assert extract(mine, letters(), tmp_path / "s").kept == 20
    mine.table.loc[3, "text"] = "corrected"
    assert extract(mine, letters(), tmp_path / "s").changed == 1
    assert extract(other, letters(), tmp_path / "s", force=True).made == 20
    assert (
        extract(replace(mine, numbered=False), letters(), tmp_path / "s").changed == 20
    )  # ids of their own: told, not refused


def test_a_wrong_dimension_stops(tmp_path: Path, letters, text_corpus) -> None:
    backbone = letters()
    backbone.dimension = 5
    with pytest.raises(RunError, match=r"returned vectors of shape \(10, 27\) for 10 rows, but declares dimension 5"):
        extract(text_corpus(12), backbone, tmp_path / "s")


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from conftest import Letters
from affectspace.corpora import Corpus, build_table
from affectspace.features import extract

class Slow(Letters):
    def encode(self, batch):
        time.sleep(0.05)
        return super().encode(batch)

columns = {{"id": [f"r{{i}}" for i in range(60)], "text": ["a" * (i * 7 % 50 + 1) for i in range(60)]}}
table = build_table("texts", columns, where="")
extract(Corpus("texts", table), Slow(), sys.argv[1], batch_size=3)
"""


def test_killed_and_continued_equals_uninterrupted(tmp_path: Path, letters) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    columns = {"id": [f"r{i}" for i in range(60)], "text": ["a" * (i * 7 % 50 + 1) for i in range(60)]}
    corpus = Corpus("texts", build_table("texts", columns, where=""))
    extract(corpus, letters(), tmp_path / "whole", batch_size=3)
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path / "cut")], env=environment)
    deadline = time.monotonic() + 60
    while len(contents(tmp_path / "cut")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(contents(tmp_path / "cut"))
    assert 2 <= done < 6
    extract(corpus, letters(), tmp_path / "cut", batch_size=3)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    for name in ("cut", "whole"):
        assert not list((tmp_path / name).glob("*.partial"))
    first, second = (FeatureStore(tmp_path / name).index for name in ("cut", "whole"))
    assert first.equals(second)


def test_two_processes_do_not_write_one_store(tmp_path: Path, letters, text_corpus) -> None:
    from filelock import FileLock

    (tmp_path / "s").mkdir()
    with FileLock(tmp_path / "s" / ".lock"), pytest.raises(RunError, match="another process is extracting"):
        extract(text_corpus(3), letters(), tmp_path / "s")


def test_memory_holds_two_shards_however_large_the_corpus(tmp_path: Path, letters, text_corpus) -> None:
    alive, most = set(), [0]

    class Counted(letters):
        def load(self, item):
            alive.add(item.id)
            most[0] = max(most[0], len(alive))
            return item

        def length(self, loaded):
            return len(loaded.text)

        def encode(self, batch):
            alive.difference_update(item.id for item in batch)
            return super().encode([item.text for item in batch])

    for n in (40, 400):
        extract(text_corpus(n), Counted(), tmp_path / str(n), workers=2)
    assert most[0] <= 20


def test_memory_stays_flat_while_the_corpus_grows_tenfold(tmp_path: Path, letters, text_corpus) -> None:
    class Heavy(letters):  # what it decodes of a row takes 200 kB, so that 60 rows take 12 MB and 600 rows 120 MB
        def load(self, item):
            return np.zeros(200_000, np.uint8), item.text

        def length(self, loaded):
            return len(loaded[1])

        def encode(self, batch):
            return super().encode([text for _, text in batch])

    most = {}
    for n in (60, 600):
        corpus = text_corpus(n)
        tracemalloc.start()
        extract(corpus, Heavy(), tmp_path / str(n), workers=2)
        most[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    shard = 10 * 200_000  # bytes; one is encoded while the next one is decoded, or not yet
    for n in most:
        assert shard < most[n] < 2 * shard + 2e6


def test_backbone_json_says_what_made_it(tmp_path: Path, letters, text_corpus) -> None:
    extract(text_corpus(3), letters(pool="mean"), tmp_path / "s")
    written = json.loads((tmp_path / "s" / "backbone.json").read_text())
    assert written["name"] == "text:letters"
    assert written["settings"] == {"pool": "mean"}
    assert written["versions"]["numpy"] == np.__version__


def test_no_remark_of_any_thread_is_lost() -> None:
    counts: Counter[str] = Counter()
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda k: note(counts, f"remark {k // 8}"), range(4_000)))
    finally:
        sys.setswitchinterval(switching)
    assert set(counts.values()) == {8}
    assert len(counts) == 500
