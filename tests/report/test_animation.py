"""Walks as GIF and MP4."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from affectspace.errors import DataError
from affectspace.report.animation import MARK, SIDE, save_gif, save_mp4, walk_frames

POINTS = np.array([[-0.8, 0.0], [0.0, 0.4], [0.8, 0.0], [0.0, -0.4]])


def faces(n: int = 4) -> np.ndarray:
    values = np.linspace(40, 200, n).astype(np.uint8)
    return np.broadcast_to(values[:, None, None, None], (n, 32, 32, 3)).copy()


def mark_of(frame: np.ndarray) -> np.ndarray:
    """Where on the map the mark is, valence and arousal."""
    near = np.abs(frame[:, SIDE:].astype(int) - ImageColor.getrgb(MARK)).max(axis=2) < 40
    y, x = np.argwhere(near).mean(axis=0)
    return np.array([(x - SIDE / 2), (SIDE / 2 + 6 - y)]) / (SIDE / 2 - 34)


def test_each_frame_marks_its_point() -> None:
    frames = walk_frames(faces(), POINTS, loop=True)
    assert [frame.shape for frame in frames] == [(SIDE, 2 * SIDE, 3)] * 4
    for frame, point, face in zip(frames, POINTS, faces(), strict=True):
        np.testing.assert_allclose(mark_of(frame), point, atol=0.05)
        assert frame[SIDE // 2, SIDE // 2, 0] == face[0, 0, 0]


def test_an_open_path_comes_back() -> None:
    frames = walk_frames(faces(), POINTS)
    assert len(frames) == 6
    assert np.array_equal(frames[4], frames[2])
    assert np.array_equal(frames[5], frames[1])


def test_a_gif_plays_for_ever_with_the_marks_colour(tmp_path: Path) -> None:
    frames = walk_frames(faces(), POINTS, loop=True)
    path = save_gif(frames, tmp_path / "deep" / "walk.gif", rate=10)
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.info["loop"], picture.info["duration"]) == (4, 0, 100)
        for number, point in enumerate(POINTS):
            picture.seek(number)
            np.testing.assert_allclose(mark_of(np.asarray(picture.convert("RGB"))), point, atol=0.06)
    assert save_gif(frames, tmp_path / "again.gif", rate=10).read_bytes() == path.read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_a_film_has_all_frames_so_many_times(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    frames = walk_frames(faces(), POINTS, loop=True)
    path = save_mp4(frames, tmp_path / "walk.mp4", rate=8, times=2)
    with av.open(io.BytesIO(path.read_bytes())) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, float(stream.average_rate)) == (2 * SIDE, SIDE, 8.0)
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert len(shown) == 8
    for number, frame in enumerate(shown):
        assert abs(int(frame[SIDE // 2, SIDE // 2, 0]) - int(faces()[number % 4, 0, 0, 0])) < 12


def test_frames_of_odd_size_are_cut_by_a_pixel(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = save_mp4([np.zeros((33, 41, 3), np.uint8)] * 3, tmp_path / "odd.mp4", times=1)
    with av.open(str(path)) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (40, 32)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"points of a walk, one per image: shape \(3, 2\); give \(4, 2\)"):
        walk_frames(faces(), POINTS[:3])
    with pytest.raises(DataError, match="leave out rows without a value"):
        walk_frames(faces(), np.where(POINTS == 0.4, np.nan, POINTS))
    with pytest.raises(DataError, match="no frames"):
        save_gif([], tmp_path / "none.gif")
    with pytest.raises(DataError, match="all of the same size"):
        save_gif([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], tmp_path / "none.gif")
