"""`reproduce manifold` in small: tiny corpora in their official layouts, ready-made vectors, every experiment, the report."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, RunError
from affectspace.features import FeatureStore
from affectspace.features.store import Shard
from affectspace.report import save_figure
from affectspace.studies.manifold.members import members
from affectspace.studies.manifold.plan import HEADLINE, TRAININGS, VARIANTS, Budget, quick_budget
from affectspace.studies.manifold.preparation import possible_experiments
from affectspace.studies.manifold.reproduce import reproduce
from affectspace.studies.manifold.sources import CORPORA, Places, Source
from affectspace.synthetic.speakers import make_speakers, plan, write_iemocap, write_mosi
from affectspace.training.runs import open_run

WIDTHS = {"text": 12, "words": 5, "audio": 8, "action_units": 6, "video": 7}
BUDGET = quick_budget(
    epochs_factor=0.07, limit=None, permutations=20, resamples=100, utterances=120, people=12, workers=1,
)  # fmt: skip


def write_store(folder: Path, ids: list[str], affect: np.ndarray, modality: str) -> None:
    """Vectors in which valence, arousal and dominance can be read, with noise; the same mixing for every corpus."""
    width = WIDTHS[modality]
    mixing = np.random.default_rng(width).normal(size=(3, width))
    noise = np.random.default_rng([width, len(ids)]).normal(size=(len(ids), width))
    identity = {
        "name": f"{modality}:made up",
        "modality": modality,
        "dimension": width,
        "licence": "CC0",
        "revision": "1",
    }
    folder.mkdir(parents=True)
    store = FeatureStore.create(folder, {**identity, "settings": {}, "columns": None, "versions": {}})
    vectors = np.nan_to_num(affect) @ mixing + 0.3 * noise
    store.add(Shard(ids, ["" for _ in ids], vectors.astype(np.float32), []))
    store.write_index()


def store_all(places: Places, name: str) -> None:
    """A store of each of a corpus' modalities."""
    folder = places.folder_of(name)
    assert folder is not None
    table = read_corpus(CORPORA[name].reader, folder).table
    affect = table[["valence", "arousal", "dominance"]].to_numpy(np.float64)
    if table["emotion"].notna().any() and np.isnan(affect).all():
        affect = pd.get_dummies(table["emotion"]).to_numpy(np.float64)[:, :3]
    ids = table["id"].astype(str).tolist()
    for modality in CORPORA[name].stores:
        write_store(places.store_of(name, modality), ids, affect, modality)
    for modality in CORPORA[name].apart:
        write_store(places.store_of(name, modality, apart=True), ids, affect, modality)


