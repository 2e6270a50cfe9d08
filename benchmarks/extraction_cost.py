"""CPU time per sample of each offline backbone, and core-hours per million samples: the figures of docs/results/extraction.md.

    python benchmarks/extraction_cost.py [--samples 60]

CPU time of one thread, decoding and encoding together, hardly depends on the load of the machine. Sentences have 3 to
40 random words. Sounds are 3.7 s of a voice at 16 kHz. Clips are 5 s at 25 frames per second in H.264, and eight frames
pass the face detector (they hold no face, which costs it the same). The encoder of the faces is not included.
"""

import argparse
import resource
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from affectspace.features import Item, make_backbone
from affectspace.media.clips import read_frames
from affectspace.media.faces import faces_of


def sentences(number: int) -> list[str]:
    random = np.random.default_rng(0)
    words = ["day", "house", "because", "happy", "never", "she", "walked", "terrible", "music", "of", "the", "tomorrow"]
    lengths = np.clip(np.round(random.lognormal(2.6, 0.5, number)), 3, 40).astype(int)
    return [" ".join(random.choice(words, size=length)) for length in lengths]


def voice(path: Path, seconds: float = 3.7, rate: int = 16_000) -> None:
    import soundfile

    time = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * k * time + np.sin(5 * time)) / k for k in range(1, 30))
    soundfile.write(path, tone * (0.06 + 0.04 * np.sin(2 * np.pi * 3 * time)), rate)


def clip(path: Path, width: int, height: int) -> None:
    import av

    random = np.random.default_rng(0)
    base = np.kron(random.integers(0, 255, (height // 20, width // 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = base.shape[1], base.shape[0], "yuv420p"
        for k in range(125):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(base, 3 * k, axis=1), format="rgb24")))
        container.mux(stream.encode())


def processor() -> float:
    """CPU seconds of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(what: str, samples: int, work: Callable[[int], None]) -> None:
    work(1)  # loading is not part of the cost per sample
    started = processor()
    work(samples)
    cost = (processor() - started) / samples
    rate, hours = 1 / cost, 1e6 * cost / 3600
    print(f"{what:34s} {1000 * cost:8.3f} core-ms, {rate:10,.1f}/s per core, {hours:8.2f} core-hours per million")


def encode_texts(texts: list[str]) -> Callable[[int], None]:
    backbone = make_backbone("text")

    def work(number: int) -> None:
        rows = sorted((backbone.load(Item("x", text=text)) for text in texts[:number]), key=len)
        for start in range(0, len(rows), 32):
            backbone.encode(rows[start : start + 32])

    return work


def score_texts(texts: list[str], folder: Path) -> Callable[[int], None]:
    random = np.random.default_rng(0)
    terms = sorted({*" ".join(texts).split(), *(f"w{k}" for k in range(5_000))})
    rows = ["\t".join([term, *(f"{value:.2f}" for value in random.random(3))]) for term in terms]
    (folder / "lexicon.tsv").write_text("\n".join(rows) + "\n")
    backbone = make_backbone("words", lexicons={"made": folder / "lexicon.tsv"})

    def work(number: int) -> None:
        for start in range(0, number, 2_048):
            backbone.encode(texts[start : min(start + 2_048, number)])

    return work


def encode_sounds(folder: Path) -> Callable[[int], None]:
    backbone = make_backbone("audio")
    voice(folder / "a.wav")

    def work(number: int) -> None:
        for _ in range(number):
            backbone.load(Item("x", path=folder / "a.wav"))

    return work


def find_faces(folder: Path, width: int, height: int) -> Callable[[int], None]:
    path = folder / f"{width}.mp4"
    clip(path, width, height)

    def work(number: int) -> None:
        for _ in range(number):
            faces_of(read_frames(path, 8), True, Counter())

    return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=60)
    n = parser.parse_args().samples
    torch.set_num_threads(1)
    texts = sentences(200 * n)
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        folder = Path(name)
        report("sentence, MiniLM", 20 * n, encode_texts(texts))
        report("sentence, one lexicon", 200 * n, score_texts(texts, folder))
        report("sound of 3.7 s, functionals", n, encode_sounds(folder))
        report("clip of 5 s, 640x480, 8 faces", max(n // 6, 3), find_faces(folder, 640, 480))
        report("clip of 5 s, 1920x1080, 8 faces", max(n // 6, 3), find_faces(folder, 1920, 1080))


if __name__ == "__main__":
    main()
