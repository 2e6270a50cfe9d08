"""What steering gains from more soft tokens and more training sentences, measured on validation sentences.

    python benchmarks/steer_by_size.py runs/table5/projector --out runs/sizes --sizes 2:1000,12:1000,32:1000,12:500,12:4000

For each `tokens:rows` the run's configuration is trained again, calibrated along valence, and steers validation sentences that
its training has not seen. It prints one line: loss per token behind the true affect and behind another sentence's, slope of the
calibration, Spearman correlation by each judge, content, perplexity as a ratio to that without a target, and the share of
sentences that meet all three bars. `reconstruction` instead of tokens:rows measures that mode. The same command continues an
interrupted run.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.data.dataset import Dataset
from affectspace.files import write_text
from affectspace.steering import LanguageModel, Steerer, fit_projector, load_language_model
from affectspace.steering.calibration import calibrate
from affectspace.steering.encoder import SentenceEncoder
from affectspace.steering.ranking import ContentSimilarity, rank
from affectspace.studies.engine import is_finished
from affectspace.studies.steering.evaluate import CONTENT, SURPRISE, Measured, all_three, measure
from affectspace.studies.steering.material import RIDGE, Material, material_of
from affectspace.studies.steering.methods import points_along, without_target
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.training.configuration import ProjectorTrainConfig
from affectspace.training.runs import Run, open_run

AXIS = "valence"
VALIDATION = 100  # sentences for the loss
CALIBRATION = 16  # sentences that fit the calibration and are not measured


def main() -> None:
    """Train, steer and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of a projector")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--sizes", default="2:1000,12:1000,32:1000,12:500,12:2000,12:4000", help="tokens:rows, ...")
    parser.add_argument("--seeds", type=int, default=1, help="number of repetitions")
    parser.add_argument("--sentences", type=int, default=24, help="validation sentences that are steered")
    parser.add_argument("--candidates", type=int, default=6, help="texts per target")
    parser.add_argument("--judge", action="append", default=[], help="lexicon as NAME=FILE; can be repeated")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    base = open_run(arguments.run).projector_config
    rows = open_run(base.run).dataset("features")
    model = load_language_model(base.language_model.name, dtype=base.language_model.dtype)
    plan = SteeringPlan(tuning_sentences=arguments.sentences + CALIBRATION, candidates=arguments.candidates)
    lexicons = {name: Path(path) for name, path in (judge.split("=", 1) for judge in arguments.judge)}
    for seed in range(arguments.seeds):
        for size in arguments.sizes.split(","):
            folder = arguments.out / f"{size.replace(':', '-')}-seed{seed}"
            if not (folder / "line.txt").is_file():
                run = trained(base, size, seed, folder, rows, model, arguments.threads)
                write_text(folder / "line.txt", steered(run, rows, model, plan, lexicons))
            print(f"{size}, seed {seed}: {(folder / 'line.txt').read_text()}", flush=True)


def trained(
    base: ProjectorTrainConfig, size: str, seed: int, folder: Path, rows: Dataset, model: LanguageModel, threads: int
) -> Run:
    """Train one size, or open its run."""
    if is_finished(folder):  # only its line was missing
        return open_run(folder)
    made: dict[str, Any] = base.model_dump(mode="json")
    if size == "reconstruction":
        made["model"] |= {"mode": "reconstruction", "private": None, "private_dropout": 0.0}
    else:
        made["model"]["tokens"], made["fit"]["rows"] = (int(part) for part in size.split(":"))
    made["fit"] |= {"seed": seed, "threads": threads, "validation_rows": VALIDATION}
    made["calibration"]["sentences"] = 0
    return fit_projector(ProjectorTrainConfig.model_validate(made), folder, data=rows, language_model=model)


def steered(run: Run, rows: Dataset, model: LanguageModel, plan: SteeringPlan, lexicons: dict[str, Path]) -> str:
    """Measure a run on validation sentences."""
    steerer = Steerer.of_parts(run, SentenceEncoder(run.folder / "encoder"), model, ContentSimilarity.load())
    material = material_of(steerer, rows, lexicons, plan)
    settings, seeds = run.projector_config.calibration, material.tuning
    fitted = calibrate(
        steerer, seeds.texts[:CALIBRATION], material.judges[RIDGE], settings.points, axes=(AXIS,),
        candidates=settings.candidates,
    )  # fmt: skip
    apart = seeds.take(np.arange(CALIBRATION, len(seeds)))
    material = replace(material, steerer=replace(steerer, calibration=fitted), tuning=apart)
    found, base = written(material, plan)
    spearman = {key.modality: values.mean() for key, values in found.values.items() if key.metric == "spearman"}
    losses = run.history.iloc[-1]
    parts = [
        f"loss {losses['validation_total']:.4f} of {losses['validation_shuffled_affect']:.4f}",
        f"slope {fitted.lines[AXIS].measured_slope:.2f}",
        *(f"spearman by {name} {mean:.2f}" for name, mean in spearman.items()),
        f"content {found.values[CONTENT].mean():.2f}",
        f"perplexity {np.exp((found.values[SURPRISE] - base).mean()):.2f}x",
        f"all three {all_three(found, base, material, AXIS).mean():.2f}",
    ]
    return "; ".join(parts) + "\n"


def written(material: Material, plan: SteeringPlan) -> tuple[Measured, np.ndarray]:
    """Measures of steered validation sentences, and their surprise without a target."""
    steerer, seeds = material.steerer, material.tuning
    points = points_along(AXIS, plan.targets, len(seeds))
    texts = steerer.write(seeds.texts, points, candidates=plan.candidates, seed=plan.seed, sampling=plan.sampling)
    own = steerer.affect_of(seeds.texts)
    ranked = rank(seeds.texts, own, points, texts, steerer.affect_of, steerer.similarity)
    nothing = without_target(steerer, seeds.texts, 1, plan)
    return measure(material, seeds, AXIS, plan, ranked.texts()), steerer.model.surprise([one[0][0] for one in nothing])


if __name__ == "__main__":
    main()
