"""Runs that are moved with their corpus, stores and backbone, or copied without them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.errors import RunError
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import fit
from affectspace.training.places import fingerprint, paths_of, with_paths
from affectspace.training.runs import open_run, start_run

N = 90


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def project(tmp_path: Path, tiny_text: Path) -> Path:
    """A project with a table, a backbone, the store of its vectors, and a finished run, all below old/."""
    old = tmp_path / "old"
    random = np.random.default_rng(0)
    old.mkdir()
    shutil.copytree(tiny_text, old / "encoder")
    affect = random.uniform(1, 7, (N, 3)).round(2)
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"])
    table["sentence"] = [" ".join(random.choice(["good", "bad", "day", "no"], 4)) for _ in range(N)]
    table["speaker"] = [f"p{row % 15}" for row in range(N)]
    table.to_csv(old / "ratings.csv", index=False)
    call = ["extract", "table", old / "ratings.csv", "--scale", "1:7", "--backbone", old / "encoder", "--device", "cpu"]
    assert invoke(*call, "--out", old / "features" / "text").exit_code == 0
    data = {
        "corpus": "table",
        "path": str(old / "ratings.csv"),
        "scale": "1:7",
        "features": {"text": str(old / "features/text")},
    }
    fields = {"data": {"corpora": {"mine": data}}, "model": {"kind": "manifold"}, "fit": {"epochs": 1, "threads": 1}}
    fit(build_config(fields), old / "runs" / "mine")
    return old


@pytest.mark.parametrize("flat", [False, True], ids=["same order", "another order"])
def test_a_run_moves_with_everything_that_it_needs(project: Path, tmp_path: Path, flat: bool) -> None:
    new = tmp_path / "new"
    if flat:
        new.mkdir()
        for name in ("runs/mine", "features", "encoder", "ratings.csv"):
            shutil.move(project / name, new / Path(name).name)
        shutil.rmtree(project)
    else:
        shutil.move(project, new)
    run = new / ("mine" if flat else "runs/mine")
    assert open_run(run).config.data.first.path.resolve() == new / "ratings.csv"
    assert invoke("predict", "--run", run, "a good day", "--json").exit_code == 0
    assert invoke("evaluate", run).exit_code == 0


def test_a_run_without_its_corpus_says_how_to_name_it_and_remembers(project: Path, tmp_path: Path) -> None:
    run, far = tmp_path / "deep" / "in" / "another" / "place" / "mine", tmp_path / "else"
    shutil.copytree(project / "runs" / "mine", run)
    assert open_run(run).config.data.first.path == project / "ratings.csv"  # as long as it is there
    shutil.move(project, far)
    (far / "ratings.csv").rename(far / "renamed.csv")
    keys = {"data.corpora.mine.path": far / "renamed.csv", "data.corpora.mine.features.text": far / "features" / "text"}
    with pytest.raises(
        RunError, match=r"needs .*ratings.csv, .*, which are not .* --moved data.corpora.mine.path=PATH/ratings.csv"
    ):
        open_run(run).dataset("features")
    with pytest.raises(RunError, match=r"names no path there; its paths are data.corpora.mine.path"):
        open_run(run).move({"data.path": far})
    with pytest.raises(RunError, match="there is no such file or folder"):
        open_run(run).move({"data.corpora.mine.path": tmp_path / "gone"})
    options = [part for key, path in keys.items() for part in ("--moved", f"{key}={path}")]
    assert invoke("evaluate", run, *options).exit_code == 0
    assert len(open_run(run).dataset("features").table) == N
    with pytest.raises(RunError, match=r"--backbone text=\.\.\."):
        invoke("predict", "--run", run, "a good day")
    assert invoke("predict", "--run", run, "a good day", "--backbone", f"text={far / 'encoder'}").exit_code == 0


def test_another_file_of_the_same_name_is_not_taken(project: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(project / "runs" / "mine", new / "mine")
    shutil.rmtree(project)
    (new / "ratings.csv").write_text("valence,arousal,dominance\n1,2,3\n")
    assert not open_run(new / "mine").config.data.first.path.exists()


def test_a_run_on_faces_traverses_after_its_move(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    make_faces(old / "faces", n=60, people=12, size=32, workers=1)
    data = {"corpus": "faces", "path": str(old / "faces")}
    fields = {"data": data, "model": {"width": 4, "image_size": 32}, "fit": {"epochs": 1, "threads": 1}}
    fit(build_config(fields), old / "run")
    shutil.move(old, new)
    few = ("--valence", "0:0.2:2", "--arousal", "0:0.1:2", "--dataset-rows", "test:1")
    assert invoke("traverse", new / "run", *few).exit_code == 0
    assert (new / "run" / "walks" / "walks.json").is_file()


def test_an_unfinished_run_continues_where_nothing_has_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("valence\n1\n")
    config = build_config({"data": {"corpus": "table", "path": "t.csv"}})
    run = start_run(Path("runs/mine"), config)
    (run.folder / "checkpoints").mkdir()
    assert start_run(Path("runs/mine"), config).config == config
    monkeypatch.chdir(tmp_path / "runs")  # the path in the configuration is relative to another working directory
    assert open_run(Path("mine")).config.data.first.path.resolve() == tmp_path / "t.csv"


def test_paths_are_all_that_a_configuration_reads(tmp_path: Path) -> None:
    data = {"corpus": "table", "path": "t.csv", "media": "m.zip"}
    config = build_config({"data": {"corpora": {"a.b": data}, "lexicon": "glasgow.csv", "cache": "cache"}})
    assert list(paths_of(config)) == ["data.corpora.a.b.path", "data.corpora.a.b.media", "data.lexicon.path"]
    changed = with_paths(config, {"data.corpora.a.b.media": Path("n.zip")})
    assert changed.data.first.media == Path("n.zip")
    assert changed.model_dump() | {"data": 0} == config.model_dump() | {"data": 0}
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("y")
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")
