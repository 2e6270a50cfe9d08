"""The folder of a corpus that is made here: its settings in corpus.json, and whether it is finished."""

import json
from pathlib import Path
from typing import Any

from affectspace.corpora.readers.synthetic import read_about
from affectspace.corpora.registry import ABOUT, KINDS
from affectspace.errors import DataError, RunError
from affectspace.files import is_partial, remove_partials, write_text


def is_finished(out: Path, name: str, settings: dict[str, Any], *, force: bool, growing: bool = False) -> bool:
    """Return whether the folder holds the corpus with these settings, completely.

    name: "faces" or "speakers". growing: fewer rows than in the settings are the beginning of the corpus. Raises DataError if
    the folder holds something else that must not be overwritten: with `force`, only what is not such a corpus.
    """
    try:
        existing = {entry.name for entry in out.iterdir() if not is_partial(entry)}
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RunError(
            f"{out}: {KINDS[name]} cannot be written to this folder ({error.strerror or error}); choose another"
        ) from error
    if not existing:
        return False
    try:
        about = read_about(out, name)
    except DataError as error:
        raise DataError(
            f"{out} is not empty and does not hold {KINDS[name]}; choose another folder (nothing was changed)"
        ) from error
    if force:
        return False
    fewer = growing and isinstance(about.get("rows"), int) and about["rows"] < settings["rows"]
    differing = [key for key in settings if about.get(key) != settings[key] and not (fewer and key == "rows")]
    if differing:
        raise DataError(
            f"{out} holds {KINDS[name]} with other settings ({', '.join(differing)}); choose another folder, or overwrite "
            "it with force=True (--force)"
        )
    return "state" not in about and not fewer


def write_about(out: Path, settings: dict[str, Any], *, finished: bool) -> None:
    """Write the settings to corpus.json, with a state until the corpus is finished. Then nothing partial is left."""
    if finished:
        remove_partials(out)
    write_text(out / ABOUT, json.dumps(settings if finished else settings | {"state": "making"}, indent=1) + "\n")
