"""Outcomes and tables of `affectspace predict`: of samples, over time, and of many samples in shards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectspace.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from affectspace.features import RayEngine
    from affectspace.prediction import Failure, Predictor, Sample, Trajectory
    from affectspace.prediction.inputs import NamedSample
    from affectspace.prediction.result import Answer, Outcome, Summary
    from affectspace.progress import Progress


def predict_samples(
    predictor: Predictor,
    samples: list[NamedSample],
    limit: float,
    progress: Progress,
    many: Callable[..., list[Outcome]] | None,
    tabled: Answer | None,
    columns: Mapping[str, Sequence[Any]],
) -> tuple[pd.DataFrame | None, Summary]:
    """Predict each sample; return a table with a row per sample if it is needed.

    many : predicts more than one sample; tabled : scale of the table; columns : further columns after the id
    """
    from affectspace.prediction import table_of
    from affectspace.prediction.result import Summary
    from affectspace.progress import silent

    names = [name for name, _ in samples]
    shown = progress if len(samples) > 1 else silent
    inputs = [sample for _, sample in samples]
    if many is None or len(samples) == 1:
        outcomes = predictor.predict_many(inputs, progress=shown)
    else:
        outcomes = many(predictor, inputs, shown)
    summary = Summary(limit)
    summary.add(names, outcomes)
    if tabled is None:
        return None, summary
    table = table_of(outcomes, predictor.modalities, tabled)
    for name, values in reversed({"id": names, **columns}.items()):
        table.insert(0, name, values)
    return table, summary


def predict_over_time(
    predictor: Predictor,
    samples: list[NamedSample],
    window: float | None,
    step: float | None,
    figure: Path | None,
    progress: Progress,
    tabled: Answer | None,
    framed: bool,
) -> tuple[pd.DataFrame | None, Summary, list[Trajectory]]:
    """Predict each input over time, and as a whole; return a table with a row per window if it is needed and not empty.

    framed : whether the table has the place of the face in each window
    """
    from affectspace.prediction import Failure, Sample
    from affectspace.prediction.inputs import face_columns
    from affectspace.prediction.result import Summary

    trajectories: list[Trajectory] = []
    summary = Summary(math.inf)
    for name, sample in samples:
        try:
            if isinstance(sample, Failure):
                raise DataError(sample.reason)
            trajectory = predictor.follow(sample, window=window, step=step, name=name, progress=progress)
            summary.add([name], [trajectory.whole])
            trajectories.append(trajectory)
        except DataError as error:
            summary.add([name], [Failure(str(error))])
    if figure is not None and trajectories:
        from affectspace.report import save_figure

        save_figure(trajectories[0].figure(), figure)
    if tabled is None or not trajectories:
        return None, summary, trajectories
    import pandas as pd

    tables = []
    for trajectory in trajectories:
        table = trajectory.table_in(tabled)
        sample = next(sample for name, sample in samples if name == trajectory.name)
        if framed and isinstance(sample, Sample):
            parts = [replace(sample, start=window.start, end=window.end) for window in trajectory.windows]
            table = table.assign(**face_columns([("", part) for part in parts]))
        table.insert(0, "id", trajectory.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True), summary, trajectories


def predict_in_shards(
    predictor: Predictor,
    samples: Sequence[Sample | Failure],
    progress: Progress,
    *,
    out: Path | None,
    engine: RayEngine | None,
    reopen: Callable[[], Predictor],
) -> list[Outcome]:
    """Predict many samples so that a killed job continues, or on a cluster."""
    from affectspace.prediction.shards import ROWS, predict_shards

    shards = [samples[start : start + ROWS] for start in range(0, len(samples), ROWS)]
    outcomes: list[Outcome] = []
    for part in predict_shards(predictor, shards, out=out, engine=engine, reopen=reopen):
        outcomes += part
        progress(len(outcomes), len(samples), "predicting")
    return outcomes


def write_predictions(table: pd.DataFrame, out: Path, left_out: Sequence[str], force: bool) -> None:
    """Write a table of predictions. left_out : modalities whose columns are details"""
    from affectspace.prediction.tables import write_table

    details = tuple(f"{modality}_" for modality in left_out)
    write_table(table[[name for name in table.columns if not name.startswith(details)]], out, force=force)
