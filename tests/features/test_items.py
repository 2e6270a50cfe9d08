"""From rows to files: which file is cut, zips, and what tells a changed input."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features import Item, items_of
from affectspace.features.items import open_item_files


def test_sound_comes_from_the_clip_where_there_is_none(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav", None, None], video=["a.mp4", "b.mp4", None])
    assert [(item.id, str(item.path)) for item in items_of(corpus, "audio")] == [("m0", "a.wav"), ("m1", "b.mp4")]
    assert [str(item.path) for item in items_of(corpus, "video")] == ["a.mp4", "b.mp4"]


def test_only_the_file_that_holds_more_is_cut(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(
        tmp_path, audio=["a.wav", "b.wav"], video=["d.avi", "d.avi"], start=[1.0, 2.0], end=[1.5, 3.0],
        cut=["video", "video"], half=["left", "right"],
    )  # fmt: skip
    assert [(item.start, item.end, item.half) for item in items_of(corpus, "audio")] == [(None, None, None)] * 2
    expected = [(1.0, 1.5, "left"), (2.0, 3.0, "right")]
    assert [(item.start, item.end, item.half) for item in items_of(corpus, "video")] == expected
    uncut = replace(corpus, table=corpus.table.drop(columns="cut"))
    assert [(item.start, item.half) for item in items_of(uncut, "video")] == [(None, None)] * 2


def test_wrong_modalities(tmp_path: Path, media_corpus) -> None:
    corpus = media_corpus(tmp_path, audio=["a.wav"])
    with pytest.raises(DataError, match="corpus media has no text: its column text is empty"):
        items_of(corpus, "text")
    with pytest.raises(ConfigError, match="unknown modality 'smell'; choose one of text, words, audio, video"):
        items_of(corpus, "smell")
    with pytest.raises(DataError, match="was read without its media files; name their folder"):
        items_of(replace(corpus, media=None), "audio")


def test_members_of_a_zip_are_read_without_a_temporary_file(tmp_path: Path, media_corpus) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("x/a.wav", b"sound")
    corpus = replace(media_corpus(tmp_path, audio=["x/a.wav", "x/b.wav"]), media=tmp_path / "m.zip")
    first, second = items_of(corpus, "audio")
    with open_item_files(corpus.media) as files:
        assert files.locate(first).source == b"sound"
        with pytest.raises(UnreadableItem, match="no such file in the zip"):
            files.locate(second)
        assert files.fingerprint(first) != files.fingerprint(second)


def test_a_mark_tells_a_changed_input(tmp_path: Path, media_corpus) -> None:
    path = tmp_path / "a.wav"
    corpus = media_corpus(tmp_path, audio=["a.wav"])
    (item,) = items_of(corpus, "audio")
    marks = []
    with open_item_files(corpus.media) as files:
        for content in (b"a" * 300_000, b"a" * 299_999 + b"b", b"b" + b"a" * 299_999, b"a" * 300_001):
            path.write_bytes(content)
            marks.append(files.fingerprint(item))
        marks.append(files.fingerprint(replace(item, start=1.0)))
        path.unlink()
        assert files.fingerprint(item) == "absent:None-None-None"
        texts = [files.fingerprint(Item("x", text=text)) for text in ("a", "a ", "")]
    assert len({*marks, *texts}) == 8


def test_paths_do_not_leave_the_folder(tmp_path: Path, media_corpus) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    corpus = media_corpus(tmp_path / "inner", audio=["../secret.wav"])
    (item,) = items_of(corpus, "audio")
    with (
        open_item_files(corpus.media) as files,
        pytest.raises(UnreadableItem, match="leaves the folder"),
        files.locate(item),
    ):
        pass
