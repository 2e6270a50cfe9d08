"""Tiny corpora in the official layouts, with their faults; the images are noise."""

import json
import zipfile
from pathlib import Path

import pytest


@pytest.fixture
def table_corpus(tmp_path: Path, image_bytes, write_csv) -> tuple[Path, Path]:
    """60 rows of 6 people with 3 emotions: (index.csv with foreign column names, zip of the images)."""
    rows: list[list] = [["path", "actor", "label", "v", "a", "pose", "width"]]
    media = tmp_path / "images.zip"
    with zipfile.ZipFile(media, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(60):
            name = f"p{i % 6}/{i:02d}.jpg"
            archive.writestr(name, image_bytes(i))
            rows.append([name, f"p{i % 6}", ("happy", "SAD", "Neutral")[i % 3], (i % 21) / 10 - 1, 0.25, "UP", 20 + i])
    return write_csv(tmp_path / "index.csv", rows), media


def imfdb_row(image: str, expression: str = "HAPPINESS", pose: str = "FRONTAL") -> list[str]:
    """The 17 fields of a row."""
    box, who = ["5", "6", "20", "30"], ["film", "1999", "somebody", "MALE"]
    return ["video", "007.jpg", image, *box, *who, expression, "NONE", "BAD", "OLD", pose, "OVER"]


@pytest.fixture
def imfdb(tmp_path: Path, image_bytes) -> Path:
    """Every fault of the released text files, one folder a fault."""
    root = tmp_path / "IMFDB_final"

    def folder(name: str, lines: list[str], images: list[str], *, text: str = "", end: str = "\r\n") -> None:
        movie = root / name
        (movie / "images").mkdir(parents=True)
        for image in images:
            (movie / "images" / image).write_bytes(image_bytes(1, (20, 30)))
        if lines:
            path = movie / f"{text or movie.name}.txt"
            path.write_bytes((end.join(lines) + end).encode("latin-1"))

    def line(*args: str) -> str:
        return "\t".join(imfdb_row(*args))

    sixteen = imfdb_row("b.jpg", "FEAR")
    folder(
        "Ann/Plain",
        [line("a.jpg"), "", line("gone.jpg"), line("e.jpg", "ANGRY-ISH"), line("É.jpg", "anger "), line("f.jpg", "")],
        ["a.jpg", "e.jpg", "É.jpg", "f.jpg"],
    )
    folder("Ann/Trailing", [line("a.jpg", "SADNESS") + "\t"], ["a.jpg"], end="\n")
    folder("Bob/Sixteen", ["\t".join(["video 007.jpg", *sixteen[2:]])], ["b.jpg"])
    folder("Bob/Spaces", ["film 1 a.jpg 1 2 3 4", "film 2 b.jpg 1 2 3 4"], ["a.jpg", "b.jpg"])
    folder("Bob/Other", [line("a.jpg", "DISGUST"), "nonsense\tof\tfields"], ["A.JPG"], text="Bobs_film")
    folder("Cat/NoText", [], ["a.jpg", "b.jpg"])
    twice = [line("a.jpg"), line("a.jpg", "HAPPINESS", "UP"), line("b.jpg", "FEAR"), line("b.jpg", "ANGER")]
    folder("Cat/Twice", [*twice, line("c.jpg", "SURPRISE")], ["a.jpg", "b.jpg", "c.jpg", "unnamed.jpg"])
    (root / ".hidden").mkdir()
    return root


@pytest.fixture
def afew_va(tmp_path: Path, image_bytes) -> Path:
    """Three clips: 001 and 002 of one actor, 003 of nobody named; frame 00002 of 002 has no image, 00001 no label."""
    root = tmp_path / "AFEW-VA"
    for clip, actor in (("001", "An Actor"), ("002", "An Actor"), ("003", "")):
        (root / clip).mkdir(parents=True)
        frames = {}
        for i in range(3):
            frames[f"{i:05d}"] = {"valence": 2.0 * i, "arousal": -10 + i, "landmarks": [[1.0, 2.0]] * 68}
            if (clip, i) != ("002", 2):
                (root / clip / f"{i:05d}.png").write_bytes(image_bytes(i, kind="PNG"))
        if clip == "002":
            frames["00001"] = {"landmarks": []}
        (root / clip / f"{clip}.json").write_text(json.dumps({"actor": actor, "video_id": clip, "frames": frames}))
    return root


AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


@pytest.fixture
def affectnet(tmp_path: Path, image_bytes) -> Path:
    """training.csv without a header, validation.csv with one."""
    root = tmp_path / "AffectNet"

    def row(image: str, expression: int, valence: float, arousal: float) -> str:
        return f"{image},1,2,30,40,1.0;2.0;3.0,{expression},{valence},{arousal}"

    training = [row(f"1/{i}.jpg", i, i / 10 - 0.5, 0.1) for i in range(9)]  # 8: None, with valence and arousal
    training += [row("2/uncertain.jpg", 9, -2, -2), row("2/nonface.jpg", 10, -2, -2)]
    training += [row("1/0.jpg", 0, -0.5, 0.1), row("2/both.jpg", 1, 0.5, 0.5), row("2/missing.jpg", 1, 0.5, 0.5)]
    training += [row("2/torn.jpg", 1, 0.5, 0.5), row("2/torn.jpg", 2, -0.5, 0.5)]
    validation = [row("2/both.jpg", 1, 0.5, 0.5), row("3\\backslash.jpg", 6, -0.75, 0.5)]
    root.mkdir()
    (root / "training.csv").write_text("\n".join(training) + "\n")
    (root / "validation.csv").write_text("\n".join([AFFECTNET_HEADER, *validation]) + "\n")
    for name in [*(f"1/{i}.jpg" for i in range(9)), "2/both.jpg", "2/torn.jpg", "3/backslash.jpg"]:
        path = root / "Manually_Annotated_Images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_bytes(2))
    return root
