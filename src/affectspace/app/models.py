"""The models of the service: each is opened once, at its first use, and predicts for one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request

from affectspace.app.answers import Refusal
from affectspace.app.settings import Settings
from affectspace.app.work import stop_if_given_up
from affectspace.errors import ConfigError
from affectspace.prediction.pretrained import shipped_models

if TYPE_CHECKING:
    from affectspace.prediction import Predictor
    from affectspace.prediction.result import Outcome

Result = TypeVar("Result")
router = APIRouter()
TOGETHER = 256  # texts of several requests in one batch, about


@dataclass(eq=False)
class Job:
    """Texts of one request that wait for a model. head : what the answer says of the model"""

    texts: Sequence[str]
    head: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False


class Lane:
    """One predictor with the lock that keeps requests apart."""

    def __init__(self, name: str, run: Path | None, device: str) -> None:
        self.name, self._run, self._device = name, run, device
        self._lock, self._queue_lock = threading.Lock(), threading.Lock()
        self._queue: list[Job] = []
        self._predictor: Predictor | None = None

    def use(self, work: Callable[[Predictor], Result]) -> Result:
        """Call a function with the predictor while no other request uses it."""
        with self._lock:
            stop_if_given_up()
            predictor = self._open()
            predictor.forget_use()
            return work(predictor)

    def predict_texts(self, texts: Sequence[str]) -> tuple[dict[str, Any], list[Outcome]]:
        """Predict texts together with those of all requests that wait; return the head of the answer and own outcomes.

        Whoever comes first takes what has gathered while the model was busy. Texts share nothing but the batch.
        """
        job = Job(texts)
        with self._queue_lock:
            self._queue.append(job)
        try:
            while not job.done:
                self.use(self._predict_waiting)
        finally:
            with self._queue_lock:  # a job that was given up is not left to others
                if job in self._queue:
                    self._queue.remove(job)
        if job.error is not None:
            raise job.error
        return job.head, job.outcomes

    def _predict_waiting(self, predictor: Predictor) -> None:
        taken: list[Job] = []
        with self._queue_lock:
            while self._queue and sum(len(job.texts) for job in taken) < TOGETHER:
                taken.append(self._queue.pop(0))
        if not taken:  # another request has taken them all
            return
        try:
            _predict_jobs(predictor, taken)
        finally:
            for job in taken:
                job.done = True

    def _open(self) -> Predictor:
        if self._predictor is None:
            from affectspace.prediction import Predictor

            if self._run is not None:
                self._predictor = Predictor.of_run(self._run, device=self._device)
            else:
                self._predictor = Predictor.pretrained(self.name, device=self._device)
        return self._predictor


class Models:
    """The models that a request can name.

    A model has two lanes: sentences do not wait while a long clip is predicted. Raises ConfigError for a run with the name
    of a model that ships, since requests could not tell them apart.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._lanes: dict[tuple[str, bool], Lane] = {}
        self.shipped = shipped_models()
        self.default = settings.model if settings.run is None else settings.run.resolve().name
        predicting = (model.name for model in self.shipped if not model.walks)
        if settings.run is not None and self.default in ("any", *(model.name for model in self.shipped)):
            raise ConfigError(
                f"{settings.run} has the name of a model that ships, {self.default}; rename the folder of the run"
            )
        self.names = list(dict.fromkeys([self.default, "any", *predicting]))

    def warm(self) -> None:
        """Open the default model, and let it predict a sentence if it reads texts."""
        from affectspace.prediction import Sample

        for texts in (True, False):
            lane = self.lane(None, texts=texts)
            lane.use(
                lambda predictor: predictor.predict_many([Sample("Good morning.")] if "text" in predictor.kinds else [])
            )

    def lane(self, name: str | None, *, texts: bool) -> Lane:
        """Return the lane of a model, the default one without a name. texts : only sentences go through it"""
        name = self.default if name is None else name
        if name not in self.names:
            raise Refusal(422, f"no model {name[:60]!r}; choose from {', '.join(self.names)}", "no_model")
        run = self._settings.run if name == self.default else None
        with self._lock:
            return self._lanes.setdefault((name, texts), Lane(name, run, self._settings.device))


def _predict_jobs(predictor: Predictor, jobs: Sequence[Job]) -> None:
    """Predict the texts of all jobs in one batch; where that fails, each job alone, so that only its own error reaches it."""
    from affectspace.prediction import Sample

    try:
        outcomes = predictor.predict_many([Sample(text) for job in jobs for text in job.texts])
        head = head_of(predictor)
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].error = error
        else:
            for job in jobs:
                _predict_jobs(predictor, [job])
        return
    for job in jobs:
        job.head, job.outcomes = head, outcomes[: len(job.texts)]
        del outcomes[: len(job.texts)]


def models_of(request: Request) -> Models:
    """Return the models of the service."""
    models: Models = request.app.state.models
    return models


@router.get("/v1/models")
def list_models(request: Request) -> dict[str, Any]:
    """List the models: what they read, their licence, training data, scores and limits."""
    models = models_of(request)
    listed: list[dict[str, Any]] = [model.to_dict() for model in models.shipped]
    return {"default": models.default, "names": models.names, "models": listed}


def head_of(predictor: Predictor) -> dict[str, Any]:
    """Return what an answer says of the model that gave it: name, kinds of labels, training data and notes."""
    labels, corpora = list(predictor.label_kinds), [corpus.to_dict() for corpus in predictor.trained_on]
    notes = list(predictor.notices)
    return {"model": predictor.name, "labels": labels, "trained_on": corpora, "notes": notes}
