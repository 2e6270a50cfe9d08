"""`reproduce levasa` in small: drawn faces, every member trained, the report, and what continues or refuses to."""

import json
from pathlib import Path

import pytest

from affectspace.corpora import read_corpus
from affectspace.data.configuration import CorpusConfig
from affectspace.errors import RunError
from affectspace.evaluation.results import Results
from affectspace.studies.engine import train_missing
from affectspace.studies.levasa.plan import TITLES, Budget, members
from affectspace.studies.levasa.reproduce import draw_levels, reproduce
from affectspace.synthetic.faces import make_faces
from affectspace.training.runs import open_run

SMALL = ("model.width=4", "model.image_size=32", "model.hidden=[16]", "fit.batch_size=16", "fit.accelerator=cpu")
BUDGET = Budget(
    epochs=1, seeds=(0,), paper_epochs=0, drawn_epochs=1, curve_weights=(0.5,), overrides=SMALL, workers=1
)  # fmt: skip

ALIGNED = ("continuous", "permuted", "class_means")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> CorpusConfig:
    folder = tmp_path_factory.mktemp("faces")
    make_faces(folder, n=140, people=14, size=32, workers=1)
    return CorpusConfig(corpus="faces", path=folder)


@pytest.fixture(scope="module")
def level_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("levels") / "labels.json"
    levels = {f"{clip:03d}_{frame:05d}": [clip % 7 - 3, frame - 2] for clip in range(12) for frame in range(5)}
    path.write_text(json.dumps(levels))
    return path


def test_the_plan_compares_like_with_like(faces: CorpusConfig) -> None:
    plan = list(members(faces, faces, ("anger", "fear"), Budget()))
    names = [member.name for member in plan]
    assert names.count("vanilla") == names.count("continuous") == 3
    assert {"discrete", "permuted", "class_means", "seven_way", "cnn", "afew_vanilla", "afew_discrete"} <= set(names)
    compared = [m.config.fit for m in plan if not m.name.startswith(("paper", "afew"))]
    assert len({fit.model_copy(update={"seed": 0}) for fit in compared}) == 1
    assert len({member.folder for member in plan}) == len(plan)


def test_a_limit_draws_fewer_frames_of_all_clips(faces: CorpusConfig, level_labels: Path, tmp_path: Path) -> None:
    drawn = draw_levels(tmp_path, level_labels, faces.model_copy(update={"limit": 24}))
    table = read_corpus("faces", drawn.path).table
    assert len(table) == 20
    assert table["person"].nunique() == 12


@pytest.mark.filterwarnings(
    "default"
)  # the probes' libraries may warn on so few rows; that they say so is tested there
def test_the_whole_path_in_small(faces: CorpusConfig, level_labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    report = reproduce(out, faces, level_labels=level_labels, budget=BUDGET)
    results = Results.read(out / "metrics.json")
    named = {"experiment": "probes", "latent": "va", "metric": "uar"}
    primary = results.get(model="continuous", versus="vanilla", **named)
    assert -1 <= primary.low <= primary.value <= primary.high <= 1
    assert primary.protocol == "strict"
    assert results.filter(experiment="drawn_probes")
    learnt = [open_run(out / "runs" / f"{name}-seed0").history["train_alignment"][0] for name in ALIGNED]
    assert len(set(learnt)) == len(ALIGNED), "a control that is the model itself controls nothing"
    text = report.read_text()
    assert "not decided" in text
    assert "published" in text.lower()
    assert {path.stem for path in (out / "figures").glob("*.png")} >= {
        "figure_2_ellipses",
        "figure_3_circumplex",
        "walk",
    }
    trained = {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")}

    fewer = BUDGET.model_copy(update={"without": tuple(set(TITLES) - {"vanilla", "continuous"}), "curve_weights": ()})
    reproduce(out, faces, level_labels=level_labels, budget=fewer)  # nothing is trained again, the figures are the same
    assert {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")} == trained
    again = Results.read(out / "metrics.json")
    assert len(again) > 100
    assert all(row in list(results) for row in again if row.metric != "p_holm")  # which depends on all comparisons

    with pytest.raises(RunError, match=r"with other settings \(budget.epochs: 1 -> 2\)"):
        reproduce(out, faces, level_labels=level_labels, budget=BUDGET.model_copy(update={"epochs": 2}))


def test_members_train_side_by_side(faces: CorpusConfig, tmp_path: Path) -> None:
    plan = list(members(faces, None, ("anger", "fear"), BUDGET))[:2]
    seen = []
    train_missing(tmp_path, plan, 2, lambda done, total, text: seen.append((done, total)))
    assert all(open_run(tmp_path / "runs" / member.folder).finished for member in plan)
    assert seen[-1] == (2, 2)


def test_a_folder_of_others_is_left_alone(faces: CorpusConfig, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds no study"):
        reproduce(tmp_path, faces, budget=BUDGET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
