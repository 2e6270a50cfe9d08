"""Frames are recognised by their grey; cuts, halves, faces, and files that are no clips."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.media.clips import read_frames
from affectspace.media.faces import crop_faces, face_of, find_face, resized, square
from affectspace.synthetic.speakers import writing


def write_clip(path: Path) -> Path:
    """Two seconds; frame k is grey 10 * k on its left half and 255 - 10 * k on its right."""
    grey = 10 * np.arange(20, dtype=np.uint8)[:, None, None, None]
    pictures = np.concatenate([np.broadcast_to(half, (20, 32, 32, 3)) for half in (grey, 255 - grey)], axis=2)
    writing.write_clip(path, pictures, 10, None, 16_000, path.suffix[1:])
    return path


def numbers(frames: list[np.ndarray]) -> list[int]:
    """The number of each frame, by the grey of its left half."""
    return [round(float(frame[:, : frame.shape[1] // 3].mean()) / 10) for frame in frames]


def test_frames_are_sampled_evenly(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    assert numbers(read_frames(path, 4)) == [2, 7, 12, 17]
    assert numbers(read_frames(path, 1)) == [10]
    assert numbers(read_frames(path, 20)) == list(range(20))
    assert numbers(read_frames(path, 40)) == [k // 2 for k in range(40)]


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_only_the_part_is_read(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"a.{suffix}")
    assert numbers(read_frames(path, 2, start=1.0, end=1.4)) == [11, 13]
    assert numbers(read_frames(path, 3, start=0.5, end=0.8)) == [5, 6, 7]
    assert numbers(read_frames(path, 2, start=1.6)) == [17, 19]


def test_halves(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    left, right = (read_frames(path, 1, start=0.2, end=0.3, half=half)[0] for half in ("left", "right"))
    assert left.shape == right.shape == (32, 32, 3)
    assert left[:, :28].mean() == pytest.approx(20, abs=4)
    assert right[:, 4:].mean() == pytest.approx(235, abs=4)
    with pytest.raises(ConfigError, match="unknown half 'top'; choose from left, right"):
        read_frames(path, 1, half="top")


def test_an_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(np.full((10, 20, 3), 7, np.uint8)).save(tmp_path / "a.png")
    frames = read_frames(tmp_path / "a.png", 3)
    assert len(frames) == 3
    assert all((frame == 7).all() for frame in frames)


def test_what_a_telephone_records_lying_stands_upright(tmp_path: Path) -> None:
    lying = np.zeros((32, 64, 3), np.uint8)
    lying[:16, :32] = 255
    for degrees in (90, -90, 180):
        with av.open(str(tmp_path / "a.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
            stream.set_display_rotation(degrees)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(lying, format="rgb24")))
            container.mux(stream.encode())
        (frame,) = read_frames(tmp_path / "a.mp4", 1)
        assert np.array_equal(frame > 127, np.rot90(lying, degrees // 90) > 127)
    image = Image.fromarray(np.zeros((10, 20, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_frames(tmp_path / "a.jpg", 1)[0].shape == (20, 10, 3)


def test_unreadable_clips_have_a_reason(tmp_path: Path) -> None:
    content = write_clip(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "none.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no clip " * 50)
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 3])
    (tmp_path / "text.png").write_text("no image")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for name, part, reason in (
        ("gone.mp4", {}, "there is no such file"),
        ("none.mp4", {}, r"the file is empty \(0 bytes\)"),
        ("text.mp4", {}, "text, not a clip"),
        ("cut.mp4", {}, "the clip is cut off: its index"),
        ("text.png", {}, "text, not an image"),
        ("sound.mp4", {}, "it has no picture"),
        ("a.mp4", {"start": 30.0}, "starts at 30 s, but the clip ends"),
        ("a.mp4", {"start": 30.0, "end": 31.0}, "starts at 30 s, but the clip ends"),
    ):
        with pytest.raises(UnreadableItem, match=reason):
            read_frames(tmp_path / name, 2, **part)


def test_squares_lie_inside_the_picture() -> None:
    frame = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    assert square(frame).shape == (40, 40, 3)
    np.testing.assert_array_equal(square(frame), frame[:, 10:50])
    assert square(frame, (58.0, 2.0, 20.0)).shape == (20, 20, 3)
    np.testing.assert_array_equal(square(frame, (58.0, 2.0, 20.0)), frame[:20, 40:])
    assert square(frame, (30.0, 20.0, 500.0)).shape == (40, 40, 3)
    assert resized(square(frame), 16).shape == (16, 16, 3)


def test_without_a_face_the_middle_is_taken() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    crops, found = crop_faces([noise, noise])
    assert found == 0
    np.testing.assert_array_equal(crops[0], noise[:, 10:70])


def test_threads_look_for_faces_at_once() -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 255, (90, 120, 3), dtype=np.uint8) for _ in range(5)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(find_face, frames)) == [None] * 5


def test_frames_without_a_face_take_the_box_of_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [np.full((40, 60, 3), k, np.uint8) for k in range(4)]
    boxes = {0: None, 1: (10.0, 10.0, 20.0), 2: None, 3: (50.0, 30.0, 10.0)}
    monkeypatch.setattr("affectspace.media.faces.find_face", lambda frame: boxes[int(frame[0, 0, 0])])
    crops, found = crop_faces(frames)
    assert found == 2
    assert [crop.shape[0] for crop in crops] == [20, 20, 20, 10]


def test_a_picture_that_is_a_face_is_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    counts: Counter[str] = Counter()
    searched = []

    def find(boxes: list[tuple[float, float, float]]) -> np.ndarray:
        monkeypatch.setattr("affectspace.media.faces.face_boxes", lambda picture: searched.append(0) or boxes)
        return face_of(picture, True, counts)

    np.testing.assert_array_equal(find([(40.0, 30.0, 20.0)]), picture[15:45, 25:55])  # with the margin 30 of 60 pixels
    np.testing.assert_array_equal(find([(40.0, 30.0, 40.0)]), picture)  # 60 of 60
    assert not counts
    np.testing.assert_array_equal(find([]), picture)
    assert counts == {"a picture where no face was found: the complete picture was taken": 1}
    assert len(searched) == 3
    np.testing.assert_array_equal(face_of(picture, False, counts), picture[:, 10:70])
    assert len(searched) == 3


def test_faces_of_real_clips_are_found(shared_data: Path) -> None:
    clips = sorted((shared_data / "video_clips").rglob("*.mp4"))[1:6]
    for clip in clips:
        (frame,) = read_frames(clip, 1)
        box = find_face(frame)
        assert box is not None, clip.name
        assert 0.2 < box[2] / min(frame.shape[:2]) < 1.6
