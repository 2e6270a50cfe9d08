"""Predictions in shards: the same outcomes in the same order, interrupted and continued, in one process and with Ray."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affectspace.features.ray_engine import RayEngine
from affectspace.prediction import Failure, Prediction, Predictor, Sample, shards
from affectspace.prediction.result import of_record, to_record
from affectspace.prediction.shards import PredictorActor, predict_shards
from affectspace.prediction.tables import TableColumns, predict_table

from .conftest import tone

SMALL: dict[str, Any] = {"encoder": {"hidden": (16,)}, "private": {"size": 4}}
TEXTS = [[Sample("one"), Failure("empty")], [Sample("two"), Sample("three")], [Sample("four")]]


class Here:
    """An engine that runs an actor in this process, as a cluster would."""

    def run(
        self, actor_class: type[Any], arguments: Callable[[Any], tuple[Any, ...]], work: Iterable[Any]
    ) -> Iterator[Any]:
        actor = actor_class(*arguments(None))
        assert actor.host()[1]
        yield from map(actor.shard, work)


def collect(predictor: Predictor, **options: Any) -> list[Any]:
    return [outcome for part in predict_shards(predictor, TEXTS, **options) for outcome in part]


def test_records_are_lossless(make_run: Callable[..., Path], tmp_path: Path) -> None:
    prediction = Predictor.of_run(make_run("text", "audio", **SMALL)).predict(
        "hello", audio=tone(tmp_path / "a.wav", 1.0)
    )
    for outcome in (prediction, Failure("why")):
        assert of_record(json.loads(json.dumps(to_record(outcome)))) == outcome
    one_axis = Prediction(**{**vars(prediction), "mean": prediction.mean._replace(dominance=math.nan)})
    again = of_record(json.loads(json.dumps(to_record(one_axis))))
    assert isinstance(again, Prediction)
    assert math.isnan(again.dominance)


def test_outcomes_come_in_order_and_a_stopped_job_continues(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run("text", **SMALL)
    predictor, out = Predictor.of_run(run), tmp_path / "out.csv"
    expected = [outcome for part in TEXTS for outcome in predictor.predict_many(part)]
    assert collect(predictor) == expected
    assert not list(tmp_path.glob("out*"))
    parts = predict_shards(predictor, TEXTS, out=out)
    next(parts), next(parts)
    parts.close()  # killed before the third
    assert len(list((tmp_path / "out.csv.parts").iterdir())) == 2
    seen: list[Sequence[Any]] = []
    counting = Predictor.of_run(run)
    whole = counting.predict_many
    counting.predict_many = lambda samples, **options: seen.append(samples) or whole(samples)  # type: ignore[method-assign,func-returns-value]
    assert collect(counting, out=out) == expected
    assert seen == TEXTS[2:]
    assert not list(tmp_path.glob("out*"))
    predict = partial(collect, predictor, out=out, engine=Here(), reopen=partial(Predictor.of_run, run))
    assert predict() == expected


def test_parts_of_another_input_or_model_are_not_used(make_run: Callable[..., Path], tmp_path: Path) -> None:
    predictor = Predictor.of_run(make_run("text", "audio", **SMALL))
    sound = tone(tmp_path / "a.wav", 1.0)
    parts = shards.Parts(tmp_path, shards.identity_of(predictor))
    samples = [Sample("a", audio=sound, vectors={"x": np.zeros(3)}, start=0.0)]
    path = parts.path(0, samples)
    assert parts.path(0, samples) == path
    others = [
        [Sample("b", audio=sound, vectors={"x": np.zeros(3)}, start=0.0)],
        [Sample("a", audio=sound, vectors={"x": np.ones(3)}, start=0.0)],
        [Sample("a", audio=sound, vectors={"x": np.zeros(3)}, start=0.1)],
        [*samples, Failure("x")],
    ]
    assert path not in [parts.path(0, other) for other in others]
    os.utime(sound, (1, 1))
    assert parts.path(0, samples) != path
    other_model = Predictor.of_run(make_run("text", **SMALL))
    assert shards.Parts(tmp_path, shards.identity_of(other_model)).path(0, others[0]) != parts.path(0, others[0])


def test_a_table_in_several_shards(
    make_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.of_run(make_run("text", **SMALL))
    texts = [f"text {number}" for number in range(23)]
    pd.DataFrame({"said": texts}).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr("affectspace.prediction.tables.SHARD", 3)
    monkeypatch.setattr("affectspace.prediction.tables.ROWS", 10)
    out = tmp_path / "out.csv"
    summary = predict_table(predictor, tmp_path / "t.csv", TableColumns("said"), out=out)
    table = pd.read_csv(out)
    assert table["said"].tolist() == texts
    assert summary.succeeded == 23
    for row in (0, 9, 10, 22):
        assert table["valence"][row] == pytest.approx(predictor.predict(texts[row]).valence, abs=6e-5)


@pytest.mark.slow
def test_two_ray_actors_write_the_same_table(make_run: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from affectspace.prediction.tables import read_vectors

    run = make_run("units", facts={"units": {"name": "units:vectors", "columns": list("abcd")}}, **SMALL)
    names = [f"n{number}" for number in range(600)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(600, 4)), columns=list("abcd"))
    frame.insert(0, "id", names)
    frame[frame["id"] != "n7"].to_csv(tmp_path / "units.csv", index=False)  # one row has no vector
    pd.DataFrame({"id": names}).to_csv(tmp_path / "t.csv", index=False)
    predictor = Predictor.of_run(run)
    vectors = read_vectors([f"units={tmp_path / 'units.csv'}"], predictor)
    tables = {}
    for name, engine in (("alone", None), ("ray", RayEngine(actors=2))):
        out = tmp_path / f"{name}.csv"
        predict_table(
            predictor, tmp_path / "t.csv", TableColumns(id="id"), out=out, vectors=vectors, engine=engine,
            reopen=partial(Predictor.of_run, run),
        )  # fmt: skip
        tables[name] = out.read_bytes()
    assert tables["ray"] == tables["alone"]
    assert PredictorActor(partial(Predictor.of_run, run), str(tmp_path / "gone")).shard([Failure("x")])[0] == [
        Failure("x")
    ]
