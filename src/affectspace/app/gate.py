"""What stands before every request: whose it is, how large it may be, and headers that protect the page."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affectspace.app.answers import Refusal, refusal_of
from affectspace.app.metrics import Metrics
from affectspace.app.settings import Settings

LOCAL = ("127.0.0.1", "localhost", "::1")
OPEN = ("/", "/healthz", "/static/")  # that need no key: the page asks for it
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "connect-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}  # an answer that has one of them already keeps it


class Gate:
    """ASGI middleware that refuses requests before anything of their body is read, and cuts off bodies that grow."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.hosts = {*LOCAL, settings.host, *settings.hosts} if settings.is_local or settings.hosts else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        metrics: Metrics = scope["app"].state.metrics
        began, status, size = time.perf_counter(), 0, [0]
        metrics.began()

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
            await self.app(scope, self._bounded(receive, size), guarded_send)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if status:
                raise
            refusal = refusal_of(error)
            if refusal.status >= 500 and not isinstance(error, Refusal):
                logging.getLogger("uvicorn.error").exception("%s %s failed", scope["method"], scope["path"])
            await refusal.answer()(scope, receive, guarded_send)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            metrics.ended(path or "/static", scope["method"], status or 499, time.perf_counter() - began, size[0])

    def _check(self, scope: Scope) -> None:
        """Raise Refusal for a foreign host or page, a missing key, and a body that says it is too large."""
        headers = Headers(scope=scope)
        host = _host(f"//{headers.get('host', '')}")
        if self.hosts and host not in self.hosts:
            raise Refusal(
                403, f"the service is not reached as {host[:100]!r}; allow this name with --allow-host", "wrong_host"
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("//")[2] != headers.get("host"):
            raise Refusal(403, "a page of another site may not use this service", "wrong_origin")
        path = scope["path"]
        is_open = path in OPEN or path.startswith(("/static/", "/reports/"))  # the address of a report holds a ticket
        if self.settings.key is not None and not is_open and not _has_key(headers, self.settings.key):
            raise Refusal(
                401, "the key is missing or wrong; send it as Authorization: Bearer KEY", "no_key",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:30]) > self.settings.limits.upload_bytes:
            raise self._too_large()

    def _bounded(self, receive: Receive, size: list[int]) -> Receive:
        """Bound the size of a body, and how long nothing may come. size : gets the number of bytes"""
        limits, complete = self.settings.limits, False

        async def bounded() -> Message:
            nonlocal complete
            if complete:  # only the end of the connection is waited for
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), limits.idle)
            except TimeoutError:
                raise Refusal(408, f"nothing was received for {limits.idle:g} s; send the request again") from None
            size[0] += len(message.get("body", b""))
            if size[0] > limits.upload_bytes:
                raise self._too_large()
            complete = not message.get("more_body", False)
            return message

        return bounded

    def _too_large(self) -> Refusal:
        most = self.settings.limits.upload_bytes
        return Refusal(
            413,
            f"the request is larger than {most / (1 << 20):,.4g} MB; send less at once",
            headers={"Connection": "close"},
        )


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _has_key(headers: Headers, key: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    candidates = [given.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "")]
    same = [hmac.compare_digest(candidate.encode(), key.encode()) for candidate in candidates]  # both, in equal time
    return any(same)
