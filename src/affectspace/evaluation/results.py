"""The results table: every figure of a run or a study is one row, with its interval, its protocol and the paper's figure."""

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from affectspace.errors import DataError
from affectspace.files import parse_json, write_text

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "affectspace results", 2
KEY = ("study", "experiment", "task", "model", "versus", "modality", "target", "latent", "condition", "metric")
_NUMBERS = ("value", "low", "high", "paper")

Where = str | Collection[str] | Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure. The columns up to ``metric`` name it; the others hold it and say how it was measured.

    Attributes
    ----------
    study, experiment, task
        Where it belongs: for example study "manifold", experiment "text_axes", task "emotion".
    model, versus
        The model that was measured. With ``versus``, the value is that model minus the other one (a model or a latent).
    modality, target, latent, condition
        What the model was shown, what was predicted or compared, from which part of its latents, under which condition.
    metric
        Name of the measure, for example "r" or "uar".
    value, low, high
        The figure and its interval. NaN, infinity and None are written as null.
    n, groups
        Number of rows, and of the people or documents over which the interval was taken.
    seeds
        Seeds that were averaged.
    protocol, paper, note
        How it was measured, the published figure, and what else a reader must know.

    Examples
    --------
    >>> Result(metric="uar", model="levasa", value=0.3512345678, n=100).value
    0.351235
    """

    study: str = ""
    experiment: str = ""
    task: str = ""
    model: str = ""
    versus: str = ""
    modality: str = ""
    target: str = ""
    latent: str = ""
    condition: str = ""
    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    groups: int | None = None
    seeds: tuple[int, ...] = ()
    protocol: str = ""
    paper: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            object.__setattr__(self, name, _rounded(getattr(self, name), name))
        for name in ("n", "groups"):
            number = getattr(self, name)
            object.__setattr__(self, name, None if number is None else int(number))
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in self.seeds))

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name the figure."""
        return tuple(getattr(self, name) for name in KEY)

    def to_dict(self) -> dict[str, Any]:
        """Return the columns that are not empty, and always the value, as plain JSON values."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in plain.items() if name == "value" or value not in (None, "", [])}


COLUMNS = tuple(field.name for field in fields(Result))


def _rounded(value: Any, name: str) -> float | None:
    """Return a number with six significant digits; None where it is missing, NaN or infinite."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"a result's {name} is {value!r}; give one number or None") from error
    return float(f"{number:.6g}") if math.isfinite(number) else None


