"""Which models `reproduce levasa` trains: the paper's five, to its letter and as ours, controls, ceiling, rate-distortion."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from affectspace.data.configuration import CorpusConfig
from affectspace.studies.engine import StudyBudget, overrides_of
from affectspace.training.configuration import TrainConfig, build_config

HEADLINE = ("vanilla", "continuous")
LETTER = "paper_"  # before the names of the models to the paper's letter
FAMILIES = ("", LETTER)  # our network; the paper's
LEVELS = "afew_"  # before the names of runs, experiments and figures of the corpus with levels of valence and arousal

TITLES = {
    "vanilla": "Vanilla VAE",
    "continuous": "LeVAsa, continuous",
    "discrete": "LeVAsa, discrete",
    "permuted": "control: permuted ellipses",
    "class_means": "control: class-mean targets",
    "seven_way": "control: emotion head",
    "cnn": "supervised CNN (ceiling)",
    "paper_vanilla": "Vanilla VAE, the paper's letter",
    "paper_continuous": "LeVAsa continuous, the paper's letter",
    "paper_discrete": "LeVAsa discrete, the paper's letter",
    "notebook": "LeVAsa, authors' notebooks",
    "residual": "LeVAsa, residual network",
    "residual_permuted": "residual: permuted ellipses",
    "residual_squared": "residual: squared errors",
    "residual_no_similarity": "residual: without SSIM",
    "residual_no_warmup": "residual: KL without warm-up",
    "residual_free_nats": "residual: with free nats",
    "residual_no_editing": "residual: without editing",
    "residual_expression": "residual: with expression network",
    "residual_identity": "residual: with identity network",
    "residual_convolutional": "residual's losses, convolutional network",
}
RESIDUAL: dict[str, Any] = {
    "network": "residual", "width": 24, "chunk": 8, "rest": 240, "head_inputs": None, "align_on": "sample",
    "reconstruction": "absolute", "similarity_weight": 0.5, "kl_weight": 0.05, "kl_warmup": 0.2, "editing_weight": 0.1,
}  # fmt: skip
RESIDUAL_FIT = {"batch_size": 16, "learning_rate": 0.002, "precision": "bf16-mixed"}  # small batches reconstruct best
ABLATIONS: dict[str, dict[str, Any]] = {
    "residual": {},
    "residual_permuted": {},  # its labels are
    "residual_squared": {"reconstruction": "squared"},
    "residual_no_similarity": {"similarity_weight": 0.0},
    "residual_no_warmup": {"kl_warmup": 0.0},
    "residual_free_nats": {"free_nats": 0.05},
    "residual_no_editing": {"editing_weight": 0.0},
    "residual_expression": {"expression_weight": 0.05},
    "residual_identity": {"identity_weight": 0.3},
    "residual_convolutional": {"network": "convolutional", "width": 32},
}
RATES = (0.01, 0.2, 0.5, 1.0)  # weights of the KL beside the residual network's own
KL = "residual_kl_"  # before the weight

# The paper's network, Eqs. 1-3 and optimiser. It states no weights: those of the authors' notebooks, 0.5 and 0.3 of the mean
# error of a pixel value, are here relative to the sum over 3 * 64 * 64 values. Adam is AdamW without weight decay.
PAPER: dict[str, dict[str, Any]] = {
    "model": {
        "width": 64, "padding": 0, "hidden": (512, 128), "head_inputs": None, "align_on": "sample", "kl_power": 2,
        "reduction": "paper", "kl_weight": 0.5, "alignment_weight": 3686.4,
    },
    "fit": {
        "batch_size": 128, "learning_rate": 1e-4, "schedule": "constant", "weight_decay": 0.0, "balance": 0.0,
        "keep": "last",
        "augmentation": {"mirror": False, "rotation": 0, "scale": 0, "shift": 0, "contrast": 0, "brightness": 0},
    },
}  # fmt: skip


class Budget(StudyBudget):
    """How much is trained. All models that are compared have the same epochs."""

    epochs: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    paper_epochs: int = Field(5, description="of the models to the paper's letter; the authors' have up to 100")
    curve_weights: tuple[float, ...] = (0.03, 0.1, 1.0)
    alignment_weight: float = 0.3
    ablations: bool = Field(False, description="also train the residual network, its losses one by one and KL weights")
    without: tuple[str, ...] = Field((), description="names of members that are not trained")


def quick_budget(**settings: Any) -> Budget:
    """Make a budget that shows that everything works: one epoch, of more steps, as there are few images."""
    own = tuple(settings.pop("overrides", ()))
    small = {"epochs": 1, "seeds": (0,), "paper_epochs": 1, "curve_weights": ()}
    return Budget(**{**small, "overrides": ("fit.batch_size=32", *own), **settings})


def demo_budget(workers: int) -> Budget:
    """Make a budget for drawn faces whose report is informative after a few minutes: headline, one control, ceiling."""
    return Budget(
        epochs=5, seeds=(0,), paper_epochs=0, curve_weights=(), workers=workers,
        overrides=("fit.batch_size=32",),  # few images need more steps
        without=("discrete", "class_means", "seven_way", "notebook"),
    )  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One model of the study with one seed. prefix : of its folder, `LEVELS` for the corpus with levels"""

    name: str
    seed: int
    config: TrainConfig
    prefix: str = ""

    @property
    def folder(self) -> str:
        return f"{self.prefix}{self.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name.replace("_", " "))


