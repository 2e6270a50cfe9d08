"""The rows of a run's own corpus: their parts in a table, and the samples of a part."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import ConfigError
from affectspace.prediction import Predictor
from affectspace.prediction.run_rows import RunParts
from affectspace.synthetic.faces import make_faces
from affectspace.tables.blocks import read_blocks
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import Run

from ..data.conftest import make_store

N = 90


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], catch_exceptions=False)


def make_run(folder: Path, **columns: Any) -> Run:
    """A run of one epoch on ready-made vectors of a table on the scale 1:7."""
    random = np.random.default_rng(0)
    affect = random.uniform(1, 7, (N, 3)).round(2)
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"]).assign(
        speaker=[f"p{row % 15}" for row in range(N)]
    )
    table.assign(**columns).to_csv(folder / "t.csv", index=False)
    ids = pd.Series(columns.get("key", [str(row) for row in range(N)]))
    make_store(folder / "store", "text", ids, np.column_stack([affect, random.normal(size=(N, 2))]).astype(np.float32))
    named = {"columns": {"id": "key"}} if "key" in columns else {}
    data = {
        "corpus": "table",
        "path": str(folder / "t.csv"),
        "scale": "1:7",
        "features": {"text": str(folder / "store")},
    }
    fields = {"data": {"corpora": {"mine": {**data, **named}}}, "model": {"kind": "manifold"}}
    return fit(build_config(fields, overrides=["fit.epochs=1", "fit.threads=1"]), folder / "run")


def parts_of(run: Run, table: Path, **columns: str) -> list[str | None]:
    lookup = RunParts(run, table, columns)
    return [part for block in read_blocks(table, 7) for part in lookup.of(block)]


def test_rows_are_known_by_their_number_in_the_run_s_own_table(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert run.facts["axes"] == ["valence", "arousal", "dominance"]
    split = run.split.set_index("id")["part"]
    assert parts_of(run, tmp_path / "t.csv") == [split[str(row)] for row in range(N)]
    pd.read_csv(tmp_path / "t.csv").iloc[::-1].to_csv(tmp_path / "other.csv", index=False)  # numbers mean nothing there
    assert set(parts_of(run, tmp_path / "other.csv")) == {None}


def test_rows_are_known_by_their_id_in_any_table_and_a_part_is_predicted(tmp_path: Path) -> None:
    run = make_run(tmp_path, key=[f"row{row}" for row in range(N)], sentence=["a day"] * N)
    split = run.split.set_index("id")["part"]
    some = pd.read_csv(tmp_path / "t.csv").iloc[5::3][["key", "sentence"]]
    pd.concat([some, pd.DataFrame({"key": ["new"], "sentence": ["x"]})]).to_csv(tmp_path / "some.csv", index=False)
    assert parts_of(run, tmp_path / "some.csv", id="key") == [*split[some["key"]], None]
    assert parts_of(run, tmp_path / "t.csv") == list(split[[f"row{row}" for row in range(N)]])

    vectors = tmp_path / "vectors.npz"
    np.savez(vectors, files=np.array(list(some["key"])), vectors=np.zeros((len(some), 5), np.float32))
    call = ["--run", run.folder, tmp_path / "some.csv", "--id-column", "key", "--vectors", f"text={vectors}"]
    result = invoke(*call, "--out", tmp_path / "out.csv")
    count = int((split[some["key"]] == "train").sum())
    assert f"{count} rows were in the training part" in result.stderr
    assert list(pd.read_csv(tmp_path / "out.csv")["run_part"].dropna()) == list(split[some["key"]])

    assert invoke("--run", run.folder, "--part", "test", "--out", tmp_path / "test.csv").exit_code == 0
    table = pd.read_csv(tmp_path / "test.csv")
    assert set(table["id"]) == set(split.index[split == "test"])
    assert set(table["run_part"]) == {"test"}
    assert table["person"].str.startswith("p").all()
    data = run.dataset("features")
    batch = data.batch("test")
    predictor = Predictor.of_run(run.folder)
    expected = {
        name: predictor.predict(vectors={"text": vector}).valence
        for name, vector in zip(data.table["id"].iloc[data.rows("test")], batch.features["text"].numpy(), strict=True)
    }
    np.testing.assert_allclose(table["valence"], [expected[name] for name in table["id"]], atol=1e-4)
    with pytest.raises(ConfigError, match="--part dev: choose one of train, validation, test"):
        invoke("--run", run.folder, "--part", "dev")


def test_a_part_of_a_run_on_faces(tmp_path: Path) -> None:
    make_faces(tmp_path / "faces", n=60, people=12, size=32, workers=1)
    data = {"corpus": "faces", "path": str(tmp_path / "faces")}
    fields = {"data": data, "model": {"width": 4, "image_size": 32}, "fit": {"epochs": 1, "threads": 1}}
    run = fit(build_config(fields), tmp_path / "run")
    assert invoke("--run", run.folder, "--part", "test", "--out", tmp_path / "test.csv").exit_code == 0
    table = pd.read_csv(tmp_path / "test.csv")
    assert set(table["id"]) == set(run.split.loc[run.split["part"] == "test", "id"])
    assert table["valence"].notna().all()


@pytest.mark.parametrize("kept", [0, 5])
def test_a_row_of_a_part_without_a_vector_names_the_store(tmp_path: Path, kept: int) -> None:
    run = make_run(tmp_path)
    ids = run.split.loc[run.split["part"] == "test", "id"]
    shown = pd.concat([ids[:kept], pd.Series(["another"])])
    make_store(tmp_path / "few", "text", shown, np.zeros((len(shown), 5), np.float32))
    result = invoke(
        "--run", run.folder, "--part", "test", "--moved", f"data.corpora.mine.features.text={tmp_path / 'few'}"
    )
    assert result.exit_code == (0 if kept else 1)
    assert f"the row has no vector in {tmp_path / 'few'}; run `affectspace extract`" in result.output
    assert f"{len(ids) - kept} of {len(ids)} have no prediction" in result.output
