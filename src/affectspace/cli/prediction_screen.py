"""Predictions on a terminal, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from affectspace.cli.options import print_json
from affectspace.errors import counted

if TYPE_CHECKING:
    from affectspace.prediction import Estimate, Prediction, Predictor, Trajectory
    from affectspace.prediction.result import Answer, Summary

CELLS = 21  # characters of a bar from -1 to 1
EMOTIONS = 3  # that are shown
SHORTEST_NAME = 12  # characters of a sample's name on a narrow terminal
NAMED = 3  # rows that are named beside a note
NOTED_NAME = 40  # characters of such a name
SPARKS = 28  # characters of a line over time
_UNICODE = ("\u00b7", "\u2500", "\u25cf", "\u253c", "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588")
_ASCII = (".", "-", "o", "|", "_.,-~=*#")


class Screen:
    """Prints results as a readable table, or as one JSON object."""

    def __init__(self, predictor: Predictor, of_run: bool, as_json: bool, answer: Answer) -> None:
        from rich.console import Console

        self.answer = answer
        self.source = {"run" if of_run else "model": predictor.name}
        self.trained_on = predictor.trained_on
        self.labels, self.notices, self.json = list(predictor.label_kinds), list(predictor.notices), as_json
        self.console = Console(highlight=False, markup=False, emoji=False)  # print names as they are
        self.marks = _UNICODE if "utf" in self.console.encoding.lower() else _ASCII

    def show(
        self,
        summary: Summary,
        trajectories: Sequence[Trajectory],
        skipped: Mapping[str, int],
        written: Sequence[Path],
        single: bool,
    ) -> None:
        """Print predictions, failures, skipped files and written files. single : one sample, which needs no name"""
        self._predictions(summary, trajectories, single)
        for notice in self.notices:
            typer.echo(f"note: {notice}", err=True)
        self._report(summary, skipped, written, single)

    def _predictions(self, summary: Summary, trajectories: Sequence[Trajectory], single: bool) -> None:
        """Print the predictions; as JSON the failures too."""
        from affectspace.prediction import Prediction
        from affectspace.prediction.licences import strictest

        predictions = [(name, outcome) for name, outcome in summary.outcomes if isinstance(outcome, Prediction)]
        empty = [axis for axis in self.answer.names if all(math.isnan(getattr(one, axis)) for _, one in predictions)]
        if predictions and empty:
            self.notices.append(f"the models of these inputs do not predict {' and '.join(empty)}; it is left empty")
        if self.json:
            failures = [{"id": name, **outcome.to_dict(self.answer)} for name, outcome in summary.outcomes
                        if not isinstance(outcome, Prediction)]  # fmt: skip
            data: dict[str, Any] = {
                **self.source,
                "labels": self.labels,
                "trained_on": [corpus.to_dict() for corpus in self.trained_on],
                "licence": strictest(prediction.licence for _, prediction in predictions),
                "notices": self.notices,
                "predictions": [{"id": name, **prediction.to_dict(self.answer)} for name, prediction in predictions],
                "failures": failures,
            }
            if trajectories:
                data["trajectories"] = [{"id": one.name, **one.to_dict(self.answer)} for one in trajectories]
            print_json(data)
            return
        if single and trajectories:
            self._trajectory(trajectories[0])
        elif single:
            for _, prediction in predictions:
                self._prediction(prediction)
        elif predictions:
            self._rows(predictions, summary.succeeded)
        if predictions and self.labels == ["transferred"]:
            self.console.print("labels     transferred from emotions in training: proxies, not ratings")
        if predictions and self.trained_on:
            self.console.print(f"trained on {', '.join(map(str, self.trained_on))}", soft_wrap=True)
        licence = strictest(prediction.licence for _, prediction in predictions)
        if licence:
            self.console.print(f"licence    {licence}")

    def _report(self, summary: Summary, skipped: Mapping[str, int], written: Sequence[Path], single: bool) -> None:
        """Print failures and skipped files on stderr, and the written files."""
        if summary.failed and not self.json:
            total = summary.succeeded + summary.failed
            if total > 1:
                typer.echo(f"{summary.failed:,} of {total:,} have no prediction:", err=True)
            for name, reason in summary.failures:
                message = reason if _begins_with_name(reason, name) else f"{name}: {reason}"
                typer.secho(f"affectspace: {message}" if single else f"  {message}", fg=typer.colors.RED, err=True)
            if summary.failed > len(summary.failures):
                typer.echo(f"  and {summary.failed - len(summary.failures):,} more", err=True)
        for suffix, number in skipped.items():
            typer.echo(f"skipped: {number} {suffix}, which is not an input of the model", err=True)
        if written and not self.json:
            typer.echo(f"wrote {', '.join(map(str, written))}")

    def _prediction(self, prediction: Prediction) -> None:
        from rich.table import Table

        names = prediction.modalities if len(prediction.modalities) > 1 else ()
        table = Table("", "", self._ends(), *names, box=None, pad_edge=False)
        for axis in self._known_axes(prediction):
            alone = [self._number(prediction.by_modality[name], axis) for name in names]
            table.add_row(self.answer.name(axis), self._number(prediction, axis), self._bar(prediction, axis), *alone)
        self.console.print(table)
        self._emotions_and_notes(prediction, prediction.notes, ["from       " + ", ".join(prediction.modalities)])

    def _emotions_and_notes(self, prediction: Prediction, notes: Sequence[str], lines: Sequence[str] = ()) -> None:
        ranked = list(prediction.probabilities.items())[:EMOTIONS]
        emotions = (
            "emotion    "
            + ("" if prediction.emotion else "unclear: ")
            + ", ".join(f"{name} {probability:.2f}" for name, probability in ranked)
        )
        for line in (emotions, *lines, *(f"note       {note}" for note in notes)):
            self.console.print(line, soft_wrap=True)

    def _rows(self, rows: Sequence[tuple[str, Prediction]], total: int) -> None:
        """Print a line for each sample. Names are cut to the width that the numbers leave."""
        from rich.table import Column, Table

        axes = [
            axis
            for axis in self.answer.scale.axes
            if any(axis in self._known_axes(prediction) for _, prediction in rows)
        ]
        titles = [*map(self.answer.name, axes), "emotion", "from"]
        lines = []
        for _, prediction in rows:
            emotion = f"{prediction.emotion} {prediction.probability:.2f}" if prediction.emotion else "unclear"
            lines.append([*(self._number(prediction, axis) for axis in axes), emotion, "+".join(prediction.modalities)])
        used = sum(max(map(len, column)) + 2 for column in zip(titles, *lines, strict=True))
        room = max(self.console.width - used, SHORTEST_NAME)
        table = Table("", *(Column(title, no_wrap=True) for title in titles), box=None, pad_edge=False)
        for (name, _), line in zip(rows, lines, strict=True):
            table.add_row(shortened(name, room), *line)
        self.console.print(table)
        notes: dict[str, list[str]] = {}
        for name, prediction in rows:
            for note in prediction.notes:
                notes.setdefault(note, []).append(shortened(name, NOTED_NAME))
        for note, names in sorted(notes.items(), key=lambda pair: -len(pair[1])):
            where = ", ".join(names) if len(names) <= NAMED else f"{len(names)} rows"
            self.console.print(
                f"note       {note} ({'all rows' if len(names) == len(rows) > 1 else where})", soft_wrap=True
            )
        if total > len(rows):
            self.console.print(f"and {total - len(rows):,} more; --out writes all of them")

    def _trajectory(self, trajectory: Trajectory) -> None:
        from rich.table import Table

        table, whole = trajectory.table, trajectory.whole
        width = trajectory.windows[0].end - trajectory.windows[0].start
        size = f"{width:g} s" if trajectory.unit == "s" else counted(int(width), "sentence")
        missing = len(table) - len(trajectory.predictions)
        self.console.print(
            f"{counted(len(table), 'window')} of {size}" + (f", {missing} without a prediction" if missing else "")
        )
        shown = Table("", "mean", "over time", "", "inside the home base", "excursions", box=None, pad_edge=False)
        summary = trajectory.dynamics.summary.set_index("axis") if len(trajectory.predictions) > 1 else None
        for axis in self._known_axes(whole):
            dynamics = ["", "", ""]
            if summary is not None:
                row: Any = summary.loc[axis]
                dynamics = [f"sd {row['std']:.2f}", f"{row['in_home_base']:.0%}", f"{row['displacements']:.0f}"]
            shown.add_row(
                self.answer.name(axis), self._number(whole, axis), self._line(table[axis].to_list()), *dynamics
            )
        self.console.print(shown)
        self._emotions_and_notes(whole, whole.notes[1:])

    def _known_axes(self, prediction: Prediction) -> list[str]:
        """The axes of the answer that the model predicts."""
        return [axis for axis in self.answer.scale.axes if not math.isnan(getattr(prediction, axis))]

    def _number(self, estimate: Estimate, axis: str) -> str:
        """Write mean and deviation on the scale of the answer; nothing for an axis that is not predicted."""
        mean, deviation = self.answer.values(estimate)[axis]
        if math.isnan(mean):
            return ""
        sign = "+" if min(low for low, _ in self.answer.scale.ranges) < 0 else ""
        return f"{mean:{sign}.2f}" + ("" if math.isnan(deviation) else f" \u00b1{deviation:.2f}")

    def _ends(self) -> str:
        """Write the ends of the bars."""
        ranges = set(self.answer.scale.ranges)
        low, high = (f"{end:g}" for end in ranges.pop()) if len(ranges) == 1 else ("low", "high")
        return low + " " * (CELLS - len(low) - len(high)) + high

    def _bar(self, estimate: Estimate, axis: str) -> str:
        """Draw the range from -1 to 1: the estimate, one deviation each way, and the middle."""
        empty, band, point, middle, _ = self.marks
        mean, deviation = getattr(estimate.mean, axis), getattr(estimate.deviation, axis)
        deviation = 0.0 if math.isnan(deviation) else deviation
        cells = [middle if cell == CELLS // 2 else empty for cell in range(CELLS)]
        for cell in range(_cell(mean - deviation), _cell(mean + deviation) + 1):
            cells[cell] = band
        cells[_cell(mean)] = point
        return "".join(cells)

    def _line(self, values: Sequence[float]) -> str:
        """Draw values on [-1, 1] over time, averaged to at most 28 characters; blank where there is no value."""
        levels, line = self.marks[4], []
        count = min(len(values), SPARKS)
        for number in range(count):
            part = values[number * len(values) // count : (number + 1) * len(values) // count]
            known = [value for value in part if not math.isnan(value)]
            line.append(levels[_cell(sum(known) / len(known), len(levels))] if known else " ")
        return "".join(line)


def shortened(name: str, room: int) -> str:
    """Cut a name to a number of characters: a path to its end, a text to its beginning."""
    if len(name) <= room:
        return name
    if is_path(name):
        last = name.replace("\\", "/").rpartition("/")[2]
        return last if len(last) <= room else f"...{last[3 - room :]}"
    return f"{name[: room - 3]}..."


def is_path(name: str) -> bool:
    """Whether a sample's name looks like the path of a file, not like a text."""
    return ("/" in name or "\\" in name) and "." in name[-6:] and not any(mark.isspace() for mark in name[-12:])


def _begins_with_name(reason: str, name: str) -> bool:
    """Whether a reason begins with the sample's name, or the path of a file of that name."""
    head, colon, _ = reason.partition(f"{name}: ")
    return bool(colon) and (not head or head.endswith(("/", "\\")))


def _cell(value: float, cells: int = CELLS) -> int:
    return round((min(max(value, -1.0), 1.0) + 1) / 2 * (cells - 1))
