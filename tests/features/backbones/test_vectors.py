"""Ready-made vectors in files of three kinds, matched by id or by file."""

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.errors import ConfigError, DataError
from affectspace.features import extract
from affectspace.features.backbones.named_vectors import RECIPE, NamedVectors
from affectspace.features.backbones.vectors import read_vectors


def test_npz_by_file_names(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["A/one.wav", "A/two.wav", "A/three.wav"])
    numbers = np.arange(8, dtype=np.float64).reshape(4, 2)
    numbers[1, 1] = np.nan
    np.savez(tmp_path / "v.npz", au=numbers, files=["x/two.flac", "one.flac", "four.flac", "five.flac"])
    backbone, items = read_vectors(tmp_path / "v.npz", "units", corpus)
    done = extract(corpus, backbone, tmp_path / "s", items=items)
    assert (done.made, done.failed, done.without) == (1, 1, 1)
    assert done.reasons == {"the ready-made vector has missing, infinite or too large numbers": 1}
    vectors, present = done.store.read(["m0", "m1", "m2"])
    assert present.tolist() == [False, True, False]
    assert vectors[1].tolist() == [0, 1]
    assert done.store.modality == "units"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_by_id(tmp_path: Path, media_corpus, kind: str) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    frame = pd.DataFrame({"id": ["m1", "m0"], "smile": [1.0, 2.0], "frown": [3, 4]})
    path = tmp_path / f"v.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    backbone, items = read_vectors(path, "units", corpus)
    assert backbone.columns == ("smile", "frown")
    assert [item.vector.tolist() for item in items] == [[2, 4], [1, 3]]


def test_errors(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 3)), files=["a", "b"])
    np.savez(tmp_path / "twice.npz", a=np.ones((2, 2)), files=["a.wav", "a.wav"])
    np.savez(tmp_path / "other.npz", a=np.ones((2, 2)), files=["q", "r"])
    np.savez(tmp_path / "pickled.npz", a=np.ones((2, 2)), files=np.array(["a", "b"], dtype=object))
    np.savez(tmp_path / "short.npz", a=np.ones((3, 2)), files=["a", "b"])
    (tmp_path / "t.csv").write_text("id,x\nm0,high\n")
    (tmp_path / "data.pt").write_bytes(b"x")
    (tmp_path / "long.csv").write_text("id,x\n0,m0,1\n1,m1,1\n")
    (tmp_path / "n.csv").write_text("name,x\nm0,1\n")
    for name, message in (
        ("two.npz", r"2 arrays of vectors \(a, b\); choose one"),
        ("twice.npz", "1 names occur twice, such as 'a.wav'; give one vector per name"),
        ("other.npz", r"none of its 2 names \(q, ...\) is an id or a file of the rows of corpus media \(m0, ...\)"),
        ("pickled.npz", "no array of names 'files' .* it has a: numbers, .* files: Python objects"),
        ("short.npz", r"3 vectors \(a\) for 2 names \(files\)"),
        ("t.csv", "x besides id must hold numbers"),
        ("n.csv", "no column 'id'; it has name, x"),
        ("gone.npz", "there is no such file"),
        ("data.pt", r"vectors are read from .npz, .csv, .tsv, .xlsx, .jsonl or .parquet, not .pt"),
        ("long.csv", "line 2 has 3 fields, the first line 2"),
    ):
        with pytest.raises(DataError, match=message):
            read_vectors(tmp_path / name, "units", corpus)
    with pytest.raises(ConfigError, match="a modality name of their own, not 'audio'"):
        read_vectors(tmp_path / "two.npz", "audio", corpus)


def named(*keys: str) -> NamedVectors:
    return NamedVectors(Path("v.csv"), keys, np.arange(len(keys), dtype=np.float32)[:, None], ("x",))


