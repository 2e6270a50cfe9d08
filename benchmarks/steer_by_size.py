"""What a frozen language model's steering gains from more soft tokens and more training sentences, on validation sentences.

    python benchmarks/steer_by_size.py runs/table5/projector --out runs/sizes --sizes 2:1000,12:1000,32:1000,12:500,12:4000

The run's configuration is trained again at each `tokens:rows`, calibrated along valence, and steers validation sentences that
its training never saw. A line each: loss a token behind the true affect and behind another sentence's, slope of the
calibration, Spearman by each judge, content, perplexity as a ratio to that with nothing asked, and sentences that meet
all three bars. `--seeds` repeats it; `reconstruction` in place of tokens:rows shows that mode. It continues.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectspace.files import write_text
from affectspace.steering import Steerer
from affectspace.steering.calibration import calibrate
from affectspace.steering.encoder import SentenceEncoder
from affectspace.steering.fitting import fit_projector
from affectspace.steering.language_model import LanguageModel, load_language_model
from affectspace.steering.ranking import ContentSimilarity, rank
from affectspace.studies.steering.evaluate import Measured, all_three, measure
from affectspace.studies.steering.material import RIDGE, Material, material_of
from affectspace.studies.steering.methods import asked_points, nothing_asked
from affectspace.studies.steering.plan import SteeringPlan
from affectspace.studies.trainings import is_finished
from affectspace.training.feature_set import FeatureSet
from affectspace.training.projector_configuration import ProjectorTrainConfig
from affectspace.training.runs import Run, open_run

AXIS = "valence"
VALIDATION = 100  # sentences that the loss is told of
CALIBRATING = 16  # sentences that fit the calibration and are not measured


def main() -> None:
    """Train, steer and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a projector's finished run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", default="2:1000,12:1000,32:1000,12:500,12:2000,12:4000")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--judge", action="append", default=[], help="NAME=FILE of a lexicon")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    base = open_run(arguments.run).projector_config
    rows = FeatureSet.of_run(open_run(base.run))
    model = load_language_model(base.language_model.name, dtype=base.language_model.dtype)
    plan = SteeringPlan(tuning_sentences=arguments.sentences + CALIBRATING, candidates=arguments.candidates)
    lexicons = {name: Path(path) for name, path in (one.split("=", 1) for one in arguments.judge)}
    for seed in range(arguments.seeds):
        for size in arguments.sizes.split(","):
            folder = arguments.out / f"{size.replace(':', '-')}-seed{seed}"
            if not (folder / "line.txt").is_file():
                run = trained(base, size, seed, folder, rows, model, arguments.threads)
                write_text(folder / "line.txt", steered(run, rows, model, plan, lexicons))
            print(f"{size}, seed {seed}: {(folder / 'line.txt').read_text()}", flush=True)


def trained(
    base: ProjectorTrainConfig, size: str, seed: int, folder: Path, rows: FeatureSet, model: LanguageModel, threads: int
) -> Run:
    """The run of one size."""
    if is_finished(folder):  # and only its line was missing
        return open_run(folder)
    made: dict[str, Any] = base.model_dump(mode="json")
    if size == "reconstruction":
        made["model"] |= {"mode": "reconstruction", "private": None, "private_dropout": 0.0}
    else:
        made["model"]["tokens"], made["fit"]["rows"] = (int(part) for part in size.split(":"))
    made["fit"] |= {"seed": seed, "threads": threads, "validation_rows": VALIDATION}
    made["calibration"]["sentences"] = 0
    return fit_projector(ProjectorTrainConfig.model_validate(made), folder, data=rows, language_model=model)


def steered(run: Run, rows: FeatureSet, model: LanguageModel, plan: SteeringPlan, lexicons: dict[str, Path]) -> str:
    """Figures of a run on validation sentences."""
    steerer = Steerer.of_parts(run, SentenceEncoder.of_run(run.folder / "encoder"), model, ContentSimilarity())
    material = material_of(steerer, rows, lexicons, plan)
    settings, seeds = run.projector_config.calibration, material.tuning
    fitted = calibrate(
        steerer, seeds.texts[:CALIBRATING], material.judges[RIDGE], settings.points, axes=(AXIS,),
        candidates=settings.candidates,
    )  # fmt: skip
    apart = seeds.take(np.arange(CALIBRATING, len(seeds)))
    material = replace(material, steerer=replace(steerer, calibration=fitted), tuning=apart)
    found, base = written(material, plan)
    spearman = {name: values.mean() for name, values in found.values.items() if name.startswith("spearman_")}
    losses = run.history.iloc[-1]
    parts = [
        f"loss {losses['validation_total']:.4f} of {losses['validation_shuffled_affect']:.4f}",
        f"slope {fitted.lines[AXIS].measured_slope:.2f}",
        *(f"{name} {mean:.2f}" for name, mean in spearman.items()),
        f"content {found.values['content'].mean():.2f}",
        f"perplexity {np.exp((found.values['surprise'] - base).mean()):.2f}x",
        f"all three {all_three(found, base, material, AXIS).mean():.2f}",
    ]
    return "; ".join(parts) + "\n"


def written(material: Material, plan: SteeringPlan) -> tuple[Measured, np.ndarray]:
    """What is measured of steered validation sentences, and their surprise with nothing asked."""
    steerer, seeds = material.steerer, material.tuning
    points = asked_points(AXIS, plan.asked, len(seeds))
    texts = steerer.write(seeds.texts, points, candidates=plan.candidates, seed=plan.seed, sampling=plan.sampling)
    own = steerer.affect_of(seeds.texts)
    ranked = rank(seeds.texts, own, points, texts, steerer.affect_of, steerer.similarity)
    nothing = nothing_asked(steerer, seeds.texts, 1, plan)
    return measure(material, seeds, AXIS, plan, ranked.texts()), steerer.model.surprise([one[0][0] for one in nothing])


if __name__ == "__main__":
    main()
