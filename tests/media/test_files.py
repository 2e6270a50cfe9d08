"""Files that are cells of a Parquet table."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from affectspace.corpora import read_corpus
from affectspace.errors import DataError
from affectspace.features import Item
from affectspace.features.items import items_of, open_item_files
from affectspace.media.files import open_media


def picture(grey: int) -> bytes:
    content = BytesIO()
    Image.new("RGB", (20, 16), (grey,) * 3).save(content, "PNG")
    return content.getvalue()


PICTURES = [picture(grey) for grey in range(0, 250, 25)]


def with_bytes(content: bytes | None, name: str | None) -> Any:
    return {"bytes": content, "path": name}


def written(path: Path, cells: list[Any], group: int = 3) -> Path:
    pq.write_table(
        pa.table({"id": list(map(str, range(len(cells)))), "image": cells, "valence": np.linspace(-1, 1, len(cells))}),
        path,
        row_group_size=group,
    )
    return path


@pytest.mark.parametrize("group", [1, 3, 100])
@pytest.mark.parametrize("stored", ["bytes", "bytes and path", "bytes without path"])
def test_cells_are_files(tmp_path: Path, stored: str, group: int) -> None:
    named = stored == "bytes and path"
    cells: list[Any] = [
        content if stored == "bytes" else with_bytes(content, f"faces/{row}.png" if named else None)
        for row, content in enumerate(PICTURES)
    ]
    cells[4] = None if stored == "bytes" else with_bytes(None, None)
    corpus = read_corpus("table", written(tmp_path / "a.parquet", cells, group))
    assert len(corpus) == 9
    assert corpus.table["image"].tolist()[4] == ("image/5/5.png" if named else "image/5")
    greys = corpus.images(8, cache=tmp_path / "cache").pixels.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, [grey for grey in range(0, 250, 25) if grey != 100])
    items = items_of(corpus, "video")
    with open_item_files(corpus.media) as files:
        assert [files.locate(item).source for item in items] == PICTURES[:4] + PICTURES[5:]
        assert len({files.fingerprint(item) for item in items}) == 9


def test_names_that_a_table_does_not_have(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pq", PICTURES)
    with open_media(path) as media:
        names = ["image/0", "image/9/x.png", "image/10", "image/-1", "image", "other/0", "", "valence/0", "../image/0"]
        assert media.present(names)[:7] == [True, True, False, False, False, False, False]
        assert list(media.marks(["image/10", "valence/0"])) == [(-1, -1)] * 2
        for name in names[2:]:
            with pytest.raises(OSError, match=r"not in a\.pq|no content of a file"):
                media.read(name)
    path.write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match=r"a\.pq: neither a folder nor a readable zip"), open_media(path):
        pass


def test_a_looping_link_does_not_hide_the_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "again").symlink_to(".")
    with open_media(tmp_path) as media:
        assert media.present(["a.wav", "loop", "b.wav"]) == [True, False, False]


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize("zipped", [False, True])
def test_accents_are_the_same_however_they_are_written(tmp_path: Path, written: str, asked: str, zipped: bool) -> None:
    name, media = "José/Zoë.png", tmp_path / "media"
    place = media / normalize(written, name)
    place.parent.mkdir(parents=True)
    place.write_bytes(PICTURES[0])
    if zipped:
        with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
            archive.write(place, normalize(written, name))
        media = tmp_path / "m.zip"
    with open_media(media) as opened:
        assert opened.present([normalize(asked, name), "Jose/Zoe.png"]) == [True, False]
        assert opened.read(normalize(asked, name)) == PICTURES[0]
        assert [size for size, _ in opened.marks([normalize(asked, name), "Jose/Zoe.png"])] == [len(PICTURES[0]), -1]
    with open_item_files(media) as files:
        located = files.locate(Item("a", path=Path(normalize(asked, name))))
        assert located.source == (PICTURES[0] if zipped else place)
        assert not files.fingerprint(located if zipped else Item("a", path=Path(normalize(asked, name)))).startswith(
            "absent"
        )


@pytest.mark.parametrize(
    "members",
    [
        ["a.png", "x/b.png"],
        ["a.png", "x\\b.png"],
        ["faces/a.png", "faces/x/b.png"],
        ["faces\\a.png", "faces\\x\\b.png"],
    ],
    ids=["plain", "backslashes", "a single folder", "both"],
)
@pytest.mark.parametrize("further", [[], ["__MACOSX/faces/._a.png", "__MACOSX/._b.png"]], ids=["", "of macOS"])
def test_zips_of_other_systems(tmp_path: Path, members: list[str], further: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for name, content in zip([*members, *further], PICTURES, strict=False):
            info = zipfile.ZipInfo()
            info.filename = name  # the constructor would replace backslashes on Windows only
            archive.writestr(info, content)
    with open_media(tmp_path / "m.zip") as media:
        assert media.present(["a.png", "x/b.png", "b.png", "../a.png"]) == [True, True, False, False]
        assert [media.read(name) for name in ("a.png", "x/b.png")] == PICTURES[:2]
