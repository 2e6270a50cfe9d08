"""Stores that were damaged, exchanged or mixed up: everything is noticed before a vector is used."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from affectspace.errors import DataError, RunError
from affectspace.features import FeatureStore, extract
from affectspace.features.items import items_of, open_item_files

IDS = [f"r{row:03d}" for row in range(25)]


@pytest.fixture
def store(tmp_path: Path, letters, text_corpus) -> Path:
    """A store of 25 rows in shards of ten."""
    extract(text_corpus(25), letters(), tmp_path / "store")
    return tmp_path / "store"


def rewrite(path: Path, change: Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]) -> None:
    """Write a shard with other vectors or another header, as a program that knows the format would."""
    with safe_open(path, framework="np") as file:
        features, header = file.get_tensor("features"), json.loads(file.metadata()["rows"])
    features, header = change(features, header)
    save_file({"features": np.ascontiguousarray(features)}, path, {"rows": json.dumps(header)})


def without(header: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in header.items() if name != key}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40] ^= 0xFF
    path.write_bytes(content)


def exchange(path: Path) -> None:
    other = path.with_name("shard-00001.safetensors")
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


SHARDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped byte": (flip, "its vectors have changed since"),
    "permuted rows": (lambda path: rewrite(path, lambda x, rows: (x[::-1], rows)), "its vectors have changed since"),
    "permuted ids": (
        lambda path: rewrite(path, lambda x, rows: (x, {**rows, "ids": rows["ids"][::-1]})), "its list of rows has changed",
    ),
    "other marks": (
        lambda path: rewrite(path, lambda x, rows: (x, {**rows, "marks": ["0"] * 10})), "its list of rows has changed",
    ),
    "exchanged files": (exchange, "it was written as shard-00001.safetensors"),
    "one dimension": (lambda path: rewrite(path, lambda x, rows: (x[:, 0], rows)), r"its vectors have shape \(10,\)"),
    "fewer rows": (lambda path: rewrite(path, lambda x, rows: (x[:4], rows)), r"its vectors have shape \(4, 27\)"),
    "narrower": (lambda path: rewrite(path, lambda x, rows: (x[:, :10], rows)), r"its vectors have shape \(10, 10\)"),
    "whole numbers": (lambda path: rewrite(path, lambda x, rows: (x.astype(np.int32), rows)), "type I32, not .* and F32"),
    "a list": (lambda path: rewrite(path, lambda x, rows: (x, [1])), "is damaged"),
    "no marks": (lambda path: rewrite(path, lambda x, rows: (x, without(rows, "marks"))), "is damaged"),
    "ids that are numbers": (lambda path: rewrite(path, lambda x, rows: (x, {**rows, "ids": [*range(10)]})), "is damaged"),
    "no tensor": (lambda path: save_file({"x": np.ones(2)}, path), "is damaged"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("damage", SHARDS)
def test_damaged_shards_are_noticed(store: Path, damage: str, letters, text_corpus) -> None:
    do, message = SHARDS[damage]
    assert FeatureStore(store).read(IDS)[1].all()  # the version before is known to be right
    do(store / "shard-00000.safetensors")
    with pytest.raises(
        DataError, match=rf"shard-0000[01].safetensors is damaged \(.*{message.removeprefix('is damaged')}"
    ):
        FeatureStore(store).read(IDS)
    with pytest.raises(DataError, match=r"shard-0000[01].safetensors is damaged"):
        extract(text_corpus(25), letters(), store)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_flipped_byte_never_changes_a_vector_or_its_row(store: Path, place: int, flip: int) -> None:
    path = store / "shard-00000.safetensors"
    whole = path.read_bytes()
    expected = FeatureStore(store).read(IDS)[0]
    content = bytearray(whole)
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    try:
        vectors = FeatureStore(store).read(IDS)[0]
    except DataError as error:
        assert path.name in str(error)  # noqa: PT017 -- both ends are right
    else:  # a byte of filling, or the name of a hash
        np.testing.assert_array_equal(vectors, expected)
    finally:
        path.write_bytes(whole)


def test_the_table_of_rows_is_for_people(store: Path) -> None:
    """Whatever it says, rows are found by the headers of the shards."""
    expected, _ = FeatureStore(store).read(IDS)
    for frame in (
        pd.DataFrame({"x": [1]}),
        pd.DataFrame({"id": IDS, "shard": "shard-00000.safetensors", "row": 10**6}),
    ):
        frame.to_parquet(store / "index.parquet")
        np.testing.assert_array_equal(FeatureStore(store).read(IDS)[0], expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "backbone.json is damaged"),
        ("[1]", "backbone.json is damaged"),
        ("{}", "backbone.json is damaged"),
        ('{"name": 1, "modality": "text", "dimension": 27}', r"backbone.json is damaged \(name is 1\)"),
        ('{"name": "a", "modality": "text", "dimension": -1}', r"backbone.json is damaged \(dimension is -1\)"),
        ('{"name": "a", "modality": "text", "dimension": 27, "settings": [1]}', r"damaged \(settings is \[1\]\)"),
        ('{"name": "a", "modality": "text", "dimension": 27, "columns": ["a"]}', r"damaged \(columns is \['a'\]\)"),
        ('{"modality": "text", "dimension": 27}', r"backbone.json is damaged \(name is None\)"),
        ('{"name": "a", "modality": "text", "dimension": Infinity}', "backbone.json is damaged"),
        ('{"name": "a", "modality": "text", "dimension": 10}', r"its vectors have shape \(10, 27\) .*, not \(10, 10\)"),
        ('{"name": "a", "modality": "text", "dimension": 1e12}', r"its vectors have shape \(10, 27\)"),
    ],
)
def test_a_damaged_description_is_noticed(store: Path, content: str, message: str) -> None:
    (store / "backbone.json").write_text(content)
    with pytest.raises((RunError, DataError), match=message):
        FeatureStore(store).read(IDS)


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_files_have_the_permissions_of_the_umask(tmp_path: Path, umask: int) -> None:
    code = f"""
