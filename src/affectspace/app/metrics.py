"""Counts and times of requests, as Prometheus reads them. Workers leave theirs in a folder that they share."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from affectspace.files import write_text

router = APIRouter()
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds
FAMILIES = {  # name -> kind, and what it counts
    "affectspace_requests_total": ("counter", "Requests by address, method and status."),
    "affectspace_errors_total": ("counter", "Refused and failed requests by status."),
    "affectspace_request_seconds": ("histogram", "Seconds from the first byte of a request to the last of its answer."),
    "affectspace_received_bytes_total": ("counter", "Bytes of request bodies."),
    "affectspace_inputs_total": ("counter", "Inputs that were predicted, by kind."),
    "affectspace_in_flight": ("gauge", "Requests that are being answered."),
    "affectspace_memory_bytes": ("gauge", "Resident memory of all workers."),
    "affectspace_cpu_seconds_total": ("counter", "Processor time of all workers."),
    "affectspace_workers": ("gauge", "Workers that have answered."),
}
EVERY = 0.5  # seconds between two writings for the other workers


class Metrics:
    """The samples of one worker, by their name with labels. folder : that all workers share; None for a single one"""

    def __init__(self, folder: Path | None) -> None:
        self._own = None if folder is None else folder / f"metrics-{os.getpid()}.json"
        self._samples: Counter[str] = Counter()
        self._written = 0.0

    def began(self) -> None:
        """Count a request that begins."""
        self._samples["affectspace_in_flight"] += 1

    def ended(self, path: str, method: str, status: int, seconds: float, size: int) -> None:
        """Count a request that is answered. size : bytes of its body"""
        samples = self._samples
        samples["affectspace_in_flight"] -= 1
        samples[f'affectspace_requests_total{{path="{path}",method="{method}",status="{status}"}}'] += 1
        if status >= 400:
            samples[f'affectspace_errors_total{{status="{status}"}}'] += 1
        for bound in (*BUCKETS, "+Inf"):
            samples[f'affectspace_request_seconds_bucket{{path="{path}",le="{bound}"}}'] += seconds <= float(bound)
        samples[f'affectspace_request_seconds_sum{{path="{path}"}}'] += seconds  # type: ignore[assignment]
        samples[f'affectspace_request_seconds_count{{path="{path}"}}'] += 1
        samples["affectspace_received_bytes_total"] += size
        if self._own is not None and time.monotonic() - self._written > EVERY:
            self._written = time.monotonic()
            self._measure()
            write_text(self._own, json.dumps(samples))

    def predicted(self, kinds: Mapping[str, int]) -> None:
        """Count predicted inputs by kind."""
        for kind, number in kinds.items():
            self._samples[f'affectspace_inputs_total{{kind="{kind}"}}'] += number

    def _measure(self) -> None:
        self._samples["affectspace_workers"] = 1
        self._samples["affectspace_memory_bytes"] = resident_bytes()
        self._samples["affectspace_cpu_seconds_total"] = time.process_time()  # type: ignore[assignment]

    def text(self) -> str:
        """Return the samples of all workers together in the format of Prometheus; of the others as of at most a second ago."""
        self._measure()
        total = Counter(self._samples)
        others = [] if self._own is None else self._own.parent.glob("metrics-*.json")
        for path in others:
            if path != self._own:
                total.update(json.loads(path.read_text("utf-8")))
        lines = []
        for family, (kind, what) in FAMILIES.items():
            lines += [f"# HELP {family} {what}", f"# TYPE {family} {kind}"]
            names = (family, *(f"{family}_{part}" for part in ("bucket", "sum", "count")))
            lines += [f"{name} {value:.12g}" for name, value in total.items() if name.partition("{")[0] in names]
        return "\n".join([*lines, ""])


def resident_bytes() -> int:
    """Return the memory of this process that is in use; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> PlainTextResponse:
    """Return counts, times and memory of all workers in the text format of Prometheus."""
    own: Metrics = request.app.state.metrics
    return PlainTextResponse(own.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
