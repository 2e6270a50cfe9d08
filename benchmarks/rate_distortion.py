"""The rate-distortion curve of LeVAsa on drawn faces: one training for each weight of the KL, judged on unseen people.

    python benchmarks/rate_distortion.py FACES --out FOLDER [--epochs 1] [--threads 1]

FACES is a folder of `affectspace corpus make faces`. The trainings are those of configs/levasa_drawn.yaml with fewer epochs.
The same command continues. Prints a row for each weight and draws the curve.
"""

import argparse
from pathlib import Path

import numpy as np

from affectspace.evaluation import pearson
from affectspace.evaluation.floors import kl_per_dimension
from affectspace.report import rate_distortion_figure, save_figure
from affectspace.studies.levasa.representations import Representations
from affectspace.training.configuration import read_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run

DRAWN = Path(__file__).parents[1] / "configs" / "levasa_drawn.yaml"
WEIGHTS = (0.01, 0.05, 0.2, 0.8, 3.0, 12.0)


def main() -> None:
    """Train what is missing, print the points, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    points = []
    for weight in WEIGHTS:
        folder = asked.out / f"kl{weight:g}"
        settings = (f"model.kl_weight={weight}", f"fit.epochs={asked.epochs}", f"fit.threads={asked.threads}")
        if not (folder / "model").is_dir():
            fit(read_config(DRAWN, (f"data.path={asked.faces}", *settings)), folder)
        run = open_run(folder)
        data = run.dataset("images")
        outputs = Representations.of(run, data)
        rate = float(kl_per_dimension(outputs.mean["test"], outputs.log_variance["test"]).sum())
        truth = data.affect[data.rows("test")]
        heads = [float(pearson(truth[:, axis], outputs.affect["test"][:, axis])) for axis in (0, 1)]
        mse, psnr, ssim = (float(np.mean(outputs.errors[name])) for name in ("mse", "psnr", "ssim"))
        print(
            f"KL weight {weight:>5g}: {rate:6.1f} nats, MSE {mse:.5f}, PSNR {psnr:.2f} dB, SSIM {ssim:.3f}, "
            f"heads r {heads[0]:.3f} and {heads[1]:.3f}, {len(truth)} faces",
            flush=True,
        )
        points.append({"name": f"weight {weight:g}", "rate": rate, "distortion": mse})
    print(save_figure(rate_distortion_figure(points), asked.out / "rate_distortion.png"))


if __name__ == "__main__":
    main()