@pytest.mark.parametrize(
    ("keys", "rows", "vectors"),
    [
        (["s.2"], ["s.1", "s.2", "s.3"], [-1, 0, -1]),  # what follows a dot is no suffix of a medium
        (["s.1", "s.2", "s.3"], ["s.3", "s.1", "s.2"], [2, 0, 1]),
        (["Ses01F_impro01.F000"], ["Ses01F_impro01.M000", "Ses01F_impro01.F000"], [-1, 0]),
        (["B/001"], ["A/001", "B/001"], [-1, 0]),
        (["001"], ["A/001", "B/001"], [-1, -1]),
        (["A/001", "B/001"], ["001"], [-1]),
        (["001"], ["A/001", "B/002"], [0, -1]),
        (["1", "1e5"], ["001", "1E5", "1"], [-1, -1, 0]),
        (["a.wav"], [("r0", "x/a.flac"), ("r1", "x/b.flac")], [0, -1]),
        (["train/dia0.mp4"], [("t", "train/dia0.mp4"), ("d", "dev/dia0.mp4")], [0, -1]),
        (["dia0"], [("t", "train/dia0.mp4"), ("d", "dev/dia0.mp4")], [-1, -1]),
        (["train/dia0", "dev/dia0"], [("d", "MELD/dev/dia0.mp4")], [1]),
        (["x/a.wav"], [("rater1", "x/a.wav"), ("rater2", "x/a.wav")], [0, 0]),  # two rows of one file
        (["a"], [("rater1", "x/a.wav"), ("rater2", "x/a.wav")], [0, 0]),
        (["a.wav", "a.mp4"], [("r", "a.mp4")], [1]),
        (["a.wav", "a.mp4"], ["a"], [-1]),
        ([r"A\1.wav"], [("r", "A/1.wav")], [0]),
        (["e\u0301.wav"], [("r", "\u00e9.wav")], [0]),
        (["a"], [("a", "x/b.wav"), ("c", "x/a.wav")], [0, -1]),  # an id, which another row has as a file
    ],
)
def test_names_join_only_what_is_certain(keys: list[str], rows: list, vectors: list[int]) -> None:
    table = [(row,) if isinstance(row, str) else row for row in rows]
    assert named(*keys).match(table).vectors.tolist() == vectors


NAMES = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["1", "01", "1.2"]), st.sampled_from(["", ".wav", ".mp4"])),
    unique=True, min_size=1, max_size=6,
)  # fmt: skip


@given(NAMES, NAMES)
def test_a_row_gets_the_vector_of_its_own_name_or_one_that_nobody_else_may_claim(keys: list, rows: list) -> None:
    """The order of rows does not matter, an equal name always wins, and different files never share a vector."""
    names = [f"{folder}/{stem}{suffix}" for folder, stem, suffix in rows]
    vectors = named(*(f"{folder}/{stem}{suffix}" for folder, stem, suffix in keys))
    matches = vectors.match([(name,) for name in names])
    backwards = vectors.match([(name,) for name in names[::-1]]).vectors[::-1]
    assert matches.vectors.tolist() == backwards.tolist()
    used = matches.vectors[matches.vectors >= 0].tolist()
    assert len(used) == len(set(used))
    for name, number in zip(names, matches.vectors.tolist(), strict=True):
        if name in vectors.keys:
            assert vectors.keys[number] == name


def test_doubtful_names_are_told_and_rows_that_were_not_chosen_count(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["A/1.wav", "B/1.wav", "A/2.wav"])
    (tmp_path / "v.csv").write_text("id,x\n1,5\nother/2,7\n")
    backbone, items = read_vectors(tmp_path / "v.csv", "units", corpus)
    assert [(item.id, item.vector.tolist()) for item in items] == [("m2", [7])]
    assert backbone.notes[0].startswith(
        "v.csv: 1 names fit several rows, or several vectors, and are not used (such as '1')"
    )
    assert "1 rows get the vector of the same file name in another folder" in backbone.notes[1]
    with pytest.raises(DataError, match="its names fit several rows of corpus media or several of its vectors fit one"):
        read_vectors(tmp_path / "v.csv", "units", corpus.take([0]), among=corpus.take([0, 1]))


