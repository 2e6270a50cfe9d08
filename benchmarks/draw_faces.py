"""Faces drawn per second: photographs (everything differs), frames of clips, and a corpus with all cores."""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from affectspace.synthetic.faces import make_faces, render_face, sample_parameters


def main() -> None:
    """Print faces per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--faces", type=int, default=2000, help="number of faces of the corpus")
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    affect = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    for what, clips in (("photographs", 300), ("frames of clips", 6)):
        faces = [
            sample_parameters(v, a, person=k * clips // 300 % 40, session=k * clips // 300, frame=k)
            for k, (v, a) in enumerate(affect)
        ]
        render_face(faces[0], arguments.size)
        wall, cpu = time.perf_counter(), time.process_time()
        for face in faces:
            render_face(face, arguments.size)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{what}: {300 / wall:.0f} faces/s, {300 / cpu:.0f} faces per second of processor time, {arguments.size} px"
        )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_faces(Path(folder), n=arguments.faces, size=arguments.size, workers=arguments.workers)
        seconds = time.perf_counter() - start
        size = (Path(folder) / "faces.zip").stat().st_size
    rate, bytes_each = arguments.faces / seconds, size / arguments.faces
    print(f"corpus of {arguments.faces}: {rate:.0f} faces/s, {bytes_each:.0f} bytes per face")


if __name__ == "__main__":
    main()
