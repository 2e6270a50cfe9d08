"""Anybody's table with a folder or zip of images."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.corpora import COLUMNS, parse_columns, read_corpus
from affectspace.errors import ConfigError, DataError
from affectspace.features.items import items_of
from affectspace.media.images import decode_images

NAMED = {"image": "path", "person": "actor", "emotion": "label", "valence": "v", "arousal": "a"}


def test_foreign_names_with_a_zip(table_corpus: tuple[Path, Path]) -> None:
    index, media = table_corpus
    corpus = read_corpus("table", index, media=media, columns=NAMED)
    table = corpus.table
    assert tuple(table.columns) == (*COLUMNS, "pose", "width")
    assert table["emotion"].value_counts().to_dict() == {"happiness": 20, "sadness": 20, "neutral": 20}
    assert table["id"].equals(table["image"])
    assert table["valence"].between(-1, 1).all()
    assert set(table["label_kind"]) == {"rated"}
    assert corpus.report.left_out == {}
    assert corpus.images(20).ok.all()
    assert len(read_corpus("table", index, media=media, columns=NAMED, where="width >= 50").table) == 30


def test_our_own_names_need_no_naming_and_media_lie_beside(tmp_path: Path, write_csv, image_bytes) -> None:
    (tmp_path / "a b.png").write_bytes(image_bytes(1, kind="PNG"))
    rows = [["id", "image", "emotion", "label_kind", "valence"], [7, "./a b.png", "joy", "transferred", 0.5]]
    corpus = read_corpus("table", write_csv(tmp_path / "t.csv", rows))
    row = corpus.table.loc[0, ["id", "image", "emotion", "label_kind"]]
    assert row.tolist() == ["7", "a b.png", "happiness", "transferred"]
    assert corpus.media == tmp_path
    assert corpus.images(8).ok.all()


def test_parquet_and_tab_separated(tmp_path: Path, table_corpus: tuple[Path, Path]) -> None:
    index, media = table_corpus
    frame = pd.read_csv(index)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    tables = [read_corpus("table", path, media=media, columns=NAMED).table for path in
              (index, tmp_path / "t.parquet", tmp_path / "t.tsv")]  # fmt: skip
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_scales_spellings_and_empty_cells(tmp_path: Path, write_csv) -> None:
    rows = [["emotion", "valence", "arousal", "dominance", "sentiment"], ["W", 1, 9, 5, -3], ["N", "", 5, 5, ""]]
    path = write_csv(tmp_path / "t.csv", rows)
    table = read_corpus("table", path, scale="sam", emotion_spelling="emodb").table
    assert table["emotion"].tolist() == ["anger", "neutral"]
    np.testing.assert_allclose(table[["valence", "arousal", "dominance"]], [[-1, 1, 0], [np.nan, 0, 0]])
    np.testing.assert_allclose(table["sentiment"], [-3, np.nan])
    assert table["id"].tolist() == ["0", "1"]
    default = write_csv(tmp_path / "u.csv", [["valence", "arousal"], [-2, -2], [0.5, 1]])
    assert read_corpus("table", default).table["label_kind"].isna().tolist() == [True, False]
    with pytest.raises(DataError, match="the scale 'afew_va' has no dominance; choose another"):
        read_corpus("table", path, scale="afew_va", emotion_spelling="emodb")
    with pytest.raises(ConfigError, match="unknown scale 'likert'"):
        read_corpus("table", path, scale="likert")


def test_own_ranges_axes_and_other_names_of_columns(tmp_path: Path, write_csv) -> None:
    rows = [["Speaker", "sentence", "Arousal", "val", "dominance"], ["A", "so", 0.5, 3, 2], ["B", "no", 1, -1.5, 9]]
    path = write_csv(tmp_path / "t.csv", rows)
    corpus = read_corpus("table", path, scale="0:1,-3:3", axes="arousal,valence")
    assert corpus.table["person"].tolist() == ["A", "B"]
    assert corpus.table["text"].tolist() == ["so", "no"]
    np.testing.assert_allclose(corpus.table[["valence", "arousal", "dominance"]], [[1, 0, np.nan], [-0.5, 1, np.nan]])
    assert corpus.table["dominance_in_file"].tolist() == [2, 9]  # not one of the axes to read
    assert "the column Speaker is read as person" in corpus.report.notes
    named = read_corpus("table", path, columns={"text": "Speaker"}, scale="0:1,-3:3", axes="arousal,valence")
    assert named.table["person"].isna().all()
    own = write_csv(tmp_path / "u.csv", [["person", "speaker"], ["p", "s"]])
    assert read_corpus("table", own).table.loc[0, ["person", "speaker"]].tolist() == ["p", "s"]
    with pytest.raises(DataError, match=r"has no arousal, dominance; .*--axes valence"):
        read_corpus("table", path, scale="vreg", columns={"valence": "Arousal", "arousal": "val"})


def test_missing_images_are_counted_and_all_missing_is_an_error(tmp_path: Path, table_corpus) -> None:
    index, _ = table_corpus
    frame = pd.read_csv(index)
    media = tmp_path / "few.zip"
    with zipfile.ZipFile(media, "w") as archive:
        for name in frame["path"][:50]:
            archive.writestr(name, b"")
    corpus = read_corpus("table", index, media=media, columns=NAMED)
    assert corpus.report.left_out == {"the image is missing": 10}
    assert len(corpus.table) == corpus.report.kept == 50
    with zipfile.ZipFile(media, "w") as archive:
        archive.writestr("images/p0/00.jpg", b"")
        archive.writestr("notes/a.txt", b"")
    with pytest.raises(
        DataError, match=r"none of the 60 images.*such as 'p0/00.jpg'; it has images/p0/00.jpg, notes/a.txt; give the"
    ):
        read_corpus("table", index, media=media, columns=NAMED)
    alone = read_corpus("table", index, columns=NAMED)
    assert alone.media is None
    assert "none of the images is beside the table" in alone.report.notes[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["emotion"], ["happy"], ["hapy"]], r"t.csv: row 2: unknown emotion 'hapy'; did you mean 'happy'"),
        ([["valence"], [0.5], [1.5]], r"t.csv: row 2: valence is 1.5, outside -1..1"),
        ([["valence"], ["high"]], r"t.csv: row 1: valence is 'high', which is not a number"),
        ([["valence"], ["inf"]], r"row 1: valence is 'inf', which is not a number"),
        ([["id", "text"], [1, "a"], [2, "b"], [1, "c"]], r"t.csv: the id '1' is in rows 1, 3"),
        ([["id", "text"], [1, "a"], ["", "b"]], r"t.csv: row 2 has no id"),
        ([["valence", "label_kind"], [0, "guessed"]], r"row 1: label_kind is 'guessed'; it must be one of rated"),
        (
            [["image", "a"], ["x.png", 1], ["y.png", 1], ["", 1]],
            r"row 3 has no image \(1 rows in all\), but the image serves as",
        ),
        (
            [["image"], [0], [1]],
            r"t.csv: the column of images holds numbers such as '0', not file names; choose the column",
        ),
        ([["valence"], ["True"], ["False"]], r"t.csv: row 1: valence is 'True', which is not a number"),
        ([["valence", "x"], ["y" * 500, 1]], r"t.csv: row 1: valence is 'y{59}\.\.\., which is not a number"),
        ([["a", "b"], [1, 2], [1]], r"t.csv: line 3 has 1 fields, the first line 2; give every row"),
    ],
)
def test_bad_tables_name_the_row(tmp_path: Path, write_csv, rows: list[list], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_corpus("table", write_csv(tmp_path / "t.csv", rows))


def test_a_file_of_null_bytes_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\0" * 9_000)
    with pytest.raises(DataError, match="this is no text") as raised:
        read_corpus("table", tmp_path / "t.csv")
    (tmp_path / "u.csv").write_bytes(b"emotion,a\n" + b"fear,1\n" * 1_000 + b"\0" * 9_000 + b",1\n")
    with pytest.raises(DataError, match="row 1001: unknown emotion") as other:
        read_corpus("table", tmp_path / "u.csv")
    for error in (raised, other):
        assert "\0" not in str(error.value)
        assert str(error.value).count("x00") < 20


def test_images_outside_the_media_are_left_out(tmp_path: Path, write_csv, image_bytes) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(image_bytes(1, kind="PNG"))
    folder = tmp_path / "media"
    (folder / "a").mkdir(parents=True)
    (folder / "in.png").write_bytes(image_bytes(2, kind="PNG"))
    names = ["a/../in.png", "../secret.png", str(outside), "a/../../secret.png", "gone.png"]
    index = write_csv(tmp_path / "t.csv", [["image"], *([name] for name in names)])
    with zipfile.ZipFile(tmp_path / "media.zip", "w") as archive:
        for name in names[:4]:
            archive.writestr(name, image_bytes(2, kind="PNG"))
    lost = {"the image's path leads out of the folder or zip of media": 3, "the image is missing": 1}
    for media in (folder, tmp_path / "media.zip"):
        corpus = read_corpus("table", index, media=media)
        assert corpus.table["image"].tolist() == ["a/../in.png"]
        assert corpus.report.left_out == lost
        decoded = decode_images(media, pd.Series(names), 8, cache=tmp_path / "cache")
        assert decoded.ok.tolist() == [True, False, False, False, False]
        assert decoded.failures["reason"][0] == "the path leaves the folder or zip of media"
    write_csv(index, [["image"], *([name] for name in names[1:4])])
    with pytest.raises(DataError, match=r"none of the 3 images .*\(no absolute paths, and no \.\."):
        read_corpus("table", index, media=folder)


def test_columns_that_are_not_there(table_corpus: tuple[Path, Path]) -> None:
    index, media = table_corpus
    with pytest.raises(DataError, match=r"index.csv: no column 'file'; it has path, actor, label, v, a, pose, width"):
        read_corpus("table", index, columns={"image": "file"})
    with pytest.raises(ConfigError, match="picture is not one of our columns: id, person"):
        read_corpus("table", index, columns={"picture": "path"})
    with pytest.raises(DataError, match=r"there are media, but no column names the files.*--columns image="):
        read_corpus("table", index, media=media)


def test_columns_as_text() -> None:
    assert parse_columns("image=path, person = actor") == {"image": "path", "person": "actor"}
    for text, message in (
        ("image", "'image' is not OURS=THEIRS"),
        ("image=a,image=b", "image is given twice"),
        ("picture=a", "picture is not one of our columns"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_columns(text)


def test_the_files_column_under_our_name_is_kept(tmp_path: Path, write_csv) -> None:
    path = write_csv(tmp_path / "t.csv", [["emotion", "label", "corpus"], ["x", "joy", "mine"]])
    corpus = read_corpus("table", path, columns={"emotion": "label"})
    assert corpus.table.loc[0, ["emotion", "emotion_in_file", "corpus_in_file"]].tolist() == ["happiness", "x", "mine"]


def test_real_imfdb(shared_data: Path) -> None:
    folder = shared_data / "imfdb"
    corpus = read_corpus(
        "table", folder / "index.csv", media=folder / "imfdb_64x64.zip", columns={"image": "path", "person": "actor"}
    )
    assert len(corpus.table) == 29_671
    assert corpus.table["person"].nunique() == 98
    large = corpus.where("min(width, height) >= 48")
    assert len(large.table) == large.report.kept == 21_258
    assert large.report.left_out == {"where min(width, height) >= 48": 8_413}
    assert len(large.where('pose == "FRONTAL"').table) == 9_211
    split = large.split()
    assert split.value_counts(normalize=True)["test"] == pytest.approx(0.2, abs=0.01)
    assert large.take(np.arange(50)).images(64).ok.all()


def test_messages_name_the_column_of_the_file(tmp_path: Path, write_csv) -> None:
    for cell, message in (
        ("high", "row 1: v is 'high', which is not a number"),
        (2, r"row 1: v is 2, outside -1\.\.1"),
    ):
        with pytest.raises(DataError, match=message):
            read_corpus("table", write_csv(tmp_path / "t.csv", [["v", "a"], [cell, 0]]), columns={"valence": "v"})


def test_ids_people_and_names_are_text_and_other_columns_are_values(tmp_path: Path, write_csv) -> None:
    rows = [["id", "person", "session", "text", "age", "code", "glad"], ["001", "01", "1.0", "007", "30", "01", "True"]]
    rows += [["1e5", "1", "1", "1e5", "4.5", "02", "False"], ["1E5", "1e0", "01", "12.50", "1e2", "03", "True"]]
    table = read_corpus("table", write_csv(tmp_path / "t.csv", rows)).table
    assert table["id"].tolist() == ["001", "1e5", "1E5"]
    assert table["person"].tolist() == ["01", "1", "1e0"]
    assert table["session"].tolist() == ["1.0", "1", "01"]
    assert table["text"].tolist() == ["007", "1e5", "12.50"]
    assert table["age"].tolist() == [30, 4.5, 100]
    assert table["code"].tolist() == ["01", "02", "03"]
    assert table["glad"].tolist() == [True, False, True]


def test_start_and_end_cut_the_files_unless_a_column_says_otherwise(tmp_path: Path, write_csv) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    rows = [["audio", "start", "end"], ["a.wav", 0, 1], ["a.wav", 1, 2.5], ["a.wav", "", ""]]
    corpus = read_corpus("table", write_csv(tmp_path / "t.csv", rows))
    assert "start and end cut the sounds and clips" in corpus.report.notes[0]
    assert [(item.start, item.end) for item in items_of(corpus, "audio")] == [(0, 1), (1, 2.5), (None, None)]
    rows = [[*row, "cut" if number == 0 else ""] for number, row in enumerate(rows)]
    corpus = read_corpus("table", write_csv(tmp_path / "t.csv", rows))
    assert {(item.start, item.end) for item in items_of(corpus, "audio")} == {(None, None)}


SPEAKERS = [["speaker", "label", "val", "aro", "t", "age"], ["a", "Happy", 6, 2, "x", 3], ["b", "Sad", 2, 5, "y", 4],
            ["a", "Happy", 5, 6, "z", 5]]  # fmt: skip


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("speaker == 'a'", [0, 2]), ("person == 'a'", [0, 2]), ("val > 4", [0, 2]), ("valence > 0.5", [0]),
        ("val > 4 and arousal > 0", [2]), ("label == 'Sad'", [1]), ("emotion == 'sadness'", [1]), ("age >= 4", [1, 2]),
    ],
)  # fmt: skip
def test_rows_are_chosen_by_our_names_and_those_of_the_file(tmp_path: Path, write_csv, where: str, kept: list) -> None:
    path = write_csv(tmp_path / "t.csv", SPEAKERS)
    options = {"scale": "1:7", "columns": {"emotion": "label", "text": "t"}}
    corpus = read_corpus("table", path, where=where, **options)
    assert corpus.table["id"].tolist() == list(map(str, kept))
    assert corpus.report.left_out == {f"where {where}": 3 - len(kept)}
    assert "speaker" not in corpus.table
    with pytest.raises(DataError, match=r"unknown column 'size'; columns are id, .*, speaker, "):
        read_corpus("table", path, where="size > 3", **options)


@pytest.mark.parametrize("axes", ["dominance", "arousal,dominance", "dominance,sentiment"])
def test_an_axis_that_no_column_has_is_refused(tmp_path: Path, write_csv, axes: str) -> None:
    path = write_csv(tmp_path / "t.csv", SPEAKERS)
    with pytest.raises(
        DataError, match=r"no column is read as dominance.*--columns dominance=.*the table has speaker, "
    ):
        read_corpus("table", path, axes=axes, scale="1:7")
    notes = read_corpus("table", path, axes="arousal", scale="1:7").report.notes
    assert "the column aro is read as arousal" in notes
    assert not [note for note in notes if "valence" in note]


@pytest.mark.parametrize(
    ("header", "notes"),
    [
        (["text"], ["rows can be predicted, but not trained on", "the scale 1:7 is not used"]),
        (
            ["x"],
            ["no row has a text, image, sound or clip", "rows can be predicted, but not", "the scale 1:7 is not used"],
        ),
        (["valence"], ["no row has a text, image, sound or clip: labels only"]),
        (["text", "sentiment"], ["the scale 1:7 is not used"]),
        (["text", "valence"], []),
    ],
)
def test_what_a_table_has_not_is_noted(tmp_path: Path, write_csv, header: list, notes: list) -> None:
    path = write_csv(tmp_path / "t.csv", [header, [3] * len(header)])
    found = read_corpus("table", path, scale="1:7").report.notes
    assert len(found) == len(notes)
    for note, expected in zip(found, notes, strict=True):
        assert expected in note


def test_emotions_by_the_order_of_classes_and_by_own_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,emotion\na,3\nb,6\nc,love\nd,awe\n")
    corpus = read_corpus(
        "table", path, emotion_spelling="fer2013", emotion_labels={"love": "happiness"}, unknown_emotions="skip"
    )
    assert corpus.table["emotion"].fillna("").tolist() == ["happiness", "neutral", "happiness", ""]
    assert "1 row without an emotion: unknown emotions that were skipped: awe (1)" in corpus.report.notes


def test_thousands_of_columns_take_linear_time(tmp_path: Path) -> None:
    def seconds(width: int) -> float:
        path = tmp_path / f"{width}.csv"
        names = [f"c{number}" for number in range(width)]
        path.write_text("\n".join(",".join(row) for row in (["emotion", *names], *([["fear", *["0.5"] * width]] * 5))))
        start = time.process_time()
        assert len(read_corpus("table", path).table.columns) > width
        return time.process_time() - start

    seconds(10)
    assert seconds(4_000) < 16 * seconds(500) + 0.5
