"""`make demo`: both studies without any data, then a prediction from every subset of a held-out moment, and one page."""

from __future__ import annotations

import time
from pathlib import Path

from affectspace.progress import Progress, silent
from affectspace.studies.demo.moment import Demonstration, tell_moment
from affectspace.studies.demo.page import write_page
from affectspace.studies.demo.plan import DemoBudget
from affectspace.studies.engine import claim_folder, prefixed


def demonstrate(out: Path, *, budget: DemoBudget, progress: Progress = silent) -> Demonstration:
    """Draw and make, extract, train, judge, predict, and write out/report.html; what is done already is not done again.

    Raises RunError where `out` holds something else, or a demonstration that was started otherwise.
    """
    from affectspace.studies.levasa.reproduce import reproduce as reproduce_faces
    from affectspace.studies.manifold.corpora import Folders
    from affectspace.studies.manifold.reproduce import reproduce as reproduce_people
    from affectspace.synthetic.faces import make_faces
    from affectspace.training.configuration import DataConfig

    claim_folder(out, {"demonstration": {"images": budget.images, "people": budget.people}})
    started = time.perf_counter()
    drawn = out / "drawn-faces"
    told = prefixed(progress, "1 of 3, faces: ")
    make_faces(drawn, n=budget.images, people=budget.people, progress=told)
    faces = reproduce_faces(out / "faces", DataConfig(corpus="faces", path=drawn), budget=budget.faces, progress=told)
    study = out / "people"
    folders = Folders(features=study / "features", out=study)
    people = reproduce_people(study, folders, budget=budget.speakers, progress=prefixed(progress, "2 of 3, people: "))
    progress(0, 0, "3 of 3: a moment from every subset of text, voice and face")
    run = study / "runs" / headline_run(budget)
    moment, answers = tell_moment(run, folders.people)
    seconds = round(time.perf_counter() - started)
    done = Demonstration(out / "report.html", faces, people, run, moment, answers)
    write_page(done, {"wall seconds": seconds})
    return done


def headline_run(budget: DemoBudget) -> str:
    """The folder of the manifold's first seed on synthetic people, below the study's runs."""
    from affectspace.studies.manifold.plan import HEADLINE

    return f"people-{HEADLINE}-seed{budget.speakers.seeds[0]}"
