"""`affectspace train` as a user runs it, on tiny drawn faces and vectors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.cli.train import next_step
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, RunError
from affectspace.evaluation import concordance, pearson
from affectspace.evaluation.results import Results
from affectspace.features.store import FeatureStore, Shard
from affectspace.studies.judgement.folds import fold_members
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.runs import Run

SMALL = {"width": 4, "image_size": 32, "hidden": [16], "chunk": 4}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    make_faces(folder / "drawn", n=120, people=12, size=32, workers=1)
    fields = {
        "data": {"corpus": "faces", "path": str(folder / "drawn")},
        "model": SMALL,
        "fit": {"epochs": 1, "batch_size": 16, "accelerator": "cpu"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def test_an_emotion_of_one_row_is_a_warning(config: Path, tmp_path: Path) -> None:
    drawn = Path(yaml.safe_load(config.read_text())["data"]["path"])
    table = pd.read_csv(drawn / "index.csv", dtype={"person": str})
    table["emotion"] = "happiness"
    table.loc[table.groupby("person").head(1).index[:2], "emotion"] = "anger"
    table.to_csv(tmp_path / "index.csv", index=False)
    fields = yaml.safe_load(config.read_text()) | {
        "data": {
            "corpus": "table",
            "path": str(tmp_path / "index.csv"),
            "media": str(drawn / "faces.zip"),
            "columns": {"image": "image", "person": "person"},
            "split": {"fractions": [0.8, 0.1, 0.1]},
        }
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(fields))
    run = tmp_path / "run"
    trained = CliRunner().invoke(
        app, ["train", str(tmp_path / "config.yaml"), "--out", str(run)], catch_exceptions=False
    )
    parts = pd.read_csv(run / "split.csv", dtype=str).set_index("id")["part"]
    angry = table.loc[table["emotion"] == "anger", "id" if "id" in table else "image"].astype(str)
    count = int((parts[angry] == "train").sum())
    message = {0: "no row", 1: "1 row", 2: "2 rows"}[count]
    assert f"warning: emotion 'anger' has {message} in training" in trained.stderr
    assert "'happiness'" not in trained.stderr
    assert "emotion 'anger' has" in (run / "log.txt").read_text()


def test_a_run_on_features_is_trained_on_the_rows_that_have_some(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    affect = random.uniform(-0.6, 0.6, (60, 3)).round(3)
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"]).assign(text="a day")
    table.insert(0, "id", [f"s{row}" for row in range(60)])
    table["person"] = [f"p{row % 10}" for row in range(60)]
    table.to_csv(tmp_path / "index.csv", index=False)
    identity = {
        "name": "text:drawn",
        "modality": "text",
        "dimension": 5,
        "licence": "free",
        "revision": "1",
        "settings": {},
    }
    store = FeatureStore.create(tmp_path / "text", identity)
    store.add(Shard(list(table["id"][:50]), [""] * 50, random.normal(size=(50, 5)).astype(np.float32), []))
    corpus = {"corpus": "table", "path": str(tmp_path / "index.csv"), "scale": "canonical"}
    fields = {
        "data": {"corpora": {"mine": {**corpus, "features": {"text": str(tmp_path / "text")}}}},
        "model": {"kind": "manifold", "hidden": [4], "private": 2},
        "fit": {"epochs": 1, "batch_size": 16, "accelerator": "cpu"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(fields))
    run = tmp_path / "run"
    command = ["train", str(tmp_path / "config.yaml"), "--out", str(run)]
    trained = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "mine: left out: 10 rows without features" in trained.output
    assert f"next: affectspace evaluate {run}" in trained.output
    with pytest.raises(RunError, match=r"reads features and no images; `affectspace predict"):
        CliRunner().invoke(app, ["traverse", str(run)], catch_exceptions=False)
    command[-1] = str(tmp_path / "untested")
    command += ["--set", "data.corpora.mine.split.fractions=[0.7, 0.3, 0]"]
    trained = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "untested: 1 epoch, weights" in trained.output
    assert f"next: affectspace evaluate {tmp_path / 'untested'} --on TABLE (the test part is empty" in trained.output


def test_errors_are_one_line_and_exit_2(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "affectspace",
        "train",
        str(tmp_path / "none.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.yaml: cannot be read" in done.stderr


def test_folds_over_speakers_are_trained_and_judged_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    affect = random.uniform(-0.6, 0.6, (60, 3)).round(3)
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"]).assign(text="a day")
    table.insert(0, "id", [f"s{row}" for row in range(60)])
    table["person"] = [f"p{min(row // 5, 3)}" for row in range(60)]  # the last speaks most
    table.to_csv(tmp_path / "index.csv", index=False)
    identity = {
        "name": "text:drawn", "modality": "text", "dimension": 4, "licence": "free", "revision": "1", "settings": {},
    }  # fmt: skip
    store = FeatureStore.create(tmp_path / "text", identity)
    vectors = np.concatenate([affect, np.ones((60, 1))], axis=1).astype(np.float32)
    store.add(Shard(list(table["id"]), [""] * 60, vectors, []))
    corpus = {
        "corpus": "table", "path": str(tmp_path / "index.csv"), "scale": "canonical",
        "features": {"text": str(tmp_path / "text")},
    }  # fmt: skip
    fields = {
        "data": {"corpora": {"mine": corpus}},
        "model": {"kind": "mvae", "latent": 3, "hidden": [8]},
        "fit": {"epochs": 2, "batch_size": 8, "accelerator": "cpu"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(fields))
    out = tmp_path / "folds"

    def train(*arguments: object) -> str:
        command = ["train", str(tmp_path / "config.yaml"), "--out", str(out), *map(str, arguments)]
        return CliRunner().invoke(app, command, catch_exceptions=False).output

    output = train("--folds", "speaker", "--workers", 1)
    assert f"next: affectspace evaluate {out / 'runs' / 'fold0'}" in output
    results = Results.read(out / "metrics.json")
    r = results.get(experiment="test", task="axes", model="ridge", metric="r", target="mean")
    assert (r.n, r.groups) == (60, 4)
    assert r.protocol == "out of fold, 4 folds"
    assert r.value is not None
    assert r.value > 0.99
    assert results.get(experiment="test", task="axes", model="mvae", metric="ccc", target="mean").value is not None
    tested = [set(Run(out / "runs" / f"fold{fold}").split.query("part == 'test'")["person"]) for fold in range(4)]
    assert sorted(name for people in tested for name in people) == ["p0", "p1", "p2", "p3"]
    assert (out / "report.html").is_file()
    with pytest.raises(RunError, match=r"holds a study with other settings \(folds: 4 -> 2"):
        train("--folds", 2)
    with pytest.raises(ConfigError, match="--folds many: give a number from 2 to 10,000, or speaker"):
        train("--folds", "many")
    with pytest.raises(ConfigError, match=r"split\.scheme is published, which does not test every row once"):
        train("--folds", 2, "--set", "data.corpora.mine.split.scheme=published")
    with pytest.raises(ConfigError, match="a model of kind levasa reads images"):
        fold_members(build_config({"data": {"corpus": "faces", "path": "faces"}}), 2)


def test_a_training_ends_with_its_validation_score(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    affect = random.uniform(-0.6, 0.6, (80, 3)).astype(np.float32)
    config = build_config(
        {"model": {"kind": "mvae", "latent": 3, "hidden": [8], "modalities": {"text": 3}}, "fit": {"epochs": 1}},
        corpora=["corpus"],
    )
    data = Dataset.from_arrays({"text": affect}, np.repeat(["train", "validation"], 40), affect=affect)
    run = fit(config, tmp_path / "run", data=data)
    batch = data.batch("validation")
    with torch.no_grad():
        predicted = run.model().represent(batch.features, batch.present).fused.numpy()  # type: ignore[operator]
    for place, axis in enumerate(("valence", "arousal", "dominance")):
        score = run.facts["validation"][axis]
        assert score["r"] == pytest.approx(pearson(affect[40:, place], predicted[:, place]), abs=1e-4)
        assert score["ccc"] == pytest.approx(concordance(affect[40:, place], predicted[:, place]), abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "rows", "people", "expected"),
    [
        ("manifold", 25, 1, "next: affectspace evaluate out"),
        ("levasa", 12, 2, "next: affectspace evaluate out"),
        ("levasa", 12, 1, "the test part has one person, and an evaluation on images needs two"),
        ("levasa", 0, 0, "the test part is empty, so there is nothing to evaluate the run on"),
    ],
)
def test_the_next_command_is_one_that_works(kind: str, rows: int, people: int, expected: str) -> None:
    facts = {"kind": kind, "rows": {"train": 9, "test": rows}, "people": {"train": 3, "test": people}}
    assert next_step(Path("out"), facts).startswith(expected)
