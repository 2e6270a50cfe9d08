"""`/v1/runs`: the runs and studies in a folder, their key figures, and the files of their reports that a page may show."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from affectspace.app.answers import Refusal
from affectspace.app.work import compute
from affectspace.errors import AffectspaceError
from affectspace.evaluation.results import Result, Results
from affectspace.files import parse_json

REPORT, FIGURES = "report.html", "figures"
TYPES = {
    ".html": "text/html; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml",
    ".gif": "image/gif", ".webp": "image/webp", ".pdf": "application/pdf",
}  # fmt: skip
MARKS = ("run.json", "study.json", REPORT)  # a folder with one of them is listed
DEEPEST, MOST = 3, 200  # levels of folders, and runs that are listed
MEMBERS = "runs"  # a study's folder of trainings, which is not searched
SANDBOX = {  # a report is a page of its own, which runs nothing, loads nothing and sends nothing
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'",
    "Cache-Control": "no-cache",
}
router = APIRouter()


def key_figures_of(results: Results) -> dict[str, Result]:
    """Return the few figures to remember, by their titles: those at the top of a study's report, else the primary one."""
    from affectspace.studies.evaluators import EVALUATORS
    from affectspace.studies.levasa.report import KEY_FIGURES as LEVASA
    from affectspace.studies.manifold.report import KEY_FIGURES as MANIFOLD

    rows = {label: results.find(**columns) for label, columns in (LEVASA | MANIFOLD).items()}
    if not any(rows.values()):
        rows = {evaluator.title: evaluator.primary_result(results) for evaluator in EVALUATORS.values()}
    return {label: row for label, row in rows.items() if row is not None}


def list_runs(folder: Path) -> dict[str, Any]:
    """Describe the runs and studies in a folder and below it, the latest first.

    Returns
    -------
    dict
        folder, runs (name, kind, state, modified, report, key_figures, note), and notes on what is left out. A folder that does
        not exist has no runs.
    """
    if not folder.is_dir():
        note = f"There is no folder {folder}. Name the folder of your runs with `affectspace serve --runs FOLDER`."
        return {"folder": str(folder), "runs": [], "notes": [note]}
    root = folder.resolve()
    found = _latest(root)
    notes = [f"{len(found) - MOST:,} more runs are not listed"] if len(found) > MOST else []
    return {"folder": str(folder), "runs": [_described(root, place) for place in found[:MOST]], "notes": notes}


def finished_runs(folder: Path, kind: str) -> dict[str, Path]:
    """Return name -> folder of the finished runs of a kind among those that are listed, the latest first."""
    root, runs = folder.resolve(), {}
    for place in _latest(root)[:MOST]:
        facts, _ = _facts(place / "run.json")
        if (facts.get("kind"), facts.get("state")) == (kind, "finished"):
            name = place.relative_to(root).as_posix()
            runs[name] = folder / name
    return runs


def version_of(folder: Path) -> tuple[Any, ...]:
    """Return what changes when a run is trained or calibrated again, or when another folder has its name."""
    files = (folder / name for name in ("run.json", "model/model.safetensors", "strength.json"))
    return (folder.resolve(), *(file.stat().st_mtime_ns if file.is_file() else 0 for file in files))


def _latest(root: Path) -> list[Path]:
    """Return the folders of runs in a folder and below it, the latest first."""
    return sorted(_run_folders(root, DEEPEST), key=_changed, reverse=True)


def _changed(folder: Path) -> datetime:
    return datetime.fromtimestamp(int(folder.stat().st_mtime), UTC)


