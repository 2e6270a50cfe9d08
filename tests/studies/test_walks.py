"""Judged walks and walked augmentation: the parts on what is known, and the whole in small on drawn faces."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from affectspace.data.dataset import Dataset
from affectspace.errors import RunError
from affectspace.evaluation.results import Results
from affectspace.models import ClassifierConfig, EmotionClassifier, Levasa, LevasaConfig
from affectspace.studies.walks import augmentation
from affectspace.studies.walks.augmentation import ARMS, AugmentationBudget, Mixture, run_augmentation
from affectspace.studies.walks.judge_run import judge_run
from affectspace.studies.walks.judged import Line, chosen_rows, elsewhere
from affectspace.studies.walks.judges import KeptNetworks, judged_people
from affectspace.synthetic.faces import make_faces
from affectspace.training.configuration import build_config
from affectspace.training.networks import (
    AffectRegressor,
    JudgeSettings,
    RegressorConfig,
    blurred,
    drawn_rows,
    outputs_of,
    train_network,
)
from affectspace.training.runs import Run, start_run
from affectspace.walks import AffectDirections
from affectspace.walks.pictures import move
from affectspace.walks.readers import Reader

SMALL = JudgeSettings(images=192, width=4, batch_size=16, faces=2, steps=3, drawn_faces=30)
FACES = {"image_size": 32, "width": 4, "hidden": (16,)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    make_faces(folder, n=220, people=20, size=32, workers=1)
    return folder


def make_run(folder: Path, data: dict[str, Any]) -> Run:
    """A finished run of an untrained model."""
    config = build_config({"data": {**data, "split": {"fractions": [0.5, 0.2, 0.3]}}, "model": FACES})
    run = start_run(folder, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Levasa(config.model).eval().save_pretrained(folder / "model")  # type: ignore[arg-type]
    Dataset.of_config(run.image_config).split_table().to_csv(folder / "split.csv", index=False)
    run.record(state="finished")
    return run


def as_table(corpus: Path) -> dict[str, Any]:
    """Drawn faces as any table with emotions, away from the file that says who drew them: judged as real faces are."""
    table = corpus.parent / f"{corpus.name}-table" / "index.csv"
    table.parent.mkdir(exist_ok=True)
    shutil.copy(corpus / "index.csv", table)
    columns = {name: name for name in ("id", "person", "image", "emotion")}
    return {
        "corpus": "table",
        "path": str(table),
        "media": str(corpus / "faces.zip"),
        "columns": columns,
    }


def test_rho_is_spearman_within_a_walk() -> None:
    read = np.stack([np.array([[0.0, 0], [0.1, 5], [0.9, 1]]), np.array([[3.0, 0], [2, 0], [1, 0]])])
    line = Line(np.array([-0.8, 0.0, 0.8]), {"judge": read}, np.zeros((2, 3)), np.zeros((2, 3), bool))
    assert line.rho("judge", 0).tolist() == [1.0, -1.0]
    np.testing.assert_allclose(line.rho("judge", 1), [0.5, 0.0])  # a reading that never changes follows nothing
    np.testing.assert_allclose(line.rise("judge", 0), [0.9, -2.0])


def test_elsewhere_goes_as_far_in_the_private_chunk_only() -> None:
    random, chunk = np.random.default_rng(0), 5
    codes, spread = random.normal(size=(3, 15)), np.exp(random.normal(size=15))
    way = np.concatenate([random.normal(size=10), np.zeros(5)]) * spread
    amount = np.array([-2.0, 0.5, 3.0])
    moved = codes[:, None] + amount[:, None] * way
    away = elsewhere(codes, moved, spread, chunk)
    assert np.allclose(away[..., :10], codes[:, None, :10], atol=1e-6)
    far = np.linalg.norm((away - codes[:, None]) / spread, axis=2)
    expected = np.broadcast_to(np.abs(amount) * np.linalg.norm(way / spread), (3, 3))
    np.testing.assert_allclose(far, expected, rtol=1e-5)
    gone = (away - codes[:, None])[..., 10:]
    assert (np.sum(gone[:, 0] * gone[:, 2], axis=1) < 0).all()  # it passes the face, as the walk does
    assert not np.allclose(gone[0], gone[1])


def people_data(counts: dict[str, int]) -> Any:
    person = [name for name, count in counts.items() for _ in range(count)]
    return SimpleNamespace(table=pd.DataFrame({"person": person}), rows=lambda part: np.arange(len(person)))


def test_people_are_taught_by_every_second_image_and_walked_by_the_others() -> None:
    names, taught, walkable = judged_people(people_data({"ann": 4, "bob": 3, "eve": 5}))
    assert names == ("ann", "eve")
    assert taught.tolist() == [0, 2, 7, 9, 11]
    assert walkable.tolist() == [1, 3, 8, 10]
    rows = chosen_rows(people_data({"ann": 10, "eve": 2}), np.arange(12), 3)
    assert rows.tolist() == [0, 4, 9, 10, 11]


def test_a_reader_asks_the_network_of_the_persons_fold() -> None:
    def network(bias: list[float]) -> EmotionClassifier:
        made = EmotionClassifier(ClassifierConfig(width=4, image_size=32, categories=("anger", "happiness"))).eval()
        torch.nn.init.zeros_(made.head[1].weight)
        made.head[1].bias.data = torch.tensor(bias)
        return made

    centres = np.array([[-0.5, 0.6], [0.7, 0.2]])
    reader = Reader("apart", (network([9.0, -9.0]), network([-9.0, 9.0])), {"ann": 0, "bob": 1}, centres)
    pixels, people = np.zeros((3, 32, 32, 3), np.uint8), np.array(["bob", "ann", "bob"])
    np.testing.assert_allclose(reader.read(pixels, people), centres[[1, 0, 1]], atol=1e-6)
    predictions = reader.emotions(pixels, people)
    assert predictions is not None
    assert predictions.tolist() == [1, 0, 1]


def test_blur_is_of_half_the_images_and_keeps_their_shape() -> None:
    image = torch.rand(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    dull = blurred(image, torch.Generator().manual_seed(1))
    changed = (dull != image).flatten(1).any(dim=1)
    assert 16 < changed.sum() < 48
    assert (dull[changed].flatten(1).std(dim=1) < image[changed].flatten(1).std(dim=1)).all()
    torch.testing.assert_close(dull.mean(dim=(2, 3)), image.mean(dim=(2, 3)), rtol=0, atol=0.02)


def test_rows_are_drawn_by_weight_and_seed() -> None:
    weights = np.array([0.0, 1.0, 3.0])
    settings = JudgeSettings(images=4000, batch_size=100)
    steps = list(drawn_rows(weights, settings))
    assert len(steps) == 40
    counts = np.bincount(np.concatenate(steps), minlength=3)
    assert counts[0] == 0
    assert counts[2] / counts[1] == pytest.approx(3, rel=0.15)
    assert all(np.array_equal(a, b) for a, b in zip(steps, drawn_rows(weights, settings), strict=True))


def test_a_regressor_learns_brightness_and_twice_the_same() -> None:
    random = np.random.default_rng(0)
    level = random.uniform(0.2, 0.8, 60)
    pixels = (255 * level[:, None, None, None] * np.ones((1, 32, 32, 3))).astype(np.uint8)
    settings = JudgeSettings(images=1600, width=4, batch_size=16, learning_rate=0.01)
    made = []
    for _ in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = AffectRegressor(RegressorConfig(image_size=32, width=4, outputs=("level",)))
        network.set_scale(level[:, None])

        def loss(out: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
            return (out[:, 0] - torch.from_numpy(level[rows]).float()).square().mean()

        train_network(network, lambda rows: pixels[rows], loss, np.ones(60), settings)
        made.append(outputs_of(network, pixels)[:, 0])
    assert not network.training
    assert np.corrcoef(level, made[0])[0, 1] > 0.9
    np.testing.assert_array_equal(made[0], made[1])


def test_kept_networks_are_taken_again_only_under_the_same_facts(tmp_path: Path) -> None:
    config, taught = RegressorConfig(image_size=32, width=4), []

    def get(**facts: Any) -> AffectRegressor:
        return KeptNetworks(tmp_path, facts, 0).get(
            "one", AffectRegressor, config, lambda network: taught.append(facts)
        )

    first = get(people=["ann"])
    again = get(people=["ann"])
    assert len(taught) == 1
    assert torch.equal(first.head[1].weight, again.head[1].weight)
    get(people=["bob"])
    assert len(taught) == 2
    (tmp_path / "one" / "facts.json").write_text('{"people": ["bo')  # cut by a kill
    get(people=["bob"])
    assert len(taught) == 3


@pytest.mark.filterwarnings("default")  # what so few rows make of metrics is tested at the metrics
def test_walks_of_real_kinds_of_faces_are_judged(corpus: Path, tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run", as_table(corpus)), tmp_path / "out"
    results, report = judge_run(run, out, settings=SMALL)
    for judge in ("apart", "others"):
        walked = {"experiment": "expression", "model": judge, "task": "valence"}
        rho = results.get(**walked, target="valence", condition="walk", metric="rho")
        assert rho.n == 12  # two faces of six people
        assert rho.groups == 6
        assert rho.low is not None
        assert -1 <= rho.value <= 1  # type: ignore[operator]
        assert results.find(**walked, target="arousal", condition="elsewhere", metric="rise")
        assert results.find(experiment="judges", model=judge, metric="uar")
    heads = {"experiment": "expression", "model": "heads", "task": "valence", "target": "valence"}
    assert results.get(**heads, condition="walk", metric="rise").n == 12
    assert not results.find(**heads, condition="elsewhere")
    assert 0 <= results.get(experiment="identity", condition="reconstruction", metric="sure").value <= 1  # type: ignore[operator]
    assert results.find(experiment="identity", condition="walk", task="arousal", metric="sure_change")
    text = report.read_text(encoding="utf-8")
    assert "shares no person and no image" in text
    assert "not decided" in text or "held" in text
    assert Results.read(out / "judged.json").to_dict() == results.to_dict()
    trained = {path: path.stat().st_mtime_ns for path in (run.folder / "judges").rglob("*.safetensors")}
    assert {path.parent.name for path in trained} == {"apart-0", "apart-1", "others", "identity"}
    again, _ = judge_run(run, out, method="heads", settings=SMALL)
    assert {path: path.stat().st_mtime_ns for path in trained} == trained  # judges are trained once
    same = {"experiment": "judges", "model": "apart", "metric": "uar"}
    assert again.get(**same) == results.get(**same)
    judge_run(run, out, settings=SMALL.model_copy(update={"images": 96}))
    assert all(path.stat().st_mtime_ns != was for path, was in trained.items())


@pytest.mark.filterwarnings("default")
def test_drawn_faces_are_judged_by_their_truth(corpus: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"corpus": "faces", "path": str(corpus)})
    results, report = judge_run(run, tmp_path / "out", settings=SMALL)
    where = {"experiment": "expression", "model": "regressor", "condition": "walk"}
    assert results.find(**where, task="valence", target="valence", metric="r")
    assert results.find(**where, task="arousal", target="rest", metric="moved")
    assert "r of at least 0.8" in report.read_text(encoding="utf-8")
    drawn = pd.read_csv(run.folder / "judges" / "faces-30-2" / "index.csv")
    assert len(drawn) == 30


def test_few_test_people_cannot_judge(corpus: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {**as_table(corpus), "where": "person in ('p000', 'p001', 'p002')"})
    with pytest.raises(RunError, match="1 test person has 4 images or more; judging walks needs 4"):
        judge_run(run, tmp_path / "out", settings=SMALL)


def mixture(arm: str, category: np.ndarray) -> Mixture:
    chunk = 32
    random = np.random.default_rng(0)
    model = Levasa(LevasaConfig(image_size=32, width=4, hidden=(16,))).eval()
    directions = AffectDirections(np.eye(2, 2 * chunk), np.eye(2, 2 * chunk + 1), np.zeros(2))
    pixels = random.integers(0, 256, (len(category), 32, 32, 3), dtype=np.uint8)
    codes = random.normal(size=(len(category), 3 * chunk)).astype(np.float32)
    points = np.stack([0.7 - 1.2 * category, 0.1 * category], axis=1).astype(np.float32)
    return Mixture(arm, model, directions, pixels, codes, points, category, 0.5, 3)


def test_arms_differ_in_half_of_each_batch_only() -> None:
    category, rows = np.repeat([0, 1], [17, 3]), np.arange(8)
    plain, rebuilt, walked = (mixture(arm, category) for arm in ARMS)
    seen = {one.arm: one.images(rows) for one in (plain, rebuilt, walked)}
    assert np.array_equal(seen["plain"], plain.pixels[rows])
    for arm in ("rebuilt", "walked"):
        assert np.array_equal(seen[arm][4:], plain.pixels[rows][4:])
        assert not np.array_equal(seen[arm][:4], plain.pixels[rows][:4])
    assert not np.array_equal(seen["rebuilt"][:4], seen["walked"][:4])
    labels = []
    for _ in range(40):
        walked.images(rows)
        assert walked.target is not None
        labels.append(walked.target.numpy())
    assert (np.stack(labels)[:, 4:] == 0).all()
    assert 0.3 < np.stack(labels)[:, :4].mean() < 0.7  # every emotion equally often
    assert rebuilt.target is not None
    assert (rebuilt.target.numpy() == 0).all()
    again = mixture("walked", category)
    again.images(rows)
    assert not np.array_equal(again.images(rows), again.images(rows))


def test_a_walked_face_has_the_emotion_of_its_point(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def remember(*args: Any) -> Any:
        asked.append(torch.stack(args[-2:], dim=1).numpy())
        return move(*args)

    monkeypatch.setattr(augmentation, "move", remember)
    category = np.repeat([0, 1], [17, 3])
    walked = mixture("walked", category)
    walked.images(np.arange(8))
    assert walked.target is not None
    label = walked.target.numpy()[:4]
    assert np.array_equal(asked[0], np.stack([0.7 - 1.2 * label, 0.1 * label], axis=1).astype(np.float32))


@pytest.mark.filterwarnings("default")
def test_the_augmentation_is_measured_and_kept(corpus: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", as_table(corpus))
    budget = AugmentationBudget(images=64, seeds=(0, 1), width=4, batch_size=16)
    results, report = run_augmentation(run, tmp_path / "out", budget=budget)
    for arm in ARMS:
        recall = results.get(model=arm, metric="uar")
        assert recall.seeds == (0, 1)
        assert 0 <= recall.value <= 1  # type: ignore[operator]
    difference = results.get(model="walked", versus="plain", metric="uar")
    assert difference.low <= difference.value <= difference.high  # type: ignore[operator]
    assert 0 <= results.get(model="walked", versus="plain", metric="p").value <= 1  # type: ignore[operator]
    assert "gains from walked faces" in report.read_text(encoding="utf-8")
    kept = {path: path.stat().st_mtime_ns for path in (run.folder / "augmentation").rglob("*.safetensors")}
    assert len(kept) == 6
    run_augmentation(run, tmp_path / "out", budget=budget)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
