"""Peak memory of an extraction when the corpus grows tenfold.

    python benchmarks/extraction_memory.py [--recordings 300]

Each recording is 30 s at 16 kHz, 1.9 MB decoded. The backbone only computes the mean of the samples, so that `extract`
itself is measured. At most two shards of 64 recordings are in memory: 246 MB, where all recordings would be 5.8 GB.
Each size runs in a process of its own; the second column is the difference to a process that extracts one recording.
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
    """In a child process: print peak memory in MB and seconds."""
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
    arguments = parser.parse_args()
    if arguments.child:
        extract_all(Path(arguments.child[0]), int(arguments.child[1]))
        return
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0).normal(scale=0.1, size=SECONDS * RATE)
        soundfile.write(Path(folder) / "one.wav", noise, RATE)
        base = None
        for recordings in (1, arguments.recordings, 10 * arguments.recordings):
            command = [sys.executable, __file__, "--child", folder, str(recordings)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peak, seconds = map(float, output)
            base = peak if base is None else base
            print(
                f"{recordings:6,} recordings: peak {peak:6.0f} MB, {peak - base:+6.0f} MB; {recordings / seconds:7.1f}/s"
            )


if __name__ == "__main__":
    main()