import os; os.umask({umask})
from pathlib import Path
import numpy as np
from affectspace.features.store import FeatureStore, Shard
store = FeatureStore.create(Path("s"), {{"name": "a", "modality": "text", "dimension": 1, "revision": "1"}})
store.add(Shard(["a"], ["m"], np.ones((1, 1)), []))
store.write_index()
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={**os.environ})
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()} == {0o666 & ~umask}


def test_files_are_compared_by_size_cut_and_content_and_not_by_time(tmp_path: Path, media_corpus) -> None:
    names = ["a.wav", "b.wav", "c.wav", "d.wav"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 100)
    corpus = media_corpus(tmp_path, audio=names)
    items = items_of(corpus, "audio")
    with open_item_files(tmp_path) as files:
        marks = [files.fingerprint(item) for item in items]
        for name in names:
            os.utime(tmp_path / name, (10**9, 10**9))
        assert files.changed(items, marks) == []
        (tmp_path / "a.wav").write_bytes(b"longer" * 1000)
        (tmp_path / "b.wav").write_bytes(b"x" * (tmp_path / "b.wav").stat().st_size)
        (tmp_path / "c.wav").unlink()
        assert [item.id for item in files.changed(items, marks)] == ["m0", "m1"]
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    archive = Path(shutil.make_archive(str(tmp_path / "media"), "zip", tmp_path))
    with open_item_files(archive) as files:  # a store of a folder, a corpus of a zip
        assert files.changed(items, marks) == []
        assert files.changed(items[:1], ["7:" + marks[0].split(":", 1)[1]]) == items[:1]
    corpus.table["cut"], corpus.table["start"] = "audio", 1.0
    with open_item_files(tmp_path) as files:
        assert len(files.changed(items_of(corpus, "audio"), marks)) == 4
