"""Peak memory of an extraction while the corpus grows tenfold.

    python benchmarks/extraction_memory.py [--recordings 300]

Each recording is 30 s at 16 kHz, 1.9 MB when decoded. What is measured is `extract` itself, so the backbone only keeps the
decoded samples until it is asked for their mean. Two shards of 64 recordings are in memory at most: 246 MB; ten times as many
recordings would be 5.8 GB at once. A size runs in a process of its own; the second column is above a process that extracts one.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

SECONDS, RATE = 30, 16_000


class Samples:
    name, modality, dimension, licence, revision, columns = "audio:samples", "audio", 1, "none", "1", None
    shard_rows = 64
    settings: ClassVar[dict] = {}

    def load(self, item) -> np.ndarray:
        from affectspace.media.sound import read_sound

        return read_sound(item.path)

    def length(self, loaded: np.ndarray) -> float:
        return len(loaded)

    def encode(self, batch: list[np.ndarray]) -> np.ndarray:
        return np.array([[sound.mean()] for sound in batch])


def extract_all(folder: Path, recordings: int) -> None:
    """In the child: prints peak memory in MB and seconds."""
    from affectspace.corpora import Corpus, build_table
    from affectspace.features import extract

    columns = {"id": [f"r{k}" for k in range(recordings)], "audio": ["one.wav"] * recordings}
    corpus = Corpus("recordings", build_table("recordings", columns, where="here"), media=folder)
    started = time.perf_counter()
    extract(corpus, Samples(), folder / f"store-{recordings}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recordings", type=int, default=300)
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    if asked.child:
        extract_all(Path(asked.child[0]), int(asked.child[1]))
        return
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0).normal(scale=0.1, size=SECONDS * RATE)
        soundfile.write(Path(folder) / "one.wav", noise, RATE)
        base = None
        for recordings in (1, asked.recordings, 10 * asked.recordings):
            command = [sys.executable, __file__, "--child", folder, str(recordings)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peak, seconds = map(float, said)
            base = peak if base is None else base
            print(
                f"{recordings:6,} recordings: peak {peak:6.0f} MB, {peak - base:+6.0f} MB; {recordings / seconds:7.1f}/s"
            )


if __name__ == "__main__":
    main()
