"""How predictions look on a terminal, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from affectspace.prediction import Estimate, Prediction, Trajectory
    from affectspace.prediction.jobs import Outcomes

CELLS = 21  # of a bar from -1 to 1
EMOTIONS = 3  # that are named
SPARKS = 28  # of a line over time
_UNICODE = ("\u00b7", "\u2500", "\u25cf", "\u253c", "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588")
_ASCII = (".", "-", "o", "|", "_.,-~=*#")


class Screen:
    """Where results go: a readable table, or one JSON object."""

    def __init__(self, run: str, labels: Sequence[str], as_json: bool) -> None:
        from rich.console import Console

        self.run, self.labels, self.json = run, list(labels), as_json
        self.console = Console(highlight=False, markup=False, emoji=False)  # names are what they are
        self.marks = _UNICODE if "utf" in self.console.encoding.lower() else _ASCII

    def show(self, outcomes: Outcomes, trajectories: Sequence[Trajectory], single: bool) -> None:
        """What worked."""
        from affectspace.prediction import Prediction

        if self.json:
            typer.echo(json.dumps(self._as_json(outcomes, trajectories), indent=2))
            return
        good = [(name, one) for name, one in outcomes.kept if isinstance(one, Prediction)]
        if single and trajectories:
            self._trajectory(trajectories[0])
        elif single:
            for _, one in good:
                self._prediction(one)
        elif good:
            self._rows(good, outcomes.worked)
        if good and self.labels == ["transferred"]:
            self.console.print("labels     transferred from emotions in training: proxies, not ratings")

    def tell(self, outcomes: Outcomes, left_out: Mapping[str, int], written: Sequence[Path], single: bool) -> None:
        """What failed, on stderr, and what was written. single : one moment, which needs no name."""
        if outcomes.failed and not self.json:
            total = outcomes.worked + outcomes.failed
            if total > 1:
                typer.echo(f"{outcomes.failed:,} of {total:,} have no prediction:", err=True)
            for name, reason in outcomes.failures:
                told = reason if single or _names(reason, name) else f"{name}: {reason}"
                typer.secho(f"  {told}", fg=typer.colors.RED, err=True)
            if outcomes.failed > len(outcomes.failures):
                typer.echo(f"  and {outcomes.failed - len(outcomes.failures):,} more", err=True)
        for suffix, number in left_out.items():
            typer.echo(f"left out: {number} {suffix}, which this run does not read", err=True)
        if written and not self.json:
            typer.echo(f"wrote {', '.join(map(str, written))}")

    def _as_json(self, outcomes: Outcomes, trajectories: Sequence[Trajectory]) -> dict[str, Any]:
        from affectspace.prediction import Failure

        good = [{"id": name, **one.to_dict()} for name, one in outcomes.kept if not isinstance(one, Failure)]
        bad = [{"id": name, "reason": one.reason} for name, one in outcomes.kept if isinstance(one, Failure)]
        answer: dict[str, Any] = {"run": self.run, "labels": self.labels, "predictions": good, "failures": bad}
        if trajectories:
            answer["trajectories"] = [{"id": one.name, **one.to_dict()} for one in trajectories]
        return answer

    def _prediction(self, one: Prediction) -> None:
        from rich.table import Table

        names = one.modalities if len(one.modalities) > 1 else ()
        table = Table("", "", "-1" + " " * (CELLS - 3) + "1", *names, box=None, pad_edge=False)
        for axis in ("valence", "arousal", "dominance"):
            if not math.isnan(getattr(one, axis)):
                alone = [_number(one.by_modality[name], axis) for name in names]
                table.add_row(axis, _number(one, axis), self._bar(one, axis), *alone)
        self.console.print(table)
        named = list(one.probabilities.items())[:EMOTIONS]
        self.console.print("emotion    " + ", ".join(f"{name} {share:.2f}" for name, share in named))
        self.console.print("from       " + ", ".join(one.modalities))
        for note in one.notes:
            self.console.print(f"note       {note}", soft_wrap=True)

    def _rows(self, rows: Sequence[tuple[str, Prediction]], total: int) -> None:
        from rich.table import Table

        axes = [axis for axis in ("valence", "arousal", "dominance") if not math.isnan(getattr(rows[0][1], axis))]
        table = Table("", *axes, "emotion", "from", box=None, pad_edge=False)
        for name, one in rows:
            numbers = [_number(one, axis) for axis in axes]
            table.add_row(name, *numbers, f"{one.emotion} {one.probability:.2f}", "+".join(one.modalities))
        self.console.print(table)
        if total > len(rows):
            self.console.print(f"and {total - len(rows):,} more; --out writes them all")

    def _trajectory(self, trajectory: Trajectory) -> None:
        from rich.table import Table

        table, good = trajectory.table, trajectory.good
        unit = " s" if trajectory.unit == "s" else " sentences"
        width = trajectory.windows[0].end - trajectory.windows[0].start
        missing = len(table) - len(good)
        self.console.print(
            f"{len(table)} windows of {width:g}{unit}" + (f", {missing} without a prediction" if missing else "")
        )
        shown = Table("", "mean", "over time", "", "at home", "away", box=None, pad_edge=False)
        summary = trajectory.dynamics.summary.set_index("axis") if len(good) > 1 else None
        for axis in ("valence", "arousal", "dominance"):
            if math.isnan(getattr(trajectory.whole, axis)):
                continue
            row: Any = None if summary is None else summary.loc[axis]
            moved = ["", ""] if row is None else [f"{row['in_home_base']:.0%}", f"{row['displacements']:.0f}"]
            spread = "" if row is None else f"sd {row['std']:.2f}"
            shown.add_row(axis, _number(trajectory.whole, axis), self._line(table[axis].to_list()), spread, *moved)
        self.console.print(shown)
        named = list(trajectory.whole.probabilities.items())[:EMOTIONS]
        self.console.print("emotion    " + ", ".join(f"{name} {share:.2f}" for name, share in named))
        for note in trajectory.whole.notes[1:]:
            self.console.print(f"note       {note}", soft_wrap=True)

    def _bar(self, one: Estimate, axis: str) -> str:
        """-1 to 1 in cells: the estimate, one deviation each way, and the middle."""
        empty, band, point, middle, _ = self.marks
        mean, deviation = getattr(one.mean, axis), getattr(one.deviation, axis)
        deviation = 0.0 if math.isnan(deviation) else deviation
        cells = [middle if cell == CELLS // 2 else empty for cell in range(CELLS)]
        for cell in range(_cell(mean - deviation), _cell(mean + deviation) + 1):
            cells[cell] = band
        cells[_cell(mean)] = point
        return "".join(cells)

    def _line(self, values: Sequence[float]) -> str:
        """Values on [-1, 1] over time, at most 28 of them by means; a blank where there is none."""
        levels, found = self.marks[4], []
        count = min(len(values), SPARKS)
        for place in range(count):
            part = values[place * len(values) // count : (place + 1) * len(values) // count]
            known = [value for value in part if not math.isnan(value)]
            mean = sum(known) / len(known) if known else None
            found.append(
                " " if mean is None else levels[round((min(max(mean, -1.0), 1.0) + 1) / 2 * (len(levels) - 1))]
            )
        return "".join(found)


def _names(reason: str, name: str) -> bool:
    """Whether a reason begins with the sample's name, or the path of a file of that name."""
    head, colon, _ = reason.partition(f"{name}: ")
    return bool(colon) and (not head or head.endswith(("/", "\\")))


def _cell(value: float) -> int:
    return round((min(max(value, -1.0), 1.0) + 1) / 2 * (CELLS - 1))


def _number(one: Estimate, axis: str) -> str:
    mean, deviation = getattr(one.mean, axis), getattr(one.deviation, axis)
    return f"{mean:+.2f}" + ("" if math.isnan(deviation) else f" \u00b1{deviation:.2f}")
