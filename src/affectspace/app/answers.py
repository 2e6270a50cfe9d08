"""What the service answers where it refuses, and how it reads a JSON body."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from affectspace.configuration import Configuration, explain
from affectspace.errors import AffectspaceError, UnreadableItem

if TYPE_CHECKING:
    from PIL.Image import Image

Body = TypeVar("Body", bound=Configuration)
CODES = {  # status -> code in the answer, where the refusal has no code of its own
    400: "bad_request", 401: "no_key", 403: "forbidden", 404: "not_found", 405: "wrong_method", 408: "too_slow",
    413: "too_large", 415: "wrong_type", 422: "wrong_input", 429: "too_many", 500: "failed", 503: "busy",
}  # fmt: skip


class Refusal(Exception):
    """A request that is not answered. status : of HTTP; message : what is wrong and what to do; code : for programs"""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code or CODES.get(status, "refused")
        self.headers = dict(headers or {})

    def answer(self) -> JSONResponse:
        """Return the answer: {"error": {"code": ..., "message": ...}}."""
        content = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(content, self.status, self.headers)


def refusal_of(error: Exception) -> Refusal:
    """Return the refusal of any error; one that nobody foresaw tells nothing of the inside."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, AffectspaceError | UnreadableItem):
        return Refusal(422, str(error))
    if isinstance(error, HTTPException):
        known = {
            404: "there is no such address; / is the page, /openapi.json lists the endpoints",
            405: "this address does not take this method; /openapi.json lists the endpoints and their methods",
        }
        return Refusal(error.status_code, known.get(error.status_code, str(error.detail)), headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return Refusal(499, "the client went away")
    return Refusal(500, "the service failed on this request; its log has the reason")


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that ended in an error."""
    return refusal_of(error).answer()


async def read_json(request: Request, kind: type[Body]) -> Body:
    """Read a JSON body as a configuration of this kind. Raises Refusal where it is none."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        raise Refusal(415, f"the body is {declared or 'of no type'}; send JSON with Content-Type: application/json")
    limit = request.app.state.settings.limits.json_bytes
    length = request.headers.get("content-length", "")
    content = bytearray()
    too_large = Refusal(413, f"the JSON body is larger than {limit:,} bytes; send it in parts")
    if length.isdigit() and int(length) > limit:
        raise too_large
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise too_large
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refusal(
            400, "the JSON body has half of a character, such as \\ud800; write the complete character"
        ) from None
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the JSON body is not UTF-8 (byte {error.start}); encode it as UTF-8") from None
    except RecursionError:
        raise Refusal(400, "the JSON body is nested too deeply") from None
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise Refusal(422, explain(error, kind)[:1000]) from None


def image_url(image: Image, kind: str, **options: Any) -> str:
    """Return a picture as a data URL. kind : PNG or JPEG; options : of its writer in Pillow"""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"


def finite(value: float | None) -> float | None:
    """Return a number as JSON can write it: None for NaN and infinities."""
    return value if value is not None and math.isfinite(value) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, value in pairs:
        if name in known:
            raise ValueError(f"the key {name[:60]!r} stands twice; keep one")
        known[name] = value
    return known


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number; use null")
