"""Licences of models and of their training data: which one is the strictest, so that it can travel with a prediction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_STRICTNESS = (  # from the strictest on; a licence of another form counts as stricter than the permissive ones
    re.compile(r"research|agreement", re.IGNORECASE),
    re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE),
    re.compile(r"\bSA\b|share-?alike|\bA?GPL|\bODbL\b", re.IGNORECASE),
)
_PERMISSIVE = re.compile(r"apache|\bMIT\b|\bBSD\b|\bISC\b|\bCC[ -](BY|0)|\bCC0\b|boost|^free$", re.IGNORECASE)


def strictest(licences: Iterable[str]) -> str:
    """Return the strictest of some licences; "" without one.

    The order is: research only; non-commercial; share-alike; licences that are not known; permissive licences.

    Examples
    --------
    >>> strictest(["Apache-2.0", "CC BY-NC-SA 4.0", "CC BY-SA 4.0"])
    'CC BY-NC-SA 4.0'
    """
    return min(filter(None, licences), key=_rank, default="")


def licences_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the licences in a run.json: name of a corpus, or "backbone of MODALITY" -> licence."""
    backbones = {f"backbone of {name}": backbone for name, backbone in (facts.get("modalities") or {}).items()}
    sources = {**(facts.get("corpora") or {}), **backbones}
    licences = {name: str(source["licence"]) for name, source in sources.items() if source and source.get("licence")}
    if not licences and facts.get("licence"):
        licences["corpus"] = str(facts["licence"])
    return licences


def _rank(licence: str) -> int:
    for rank, pattern in enumerate(_STRICTNESS):
        if pattern.search(licence):
            return rank
    return len(_STRICTNESS) + bool(_PERMISSIVE.search(licence))
