"""Whether the true parameters of drawn faces follow a walk: train a LeVAsa, choose the strength, judge unseen people."""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from affectspace.errors import RunError
from affectspace.evaluation import pearson
from affectspace.evaluation.results import Results
from affectspace.files import write_text
from affectspace.progress import Progress, silent
from affectspace.studies.walks.judge_run import judge_run
from affectspace.studies.walks.judged import AXES, RANGES, chosen_rows
from affectspace.studies.walks.judges import drawn_faces, teach_regressor
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import Run, open_run
from affectspace.walks.networks import AffectRegressor, JudgeSettings, RegressorConfig, outputs_of
from affectspace.walks.pictures import walk
from affectspace.walks.runs import open_data, run_directions, walkable_model

SIZE = 64
STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)
CHOOSER_SEED = 49979687  # of the chooser's people and weights; the judges' is another


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


@dataclass(frozen=True)
class Tried:
    """What a strength does on validation people, by axis.

    rise : reading at the end minus that at the start, over the target, mean over faces; r : of target and reading, all points
    """

    strength: float
    rise: dict[str, float]
    r: dict[str, float]

    @property
    def off(self) -> float:
        """How far the rises are from the targets, mean over axes."""
        return float(np.mean([abs(one - 1) for one in self.rise.values()]))


def chooser(folder: Path, size: int, settings: JudgeSettings, progress: Progress = silent) -> AffectRegressor:
    """Train a reader of drawn faces on people that neither a corpus nor a judge has; it is kept in a folder."""
    if (folder / "config.json").is_file():
        return AffectRegressor.from_pretrained(folder)
    own = settings.model_copy(update={"seed": CHOOSER_SEED})
    pixels, rows, truth = drawn_faces(
        folder.parent / f"{folder.name}-people", size, AXES, own, progress, seed=CHOOSER_SEED
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(CHOOSER_SEED)
        network = AffectRegressor(RegressorConfig(image_size=size, width=settings.width))
    teach_regressor(network, lambda chosen: pixels[chosen], rows, truth, own, progress, "chooser")
    network.save_pretrained(folder)
    return network


def try_strengths(
    run: Run,
    reader: AffectRegressor,
    settings: JudgeSettings,
    strengths: Sequence[float] = STRENGTHS,
    progress: Progress = silent,
) -> tuple[float, list[Tried]]:
    """Return the strength whose walks of validation people rise most nearly as the target, and every trial.

    Raises RunError where the run has no validation people, or is not of drawn faces.
    """
    model, data = walkable_model(run), open_data(run, progress)
    if not data.drawn:
        raise RunError(f"{run.folder} was trained on {data.name}; a strength is chosen where the truth is known")
    if not len(data.rows("validation")):
        raise RunError(f"{run.folder} has no validation people to choose a strength on")
    rows = chosen_rows(data, data.rows("validation"), settings.faces)
    pixels = np.array(data.images(rows))
    directions, tried = run_directions(run, model, progress, data), []
    for place, strength in enumerate(strengths):
        progress(place, len(strengths), f"strength {strength:g} on validation people")
        way, rise, r = directions.stretched(strength), {}, {}
        for axis, name in enumerate(AXES):
            targets = np.linspace(*RANGES[name], settings.steps)
            points = np.full((settings.steps, 2), np.nan)
            points[:, axis] = targets
            read = np.stack([outputs_of(reader, walk(model, face, points, way).images)[:, axis] for face in pixels])
            rise[name] = float((read[:, -1] - read[:, 0]).mean() / (targets[-1] - targets[0]))
            r[name] = float(pearson(np.tile(targets, len(read)), read.ravel()))
        tried.append(Tried(strength, rise, r))
    return min(tried, key=lambda one: one.off).strength, tried


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
