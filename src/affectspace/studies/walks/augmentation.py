"""Does an emotion classifier gain from walked faces (the LeVAsa paper's future work), against plain augmentation?

Three arms of one network, with equal numbers of images, the same order, seeds and plain augmentation:

plain : the training images
rebuilt : half of every batch as the model's reconstructions, labels as they are: what blur and noise of the decoder do alone
walked : half of every batch moved to the point of another training image, whose emotion becomes the label; all emotions
    equally often

Primary endpoint: UAR on test people, walked - plain, paired by person over all seeds.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectspace.configuration import Configuration
from affectspace.data.dataset import Dataset
from affectspace.errors import RunError
from affectspace.evaluation import interval
from affectspace.evaluation.results import Recorder, Results
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa
from affectspace.progress import Progress, silent
from affectspace.report import Report
from affectspace.studies.claims import Finding, Statement, above, decide, describe
from affectspace.studies.engine import write_study
from affectspace.studies.figures import Picture
from affectspace.studies.summary import key_figures
from affectspace.studies.tables import Renderer, Table, grid
from affectspace.studies.walks.judges import KeptNetworks, corpus_facts
from affectspace.training.networks import JudgeSettings, outputs_of, train_network
from affectspace.training.runs import Run
from affectspace.walks.pictures import Geometry, decode, move
from affectspace.walks.runs import encode_rows, open_data, run_geometry, walkable_model
from affectspace.walks.strength import Strength

ARMS = ("plain", "rebuilt", "walked")
PROTOCOL = "strict, test people"
PRIMARY = {"model": "walked", "versus": "plain", "metric": "uar"}
RULES = {
    "plain": "the training images",
    "rebuilt": "half of every batch as reconstructions, labels as they are",
    "walked": "half of every batch walked to the point of another training image, and labelled with its emotion",
}


class AugmentationBudget(Configuration):
    """Equal for all arms. Fixed beforehand: nothing is chosen on test people."""

    images: int = Field(45_000, ge=1, description="images that a network sees, repeats and walked ones included")
    share: float = Field(0.5, gt=0, lt=1, description="of every batch that is rebuilt or walked")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    width: int = Field(32, ge=4)
    batch_size: int = Field(64, ge=4)

    def settings(self, seed: int) -> JudgeSettings:
        return JudgeSettings(images=self.images, width=self.width, batch_size=self.batch_size, seed=seed)


@dataclass
class Mixture:
    """Batches in which the first rows are rebuilt or walked. Labels of the newest batch stand in `target`.

    codes : (n, latent), points : (n, 2) valence and arousal of training, category : (n,), of the training rows
    """

    arm: str
    model: Levasa
    geometry: Geometry
    pixels: np.ndarray
    codes: np.ndarray
    points: np.ndarray
    category: np.ndarray
    share: float
    seed: int
    step: int = 0
    target: Tensor | None = None

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Return the pixels of a batch, some of them rebuilt or walked; their labels stand in `target`."""
        pixels, label = np.array(self.pixels[rows]), self.category[rows].copy()
        changed = round(self.share * len(rows)) if self.arm != "plain" else 0
        if changed:
            code = torch.from_numpy(self.codes[rows[:changed]])
            if self.arm == "walked":
                label[:changed], code = self._walked(code)
            pixels[:changed] = decode(self.model, code)
        self.step += 1
        self.target = torch.from_numpy(label)
        return pixels

    @cached_property
    def _rows_of(self) -> dict[int, np.ndarray]:
        return {int(one): np.flatnonzero(self.category == one) for one in np.unique(self.category)}

    def _walked(self, code: Tensor) -> tuple[np.ndarray, Tensor]:
        random = np.random.default_rng([self.seed, self.step, 1])
        label = random.choice(list(self._rows_of), len(code))
        others = [random.choice(self._rows_of[one]) for one in label]
        point = torch.from_numpy(self.points[others])
        moved, _ = move(self.model, code, self.geometry, point[:, 0], point[:, 1])
        return label, moved

    def loss(self, out: Tensor, rows: np.ndarray) -> Tensor:
        assert self.target is not None
        return torch.nn.functional.cross_entropy(out, self.target)


