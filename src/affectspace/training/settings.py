"""What every training's configuration has: how a corpus is split, and how long, how fast and on what it trains."""

from typing import Literal

from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.devices import Accelerator


class SplitConfig(Configuration):
    """Which people train, choose and test."""

    scheme: str = Field(
        "person", description="person keeps people apart; random and published as `corpus describe` tells"
    )
    fold: int | None = Field(None, ge=0, description="test on this fold of the people")
    folds: int = Field(5, ge=2)
    seed: int = 0
    fractions: tuple[float, float, float] = Field((0.7, 0.1, 0.2), description="train, validation, test")


class FitSettings(Configuration):
    """How long, how fast, on what."""

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(64, ge=2, description="rows of a step, of all devices together")
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "one_cycle"] = Field(
        "one_cycle", description="one_cycle: rise over a tenth, then cosine to 0"
    )
    weight_decay: float = Field(0.01, ge=0)
    gradient_clip: float | None = Field(None, gt=0, description="norm of the gradient")
    balance: float = Field(0.0, ge=0, le=1, description="0 draws rows as they are, 1 all emotions equally often")
    patience: int = Field(0, ge=0, description="stop after so many epochs without a better validation loss; 0: never")
    keep: Literal["auto", "best", "last"] = Field(
        "auto",
        description="which epoch's weights become the model; auto: the best with patience, else the last, when the schedule "
        "has come to rest (the least validation loss is often that of the least overfit label, not of the model)",
    )
    seed: int = 0
    accelerator: Accelerator = Field("auto", description="auto takes a GPU where there is one; gpu, cuda, mps, cpu")
    devices: int = Field(1, ge=1)
    accumulate: int = Field(1, ge=1, description="batches whose gradients are averaged before a step of the optimiser")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "32-true", description="mixed: the forward pass in 16 bits where that is safe, the weights in 32"
    )
    threads: int | None = Field(None, ge=1, description="of PyTorch on the CPU")
    logger: Literal["csv", "tensorboard"] = Field(
        "csv", description="history.csv is always written; tensorboard writes logs/ besides"
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="write checkpoints at the first end of an epoch after so long; 0: after every epoch"
    )

    @property
    def keeps_best(self) -> bool:
        """Whether the epoch with the least validation loss becomes the model."""
        return self.keep == "best" or (self.keep == "auto" and self.patience > 0)
