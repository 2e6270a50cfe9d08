"""The service as one ASGI application."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from affectspace import __version__
from affectspace.app import faces, labels, metrics, models, predict, runs, sentences, trajectory
from affectspace.app.answers import Refusal, refuse
from affectspace.app.gate import Gate
from affectspace.app.settings import Settings
from affectspace.app.work import Work
from affectspace.errors import AffectspaceError, UnreadableItem

PREFIX = "affectspace-serve-"  # of temporary folders
VARIABLE = "AFFECTSPACE_SERVE"  # of the environment: the settings for the workers of a server, as JSON
PAGE = Path(__file__).parent / "page"
ROUTERS = (  # one module for each area
    metrics.router, models.router, predict.router, trajectory.router, labels.router, faces.router, sentences.router,
    runs.router,
)  # fmt: skip


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service as an ASGI application, for uvicorn or any other server.

    Parameters
    ----------
    settings : Settings, optional

    Examples
    --------
    >>> create_app(Settings(model="text")).title
    'affectspace'
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.folder = new_folder(settings.folder)
        app.state.work = Work(settings.limits.waiting, settings.limits.timeout)
        try:
            if settings.warm:
                await run_in_threadpool(app.state.models.warm)
            yield
        finally:
            app.state.work.close()
            shutil.rmtree(app.state.folder, ignore_errors=True)

    app = FastAPI(
        title="affectspace", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Faces, voices and words as points on the map of valence, arousal and dominance.",
    )  # fmt: skip
    app.state.settings, app.state.models = settings, models.Models(settings)
    app.state.metrics = metrics.Metrics(settings.folder)
    app.state.faces, app.state.sentences = faces.FaceDesk(), sentences.Desk()
    app.add_middleware(Gate, settings=settings)
    for kind in (Refusal, AffectspaceError, UnreadableItem, HTTPException):
        app.add_exception_handler(kind, refuse)
    for router in ROUTERS:
        app.include_router(router)

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        """Say that the service runs."""
        return {"status": "ok", "version": __version__}

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/static", StaticFiles(directory=PAGE), name="static")
    return app


def new_folder(parent: Path | None = None) -> Path:
    """Make a temporary folder that only this user can look into, and remove those of services that were killed.

    parent : folder for it, by default the system's folder of temporary files
    """
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            if number.isdecimal() and folder.stat().st_uid == os.getuid():
                os.kill(int(number), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))


def app_of_environment() -> FastAPI:
    """Make the service with the settings in the environment, in a worker of uvicorn."""
    return create_app(Settings.model_validate_json(os.environ[VARIABLE]))
