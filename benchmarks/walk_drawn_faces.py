"""Whether the true parameters of drawn faces follow a walk: train a LeVAsa, choose the strength, judge unseen people."""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

from affectspace.evaluation.results import Results
from affectspace.files import write_text
from affectspace.studies.walks.judge_run import judge_run
from affectspace.studies.walks.networks import JudgeSettings
from affectspace.studies.walks.strength import chooser, try_strengths
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run

SIZE = 64


def main() -> None:
    """Print the correlation of target and reading, Spearman within walks, side effects, and the change of identity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=50_000, help="training images of a judge")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to keep; the same command continues it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        start = time.process_time()
        train(out, arguments.faces, arguments.epochs, arguments.threads)
        trained = time.process_time()
        settings, run = JudgeSettings(images=arguments.images), open_run(out / "run")
        strength, tried = try_strengths(run, chooser(out / "chooser", SIZE, settings), settings)
        for trial in tried:
            axes = ", ".join(
                f"{axis} rises {trial.rise[axis]:.2f} of the target, r {trial.r[axis]:.3f}" for axis in trial.rise
            )
            print(f"validation people, strength {trial.strength:g}: {axes}", flush=True)
        print(f"chosen: strength {strength:g}", flush=True)
        write_text(out / "strength.json", json.dumps([vars(trial) for trial in tried], indent=2) + "\n")
        for method, width in dict.fromkeys((("directions", strength), ("directions", 1.0), ("heads", 1.0))):
            folder = out / (method if width == 1 else f"{method}-{width:g}")
            results, _ = judge_run(run, folder, method=method, strength=width, settings=settings)
            show(f"test people, {method}, strength {width:g}", results)
        print(f"CPU seconds: training {trained - start:.0f}, evaluation {time.process_time() - trained:.0f}")


def train(out: Path, faces: int, epochs: int, threads: int) -> None:
    """Train the run in `out`/run, unless it is finished."""
    if (out / "run" / "model").is_dir():
        return
    make_faces(out / "faces", n=faces, people=60, size=SIZE, workers=threads)
    config = build_config(
        {
            "data": {"corpus": "faces", "path": str(out / "faces")},
            # ratings are exact and expressions small: a weaker prior and a stronger alignment than on real faces
            "model": {"kl_weight": 0.1, "alignment_weight": 1.0},
            "fit": {"epochs": epochs, "batch_size": 32, "threads": threads},
        }
    )
    fit(config, out / "run")


def show(title: str, results: Results) -> None:
    """Print the judgements of walks."""
    for axis in ("valence", "arousal"):
        rows = [
            *results.filter(experiment="expression", condition="walk", task=axis),
            *results.filter(experiment="identity", condition="walk", task=axis),
        ]
        text = ", ".join(
            f"{row.metric} {row.target}".strip() + f" {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows
        )
        print(f"{title}, {axis}: {text}", flush=True)


if __name__ == "__main__":
    main()