class Results:
    """The figures of a run or a study, in the order in which they were added.

    Examples
    --------
    >>> results = Results()
    >>> results.add(Result(experiment="probes", model="levasa", metric="uar", value=0.38, low=0.35, high=0.41))
    >>> results.get(experiment="probes", model="levasa", metric="uar").value
    0.38
    >>> results.distinct("model")
    ['levasa']
    """

    def __init__(self, rows: Iterable[Result] = ()) -> None:
        self._rows: dict[tuple[str, ...], Result] = {}
        self.add(*rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._rows.values())

    def add(self, *rows: Result) -> None:
        """Add rows. A row replaces an earlier one with the same key and keeps its place."""
        self._rows.update((row.key, row) for row in rows)

    def filter(self, **columns: Where) -> "Results":
        """Return the rows whose columns have the given values.

        Parameters
        ----------
        **columns
            A value, a collection of values, or a function of the value; ``versus=bool`` keeps comparisons.
        """
        _check_columns(columns)
        return Results(
            row for row in self if all(_matches(getattr(row, name), asked) for name, asked in columns.items())
        )

    def find(self, **columns: str) -> Result | None:
        """Return the row with this key, or None. Columns that are not named must be empty, except ``study``."""
        _check_columns(columns)
        if "study" in columns:
            return self._rows.get(tuple(columns.get(name, "") for name in KEY))
        key = tuple(columns.get(name, "") for name in KEY[1:])
        studies = dict.fromkeys(row.study for row in self._rows.values())
        return next((self._rows[study, *key] for study in studies if (study, *key) in self._rows), None)

    def get(self, **columns: str) -> Result:
        """Return the row with this key, as `find` does.

        Raises
        ------
        DataError
            There is no such row. The message lists up to five rows that come near.
        """
        row = self.find(**columns)
        if row is None:
            wanted = ", ".join(f"{name}={value!r}" for name, value in columns.items())
            near = sorted(self, key=lambda row: -sum(getattr(row, name) == value for name, value in columns.items()))[
                :5
            ]
            shown = "; ".join(" ".join(part for part in row.key if part) for row in near) or "the table is empty"
            raise DataError(f"the results have no row with {wanted}; the nearest are: {shown}")
        return row

    def distinct(self, column: str) -> list[str]:
        """Return the values of a column, each once, in the order of the rows."""
        _check_columns((column,))
        return list(dict.fromkeys(getattr(row, column) for row in self))

    def to_frame(self) -> "pd.DataFrame":
        """Return all columns as a DataFrame with a row for each figure."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self], columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``."""
        return {"format": FORMAT, "version": VERSION, "rows": [row.to_dict() for row in self]}

    def write(self, path: str | Path) -> None:
        """Write ``metrics.json`` with one row on each line. The file is written completely or not at all."""
        rows = [json.dumps(row.to_dict(), ensure_ascii=False, allow_nan=False) for row in self]
        head = f'{{"format": "{FORMAT}", "version": {VERSION}, "rows": ['
        write_text(Path(path), head + ("\n" + ",\n".join(rows) + "\n" if rows else "") + "]}\n")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        DataError
            The file does not exist, is not JSON, has another version, or holds a row with unknown columns.
        """
        file = Path(path)
        try:
            content = parse_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(
                f"{file} does not exist; `affectspace evaluate` or `affectspace reproduce` writes it"
            ) from error
        except ValueError as error:
            raise DataError(f"{file} is not JSON ({error}); delete it and evaluate again") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
            version = content.get("version", 1) if isinstance(content, dict) else "unknown"
            raise DataError(
                f"{file} has version {version} of the results format, and this release reads version {VERSION}; "
                "run `affectspace evaluate` or `affectspace reproduce` again (nothing is trained again)"
            )
        try:
            return cls(Result(**{**row, "seeds": tuple(row.get("seeds", ()))}) for row in content["rows"])
        except (AttributeError, KeyError, TypeError, DataError) as error:
            raise DataError(
                f"{file} holds a row that cannot be read ({error}); delete it and evaluate again"
            ) from error


def _matches(value: Any, asked: Where) -> bool:
    if callable(asked):
        return bool(asked(value))
    return value == asked if isinstance(asked, str) else value in asked


def _check_columns(names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise DataError(f"results have no column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}")


@dataclass(frozen=True)
class Recorder:
    """Adds rows to results, with columns that are the same for all of them.

    columns : columns of every row; seeds : model -> its seeds; published : rows whose values become the ``paper`` column
    """

    results: Results
    columns: Mapping[str, Any]
    seeds: Mapping[str, Sequence[int]] | None = None
    published: Results | None = None

    def under(self, **columns: Any) -> "Recorder":
        """Return a recorder with more columns filled in."""
        return replace(self, columns={**self.columns, **columns})

    def add(self, metric: str, figure: Any, n: int | None = None, /, **columns: Any) -> Result:
        """Add a number, or an interval with value, low, high, n and groups. ``n`` overrides the interval's."""
        row_columns: dict[str, Any] = {"value": figure, "n": n}
        if hasattr(figure, "low"):
            row_columns = {name: getattr(figure, name, None) for name in ("value", "low", "high", "n", "groups")}
            row_columns["n"] = row_columns["n"] if n is None else n
        row_columns |= {"metric": metric, **self.columns, **columns}
        if reason := getattr(figure, "reason", ""):
            row_columns["note"] = "; ".join(
                part for part in (row_columns.get("note"), f"no interval: {reason}") if part
            )
        if "seeds" not in row_columns and self.seeds is not None:
            row_columns["seeds"] = tuple(self.seeds.get(row_columns.get("model", ""), ()))
        row = Result(**row_columns)
        if row.paper is None and self.published is not None:
            row = replace(row, paper=self._paper(row))
        self.results.add(row)
        return row

    def add_mean(self, metric: str, values: Iterable[Any], n: int, note: str = "", /, **columns: Any) -> Result:
        """Add the mean over seeds; the note lists the value of each seed."""
        import numpy as np

        numbers = [float(value) for value in values]
        listed = "seeds: " + ", ".join(f"{value:.3f}" for value in numbers) if len(numbers) > 1 else ""
        note = "; ".join(part for part in (note, listed) if part)
        return self.add(metric, float(np.mean(numbers)), n, note=note, **columns)

    def add_p_values(
        self,
        tested: Sequence[tuple[Mapping[str, str], float]],
        n: int,
        primary: Mapping[str, str] | None = None,
        note: str = "two-sided, by sign flips",
    ) -> None:
        """Add p of each comparison (its columns, p), and p after Holm's correction of all but the primary one."""
        import numpy as np

        from affectspace.evaluation.significance import holm

        known = [(columns, p) for columns, p in tested if np.isfinite(p)]
        corrected = [(columns, p) for columns, p in known if columns != primary]
        for columns, p in known:
            uncorrected = "; the primary endpoint, not corrected" if columns == primary else ""
            self.add("p", p, n, note=note + uncorrected, seeds=(), **columns)
        holm_p = holm([p for _, p in corrected]) if corrected else ()
        for (columns, _), p in zip(corrected, holm_p, strict=True):
            self.add("p_holm", float(p), n, note=f"Holm over {len(corrected)} comparisons", seeds=(), **columns)

    def _paper(self, row: Result) -> float | None:
        assert self.published is not None
        same = ("model", "versus", "modality", "target", "latent", "metric")
        return next(
            (one.value for one in self.published if all(getattr(one, c) == getattr(row, c) for c in same)), None
        )
