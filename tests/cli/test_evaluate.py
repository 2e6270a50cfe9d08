"""`affectspace evaluate` of each kind of run: models on images and on features. Projectors are tested with steering."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

from affectspace.cli import app
from affectspace.corpora import read_corpus
from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, DataError, RunError
from affectspace.evaluation.results import Results
from affectspace.features.store import FeatureStore, Shard
from affectspace.models import MODELS, AffectModel
from affectspace.report import save_figure
from affectspace.studies.evaluators import EVALUATORS
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.fit import ModelTraining
from affectspace.training.runs import Run, start_run

DRAWN_EMOTIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
CLASSIFIER = {"kind": "classifier", "categories": DRAWN_EMOTIONS}
FACES = {"width": 4, "image_size": 32}
EMOTIONS = ("anger", "happiness", "sadness")
N = 90


@pytest.fixture(autouse=True)
def few_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw coarse figures of one run on features, and none of the others: they take most of the time."""
    monkeypatch.setattr("affectspace.studies.figures.save_figure", partial(save_figure, dpi=20))
    if "manifold" not in request.node.name:
        monkeypatch.setattr("affectspace.studies.judgement.report.pictures", lambda judged, results: ())


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def saved(run: Run, model: torch.nn.Module, split: pd.DataFrame) -> Path:
    """Finish the run with a model that was not trained."""
    model.eval().save_pretrained(run.folder / "model")  # type: ignore[operator]
    split.to_csv(run.folder / "split.csv", index=False)
    run.record(state="finished")
    return run.folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    make_faces(folder, n=120, people=12, size=32, workers=1)
    return folder