def run_augmentation(
    run: Run,
    out: Path,
    *,
    method: str = "directions",
    strength: Strength | float | tuple[float, float] = 1.0,
    budget: AugmentationBudget | None = None,
    progress: Progress = silent,
) -> tuple[Results, Path]:
    """Train what is missing into RUN/augmentation; return the results and the path of the report.

    Writes augmentation.json and augmentation.html into `out`. Raises RunError where the run cannot be walked, or its corpus
    names fewer than two emotions.
    """
    started = time.perf_counter()
    budget, model = budget or AugmentationBudget(), walkable_model(run)
    data = open_data(run, progress)
    if len(data.categories) < 2:
        raise RunError(f"{run.folder}: its corpus names {len(data.categories)} emotions; a classifier needs two")
    rows = data.rows("train")
    points = data.training_affect(0)[:, :2]
    rows = rows[(data.category[rows] >= 0) & np.isfinite(points[rows]).all(axis=1)]
    codes = encode_rows(model, data, rows, progress).astype(np.float32)
    geometry = run_geometry(run, model, method, strength, progress, data)
    networks: dict[str, list[Any]] = {arm: [] for arm in ARMS}
    for seed in budget.seeds:
        for arm in ARMS:
            mixture = Mixture(
                arm, model, geometry, data.images(rows), codes, points[rows], data.category[rows], budget.share, seed
            )
            facts = {
                **corpus_facts(data),
                "budget": budget.model_dump(mode="json", exclude={"seeds"}),
                "method": method,
                "rules": RULES,
            }
            kept = KeptNetworks(run.folder / "augmentation", facts, seed)
            config = ClassifierConfig(
                image_size=model.config.image_size, width=budget.width, categories=data.categories
            )
            teach = _teacher(mixture, budget.settings(seed), f"{arm}, seed {seed}", progress)
            networks[arm].append(kept.get(f"{arm}-seed{seed}", EmotionClassifier, config, teach))
    results = measure_arms(networks, data, budget)
    facts = {
        "run": run.folder.resolve().name, "method": method,
        "strength": strength.values if isinstance(strength, Strength) else strength,
        "budget": budget.model_dump(mode="json"),
    }  # fmt: skip

    def report(_: Mapping[str, Picture], seconds: dict[str, Any]) -> Report:
        report = Report("Walked faces as augmentation", data.name, {**facts, **seconds})
        add_augmentation(report, results, out)
        return report

    return results, write_study(out, results, (), report, started, progress, name="augmentation")


def _teacher(mixture: Mixture, settings: JudgeSettings, text: str, progress: Progress) -> Callable[[Any], None]:
    weights = 1.0 / np.bincount(mixture.category)[mixture.category]  # all emotions equally often, in every arm

    def teach(network: Any) -> None:
        train_network(
            network, mixture.images, mixture.loss, weights, settings, blur=False, progress=progress, text=text
        )

    return teach


def measure_arms(networks: Mapping[str, list[Any]], data: Dataset, budget: AugmentationBudget) -> Results:
    """Measure the UAR of each arm on test people, and the differences, with intervals over people."""
    rows = data.rows("test")
    rows = rows[data.category[rows] >= 0]
    truth, people = data.category[rows], data.table["person"].astype(str).to_numpy()[rows]
    pixels = data.images(rows)
    guesses = {arm: [outputs_of(one, pixels).argmax(axis=1) for one in ones] for arm, ones in networks.items()}
    results = Results()
    recorder = Recorder(results, {"study": "augmentation", "protocol": PROTOCOL, "seeds": budget.seeds})
    for arm in ARMS:
        recorder.add("uar", interval("uar", truth, guesses[arm], people), model=arm)
    for arm, versus in (("walked", "plain"), ("rebuilt", "plain"), ("walked", "rebuilt")):
        difference = interval("uar", truth, guesses[arm], people, guesses[versus])
        recorder.add("uar", difference, model=arm, versus=versus)
        recorder.add("p", difference.p, len(rows), model=arm, versus=versus, note="sign flips over people")
    return results


def add_augmentation(report: Report, results: Results, folder: Path) -> None:
    """Append the key figure, the claim and the tables to a report."""
    report.key_figures(key_figures(results, {"UAR, walked - plain": PRIMARY}))
    report.section(
        "Does a classifier gain from walked faces?",
        "The same network, images, order, seeds and plain augmentation in every arm; half of every batch is replaced in two "
        "of them. The walked model was trained on the same people as the classifiers; test people are unseen by all.",
    )
    report.claims(decide((CLAIM,), results))
    arms = "; ".join(f"{arm}: {rule}" for arm, rule in RULES.items())
    Renderer(report, results, {}).add(
        Table(
            "Unweighted average recall on test people", {"versus": ""}, grid("UAR", metric="uar"), head="arm",
            note=f"Seeds are averaged. {arms}.",
        ),
        Table(
            "Differences, paired by person", {"versus": bool}, grid("{metric}", metric={"uar": "difference of UAR", "p": "p"}),
            ("model", "versus"), "difference",
            note="p: sign flips over people.",
        ),
    )  # fmt: skip


def _gains(results: Results) -> list[Finding]:
    gain = results.find(**PRIMARY)
    return [Finding(above(gain), describe(gain, "difference"))]


CLAIM = Statement(
    "An emotion classifier gains from walked faces, against plain augmentation (UAR on test people)",
    "LeVAsa, future work",
    _gains,
)
