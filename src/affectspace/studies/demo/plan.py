"""How much the demonstration makes, trains and measures."""

from __future__ import annotations

from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.studies.levasa.plan import Budget as FaceBudget
from affectspace.studies.levasa.plan import demo_budget as face_budget
from affectspace.studies.manifold.plan import Budget as PeopleBudget
from affectspace.studies.manifold.plan import demo_budget as people_budget


class DemoBudget(Configuration):
    """What a newcomer waits for: both studies with their budgets, and how many faces are drawn for the first."""

    images: int = Field(1500, ge=60, description="drawn faces")
    people: int = Field(50, ge=10, description="of whom they are")
    faces: FaceBudget
    speakers: PeopleBudget

    @classmethod
    def small(cls, workers: int) -> DemoBudget:
        """Enough that both reports tell something, in minutes on two cores."""
        return cls(faces=face_budget(workers), speakers=people_budget(workers))
