"""`reproduce levasa` in small: drawn faces, every member trained, the report, and what continues or refuses to."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.corpora import read_corpus
from affectspace.data.configuration import CorpusConfig
from affectspace.errors import ConfigError, RunError
from affectspace.evaluation.results import Results
from affectspace.studies.engine import train_missing
from affectspace.studies.levasa import paper_tables
from affectspace.studies.levasa import plan as plan_of_study
from affectspace.studies.levasa.plan import TITLES, Budget, members
from affectspace.studies.levasa.reproduce import draw_levels, reproduce
from affectspace.synthetic.faces import make_faces, write_afew_va, write_imfdb
from affectspace.training.configuration import build_config, read_config
from affectspace.training.fit import fit
from affectspace.training.runs import open_run

SMALL = ("model.width=4", "model.image_size=32", "model.hidden=[16]", "fit.batch_size=16", "fit.accelerator=cpu")
BUDGET = Budget(epochs=1, seeds=(0,), paper_epochs=0, curve_weights=(0.5,), overrides=SMALL, workers=1)

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
    plan = list(members(faces, ("anger", "fear"), Budget()))
    names = [member.name for member in plan]
    assert names.count("vanilla") == names.count("continuous") == 3
    assert {"discrete", "permuted", "class_means", "seven_way", "cnn", "notebook"} <= set(names)
    letter = [m for m in plan if m.name.startswith("paper")]
    assert [m.name for m in letter] == ["paper_vanilla", "paper_continuous", "paper_discrete"]
    for compared in (letter, [m for m in plan if m not in letter]):
        assert len({m.config.fit.model_copy(update={"seed": 0}).model_dump_json() for m in compared}) == 1
    assert len({member.folder for member in plan}) == len(plan)
    afew = list(members(faces, (), Budget(), prefix="afew_"))
    assert [m.folder.removesuffix("-seed0") for m in afew] == [
        "afew_vanilla", "afew_discrete", "afew_paper_vanilla", "afew_paper_discrete",
    ]  # fmt: skip
    assert [m.config.model.levels for m in (*letter, *afew) if m.config.model.alignment == "discrete"] == [19, 21, 21]


def test_each_ablation_of_the_residual_network_changes_one_thing(faces: CorpusConfig) -> None:
    plan = list(members(faces, ("anger", "fear"), Budget(seeds=(0, 1), ablations=True)))
    added = [member for member in plan if member.name.startswith("residual")]
    assert not [m for m in members(faces, ("anger", "fear"), Budget()) if m.name.startswith("residual")]
    assert sum(member.name in ("residual", "residual_permuted") for member in added) == 4
    base = next(member.config for member in added if member.name == "residual")
    seen = set()
    for config in (member.config for member in added if member.seed == 0):
        changed = {key for key, value in config.model.model_dump().items() if value != getattr(base.model, key)}
        assert len(changed - {"width"}) <= 1  # the convolutional network has its own
        assert config.fit == base.fit
        seen |= changed
    assert seen == {
        "reconstruction", "similarity_weight", "kl_warmup", "free_nats", "editing_weight", "expression_weight",
        "identity_weight", "network", "width", "kl_weight",
    }  # fmt: skip
    weights = {member.config.model.kl_weight for member in added}
    assert len(weights) >= 5


def test_the_letter_is_that_of_the_example_configuration(faces: CorpusConfig) -> None:
    plan = members(faces, ("anger", "fear"), Budget(paper_epochs=100))
    letter = next(member.config for member in plan if member.name == "paper_continuous")
    config = read_config(Path(__file__).parents[2] / "configs" / "levasa_paper.yaml")
    assert (config.model, config.fit) == (letter.model, letter.fit)
    assert (config.model.reduction, config.model.kl_power, config.fit.weight_decay) == ("paper", 2, 0.0)


def test_overrides_reach_the_models_that_have_them(faces: CorpusConfig) -> None:
    plan = list(members(faces, ("anger", "fear"), Budget(overrides=("model.reduction=paper", "model.width=4"))))
    assert all(member.config.model.width == 4 for member in plan)
    assert all(member.config.model.reduction == "paper" for member in plan if member.name != "cnn")
    with pytest.raises(ConfigError, match="no_such_key"):
        list(members(faces, ("anger", "fear"), Budget(overrides=("model.no_such_key=1",))))


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("official")
    return {
        "imfdb": write_imfdb(root / "IMFDB", n=110, people=11, size=32),
        "afew_va": write_afew_va(root / "AFEW-VA", n=132, people=11, size=32),
    }


@pytest.mark.filterwarnings("default")  # few rows
@pytest.mark.parametrize("corpora", [("imfdb",), ("afew_va",), ("imfdb", "afew_va")])
def test_official_layouts(corpora: tuple[str, ...], official: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    """The command on one corpus of the paper, or both; controls are left out, which other tests train."""
    controls = ("permuted", "class_means", "seven_way", "cnn", "notebook")
    monkeypatch.setattr(plan_of_study, "quick_budget", lambda **own: BUDGET.model_copy(
        update={"paper_epochs": 1, "curve_weights": (), "without": controls}))  # fmt: skip
    monkeypatch.setitem(paper_tables.MLP, "max_looks", 2)
    out = tmp_path / "study"
    options = [f"--{name.replace('_', '-')}={official[name]}" for name in corpora]
    if corpora == ("afew_va",):  # the same corpus by its reader
        options = ["--corpus=afew_va", f"--path={official['afew_va']}"]
    result = CliRunner().invoke(app, ["reproduce", "levasa", "--out", str(out), *options, "--quick"])
    assert result.exit_code == 0, result.output
    results = Results.read(out / "metrics.json")
    trained = {folder.name.removesuffix("-seed0") for folder in (out / "runs").iterdir()}
    letter = {"imfdb": {"paper_vanilla", "paper_continuous", "paper_discrete"},
              "afew_va": {"afew_paper_vanilla", "afew_paper_discrete"}}  # fmt: skip
    assert set.union(*(letter[name] for name in corpora)) == {name for name in trained if "paper" in name}
    made = {path.stem for path in (out / "figures").glob("*.png")}
    assert ("figure_3_paper" in made, "afew_figure_3_paper" in made) == tuple(name in corpora for name in letter)
    page = (out / "report.html").read_text("utf-8")
    assert "drawn faces" in page
    if "afew_va" in corpora:
        assert results.filter(experiment="afew_table_3", model="paper_discrete")
        rated = open_run(out / "runs" / "afew_paper_discrete-seed0").facts
        assert (rated["label_kind"], rated["categories"]) == ("rated", [])
    assert all(row.paper is None for row in results)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("model", [{"alignment": "discrete"}, {"kind": "classifier"}, {"alignment": "categories"}])
def test_train_and_evaluate_on_levels(model: dict[str, str], official: dict[str, Path], tmp_path: Path) -> None:
    """Emotions of frames are those of the nearest centres, also where a model learns emotions."""
    fields = {"data": {"corpus": "afew_va", "path": str(official["afew_va"])}, "model": model}
    run = fit(build_config(fields, overrides=(*SMALL, "fit.epochs=1")), tmp_path / "run")
    result = CliRunner().invoke(app, ["evaluate", str(run.folder)])
    assert result.exit_code == 0, result.output
    results = Results.read(run.folder / "metrics.json")
    assert results.get(experiment="probes", model="run", latent="va", metric="uar").n > 0
    assert "Algorithm 1, line 6" in (run.folder / "report.html").read_text("utf-8")


def test_two_corpora_of_one_kind_are_refused(faces: CorpusConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both corpora have emotions"):
        reproduce(tmp_path / "study", faces, faces, budget=BUDGET)


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
    assert results.filter(experiment="afew_probes")
    learnt = [open_run(out / "runs" / f"{name}-seed0").history["train_alignment"][0] for name in ALIGNED]
    assert len(set(learnt)) == len(ALIGNED), "a control that is the model itself controls nothing"
    text = report.read_text()
    assert "not decided" in text
    assert {path.stem for path in (out / "figures").glob("*.png")} >= {
        "figure_2_ellipses",
        "figure_3_circumplex",
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
    plan = list(members(faces, ("anger", "fear"), BUDGET))[:2]
    seen = []
    train_missing(tmp_path, plan, 2, lambda done, total, text: seen.append((done, total)))
    assert all(open_run(tmp_path / "runs" / member.folder).finished for member in plan)
    assert seen[-1] == (2, 2)


def test_a_folder_of_others_is_left_alone(faces: CorpusConfig, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds no study"):
        reproduce(tmp_path, faces, budget=BUDGET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
