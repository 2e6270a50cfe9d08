"""Uploads: written to a folder of their own, which is removed before the answer."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from affectspace.app.answers import Refusal
from affectspace.app.settings import MEGABYTE, Limits
from affectspace.errors import AffectspaceError, UnreadableItem
from affectspace.prediction.sample import SUFFIXES
from affectspace.tables import SUFFIXES as TABLES

KEPT = frozenset([*TABLES, *(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)])  # suffixes of files
LONGEST_NAME = 80  # characters of a file's name in answers
FIELDS = 32  # of a form, beside its texts


@dataclass(frozen=True)
class Upload:
    """One file of a form. path : where it lies now; name : the client's name, for messages only; field : of the form"""

    path: Path
    name: str
    field: str


@dataclass
class Form:
    """The fields and files of a form. Both keep their order."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[Upload] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a field that may be given once."""
        values = [value for value in self.fields.get(name, ()) if value != ""]
        if len(values) > 1:
            raise Refusal(422, f"the field {name} is given {len(values)} times; give it once")
        return values[0] if values else default

    def number(self, name: str) -> float | None:
        """Return a field that is a finite number."""
        text = self.text(name)
        try:
            value = None if text is None else float(text)
        except ValueError:
            raise Refusal(422, f"the field {name} is {text!r:.60}; give a number") from None
        if value is not None and not abs(value) < float("inf"):
            raise Refusal(422, f"the field {name} is {text}; give a finite number")
        return value

    def flag(self, name: str) -> bool:
        """Return a field that is true or false; false where it is not given."""
        text = (self.text(name) or "false").lower()
        if text not in ("true", "false", "1", "0", "on", "off"):
            raise Refusal(422, f"the field {name} is {text!r:.60}; give true or false")
        return text in ("true", "1", "on")

    def only(self, *names: str) -> None:
        """Raise Refusal for a field that is none of these."""
        for name in [*self.fields, *(upload.field for upload in self.files)]:
            if name not in names:
                raise Refusal(422, f"unknown field {name[:60]!r}; choose from {', '.join(names)}")

    def named(self, message: str) -> str:
        """Write the clients' names of the files into a message, in place of their paths."""
        for upload in self.files:
            message = message.replace(str(upload.path), upload.name).replace(upload.path.name, upload.name)
        return message

    def renamed(self, answer: Any) -> Any:
        """Do the same for every text of an answer."""
        if isinstance(answer, str):
            return self.named(answer)
        if isinstance(answer, dict):
            return {key: self.renamed(value) for key, value in answer.items()}
        return [self.renamed(value) for value in answer] if isinstance(answer, list | tuple) else answer


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[Form]:
    """Receive a form with its files, ``async with received(request) as form``; the files are removed at the end.

    Errors that are raised meanwhile become refusals that name the client's files.
    A file is written to a new folder under a number. Its suffix is kept if it is the suffix of an input.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Refusal(415, f"the body is {declared or 'of no type'}; send a form as multipart/form-data")
    limits = request.app.state.settings.limits
    folder = Path(tempfile.mkdtemp(dir=request.app.state.folder))
    form = Form()
    try:
        try:
            async with request.form(
                max_files=limits.files, max_fields=limits.texts + FIELDS, max_part_size=4 * limits.characters
            ) as received_form:
                for name, value in received_form.multi_items():
                    if isinstance(value, UploadFile):
                        number = len(form.files) + 1
                        path = folder / f"upload{number:06}{_suffix(value.filename)}"
                        await run_in_threadpool(_copy, value, path)
                        form.files.append(Upload(path, shown_name(value.filename, number), name))
                    else:
                        form.fields.setdefault(name, []).append(value)
        except HTTPException as error:
            raise _refusal_of_form(str(error.detail), limits) from None
        try:
            yield form
        except (AffectspaceError, UnreadableItem) as error:  # while the files still have their names
            raise Refusal(422, form.named(str(error))) from error
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


def shown_name(name: str | None, number: int) -> str:
    """Return a client's name of a file as messages show it: without folders and characters that control a screen."""
    last = re.split(r"[/\\]", name or "")[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    if not shown or shown in (".", ".."):
        return f"file {number}"
    return shown if len(shown) <= LONGEST_NAME else f"...{shown[3 - LONGEST_NAME :]}"


def _suffix(name: str | None) -> str:
    suffix = PurePosixPath(shown_name(name, 0)).suffix.lower()
    return suffix if suffix in KEPT else ""


def _copy(upload: UploadFile, path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(upload.file, file, MEGABYTE)


def _refusal_of_form(reason: str, limits: Limits) -> Refusal:
    """Return the refusal of a form that the parser does not take."""
    if "Too many files" in reason:
        return Refusal(413, f"more than {limits.files:,} files; send them in several requests", "too_many")
    if "Too many fields" in reason:
        return Refusal(413, f"more than {limits.texts:,} fields; send them in several requests", "too_many")
    if "maximum size" in reason:
        return Refusal(413, f"a text has more than {limits.characters:,} characters; send it as a file or in parts")
    return Refusal(400, f"the form cannot be read: {reason}")
