"""A trained study: the corpus, and every member with its codes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affectspace.studies.levasa.codes import Codes
from affectspace.studies.levasa.plan import Budget, Member
from affectspace.training.runs import Run
from affectspace.training.training_set import TrainingSet


@dataclass(frozen=True)
class Trained:
    """One member with one seed, trained."""

    member: Member
    run: Run
    codes: Codes


@dataclass(frozen=True)
class Study:
    """What the tables and figures are made of.

    data : the corpus, its parts and its labels: the ellipses' centres for evaluation, `labels.training(0)` the sampled ones
    drawn : drawn faces with AFEW-VA's labels, where the study has them
    trained : the members by name, in the order of their seeds; a name is absent where it was not trained
    facts : what the report says of the study: command, versions, seconds
    """

    out: Path
    data: TrainingSet
    drawn: TrainingSet | None
    trained: dict[str, list[Trained]]
    budget: Budget
    facts: dict[str, Any] = field(default_factory=dict)

    def seeds(self, name: str) -> list[int]:
        return [one.member.seed for one in self.trained.get(name, [])]

    def emotion(self, part: str) -> np.ndarray:
        """Index of the emotion of each row of a part, -1 without one."""
        return self.data.labels.category[self.data.rows(part)]

    def people(self, part: str) -> np.ndarray:
        return self.data.table["person"].to_numpy()[self.data.rows(part)]

    def over_seeds(self, name: str, one: Callable[[Trained], Any]) -> list[Any]:
        """A function of every seed of a member."""
        return [one(trained) for trained in self.trained.get(name, [])]