def image_run(folder: Path, faces: Path, **model: Any) -> Path:
    config = build_config({"data": {"corpus": "faces", "path": str(faces)}, "model": {**FACES, **model}})
    data = Dataset.of_config(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built: Any = MODELS[config.model.kind](config.model)  # type: ignore[arg-type]
    return saved(start_run(folder, config), built, data.split_table())


def write_corpus(folder: Path, name: str, seed: int) -> dict[str, Any]:
    """A table of ratings and emotions, and stores of text and audio features that hold the ratings with noise."""
    random = np.random.default_rng(seed)
    affect = random.uniform(-0.8, 0.8, (N, 3)).round(3)
    table = pd.DataFrame(affect, columns=["valence", "arousal", "dominance"])
    table.insert(0, "id", [f"{name}{row}" for row in range(N)])
    table["text"], table["person"] = "a day", [f"p{row % 15}" for row in range(N)]
    table["emotion"] = np.array(EMOTIONS)[np.digitize(affect[:, 0], (-0.3, 0.3))]
    table.to_csv(folder / f"{name}.csv", index=False)
    features = {}
    for modality in ("text", "audio"):
        identity = {
            "name": f"{modality}:drawn", "modality": modality, "dimension": 4, "licence": "free", "revision": "1",
            "settings": {},
        }  # fmt: skip
        store = FeatureStore.create(folder / f"{name}-{modality}", identity)
        vectors = np.concatenate([affect, np.ones((N, 1))], axis=1) + 0.1 * random.normal(size=(N, 4))
        store.add(Shard(list(table["id"]), [""] * N, vectors.astype(np.float32), []))
        features[modality] = str(folder / f"{name}-{modality}")
    return {"corpus": "table", "path": str(folder / f"{name}.csv"), "scale": "canonical", "features": features}


def feature_run(folder: Path, kind: str, corpora: dict[str, Any], **model: Any) -> Path:
    config = build_config({"data": {"corpora": corpora}, "model": {"kind": kind, **model}})
    data = Dataset.of_config(config)
    run = start_run(folder, config)
    built = ModelTraining(config, data).model
    assert isinstance(built, AffectModel)
    built.eval().after_training(data.batch("train"), data.batch("validation"))
    run.record(**data.run_facts())
    return saved(run, built, data.split_table())


def test_every_kind_of_model_has_an_evaluator() -> None:
    assert set(EVALUATORS) == set(MODELS)


@pytest.mark.filterwarnings("default")  # on so few rows the probes' libraries may warn
@pytest.mark.parametrize("model", [{"alignment": "continuous"}, {"alignment": "none"}, CLASSIFIER])
def test_models_on_images(faces: Path, tmp_path: Path, model: dict[str, Any]) -> None:
    sizes = {} if "kind" in model else {"hidden": [16], "chunk": 4}
    run = image_run(tmp_path / "run", faces, **sizes, **model)
    output = invoke(run).output
    probe = "" if "kind" in model else ", linear probe on valence and arousal"
    assert f"primary: UAR of emotions on test people{probe} (higher is better): 0." in output
    assert f"report: {run / 'report.html'}" in output
    assert (run / "report.html").is_file()
    with pytest.raises(RunError, match="was evaluated already"):
        invoke(run)
    if model == {"alignment": "continuous"}:
        first = (run / "metrics.json").read_text()
        assert Results.read(run / "metrics.json").filter(experiment="probes")
        assert invoke(run, "--force", "--json").stdout.startswith("{")
        assert (run / "metrics.json").read_text() == first


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("manifold", {"encoder": {"hidden": [4]}, "private": {"size": 2}}),
        ("ensemble", {"encoder": {"hidden": [4]}, "private": {"size": 2}, "members": 2}),
        ("mvae", {"latent": 4, "hidden": [8]}),
        ("misa", {"hidden": 8}),
    ],
)
def test_models_on_features(tmp_path: Path, kind: str, model: dict[str, Any]) -> None:
    run = feature_run(tmp_path / "run", kind, {"mine": write_corpus(tmp_path, "mine", 0)}, **model)
    output = invoke(run).output
    assert "primary: CCC on the test part, mean over axes (higher is better): " in output
    results = Results.read(run / "metrics.json")
    axes = {"experiment": "test", "task": "axes"}
    for metric in ("ccc", "r", "mae"):
        for target in ("valence", "arousal", "dominance", "mean"):
            for modality in ("", "text", "audio"):
                for model in (kind, "ridge"):
                    figure = results.get(model=model, metric=metric, target=target, modality=modality, **axes)
                    assert figure.groups is not None
                    assert figure.groups > 1
    assert results.get(model="ridge", metric="r", target="mean", **axes).value > 0.9  # type: ignore[operator]
    if kind == "mvae":  # its read-out was fitted
        assert results.get(model=kind, metric="r", target="mean", **axes).value > 0.5  # type: ignore[operator]
    accuracy = results.find(experiment="test", task="names", metric="accuracy", target="emotion", model=kind)
    assert (accuracy is not None) == (kind in ("manifold", "ensemble"))
    assert bool(results.filter(task="independence", model=kind)) == (kind != "mvae")
    assert results.filter(task="robustness", model=kind, modality="audio", metric="coverage")
    assert bool(results.filter(task="emotion", latent="shared", model=kind)) == bool(Run(run).model().config.kind)
    floor = results.get(model="constant", metric="mae", target="valence", **axes).value
    valence = pd.read_csv(tmp_path / "mine.csv")["valence"]
    part = Run(run).split.set_index("id")["part"].reindex(pd.read_csv(tmp_path / "mine.csv")["id"]).to_numpy()
    expected = (valence[part == "test"] - valence[part == "train"].mean()).abs().mean()
    assert floor == pytest.approx(expected, abs=1e-5)
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "Correlation and concordance" in report
    assert "Residuals by speaker" in report
    for name in ("readout_valence", "circumplex", "residuals_arousal", "figure_2_space") if kind == "manifold" else ():
        assert (run / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert (run / "figures" / f"{name}.pdf").read_bytes()[:4] == b"%PDF"


def test_the_emotion_floor_counts_rows_with_an_emotion_alone(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "mine", 0)
    table = pd.read_csv(corpus["path"])
    table["emotion"] = np.where(np.arange(N) % 4 == 0, "sadness", None)
    table.loc[np.arange(N) % 12 == 0, "emotion"] = "happiness"  # first in our order, and in a minority of the rows
    table.to_csv(corpus["path"], index=False)
    run = feature_run(tmp_path / "run", "manifold", {"mine": corpus}, encoder={"hidden": [4]}, private={"size": 2})
    invoke(run)
    tested = table[table["id"].isin(Run(run).split.query("part == 'test'")["id"])]["emotion"].dropna()
    floor = Results.read(run / "metrics.json").get(
        experiment="test", task="names", metric="accuracy", model="majority", target="emotion"
    )
    assert floor.value == pytest.approx((tested == "sadness").mean(), abs=1e-5)
    assert floor.n == len(tested)


def test_one_test_person_has_values_and_no_intervals(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "mine", 0)
    table = pd.read_csv(corpus["path"])
    table["person"], table["split"] = table["person"].where(np.arange(N) % 5 > 0, "tested"), "train"
    table.loc[np.arange(N) % 5 == 1, "split"] = "validation"
    table.loc[table["person"] == "tested", "split"] = "test"
    table.to_csv(corpus["path"], index=False)
    corpus["split"] = {"scheme": "published"}
    run = feature_run(tmp_path / "run", "mvae", {"mine": corpus})
    assert "not measured: the tested rows are of one person, so there are no intervals" in invoke(run).output
    row = Results.read(run / "metrics.json").get(
        task="axes", metric="r", target="mean", model="mvae", experiment="test"
    )
    assert row.value is not None
    assert row.low is None


def test_several_corpora_are_also_measured_one_by_one(tmp_path: Path) -> None:
    corpora = {name: write_corpus(tmp_path, name, seed) for seed, name in enumerate(("first", "second"))}
    run = feature_run(tmp_path / "run", "manifold", corpora, encoder={"hidden": [4]}, private={"size": 2})
    invoke(run)
    results = Results.read(run / "metrics.json")
    rows = results.filter(task="axes", metric="ccc", target="mean", modality="", model="manifold")
    counts = {row.experiment: row.n for row in rows}
    assert counts["test"] == (counts["test: first"] or 0) + (counts["test: second"] or 0)


def sentiment_corpus(folder: Path) -> Path:
    """CMU-MOSI as label.csv, whose sentiment is in its texts alone."""
    folder.mkdir()
    random = np.random.default_rng(0)
    rows = [
        {
            "video_id": f"v{row % 6}",
            "clip_id": row,
            "text": "a good day",
            "label": round(float(random.uniform(-3, 3)), 2),
        }
        for row in range(36)
    ]
    pd.DataFrame(rows).assign(annotation="Neutral", mode="train", label_T="", label_A="", label_V="").to_csv(
        folder / "label.csv", index=False
    )
    return folder


def store_of(folder: Path, ids: list[str], vectors: np.ndarray, name: str = "text:drawn") -> Path:
    identity = {
        "name": name, "modality": "text", "dimension": vectors.shape[1], "licence": "free", "revision": "1", "settings": {},
    }  # fmt: skip
    store = FeatureStore.create(folder, identity)
    store.add(Shard(ids, [""] * len(ids), vectors.astype(np.float32), []))
    return folder


def judged_on(run: Path, name: str) -> Path:
    """The one folder of results on a corpus."""
    [folder] = (run / "on").glob(f"{name}-*")
    return folder


def test_each_corpus_and_way_of_reading_has_results_of_its_own(tmp_path: Path) -> None:
    run = feature_run(tmp_path / "run", "mvae", {"mine": write_corpus(tmp_path, "mine", 0)}, latent=4, hidden=[8])
    write_corpus(tmp_path, "other", 1)
    (tmp_path / "elsewhere").mkdir()
    namesake = tmp_path / "elsewhere" / "other.csv"
    pd.read_csv(tmp_path / "other.csv").assign(valence=0.1).to_csv(namesake, index=False)
    store = ("--features", f"text={tmp_path / 'other-text'}")
    ways: tuple[tuple[object, ...], ...] = (
        (tmp_path / "other.csv",), (namesake,), (tmp_path / "other.csv", "--scale", "-2:2"),
        (tmp_path / "other.csv", "--columns", "valence=arousal"), (tmp_path / "other.csv", "--where", "valence > -0.5"),
        (tmp_path / "other.csv", "--axes", "arousal"),
    )  # fmt: skip
    for number, way in enumerate(ways, 1):
        output = invoke(run, "--on", *way, *store).output
        assert "zero-shot" in output
        folders = list((run / "on").glob("other-*"))
        assert len(folders) == number
    contents = {folder: (folder / "metrics.json").read_bytes() for folder in folders}
    again = invoke(run, "--on", namesake, *store, "--force", "--json")
    assert json.loads(again.stdout)
    assert again.stderr.splitlines()[-1] in {f"report: {folder / 'report.html'}" for folder in folders}
    assert {folder: (folder / "metrics.json").read_bytes() for folder in folders} == contents


@pytest.mark.parametrize("copied", [False, True])
def test_rows_of_the_training_are_left_out_of_its_own_corpus(copied: bool, tmp_path: Path) -> None:
    run = feature_run(tmp_path / "run", "mvae", {"mine": write_corpus(tmp_path, "mine", 0)}, latent=4, hidden=[8])
    table = tmp_path / "mine.csv"
    if copied:
        table = table.rename(tmp_path / "copy.csv")
        write_corpus(tmp_path, "mine", 0)
    rows = Run(run).split["part"].value_counts()
    store = ("--features", f"text={tmp_path / 'mine-text'}")
    output = invoke(run, "--on", table, *store).output
    left_out = (
        f"{rows['train']} rows of the train part and {rows['validation']} rows of the validation part are left out"
    )
    assert left_out in output
    assert "zero-shot" not in output
    judged = Results.read(judged_on(run, table.stem) / "metrics.json")
    assert judged.get(experiment="other rows", task="axes", model="mvae", metric="r", target="mean").n == rows["test"]
    trained = Run(run).split.query("part == 'train'")["id"].iloc[0]
    with pytest.raises(DataError, match="was in the training or the validation part"):
        invoke(run, "--on", table, *store, "--where", f"id == '{trained}'")


def test_a_p_of_few_people_says_how_small_it_can_be(tmp_path: Path) -> None:
    run = feature_run(tmp_path / "run", "mvae", {"mine": write_corpus(tmp_path, "mine", 0)}, latent=4, hidden=[8])
    write_corpus(tmp_path, "other", 1)
    few = ("--where", "person in ('p1', 'p2', 'p3', 'p4')", "--features", f"text={tmp_path / 'other-text'}")
    output = invoke(run, "--on", tmp_path / "other.csv", *few).output
    assert "by sign flips over 4 people or groups, which allow no p below 0.125" in output


def test_a_frozen_run_on_a_table_and_on_sentiment(tmp_path: Path) -> None:
    run = feature_run(tmp_path / "run", "mvae", {"mine": write_corpus(tmp_path, "mine", 0)}, latent=4, hidden=[8])
    write_corpus(tmp_path, "other", 1)
    other = ("--on", tmp_path / "other.csv", "--features", f"text={tmp_path / 'other-text'}")
    output = invoke(run, *other).output
    assert "not measured: audio is left out" in output
    results = Results.read(judged_on(run, "other") / "metrics.json")
    ours = results.get(experiment="zero-shot", task="axes", model="mvae", metric="r", target="mean")
    assert ours.value is not None
    assert ours.value > 0.5
    assert ours.n == N
    assert ours.groups == 15
    assert (
        results.get(experiment="zero-shot", task="axes", model="ridge", metric="ccc", target="mean").value is not None
    )
    assert results.filter(task="robustness", metric="coverage", model="mvae")
    assert results.get(experiment="zero-shot", task="axes", model="constant", metric="mae", target="valence").value
    with pytest.raises(RunError, match="was evaluated on other already"):
        invoke(run, *other)

    mosi = read_corpus("mosi", sentiment_corpus(tmp_path / "mosi"))
    sentiment = mosi.table["sentiment"].to_numpy()
    affect = np.column_stack([sentiment / 3, np.zeros((36, 2)), np.ones(36)])
    store = store_of(tmp_path / "mosi-text", list(mosi.table["id"]), affect)
    invoke(run, "--on", "mosi", "--path", tmp_path / "mosi", "--features", f"text={store}")
    measured = Results.read(judged_on(run, "mosi") / "metrics.json").filter(task="sentiment", model="mvae", modality="")
    by_metric = {row.metric: row.value for row in measured}
    assert by_metric["r"] is not None
    assert by_metric["r"] > 0.9
    assert by_metric.keys() >= {
        "mae", "seven_class_accuracy", "negative_positive_accuracy", "negative_non_negative_f1"
    }  # fmt: skip


def test_another_corpus_that_cannot_be_judged(tmp_path: Path) -> None:
    mine = write_corpus(tmp_path, "mine", 0)
    run = feature_run(tmp_path / "run", "mvae", {"mine": mine}, latent=4, hidden=[8])
    write_corpus(tmp_path, "other", 1)
    table = pd.read_csv(tmp_path / "other.csv")
    table[["id", "text", "person"]].to_csv(tmp_path / "bare.csv", index=False)
    other = tmp_path / "other.csv"
    text = ("--features", f"text={tmp_path / 'other-text'}")
    with pytest.raises(ConfigError, match="--path describes the corpus of --on"):
        invoke(run, "--path", tmp_path)
    with pytest.raises(ConfigError, match=r"--on nowhere: give a table that exists, or the name of a reader"):
        invoke(run, "--on", "nowhere")
    with pytest.raises(DataError, match=r"bare\.csv has no valence, arousal, dominance, sentiment or emotions"):
        invoke(run, "--on", tmp_path / "bare.csv", *text)
    with pytest.raises(ConfigError, match=r"--features text: .*missing"):
        invoke(run, "--on", other, "--features", f"text={tmp_path / 'missing'}")
    with pytest.raises(ConfigError, match=r"--features video: .* has no such modality; it has text, audio"):
        invoke(run, "--on", other, "--features", f"video={tmp_path}")
    strange = store_of(tmp_path / "strange", list(table["id"]), np.ones((N, 4)), "text:another")
    with pytest.raises(ConfigError, match="was made by another backbone than the run's"):
        invoke(run, "--on", other, "--features", f"text={strange}")
    with pytest.raises(DataError, match="no row of other has a vector in"):
        invoke(run, "--on", other, "--features", f"text={tmp_path / 'mine-text'}")
    with pytest.raises(DataError, match=r"has none of the run's modalities .* give the location of the same weights"):
        invoke(run, "--on", other)


def test_a_run_without_test_people(faces: Path, tmp_path: Path) -> None:
    run = image_run(tmp_path / "run", faces, hidden=[16], chunk=4)
    fields = yaml.safe_load((run / "config.yaml").read_text())
    fields["data"]["corpora"]["faces"]["split"]["fractions"] = [0.6, 0.3, 0.1]
    (run / "config.yaml").write_text(yaml.safe_dump(fields))
    split = Dataset.of_config(Run(run).image_config).split_table()
    split.to_csv(run / "split.csv", index=False)
    [person] = split.loc[split["part"] == "test", "person"].unique()
    with pytest.raises(
        RunError, match=rf"has one test person \({person}\), so no interval over people can be computed"
    ):
        invoke(run)
    assert not (run / "metrics.json").exists()


def test_flags_have_no_negative_form() -> None:
    outputs = CliRunner().invoke(app, ["evaluate", "--help"]).output
    assert "--force" in outputs
    assert "--no-" not in outputs
