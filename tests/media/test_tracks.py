"""Faces are followed over a clip by the overlap of their boxes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectspace.media import tracks
from affectspace.media.clips import frames_over_time
from affectspace.media.faces import Box
from affectspace.media.tracks import all_faces, faces_in, follow, overlap, part_of
from affectspace.synthetic.speakers import writing

boxes = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 40))


@given(boxes, boxes)
def test_overlap(one: Box, other: Box) -> None:
    assert overlap(one, one) == pytest.approx(1)
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert overlap((0, 0, 2), (1, 0, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 2), (2, 0, 2)) == 0


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(2, 30), st.randoms(use_true_random=False))
def test_people_who_move_slowly_are_followed(left: float, right: float, n: int, random: object) -> None:
    """In any order of the boxes of a frame, and as long as they do not meet."""
    first = [(0.0 + left * k, 0.0, 20.0) for k in range(n)]
    second = [(200.0 + right * k, 10.0, 16.0) for k in range(n)]
    times = [k / 3 for k in range(n)]
    found = [list(pair) if k % 2 else list(reversed(pair)) for k, pair in enumerate(zip(first, second, strict=True))]
    assert [[box for _, box in track] for track in follow(times, found)] == [first, second]


def test_a_face_may_be_missing_for_a_while() -> None:
    here, there = (10.0, 10.0, 8.0), (50.0, 10.0, 6.0)
    times = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    found = [[here, there], [here], [], [here, there], [], [], [], [here], [here, (90.0, 90.0, 4.0)]]
    tracks = follow(times, found)
    assert [[second for second, _ in track] for track in tracks] == [[0, 1, 3], [7, 8], [0, 3]]
    assert part_of(tracks[0], 0.5, 3.0) == ((1.0, here), (3.0, here))
    assert part_of(tracks[0], None, None) == tracks[0]


def test_a_single_frame_may_be_all_there_is() -> None:
    assert follow([0.0], [[(1, 1, 2), (9, 9, 3)]]) == [((0.0, (9, 9, 3)),), ((0.0, (1, 1, 2)),)]
    assert follow([], []) == follow([0.0, 1.0], [[], []]) == []


def test_the_frames_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame k is grey 10 * k; its face is in column 2 * k."""
    path = tmp_path / "a.mp4"
    pictures = np.broadcast_to(10 * np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 32, 64, 3))
    writing.write_clip(path, pictures, 10, None, 16_000, "mp4")
    seen = list(frames_over_time(path, 3.0, 100))
    assert [round(second, 3) for second, _ in seen] == [round((k + 0.5) / 3, 3) for k in range(6)]
    assert [round(float(frame.mean()) / 10) for _, frame in seen] == [1, 5, 8, 11, 15, 18]
    assert len(list(frames_over_time(path, 3.0, 4, 0.5, 1.5))) == 3
    assert len(list(frames_over_time(path, 3.0, 4))) == 4
    monkeypatch.setattr(tracks, "all_faces", lambda frame: [(frame.mean() / 5, 5.0, 30.0)])
    [track] = faces_in(path)
    np.testing.assert_allclose([box[0] for _, box in track], [2, 10, 16, 22, 30, 36], atol=0.5)


def test_small_faces_beside_large_ones_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def find_faces(picture: np.ndarray, short_side: int) -> list[Box]:
        sizes.append(short_side)
        return [(100.0, 50.0, 15.0)]

    monkeypatch.setattr(tracks, "find_faces", find_faces)
    for short_side in (90, 700, 4000):
        assert all_faces(np.zeros((short_side, 2 * short_side, 3), np.uint8)) == [(100.0, 50.0, 10.0)]
    assert sizes == [360, 700, 1080]
