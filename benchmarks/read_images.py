"""Seconds for reading the images of a corpus: first time, second time (from the cache), and in a plain loop over Pillow.

    python benchmarks/read_images.py [TABLE MEDIA] [--column path] [--size 64] [--workers N]

TABLE is a CSV with the names of the images, MEDIA their folder or zip. Without them, 5,000 random images are used. The target
for 29,671 faces of 64x64 in a zip, on two cores: 30 s the first time, 2 s the second time.
"""

import argparse
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from affectspace.corpora import read_corpus
from affectspace.media.files import open_media


def plain_loop(media: Path, names: list[str], size: int) -> np.ndarray:
    """Read all images into memory without this library."""
    pixels = np.empty((len(names), size, size, 3), dtype=np.uint8)
    with open_media(media) as opened:
        for i, name in enumerate(names):
            image = Image.open(BytesIO(opened.read(name))).convert("RGB")
            pixels[i] = np.asarray(image if image.size == (size, size) else image.resize((size, size)))
    return pixels


def make_pictures(folder: Path, number: int) -> tuple[Path, Path]:
    """Write a table and a zip of random 64x64 JPEGs."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        for index in range(number):
            content = BytesIO()
            Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(content, "JPEG")
            archive.writestr(f"{index}.jpg", content.getvalue())
    table = folder / "pictures.csv"
    table.write_text("path\n" + "".join(f"{index}.jpg\n" for index in range(number)))
    return table, folder / "pictures.zip"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("media", type=Path, nargs="?")
    parser.add_argument("--column", default="path")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.table is None or arguments.media is None:
            arguments.table, arguments.media = make_pictures(Path(folder), 5000)
        measure(arguments)


def measure(arguments: argparse.Namespace) -> None:
    """Print the three times."""
    started = time.perf_counter()
    corpus = read_corpus("table", arguments.table, media=arguments.media, columns={"image": arguments.column})
    print(f"table of {len(corpus):,} rows: {time.perf_counter() - started:.2f} s")
    seconds = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("first time", "second time"):
            started = time.perf_counter()
            images = corpus.images(arguments.size, cache=cache, workers=arguments.workers)
            total = int(images.pixels.sum(dtype=np.int64))  # touches every pixel
            seconds[name] = time.perf_counter() - started
    started = time.perf_counter()
    pixels = plain_loop(arguments.media, corpus.table["image"].tolist(), arguments.size)
    seconds["plain loop"] = time.perf_counter() - started
    for name, taken in seconds.items():
        ratio = seconds["plain loop"] / taken
        print(f"{name:12s} {taken:7.2f} s {len(corpus) / taken:10,.0f} images/s {ratio:7.2f} x the plain loop")
    same = int(pixels.sum(dtype=np.int64)) == total
    print(f"{len(images.failures)} unreadable; pixels {'equal' if same else 'differ from'} those of the plain loop")


if __name__ == "__main__":
    main()