def changes(name: str, budget: Budget, categories: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
    """Return the settings of one member that differ from the default configuration."""
    if name.startswith(LETTER):
        alignment = {"vanilla": "none"}.get(name.removeprefix(LETTER), name.removeprefix(LETTER))
        model = {**PAPER["model"], "alignment": alignment, "discrete_loss": "bce"}
        levels = {} if prefix else {"level_low": -9, "level_high": 9}  # 19 levels for IMFDB, 21 for AFEW-VA
        return {"model": {**model, **levels}, "fit": dict(PAPER["fit"])}
    table: dict[str, dict[str, Any]] = {
        "vanilla": {"model": {"alignment": "none"}},
        "continuous": {},
        "discrete": {"model": {"alignment": "discrete"}},
        "permuted": {"labels": {"permute": 1}},
        "class_means": {"labels": {"distribution": "centres"}},
        "seven_way": {"model": {"alignment": "categories", "categories": categories}},
        "cnn": {"model": {"kind": "classifier", "categories": categories}},
        "notebook": {"model": {"head": "identity", "alignment_weight": 0.3, "head_inputs": None, "align_on": "sample"}},
    }
    if name.startswith("weight_"):
        return {"model": {"alignment_weight": float(name.removeprefix("weight_"))}}
    if name in ABLATIONS or name.startswith(KL):
        own = ABLATIONS[name] if name in ABLATIONS else {"kl_weight": float(name.removeprefix(KL))}
        table[name] = {"model": {**RESIDUAL, **own}, "fit": dict(RESIDUAL_FIT)}
    if name == "residual_permuted":
        table[name]["labels"] = {"permute": 1}
    change = table[name]
    if change.get("model", {}).get("kind") != "classifier":
        change = {**change, "model": {"alignment_weight": budget.alignment_weight, **change.get("model", {})}}
    return change


def members(
    data: CorpusConfig,
    categories: tuple[str, ...],
    budget: Budget,
    *,
    prefix: str = "",
    cache: Path | None = None,
    rated: bool = False,
) -> Iterator[Member]:
    """List the members of one corpus, the headline first, so that an interrupted study has it.

    Parameters
    ----------
    data : CorpusConfig
    categories : tuple of str
        Its emotions.
    budget : Budget
    prefix : str
        `LEVELS` for a corpus with levels and no emotions, which trains the Vanilla VAE and the discrete LeVAsa only.
    cache : path, optional
        Folder of decoded images.
    rated : bool
        The corpus has emotions, and valence and arousal, which are not used, so that the controls differ in one thing.
    """

    def make(name: str, seed: int, epochs: int) -> Iterator[Member]:
        if f"{prefix}{name}" in budget.without or not epochs:
            return
        change = changes(name, budget, categories, prefix)
        labels = dict(change.pop("labels", {}))
        if rated:  # the question is what emotions alone can do, as in the paper
            labels["source"] = "transferred"
        fit = {**change.pop("fit", {}), "epochs": epochs, "seed": seed}
        fields = {"data": {**data.model_dump(), "cache": cache}, "labels": labels, "fit": fit, **change}
        kind = change.get("model", {}).get("kind", "levasa")
        overrides = overrides_of(kind, ("levasa", "classifier"), budget.overrides)
        yield Member(name, seed, build_config(fields, where=name, overrides=overrides), prefix)

    first, *others = budget.seeds
    for name in ("vanilla", "discrete") if prefix else ("vanilla", "continuous", "permuted", "cnn"):
        yield from make(name, first, budget.epochs)
    for name in () if prefix else HEADLINE:
        for seed in others:
            yield from make(name, seed, budget.epochs)
    for name in ("vanilla", "discrete") if prefix else ("vanilla", "continuous", "discrete"):
        yield from make(f"{LETTER}{name}", first, budget.paper_epochs)
    if prefix:
        return
    for name in ("discrete", "class_means", "seven_way", "notebook"):
        yield from make(name, first, budget.epochs)
    for weight in budget.curve_weights:
        yield from make(f"weight_{weight:g}", first, budget.epochs)
    if budget.ablations:
        for name in ("residual", "residual_permuted"):
            for seed in budget.seeds:
                yield from make(name, seed, budget.epochs)
        for name in (*list(ABLATIONS)[2:], *(f"{KL}{weight:g}" for weight in RATES)):
            yield from make(name, first, budget.epochs)
