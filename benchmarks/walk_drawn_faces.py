"""Do the true parameters of drawn faces follow a walk? Trains a LeVAsa, walks unseen people, reads by a regressor."""

import argparse
import tempfile
import time
from pathlib import Path

from affectspace.corpora.faces import make_faces
from affectspace.experiments.walks.judge_run import judge_run
from affectspace.experiments.walks.networks import JudgeSettings
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run


def main() -> None:
    """Print correlation of asked and read, Spearman within walks, and what else moved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--images", type=int, default=50_000, help="that a judge sees in training")
    parser.add_argument("--out", type=Path, help="keep everything here; the same command continues")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        make_faces(out / "faces", n=arguments.faces, people=60)
        # ratings are exact and expressions small: a weaker prior and a stronger alignment than on real faces
        model = {"kl_weight": 0.1, "alignment_weight": 1.0}
        config = build_config(
            {
                "data": {"corpus": "faces", "path": str(out / "faces")},
                "model": model,
                "fit": {"epochs": arguments.epochs, "batch_size": 32},
            }
        )
        start = time.perf_counter()
        if not (out / "run" / "model").is_dir():
            fit(config, out / "run")
        trained = time.perf_counter()
        settings = JudgeSettings(images=arguments.images)
        for method in ("directions", "heads"):
            metrics, _ = judge_run(open_run(out / "run"), out / method, method=method, settings=settings)
            for axis in ("valence", "arousal"):
                r, rho = (metrics.get("walks", "regressor", f"{kind}_{axis}") for kind in ("r", "rho"))
                rest = metrics.get("walks", "regressor", f"rest_on_{axis}")
                print(
                    f"{method}, {axis}: r {r.value:.3f} [{r.low:.3f}, {r.high:.3f}], Spearman within walks {rho.value:.3f}, "
                    f"the rest moved by {rest.value:.2f} deviations"
                )
        print(f"training {trained - start:.0f} s, judging {time.perf_counter() - trained:.0f} s")


if __name__ == "__main__":
    main()
