"""Faces that look like themselves: reconstruction, identity and true parameters of walks, on drawn people that are unseen.

Trains a LeVAsa on drawn faces, or takes a run (--run), calibrates its strength on validation people, and judges test people
with networks that had no part in training or calibration. Prints each figure with its interval over people, and what is asked.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from affectspace.evaluation import image_mse, image_ssim, interval, psnr_of
from affectspace.evaluation.results import Results
from affectspace.report import image_grid, save_figure
from affectspace.report.formatting import signed
from affectspace.studies.walks.calibration import calibrate_run
from affectspace.studies.walks.judge_run import judge_run
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import Run, open_run
from affectspace.walks import FaceWalker
from affectspace.walks.geometry import AXES
from affectspace.walks.networks import JudgeSettings
from affectspace.walks.pictures import decode
from affectspace.walks.runs import encode_rows, open_data, walkable_model
from affectspace.walks.strength import Strength, axis_points

SIZE = 64
NETWORKS = {
    # ratings are exact and expressions small: a weaker prior and a stronger alignment than on real faces
    "convolutional": ({"kl_weight": 0.1, "alignment_weight": 1.0}, {"batch_size": 32}),
    "residual": (
        {
            "network": "residual", "width": 24, "chunk": 4, "rest": 128, "head_inputs": None, "align_on": "sample",
            "reconstruction": "absolute", "similarity_weight": 0.5, "kl_weight": 0.05, "kl_warmup": 0.2, "editing_weight": 0.1,
        },
        {
            "batch_size": 16, "learning_rate": 0.002, "balance": 0, "precision": "bf16-mixed",
            "augmentation": {"mirror": True, "rotation": 0, "scale": 0, "shift": 0, "contrast": 0, "brightness": 0},
        },
    ),
}  # fmt: skip
ASKED = {  # of the residual network at 64 pixels, in words
    "PSNR": "at least 25 dB", "SSIM": "at least .82", "named, reconstruction": "at least .80", "named, ends": "at least .70",
    "r": "at least .95", "slope": ".8 to 1.2",
}  # fmt: skip


def main() -> None:
    """Print reconstruction, identity and the readings of walks; write pictures of walks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a finished run on drawn faces, instead of a training")
    parser.add_argument("--network", choices=NETWORKS, default="convolutional")
    parser.add_argument("--faces", type=int, default=6000)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=50_000, help="training images of a judge")
    parser.add_argument("--walked", type=int, default=12, help="faces of each test person that are walked")
    parser.add_argument(
        "--rebuilt", type=int, default=2000, help="test faces whose reconstruction is measured, at most"
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
            train(out, arguments.network, arguments.faces, arguments.people, arguments.epochs, arguments.threads)
        run = open_run(arguments.run or out / "run")
        trained = time.process_time()
        settings = JudgeSettings(images=arguments.images, faces=arguments.walked)
        strength: Strength | float = 1.0
        if arguments.strength == "auto":
            strength = calibrate_run(run, settings)
            print("\n".join(strength.messages), flush=True)
        show_reconstruction(run, arguments.rebuilt)
        results, report = judge_run(run, out / "judged", strength=strength, settings=settings)
        show_identity(results)
        show_readings(results)
        for path in walk_pictures(run, out):
            print(f"picture: {path}")
        print(f"report: {report}")
        print(f"CPU seconds: training {trained - start:.0f}, evaluation {time.process_time() - trained:.0f}")


def train(out: Path, network: str, faces: int, people: int, epochs: int, threads: int) -> None:
    """Train the run in `out`/run, unless it is finished."""
    if (out / "run" / "model").is_dir():
        return
    make_faces(out / "faces", n=faces, people=people, size=SIZE, seed=7, workers=threads)
    model, settings = NETWORKS[network]
    config = build_config(
        {
            "data": {"corpus": "faces", "path": str(out / "faces")},
            "model": {"kind": "levasa", **model},
            "fit": {"epochs": epochs, "threads": threads, **settings},
        }
    )
    fit(config, out / "run")


def show_reconstruction(run: Run, most: int) -> None:
    """Print PSNR and SSIM of reconstructions of test people, with intervals over people."""
    model, data = walkable_model(run), open_data(run)
    rows = data.rows("test")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]
    faces, rebuilt = np.array(data.images(rows)), decode(model, torch.from_numpy(encode_rows(model, data, rows)))
    people = data.table["person"].astype(str).to_numpy()[rows]
    for name, values in (("PSNR", psnr_of(image_mse(faces, rebuilt))), ("SSIM", image_ssim(faces, rebuilt))):
        show(name, interval("mean", None, values, people), ASKED[name])


def show_identity(results: Results) -> None:
    """Print how often the identity network names the person: faces, reconstructions, ends of walks."""
    own = results.filter(experiment="identity")
    for condition in ("face", "reconstruction"):
        name = f"named, {condition}"
        show(name, next(iter(own.filter(condition=condition, metric="named"))), ASKED.get(name, ""))
    for axis in AXES:
        (row,) = own.filter(condition="walk", task=axis, metric="named_ends")
        show(f"named, ends of walks along {axis}", row, ASKED["named, ends"])


def show_readings(results: Results) -> None:
    """Print how the true parameters follow walks, by the regressor."""
    own = results.filter(experiment="expression", model="regressor", condition="walk")
    for axis in AXES:
        for metric in ("r", "slope", "rho"):
            (row,) = own.filter(task=axis, target=axis, metric=metric)
            show(f"{metric} of {axis}", row, ASKED.get(metric, ""))
        (other,) = [name for name in AXES if name != axis]
        show(f"rise of {other} on a walk along {axis}", next(iter(own.filter(task=axis, target=other, metric="rise"))))


def show(name: str, row: object, asked: str = "") -> None:
    """Print a value with its interval and what was asked."""
    value, low, high = (float(getattr(row, field)) for field in ("value", "low", "high"))
    print(f"{name:<42} {value:7.3f} [{low:.3f}, {high:.3f}]{'   asked: ' + asked if asked else ''}", flush=True)


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