def report_file(folder: Path, name: str) -> tuple[Path, str]:
    """Return a file of a report, by its path relative to the folder of runs, and its media type.

    Only `report.html` and pictures in a folder `figures` are returned; links and paths that leave the folder are not followed.

    Raises
    ------
    FileNotFoundError
        For anything else.
    """
    root = folder.resolve()
    parts = name.split("/")
    path = root.joinpath(*parts)
    proper = all(part and not part.startswith(".") and "\\" not in part and "\0" not in part for part in parts)
    shown = parts[-1] == REPORT or (len(parts) > 1 and parts[-2] == FIGURES and path.suffix in TYPES)
    # realpath equals the asked path only if no part is a link
    if not (proper and shown and path.suffix in TYPES and str(path) == os.path.realpath(path) and path.is_file()):
        raise FileNotFoundError(name)
    return path, TYPES[path.suffix]


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    if names & set(MARKS):
        yield folder
    study = "study.json" in names
    for entry in entries:
        skipped = entry.name.startswith(".") or entry.name == FIGURES or (study and entry.name == MEMBERS)
        if depth and entry.is_dir(follow_symlinks=False) and not skipped:
            yield from _run_folders(folder / entry.name, depth - 1)


def _described(root: Path, folder: Path) -> dict[str, Any]:
    name = folder.relative_to(root).as_posix()
    facts, note = _facts(folder / "run.json")
    kind = str(facts.get("kind") or ("study" if (folder / "study.json").is_file() else "report"))
    figures: tuple[dict[str, Any], ...] = ()
    if (folder / "metrics.json").is_file():
        try:
            status = (folder / "metrics.json").stat()
            study, figures = _measured(folder / "metrics.json", status.st_mtime_ns, status.st_size)
            kind = f"study {study}" if kind == "study" and study else kind
        except AffectspaceError as error:
            note = str(error).replace(f"{folder}{os.sep}", "")
    report = folder / REPORT
    return {
        "name": name,
        "kind": kind,
        "state": str(facts.get("state") or ""),
        "modified": _changed(folder).isoformat(),
        "report": f"{'' if name == '.' else name + '/'}{REPORT}"
        if report.is_file() and not report.is_symlink()
        else None,
        "key_figures": list(figures),
        "note": note,
    }


@lru_cache(maxsize=MOST)
def _measured(path: Path, changed: int, size: int) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return the study and the key figures of a metrics.json, which is read again where it has changed."""
    results = Results.read(path)
    studies = results.distinct("study")
    figures = (
        {"name": label, "value": row.value, "low": row.low, "high": row.high, "n": row.n, "protocol": row.protocol}
        for label, row in key_figures_of(results).items()
    )
    return (studies[0] if studies else "", tuple(figures))


def _facts(path: Path) -> tuple[dict[str, Any], str]:
    if not path.is_file():
        return {}, ""
    try:
        facts = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {}, f"run.json cannot be read ({' '.join(str(error).split())[:120]})"
    return (facts, "") if isinstance(facts, dict) else ({}, "run.json is no object")


@router.get("/v1/runs")
async def runs(request: Request) -> dict[str, Any]:
    """List the runs and studies in the service's folder, the latest first, with their key figures.

    `report` is the address of a run's report.
    """
    settings = request.app.state.settings
    listed = await compute(request, list_runs, settings.runs)
    for run in listed["runs"]:
        run["report"] = run["report"] and f"/reports/{_ticket(settings.key)}/{quote(run['report'])}"
    return listed


@router.get("/reports/{ticket}/{name:path}", include_in_schema=False)
async def report(request: Request, ticket: str, name: str) -> FileResponse:
    """Return a file of a report. A frame cannot send the key, so its address holds a ticket that only the key makes."""
    settings = request.app.state.settings
    if not hmac.compare_digest(ticket.encode(), _ticket(settings.key).encode()):
        raise Refusal(401, "the address of the report is of another key; open the tab Runs again", "no_key")
    try:
        path, media = await compute(request, report_file, settings.runs, name)
    except OSError:
        raise Refusal(404, "there is no such report; GET /v1/runs lists those that there are") from None
    return FileResponse(path, media_type=media, headers=SANDBOX)


def _ticket(key: str | None) -> str:
    return "open" if key is None else hmac.new(key.encode(), b"reports", "sha256").hexdigest()[:32]