def test_a_file_of_which_rows_are_cuts_names_none_of_them(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav"])
    corpus.table["cut"] = ["audio", None]
    (tmp_path / "v.csv").write_text("id,x\na.wav,1\nb.wav,2\n")
    assert [item.id for item in read_vectors(tmp_path / "v.csv", "units", corpus)[1]] == ["m1"]


def test_sequences_are_pooled_on_request_without_their_padding(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", "b.wav", "c.wav"])
    x = np.zeros((3, 4, 2), np.float32)
    x[0, :2] = [[1, 2], [3, 6]]  # padding at the end
    x[1, 1:] = [[5, 5], [0, 0], [1, 3]]  # at the beginning; a step of zeros in the middle counts
    np.savez(tmp_path / "s.npz", x=x, files=["a", "b", "c"])
    with pytest.raises(
        DataError, match=r"it has sequences \(n, time, d\), not vectors \(n, d\); pool them .* --set pool=mean"
    ):
        read_vectors(tmp_path / "s.npz", "units", corpus)
    for pool, expected in (("mean", [[2, 4], [2, 8 / 3]]), ("max", [[3, 6], [5, 5]]), ("last", [[3, 6], [1, 3]])):
        backbone, items = read_vectors(tmp_path / "s.npz", "units", corpus, pool=pool)
        np.testing.assert_allclose([item.vector for item in items[:2]], expected, rtol=1e-6)
        assert backbone.settings == {"pool": pool}
        assert np.isnan(items[2].vector).all()  # nothing but padding
    with pytest.raises(ConfigError, match="pool is 'median'; choose mean, max, last"):
        read_vectors(tmp_path / "s.npz", "units", corpus, pool="median")


def test_damaged_and_lying_npz_files_are_refused_and_other_arrays_stay_closed(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", x=np.ones((2, 3)), y=np.zeros((5, 1)), files=np.array([b"a", b"b"]))
    assert list(NamedVectors.read(tmp_path / "good.npz", array="x").keys) == ["a", "b"]
    content = bytearray((tmp_path / "good.npz").read_bytes())
    (tmp_path / "half.npz").write_bytes(content[: len(content) // 2])
    at = content.index(np.ones(1).tobytes())
    (tmp_path / "flipped.npz").write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with zipfile.ZipFile(tmp_path / "good.npz") as good, zipfile.ZipFile(tmp_path / "claim.npz", "w") as claim:
        for name in good.namelist():
            claim.writestr(name, good.read(name).replace(b"(2, 3), }", b"(2,99), }"))
    np.save(tmp_path / "single.npy", np.ones((2, 3)))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "objects.npz", x=np.array([np.ones(2), None], dtype=object), files=["a", "b"])
    np.savez(tmp_path / "complex.npz", x=np.ones((2, 2), complex), files=["a", "b"])
    np.savez(tmp_path / "empty.npz", x=np.ones((0, 2)), files=np.array([], str))
    np.savez(tmp_path / "thin.npz", x=np.ones((2, 0)), files=["a", "b"])
    np.savez(tmp_path / "unnamed.npz", x=np.ones((2, 2)))
    for name, message in (
        ("half", "not an .npz; write it with np.savez"),
        ("flipped", "not an .npz that can be read .*CRC"),
        ("claim", r"the array 'x' states shape \(2, 99\) of float64, but has 48 bytes"),
        ("single", "not an .npz; write it with np.savez"),
        ("text", "not an .npz; write it with np.savez"),
        ("objects", r"x: Python objects, shape \(2,\).*pad sequences of different lengths with zeros"),
        ("complex", r"no \(n, d\) array of numbers; it has x: other values"),
        ("empty", r"there are no vectors \(shape \(0, 2\)\)"),
        ("thin", r"there are no vectors \(shape \(2, 0\)\)"),
        ("unnamed", "no array of names 'files' .* it has x: numbers"),
    ):
        with pytest.raises(DataError, match=message):
            NamedVectors.read(tmp_path / f"{name}.npz", array="x" if name == "claim" else None)


def test_a_pickle_is_refused_with_a_script_that_opens_arrays_only(tmp_path: Path, media_corpus) -> None:
    sequences = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    part = {"id": ["v1$_$0", "v1$_$1"], "vision": sequences, "audio": sequences}
    (tmp_path / "FILE.pkl").write_bytes(pickle.dumps({"train": part, "test": {**part, "id": ["v2$_$0", "v2$_$1"]}}))
    with pytest.raises(DataError, match="a pickle can run code when it is opened, so it is not read") as caught:
        NamedVectors.read(tmp_path / "FILE.pkl")
    assert RECIPE in str(caught.value)
    subprocess.run([sys.executable, "-c", RECIPE], cwd=tmp_path, check=True)
    vectors = NamedVectors.read(tmp_path / "vision.npz", pool="last")
    assert list(vectors.keys) == ["v1_0", "v1_1", "v2_0", "v2_1"]
    np.testing.assert_array_equal(vectors.matrix[:2], sequences[:, -1])
    (tmp_path / "FILE.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    refused = subprocess.run([sys.executable, "-c", RECIPE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "os.system is no array" in refused.stderr
    assert not (tmp_path / "ran").exists()


def test_ids_of_tables_are_text(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("id,x\n001,1\nNA,2\n1e5,3\n1E5,4\n")
    assert list(NamedVectors.read(tmp_path / "v.csv").keys) == ["001", "NA", "1e5", "1E5"]
    (tmp_path / "v.csv").write_text("id,x\n001,true\n")
    with pytest.raises(DataError, match="x besides id must hold numbers"):
        NamedVectors.read(tmp_path / "v.csv")
    (tmp_path / "v.csv").write_text("id,x\n001,1\n,2\n")
    with pytest.raises(DataError, match="row 2 has no id"):
        NamedVectors.read(tmp_path / "v.csv")
