"""Which models `reproduce levasa` trains: the five of the paper, its controls, its ceiling and the rate-distortion curve."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from affectspace.data.configuration import CorpusConfig
from affectspace.studies.engine import StudyBudget
from affectspace.training.configuration import TrainConfig, build_config

CONTROLS = ("permuted", "class_means", "seven_way")
HEADLINE = ("vanilla", "continuous")

TITLES = {
    "vanilla": "Vanilla VAE",
    "continuous": "LeVAsa, continuous",
    "discrete": "LeVAsa, discrete",
    "permuted": "control: permuted ellipses",
    "class_means": "control: class-mean targets",
    "seven_way": "control: emotion head",
    "cnn": "supervised CNN (ceiling)",
    "notebook": "LeVAsa, authors' notebooks",
    "paper_vanilla": "Vanilla VAE, paper's network",
    "paper_continuous": "LeVAsa continuous, paper's network",
    "afew_vanilla": "Vanilla VAE, AFEW-VA labels drawn",
    "afew_discrete": "LeVAsa discrete, AFEW-VA labels drawn",
}


class Budget(StudyBudget):
    """How much is trained. All models that are compared have the same epochs; overrides apply to all members."""

    epochs: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    paper_epochs: int = 1
    drawn_epochs: int = 2
    curve_weights: tuple[float, ...] = (0.1,)
    alignment_weight: float = 0.3
    without: tuple[str, ...] = Field((), description="names of members that are not trained")


def quick_budget(**settings: Any) -> Budget:
    """Make a budget that shows that everything works."""
    small = {"epochs": 1, "seeds": (0,), "paper_epochs": 0, "drawn_epochs": 1, "curve_weights": ()}
    return Budget(**{**small, **settings})


def demo_budget(workers: int) -> Budget:
    """Make a budget for drawn faces whose report is informative after a few minutes: headline, one control, ceiling."""
    return Budget(
        epochs=5, seeds=(0,), paper_epochs=0, curve_weights=(), workers=workers,
        overrides=("fit.batch_size=32",),  # few images need more steps
        without=("discrete", "class_means", "seven_way", "notebook"),
    )  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One model of the study with one seed."""

    name: str
    seed: int
    config: TrainConfig

    @property
    def folder(self) -> str:
        return f"{self.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name.replace("_", " "))


def changes(name: str, budget: Budget, categories: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of one member that differ from the default configuration."""
    weight = budget.alignment_weight
    heads = {"head_inputs": None, "align_on": "sample"}
    paper = {"width": 64, "padding": 0, "hidden": (512, 128), "kl_power": 2, **heads}
    table: dict[str, dict[str, Any]] = {
        "vanilla": {"model": {"alignment": "none"}},
        "continuous": {},
        "discrete": {"model": {"alignment": "discrete"}},
        "permuted": {"labels": {"permute": 1}},
        "class_means": {"labels": {"distribution": "centres"}},
        "seven_way": {"model": {"alignment": "categories", "categories": categories}},
        "cnn": {"model": {"kind": "classifier", "categories": categories}},
        "notebook": {"model": {"head": "identity", "alignment_weight": 0.3, **heads}},
        "paper_vanilla": {"model": {**paper, "alignment": "none"}},
        "paper_continuous": {"model": paper},
        "afew_vanilla": {"model": {"alignment": "none"}},
        "afew_discrete": {"model": {"alignment": "discrete"}},
    }
    if name.startswith("weight_"):
        return {"model": {"alignment_weight": float(name.removeprefix("weight_"))}}
    change = table[name]
    if change.get("model", {}).get("kind") != "classifier":
        change = {**change, "model": {"alignment_weight": weight, **change.get("model", {})}}
    return change


def members(
    data: CorpusConfig,
    drawn: CorpusConfig | None,
    categories: tuple[str, ...],
    budget: Budget,
    *,
    cache: Path | None = None,
    rated: bool = False,
) -> Iterator[Member]:
    """List every member of the study, the headline first, so that an interrupted study has it.

    rated : the corpus has valence and arousal of its own; they are not used, so that the controls differ in one thing
    """

    def make(name: str, seed: int, where: CorpusConfig, epochs: int) -> Iterator[Member]:
        if name in budget.without:
            return
        change = changes(name, budget, categories)
        labels = dict(change.pop("labels", {}))
        if rated and where is data:  # the question is what emotions alone can do, as in the paper
            labels["source"] = "transferred"
        fields = {
            "data": {**where.model_dump(), "cache": cache},
            "labels": labels,
            "fit": {"epochs": epochs, "seed": seed},
            **change,
        }
        yield Member(name, seed, build_config(fields, where=name, overrides=budget.overrides))

    first, *others = budget.seeds
    for name in ("vanilla", "continuous", "permuted", "cnn"):
        yield from make(name, first, data, budget.epochs)
    for name in HEADLINE:
        for seed in others:
            yield from make(name, seed, data, budget.epochs)
    for name in ("discrete", "class_means", "seven_way"):
        yield from make(name, first, data, budget.epochs)
    for name in ("afew_vanilla", "afew_discrete") if drawn is not None else ():
        yield from make(name, first, drawn or data, budget.drawn_epochs)
    for name in ("paper_vanilla", "paper_continuous") if budget.paper_epochs else ():
        yield from make(name, first, data, budget.paper_epochs)
    for weight in budget.curve_weights:
        yield from make(f"weight_{weight:g}", first, data, budget.epochs)
    yield from make("notebook", first, data, budget.epochs)
