"""The record of every figure that is printed: `metrics.json`, experiment -> row -> metric -> measurement."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affectspace.errors import DataError
from affectspace.files import write_text

_NUMBERS = ("value", "low", "high", "paper")


def _number(value: Any, name: str) -> float | None:
    """A finite float of six significant digits, None for what is missing, undefined or infinite."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"a measurement's {name} is {value!r}: it must be one number or None") from error
    return float(f"{number:.6g}") if math.isfinite(number) else None


@dataclass(frozen=True)
class Measurement:
    """One figure: its value, interval low .. high, rows n, protocol, seeds, and the paper's figure where it has one.

    value is NaN or None where it is undefined; note says why, and whatever a reader must know. JSON knows neither NaN
    nor infinity: both are written as null.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    protocol: str = ""
    seeds: Sequence[int] = ()
    paper: float | None = None
    note: str = ""

    @classmethod
    def of(cls, interval: Any, **rest: Any) -> "Measurement":
        """From an `intervals.Interval` (value, low, high, n); the other fields by name."""
        return cls(**{"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n, **rest})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, numbers rounded to six significant digits. Raises DataError for what is not one number."""
        numbers = {name: _number(getattr(self, name), name) for name in _NUMBERS}
        return {
            "value": numbers["value"],
            "low": numbers["low"],
            "high": numbers["high"],
            "n": None if self.n is None else int(self.n),
            "protocol": str(self.protocol),
            "seeds": [int(seed) for seed in self.seeds],
            "paper": numbers["paper"],
            "note": str(self.note),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Measurement":
        """The inverse of `to_dict` (up to rounding; null stays None). Raises DataError for unknown or missing keys."""
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(values) - known)
        if unknown or "value" not in values:
            problem = f"has the unknown keys {', '.join(unknown)}" if unknown else "has no 'value'"
            raise DataError(f"a measurement {problem}; its keys are {', '.join(sorted(known))}")
        return cls(**{**values, "seeds": tuple(values.get("seeds", ()))})


@dataclass
class MetricsFile:
    """All measurements of a run by experiment, row and metric, in the order in which they were set."""

    experiments: dict[str, dict[str, dict[str, Measurement]]] = field(default_factory=dict)

    def set(self, experiment: str, row: str, metric: str, measurement: Measurement) -> None:
        """Add a measurement; one that is there under the same three names is replaced (a continued run)."""
        measurement.to_dict()
        self.experiments.setdefault(experiment, {}).setdefault(row, {})[metric] = measurement

    def get(self, experiment: str, row: str, metric: str) -> Measurement:
        """The measurement of these names. Raises DataError that lists the names there are."""
        level: Any = self.experiments
        for kind, name in (("experiment", experiment), ("row", row), ("metric", metric)):
            if name not in level:
                raise DataError(f"no {kind} {name!r} in the metrics; there is {', '.join(level) or 'none'}")
            level = level[name]
        return level

    def __contains__(self, names: tuple[str, ...]) -> bool:
        """Whether (experiment, row, metric) is there."""
        experiment, row, metric = names
        return metric in self.experiments.get(experiment, {}).get(row, {})

    def __iter__(self) -> Iterator[tuple[str, str, str, Measurement]]:
        """(experiment, row, metric, measurement), in order."""
        for experiment, rows in self.experiments.items():
            for row, metrics in rows.items():
                for metric, measurement in metrics.items():
                    yield experiment, row, metric, measurement

    def to_dict(self) -> dict[str, Any]:
        """The nested dict of `metrics.json`."""
        return {
            experiment: {row: {name: m.to_dict() for name, m in metrics.items()} for row, metrics in rows.items()}
            for experiment, rows in self.experiments.items()
        }

    def write(self, path: str | Path) -> None:
        """Write `path` under a temporary name and rename it."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(Path(path), text + "\n")

    @classmethod
    def read(cls, path: str | Path) -> "MetricsFile":
        """Read what `write` wrote. Raises DataError for a file that is missing, no JSON or of another shape."""
        file = Path(path)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(f"{file} does not exist: `affectspace evaluate` or `reproduce` writes it") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{file} is not JSON ({error}): delete it and evaluate again") from error
        metrics = cls()
        try:
            for experiment, rows in content.items():
                for row, by_name in rows.items():
                    for name, values in by_name.items():
                        metrics.set(experiment, row, name, Measurement.from_dict(values))
        except (AttributeError, TypeError, DataError) as error:
            raise DataError(
                f"{file} is not experiment -> row -> metric -> measurement ({error}): delete it and evaluate again"
            ) from error
        return metrics
