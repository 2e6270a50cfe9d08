"""Faces that look like themselves: reconstruction, identity and true parameters of walks, on drawn people that are unseen.

Trains a LeVAsa on drawn faces, or takes a run (--run), calibrates its strength on validation people, and judges test people
with networks that had no part in training or calibration. Prints each figure with its interval over people, and what is asked.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.report import image_grid, save_figure
from affectspace.report.formatting import signed
from affectspace.studies.walks.calibration import calibrate_run
from affectspace.studies.walks.shipped import TRAINING, walker_scores
from affectspace.synthetic.faces import make_faces
from affectspace.synthetic.faces.labels import EVEN
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.networks import JudgeSettings
from affectspace.training.runs import Run, open_run
from affectspace.walks import FaceWalker, Strength
from affectspace.walks.geometry import AXES
from affectspace.walks.strength import axis_points

SIZE = 64
NETWORKS: dict[str, dict[str, Any]] = {
    # ratings are exact and expressions small: a weaker prior and a stronger alignment than on real faces
    "convolutional": {
        "model": {"kind": "levasa", "kl_weight": 0.1, "alignment_weight": 1.0},
        "fit": {"epochs": 12, "batch_size": 32},
    },
    "residual": TRAINING,
}


def main() -> None:
    """Print reconstruction, identity and the readings of walks; write pictures of walks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a finished run on drawn faces, instead of a training")
    parser.add_argument("--network", choices=NETWORKS, default="convolutional")
    parser.add_argument("--faces", type=int, help="default: 24,000 for the residual network, 6,000 for the other one")
    parser.add_argument("--people", type=int, help="default: 1,200 or 60")
    parser.add_argument("--epochs", type=int, help="default: 20 of the residual network, 12 of the convolutional one")
    parser.add_argument("--images", type=int, default=50_000, help="training images of a judge")
    parser.add_argument("--walked", type=int, default=3, help="faces of each test person that are walked")
    parser.add_argument(
        "--rebuilt", type=int, default=2400, help="test faces whose reconstruction is measured, at most"
    )
    parser.add_argument("--strength", choices=("auto", "1"), default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to keep; the same command continues it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        if arguments.run is None:
            faces, people = (24_000, 1200) if arguments.network == "residual" else (6000, 60)
            faces, people = arguments.faces or faces, arguments.people or people
            train(out, arguments.network, faces, people, arguments.epochs, arguments.threads)
        run = open_run(arguments.run or out / "run")
        trained = time.process_time()
        settings = JudgeSettings(images=arguments.images, faces=arguments.walked)
        strength: Strength | float = 1.0
        if arguments.strength == "auto":
            strength = calibrate_run(run, settings)
            print("\n".join(strength.messages), flush=True)
        for name, value, asked in walker_scores(run, out / "judged", strength, settings, rebuilt=arguments.rebuilt):
            interval = f"{value.value:7.3f} [{value.low:.3f}, {value.high:.3f}]"
            print(f"{name:<44} {interval}{'   asked: ' + asked if asked else ''}", flush=True)
        for path in walk_pictures(run, out):
            print(f"picture: {path}")
        print(f"report: {out / 'judged' / 'judged.html'}")
        print(f"CPU seconds: training {trained - start:.0f}, evaluation {time.process_time() - trained:.0f}")


def train(out: Path, network: str, faces: int, people: int, epochs: int | None, threads: int) -> None:
    """Train the run in `out`/run, unless it is finished."""
    if (out / "run" / "model").is_dir():
        return
    make_faces(out / "faces", n=faces, people=people, size=SIZE, seed=7, distribution=EVEN, workers=threads)
    overrides = [f"fit.threads={threads}", *([f"fit.epochs={epochs}"] if epochs else [])]
    fields = {"data": {"corpus": "faces", "path": str(out / "faces")}, **NETWORKS[network]}
    fit(build_config(fields, overrides=overrides), out / "run")


def walk_pictures(run: Run, out: Path) -> list[Path]:
    """Draw walks of people who are in no corpus along both axes, with the readings below each face."""
    walker, paths = FaceWalker.of_run(run.folder), []
    faces = walker.examples(5)
    for axis, name in enumerate(AXES):
        points = axis_points(axis, 7)
        walks = [walker.walk(face.pixels, points) for face in faces]
        images = np.stack([np.concatenate([face.pixels[None], walk.reconstruction[None], walk.images])
                           for face, walk in zip(faces, walks, strict=True)])  # fmt: skip
        captions = [["", "", *(f"read {signed(value)}" for value in walk.readings[:, axis])] for walk in walks]
        heads = ["face", "reconstruction", *(f"asked {signed(value)}" for value in points[:, axis])]
        paths.append(out / f"walk_{name}.png")
        save_figure(image_grid(images, None, heads, f"Walks along {name}", captions=captions), paths[-1])
    return paths


if __name__ == "__main__":
    main()