def write_rows(path: Path, rows: list[list[object]], separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n", encoding="utf-8")


def write_emobank(folder: Path) -> None:
    random = np.random.default_rng(0)
    rows: list[list[object]] = [["id", "split", "V", "A", "D", "text"]]
    for row in range(240):
        part = ("train", "train", "train", "dev", "test")[row % 5]
        rows.append([f"doc{row % 24}_{row}_{row + 5}", part, *random.uniform(1, 5, 3).round(2), f"line {row}"])
    write_rows(folder / "emobank.csv", rows)


def write_vreg(folder: Path) -> None:
    random = np.random.default_rng(1)
    rows: list[list[object]] = [["ID", "Tweet", "Affect Dimension", "Intensity Score"]]
    rows += [[f"t{row}", f"tweet {row}", "valence", round(random.uniform(), 3)] for row in range(60)]
    write_rows(folder / "2018-Valence-reg-En-train.txt", rows, "\t")


def write_meld(folder: Path) -> None:
    head = [
        "Sr No.",
        "Utterance",
        "Speaker",
        "Emotion",
        "Sentiment",
        "Dialogue_ID",
        "Utterance_ID",
        "Season",
        "Episode",
    ]
    for part, lines in (("train", 120), ("dev", 60), ("test", 60)):
        rows: list[list[object]] = [head]
        for row in range(lines):
            emotion = ("neutral", "joy", "anger")[row % 3]
            rows.append([row, f"so {row}", ("Ann", "Bob")[row % 2], emotion, "neutral", row // 6, row % 6, 1, 1])
        write_rows(folder / f"{part}_sent_emo.csv", rows)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def write_ravdess(folder: Path) -> None:
    for actor in range(1, 13):
        for emotion in ("01", "03", "04", "05"):
            for intensity in ("01",) if emotion == "01" else ("01", "02"):
                for sentence in ("01", "02"):
                    for take in ("01", "02"):
                        name = f"03-01-{emotion}-{intensity}-{sentence}-{take}-{actor:02d}"
                        touch(folder / f"Actor_{actor:02d}" / f"{name}.wav")


def write_emodb(folder: Path) -> None:
    for speaker in ("03", "08", "09", "10", "11", "12", "13"):
        for sentence in ("a01", "a02", "a04", "a05", "a07"):
            for letter in "FTWN":
                touch(folder / f"{speaker}{sentence}{letter}a.wav")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Every open corpus in small, with ready-made vectors."""
    root = tmp_path_factory.mktemp("manifold")
    writers: dict[str, Callable[[Path], None]] = {
        "emobank": write_emobank, "semeval_vreg": write_vreg, "meld": write_meld, "ravdess": write_ravdess,
        "emodb": write_emodb,
    }  # fmt: skip
    for name, write in writers.items():
        write(root / "data" / name)
    people = root / "speakers"
    make_speakers(people, n=120, people=12, modalities=("text",), workers=1)
    places = Places(data=root / "data", corpora={"people": people}, features=root / "features", own=root / "own")
    for name in ("emobank", "vreg", "meld", "ravdess", "emodb", "people"):
        store_all(places, name)
    return places


def sources_of(places: Places) -> dict[str, Source]:
    return {name: Source.read(name, places) for name in ("emobank", "ravdess", "people")}


def test_the_plan_compares_like_with_like(places: Places) -> None:
    trainings = [name for name in TRAININGS if name != "iemocap"]
    made_plan = list(members(trainings, sources_of(places), places, Budget()))
    assert len({member.folder for member in made_plan}) == len(made_plan)
    for training in trainings:
        group = [member for member in made_plan if member.training == training]
        same = {"seed": 0, "learning_rate": 1e-3, "weight_decay": 0.0}  # a baseline may have its own rate
        assert len({one.config.fit.model_copy(update=same) for one in group}) == 1, training
        rows = [one for one in group if not one.variant.without and one.fold in (None, 0)]
        assert len({one.config.data.model_dump_json() for one in rows}) == 1
        ours = {one.config.fit.learning_rate for one in group if one.variant.kind == "manifold"}
        assert len(ours) == 1, training
        assert {one.name for one in group} >= (
            {HEADLINE} if training == "union" else {HEADLINE, "supervised", "mvae", "misa"}
        )
    folded = {one.fold for one in made_plan if one.training == "ravdess" and one.name == HEADLINE}
    assert folded == set(range(Budget().folds))
    first_ablation = next(place for place, one in enumerate(made_plan) if one.variant.group == "ablation")
    assert {one.variant.group for one in made_plan[first_ablation:]} == {"ablation"}  # what is interrupted has the rest


def test_every_variant_differs_from_the_headline(places: Places) -> None:
    trainings = [name for name in TRAININGS if name != "iemocap"]
    made_plan = list(members(trainings, sources_of(places), places, Budget(ablation_seeds=1, seeds=(0,))))
    for training in trainings:
        group = [one for one in made_plan if one.training == training and one.fold in (None, 0)]
        made = {one.name: one.config.model_dump_json(include={"model", "data"}) for one in group}
        assert len(set(made.values())) == len(made) == len(group), (training, sorted(made))
    assert {one.group for one in VARIANTS} == {"headline", "baseline", "ablation"}
    assert {one.name for one in made_plan} == {one.name for one in VARIANTS}  # each is trained somewhere


def test_what_can_be_made(places: Places, tmp_path: Path) -> None:
    found = possible_experiments(places)
    assert found == (
        "text_axes", "zero_shot_text", "text_probes", "audio_face", "zero_shot_audio", "union", "trimodal",
    )  # fmt: skip
    assert possible_experiments(Places(features=tmp_path, own=tmp_path)) == ("trimodal",)
    assert possible_experiments(places, table=4) == ("zero_shot_text", "zero_shot_audio")
    with pytest.raises(ConfigError, match="no such experiment; there are text_axes"):
        possible_experiments(places, ["text_axis"])
    with pytest.raises(ConfigError, match="iemocap needs IEMOCAP: name its folder"):
        possible_experiments(places, ["iemocap"])


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "default"
)  # the probes' libraries may warn on so few rows; that they say so is tested there
def test_the_whole_path_in_small(places: Places, tmp_path: Path) -> None:
    out = tmp_path / "study"
    mine = places.model_copy(update={"own": out})
    budget = BUDGET.model_copy(update={"overrides": ("fit.batch_size=64",), "ablation_seeds": 1})
    report = reproduce(out, mine, budget=budget)
    metrics = json.loads((out / "metrics.json").read_text())
    made = """
        text_axes text_axes_documents text_axes_matrix text_axes_comparisons zero_shot_text text_probes_emotion_linear
        audio_face audio_face_intensity audio_face_independence audio_face_speaker_linear audio_face_gap zero_shot_audio
        zero_shot_audio_within_people union union_emobank trimodal trimodal_retrieval trimodal_subsets audio_face_noise
        audio_face_uncertainty audio_face_widening audio_face_generated trimodal_generated
    """
    for experiment in made.split():
        assert metrics.get(experiment), experiment
    assert metrics["text_axes"]["ridge"]["r_mean"]["value"] > 0.5
    for rows in metrics.values():
        for measures in rows.values():
            for one in measures.values():
                assert one["protocol"]
    text = report.read_text()
    assert "not decided" in text
    assert "0.0255" in text
    assert "never ties text to another modality" in text
    assert "about 25 variants had been scored on it" in text
    assert str(out) not in text
    assert {path.stem for path in (out / "figures").glob("*.png")} >= {
        "figure_2_space", "figure_3_heatmaps", "text_axes", "zero_shot_audio", "dissociation_audio_face", "noise_text_axes",
        "dialogue", "history_ravdess",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_papers_corpora_where_the_user_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectspace.studies.manifold.members.VARIANTS", VARIANTS[:4])
    said = plan(240, 10, turns=8)
    corpora = {"iemocap": tmp_path / "IEMOCAP", "mosi": tmp_path / "MOSI"}
    write_iemocap(said, corpora["iemocap"], video=False)
    write_mosi(said[:60], corpora["mosi"], video=False)
    out = tmp_path / "study"
    mine = Places(corpora=corpora, features=tmp_path / "features", own=out)
    for name in corpora:
        store_all(mine, name)
    report = reproduce(out, mine, only=["iemocap", "zero_shot_sentiment"], budget=BUDGET)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["iemocap"][HEADLINE]["r_mean"]["n"] > 20
    assert metrics["iemocap_matrix"]["z_arousal"]["r_dominance"]["paper"] == 0.493
    assert metrics["iemocap_independence"][f"{HEADLINE} audio"]["cka"]["paper"] == 0.0164
    assert metrics["zero_shot_sentiment"][HEADLINE]["mosi"]["paper"] == 0.40
    assert metrics["zero_shot_sentiment"]["misa"]["mosi"]["paper"] == 0.26
    assert "IEMOCAP, session 5" in report.read_text()


def test_synthetic_people_alone_and_what_continues_or_refuses(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affectspace.studies.manifold.members.VARIANTS", VARIANTS[:1])
    monkeypatch.setattr(
        "affectspace.studies.pictures.save_figure", lambda figure, path: save_figure(figure, path, dpi=40)
    )
    out = tmp_path / "study"
    mine = places.model_copy(update={"own": out, "data": None})
    report = reproduce(out, mine, budget=BUDGET)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["trimodal"][HEADLINE]["r_mean"]["n"] == metrics["trimodal"]["ridge"]["r_mean"]["n"]
    assert metrics["trimodal_retrieval"][f"{HEADLINE}: all pairs"]["top_10"]["low"] is not None
    assert "z_valence" in metrics["trimodal_matrix"]
    assert (
        metrics["trimodal_matrix"]["z_valence"]["r_valence"]["paper"] is None
    )  # no figure of people beside invented ones
    assert "synthetic people" in report.read_text()
    trained = {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")}
    assert all(open_run(out / "runs" / name).finished for name in trained)
    (out / "report.html").unlink()

    reproduce(out, mine, budget=BUDGET)  # nothing is trained again, the figures are the same
    assert {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")} == trained
    assert json.loads((out / "metrics.json").read_text()) == metrics
    with pytest.raises(RunError, match=r"started otherwise \(budget.epochs_factor"):
        reproduce(out, mine, budget=BUDGET.model_copy(update={"epochs_factor": 0.5}))


def test_a_folder_of_others_is_left_alone(places: Places, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds no study of ours"):
        reproduce(tmp_path, places.model_copy(update={"own": tmp_path}), only=["trimodal"], budget=BUDGET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
