"""`make demo`: both studies without any data, predictions of a held-out example, and one page."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from affectspace.configuration import Configuration
from affectspace.corpora import read_corpus
from affectspace.data.configuration import CorpusConfig
from affectspace.progress import Progress, silent
from affectspace.studies.demo.held_out_example import (
    Example,
    ShippedPrediction,
    SubsetPrediction,
    held_out_example,
    predict_shipped,
    predict_subsets,
    worst_example,
)
from affectspace.studies.demo.page import make_page
from affectspace.studies.demo.walk import walked_face
from affectspace.studies.engine import claim_folder, prefixed
from affectspace.studies.levasa.plan import Budget as FaceBudget
from affectspace.studies.levasa.plan import demo_budget as face_budget
from affectspace.studies.levasa.reproduce import reproduce as reproduce_faces
from affectspace.studies.manifold.corpora import Folders
from affectspace.studies.manifold.plan import HEADLINE
from affectspace.studies.manifold.plan import Budget as PeopleBudget
from affectspace.studies.manifold.plan import demo_budget as people_budget
from affectspace.studies.manifold.reproduce import reproduce as reproduce_people
from affectspace.synthetic.faces import make_faces
from affectspace.training.runs import open_run


class DemoBudget(Configuration):
    """How much the demonstration makes, trains and measures."""

    images: int = Field(1500, ge=60, description="number of drawn faces")
    people: int = Field(50, ge=10, description="number of people whose faces are drawn")
    faces: FaceBudget
    speakers: PeopleBudget

    @classmethod
    def small(cls, workers: int) -> DemoBudget:
        """Return the smallest budget with which both reports show something: minutes on two cores."""
        return cls(faces=face_budget(workers), speakers=people_budget(workers))


@dataclass(frozen=True)
class Demonstration:
    """What a demonstration leaves.

    report : the page to open; faces, people : the reports of the studies; run : the manifold that was trained on synthetic
    people; example, predictions : one held-out row, and its predictions by that run; shipped : those of the models that ship;
    mistake : the held-out row that the run predicts worst, with its predictions
    """

    report: Path
    faces: Path
    people: Path
    run: Path
    example: Example
    predictions: list[SubsetPrediction]
    shipped: list[ShippedPrediction] = field(default_factory=list)
    mistake: tuple[Example, list[SubsetPrediction]] | None = None


def demonstrate(out: Path, *, budget: DemoBudget, progress: Progress = silent) -> Demonstration:
    """Draw and make the data, train, evaluate, predict, and write out/report.html. What is done is not done again.

    Raises
    ------
    RunError
        ``out`` holds something else, or a demonstration with other settings.
    """
    claim_folder(out, {"demonstration": {"images": budget.images, "people": budget.people}})
    started = time.perf_counter()
    first = prefixed(progress, "1 of 3, faces: ")
    make_faces(out / "drawn-faces", n=budget.images, people=budget.people, progress=first)
    data = CorpusConfig(corpus="faces", path=out / "drawn-faces")
    faces = reproduce_faces(out / "faces", data, budget=budget.faces, progress=first)
    study = out / "people"
    folders = Folders(features=study / "features", out=study)
    second = prefixed(progress, "2 of 3, people: ")
    people = reproduce_people(study, folders, budget=budget.speakers, progress=second)
    progress(0, 0, "3 of 3: one held-out example from every subset of text, voice and face")
    run = study / "runs" / f"people-{HEADLINE}-seed{budget.speakers.seeds[0]}"
    corpus = read_corpus("speakers", folders.people)
    example, wrong = held_out_example(open_run(run), corpus), worst_example(open_run(run), corpus)
    predictions, shipped = predict_subsets(run, example), predict_shipped(example)
    mistake = wrong, predict_subsets(run, wrong)
    links = {
        "faces": faces, "people": people, "run": run, "recordings": study / "people",
        "face run": faces.parent / "runs" / "continuous-seed0",
    }  # fmt: skip
    seconds = {"wall seconds": round(time.perf_counter() - started)}
    pages = [(example, predictions), mistake]
    report = make_page(out, links, pages, shipped, walked_face(), seconds).write(out / "report.html")
    return Demonstration(report, faces, people, run, example, predictions, shipped, mistake)
