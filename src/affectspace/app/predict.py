"""`POST /v1/predict`: texts and files, many at once, or together as one sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from affectspace.app.answers import Refusal, read_json
from affectspace.app.models import Lane, head_of, models_of
from affectspace.app.samples import one_sample, samples_of
from affectspace.app.settings import Limits
from affectspace.app.uploads import Form, received
from affectspace.app.work import compute, stop_if_given_up
from affectspace.configuration import Configuration
from affectspace.prediction.inputs import name_of
from affectspace.prediction.licences import strictest
from affectspace.prediction.photos import NO_FACE, NO_FACES
from affectspace.prediction.predictor import Predictor
from affectspace.prediction.result import Outcome, Prediction

router = APIRouter()


class Texts(Configuration):
    """The JSON body: texts, and the name of a model."""

    texts: tuple[str, ...]
    model: str | None = None


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Texts.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "texts": {"type": "array", "items": {"type": "string"}},
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "together": {"type": "boolean", "default": False},
                        "model": {"type": "string"},
                    },
                }
            },
        },
    }
}


@router.post("/v1/predict", openapi_extra=BODY)
async def predict(request: Request) -> dict[str, Any]:
    """Predict valence, arousal and dominance of texts (JSON), or of texts and files (a form).

    Each input is a sample of its own; with `together` all inputs are one sample of one person.
    """
    limits: Limits = request.app.state.settings.limits
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await read_json(request, Texts)
        check_texts(body.texts, limits)
        lane = models_of(request).lane(body.model, texts=True)
        answer = await compute(request, _predict_texts, lane, body.texts)
        request.app.state.metrics.predicted({"text": len(body.texts)})
        return answer
    async with received(request) as form:
        form.only("texts", "files", "together", "model")
        texts = form.fields.get("texts", [])
        check_texts(texts, limits, files=len(form.files))
        lane = models_of(request).lane(form.text("model"), texts=not form.files)
        answer = await compute(request, _predict, lane, texts, form, form.flag("together"), limits)
        request.app.state.metrics.predicted({"text": len(texts), "file": len(form.files)})
        return answer


def check_texts(texts: Sequence[str], limits: Limits, files: int = 0) -> None:
    """Raise Refusal for no input, for too many texts, and for one that is too long."""
    if not texts and not files:
        raise Refusal(422, "nothing to predict: give texts or files")
    if len(texts) > limits.texts:
        raise Refusal(413, f"{len(texts):,} texts; send at most {limits.texts:,} in one request", "too_many")
    for number, text in enumerate(texts, start=1):
        if len(text) > limits.characters:
            raise Refusal(413, f"text {number} has {len(text):,} characters; the most are {limits.characters:,}")


def _predict_texts(lane: Lane, texts: Sequence[str]) -> dict[str, Any]:
    head, outcomes = lane.predict_texts(texts)
    return _answer(head, [name_of(text) or "text" for text in texts], outcomes, Form())


def _predict(lane: Lane, texts: Sequence[str], form: Form, together: bool, limits: Limits) -> dict[str, Any]:
    if together:
        samples = [one_sample(texts, form.files, limits)]
    else:
        samples = samples_of(texts, form.files, limits)
    inputs = [sample for _, sample in samples]

    def predict_all(predictor: Predictor) -> tuple[dict[str, Any], list[Outcome]]:
        outcomes = predictor.predict_many(inputs, progress=stop_if_given_up)
        return head_of(predictor), outcomes

    head, outcomes = lane.use(predict_all)
    return _answer(head, [name for name, _ in samples], outcomes, form)


def _answer(head: dict[str, Any], names: Sequence[str], outcomes: Sequence[Outcome], form: Form) -> dict[str, Any]:
    predictions: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for number, (name, outcome) in enumerate(zip(names, outcomes, strict=True)):
        place: dict[str, Any] = {"index": number, "id": name}
        if isinstance(outcome, Prediction):
            if "video" in outcome.by_modality:
                place["face_found"] = not {NO_FACE, NO_FACES} & set(outcome.notes)
            predictions.append({**place, **form.renamed(outcome.to_dict())})
        else:
            failures.append({**place, "reason": form.named(outcome.reason)})
    if not predictions:
        raise Refusal(422, failures[0]["reason"] + (f" (none of {len(failures)} inputs)" if failures[1:] else ""))
    licence = strictest(one.licence for one in outcomes if isinstance(one, Prediction))
    return {**head, "licence": licence, "predictions": predictions, "failures": failures}
