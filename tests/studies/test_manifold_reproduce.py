"""`reproduce manifold` in small: tiny corpora in their official layouts, ready-made vectors, every experiment, the report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectspace.corpora import read_corpus
from affectspace.errors import ConfigError, RunError
from affectspace.evaluation.results import Results
from affectspace.features import FeatureStore
from affectspace.features.store import Shard
from affectspace.studies.manifold.corpora import CORPORA, Folders, Source
from affectspace.studies.manifold.cross_modal import ALL_PAIRS
from affectspace.studies.manifold.members import members
from affectspace.studies.manifold.plan import HEADLINE, PAPER_MODEL, TRAININGS, VARIANTS, Budget, quick_budget
from affectspace.studies.manifold.preparation import possible_experiments
from affectspace.studies.manifold.reproduce import reproduce
from affectspace.synthetic.speakers import make_speakers, plan, write_iemocap, write_mosi
from affectspace.training.runs import open_run

WIDTHS = {"text": 12, "words": 5, "audio": 8, "action_units": 6, "video": 7}
BUDGET = quick_budget(
    epochs_factor=0.07, limit=None, permutations=20, utterances=120, people=12, workers=1,
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


def store_all(folders: Folders, name: str, modalities: tuple[str, ...] = tuple(WIDTHS)) -> None:
    """A store of each of a corpus' modalities, or of those named."""
    folder = folders.corpus(name)
    assert folder is not None
    table = read_corpus(CORPORA[name].reader, folder).table
    affect = table[["valence", "arousal", "dominance"]].to_numpy(np.float64)
    if table["emotion"].notna().any() and np.isnan(affect).all():
        affect = pd.get_dummies(table["emotion"]).to_numpy(np.float64)[:, :3]
    ids = table["id"].astype(str).tolist()
    for modality in (one for one in CORPORA[name].stores if one in modalities):
        write_store(folders.store(name, modality), ids, affect, modality)
    for modality in CORPORA[name].separate:
        write_store(folders.store(name, modality, separate=True), ids, affect, modality)


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
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
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
    folders = Folders(data=root / "data", corpora={"people": people}, features=root / "features", out=root / "own")
    for name in ("emobank", "vreg", "meld", "ravdess", "emodb", "people"):
        store_all(folders, name)
    return folders


def sources_of(folders: Folders) -> dict[str, Source]:
    return {name: Source.read(name, folders) for name in ("emobank", "ravdess", "people")}


def test_the_plan_compares_like_with_like(folders: Folders) -> None:
    trainings = [name for name in TRAININGS if name != "iemocap"]
    made_plan = list(members(trainings, sources_of(folders), folders, Budget()))
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


def test_an_override_reaches_the_models_that_have_the_setting(folders: Folders, tmp_path: Path) -> None:
    budget = Budget(seeds=(0,), ablation_seeds=1, overrides=("model.reduction=paper", "fit.batch_size=64"))
    made_plan = list(members(["people"], sources_of(folders), folders, budget))
    reductions = {(one.variant.kind, getattr(one.config.model, "reduction", None)) for one in made_plan}
    assert reductions == {("manifold", "paper"), ("mvae", None), ("misa", None)}
    assert {one.config.fit.batch_size for one in made_plan} == {64}
    budget = Budget(overrides=("model.reducton=paper",))
    with pytest.raises(ConfigError, match=r"no model of this study has model\.reducton; did you mean model\.reduction"):
        reproduce(tmp_path / "study", folders, budget=budget)
    assert not (tmp_path / "study").exists()


def test_every_variant_differs_from_the_headline(folders: Folders) -> None:
    trainings = [name for name in TRAININGS if name != "iemocap"]
    anchored = folders.model_copy(update={"lexicon": Path("lexicon.csv")})  # without one, no_lexicon changes nothing
    made_plan = list(members(trainings, sources_of(folders), anchored, Budget(ablation_seeds=1, seeds=(0,))))
    for training in trainings:
        group = [one for one in made_plan if one.training == training and one.fold in (None, 0)]
        made = {one.name: one.config.model_dump_json(include={"model", "data"}) for one in group}
        assert len(set(made.values())) == len(made) == len(group), (training, sorted(made))
    assert {one.group for one in VARIANTS} == {"headline", "baseline", "ablation"}
    assert {one.name for one in made_plan} == {one.name for one in VARIANTS}  # each is trained somewhere


def test_every_session_is_tested_in_turn_where_the_user_says_so(tmp_path: Path) -> None:
    utterances = plan(200, 10, turns=8)
    mine = Folders(corpora={"iemocap": tmp_path / "IEMOCAP"}, features=tmp_path / "features", out=tmp_path / "out")
    write_iemocap(utterances, tmp_path / "IEMOCAP", video=False)
    store_all(mine, "iemocap")
    sources = {"iemocap": Source.read("iemocap", mine)}
    wanted = {
        "manifold", "letter", "supervised", "mvae", "misa", "no_cross", "no_independence", "hsic", "no_lexicon",
    }  # fmt: skip
    anchored = mine.model_copy(update={"lexicon": Path("lexicon.csv")})
    for split, folds in (("session5", {None}), ("loso", set(range(5))), ("script_independent", set(range(5)))):
        group = list(members(["iemocap"], sources, anchored, Budget(split=split, seeds=(0,), ablation_seeds=1)))
        assert {one.name for one in group} >= wanted
        assert {one.fold for one in group} == folds
        assert {one.config.data.corpora["iemocap"].split.scheme for one in group} == {split}
        assert {tuple(one.config.data.corpora["iemocap"].features) for one in group} == {("text", "audio", "video")}
    assert "no_lexicon" not in {one.name for one in members(["iemocap"], sources, mine, Budget())}


def test_what_can_be_made(folders: Folders, tmp_path: Path) -> None:
    found = possible_experiments(folders)
    assert found == (
        "text_axes", "zero_shot_text", "text_probes", "audio_face", "zero_shot_audio", "union", "trimodal",
    )  # fmt: skip
    assert possible_experiments(Folders(features=tmp_path, out=tmp_path)) == ("trimodal",)
    assert possible_experiments(folders, table=4) == ("zero_shot_text", "zero_shot_audio")
    with pytest.raises(ConfigError, match="no such experiment; choose from text_axes"):
        possible_experiments(folders, ["text_axis"])
    with pytest.raises(ConfigError, match="iemocap needs IEMOCAP: pass the corpus' folder"):
        possible_experiments(folders, ["iemocap"])
    with pytest.raises(ConfigError, match="--mosi: no experiment uses CMU-MOSI without IEMOCAP; pass that corpus, too"):
        possible_experiments(Folders(corpora={"mosi": tmp_path}, features=tmp_path, out=tmp_path))


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "default"
)  # the probes' libraries may warn on so few rows; that they say so is tested there
def test_the_whole_path_in_small(folders: Folders, tmp_path: Path) -> None:
    out = tmp_path / "study"
    mine = folders.model_copy(update={"out": out})
    budget = BUDGET.model_copy(update={"overrides": ("fit.batch_size=64",), "ablation_seeds": 1})
    report = reproduce(out, mine, budget=budget)
    results = Results.read(out / "metrics.json")
    assert set(results.distinct("experiment")) >= {
        "text_axes", "text_axes_documents", "zero_shot_text", "text_probes", "audio_face", "zero_shot_audio", "union",
        "union_emobank", "trimodal",
    }  # fmt: skip
    assert set(results.filter(experiment="audio_face").distinct("task")) >= {
        "axes", "matrix", "intensity", "independence", "emotion", "speaker", "gap", "generation", "noise", "uncertainty",
        "widening",
    }  # fmt: skip
    assert set(results.filter(experiment="trimodal").distinct("task")) >= {"retrieval", "generation", "subsets"}
    assert results.get(experiment="text_axes", task="axes", model="ridge", target="mean", metric="r").value > 0.5
    assert all(row.protocol for row in results)
    text = report.read_text()
    assert "not decided" in text
    assert "0.0255" in text
    assert "never connects text with another modality" in text
    assert "about 25 variants had been scored on it" in text
    assert str(out) not in text
    assert {path.stem for path in (out / "figures").glob("*.png")} >= {
        "figure_2_space", "figure_3_heatmaps", "text_axes", "zero_shot_audio", "dissociation_audio_face", "noise_text_axes",
        "dialogue", "history_ravdess",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_papers_corpora_where_the_user_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectspace.studies.manifold.members.VARIANTS", VARIANTS[:5])
    outputs = plan(240, 10, turns=8)
    corpora = {"iemocap": tmp_path / "IEMOCAP", "mosi": tmp_path / "MOSI"}
    write_iemocap(outputs, corpora["iemocap"], video=False)
    write_mosi(outputs[:60], corpora["mosi"], video=False)
    out = tmp_path / "study"
    mine = Folders(corpora=corpora, features=tmp_path / "features", out=out)
    for name in corpora:
        store_all(mine, name)
    report = reproduce(out, mine, only=["iemocap", "zero_shot_sentiment"], budget=BUDGET)
    results = Results.read(out / "metrics.json")
    named = {"experiment": "iemocap", "model": PAPER_MODEL}
    assert results.get(task="axes", target="mean", metric="r", **named).n > 20
    assert (
        results.get(task="matrix", latent="arousal", target="dominance", metric="r", modality="", **named).paper
        == 0.493
    )
    agreement = results.get(task="matrix", experiment="iemocap", model="raters", target="valence", metric="r")
    assert agreement.paper == 0.645
    assert 0.3 < agreement.value < 0.95
    by_modality = results.filter(
        task="matrix", experiment="iemocap", model=HEADLINE, latent="valence", target="valence"
    )
    assert by_modality.distinct("modality") == ["", "text", "audio", "video"]
    assert (
        len(results.filter(task="gap", experiment="iemocap", model=HEADLINE, metric="classifier_uar", versus="")) == 3
    )
    assert results.get(task="independence", modality="audio", metric="cka", **named).paper == 0.0164
    zero_shot = {"experiment": "zero_shot_sentiment", "task": "axes", "target": "sentiment", "condition": "mosi"}
    assert results.get(model=PAPER_MODEL, metric="r", **zero_shot).paper == 0.40
    assert results.get(model="misa", metric="r", **zero_shot).paper == 0.26
    alone = results.filter(**{**zero_shot, "task": "subsets"}, model=HEADLINE, metric="r")
    assert alone.distinct("modality") == ["text", "audio", "video"]
    text = report.read_text()
    for words in (
        "IEMOCAP, session 5 held out",
        "The modality gap, IEMOCAP",
        "Table 4 by modality",
        "balanced accuracy",
    ):
        assert words in text
    assert {"figure_2_space.png", "figure_3_average.png"} <= {path.name for path in (out / "figures").iterdir()}


@pytest.fixture
def headline_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the headline alone."""
    monkeypatch.setattr("affectspace.studies.manifold.members.VARIANTS", VARIANTS[:1])


@pytest.mark.usefixtures("headline_only")
def test_synthetic_people_alone_and_what_continues_or_refuses(tmp_path: Path) -> None:
    out, people = tmp_path / "study", tmp_path / "speakers"
    make_speakers(people, n=56, people=7, modalities=("text",), workers=1)
    mine = Folders(corpora={"people": people}, features=tmp_path / "features", out=out)
    store_all(mine, "people")
    report = reproduce(out, mine, budget=BUDGET)
    results = Results.read(out / "metrics.json")
    named = {"experiment": "trimodal", "task": "axes", "target": "mean", "metric": "r"}
    assert results.get(model=HEADLINE, **named).n == results.get(model="ridge", **named).n
    retrieval = {"experiment": "trimodal", "task": "retrieval", "modality": ALL_PAIRS, "metric": "top_10"}
    assert results.get(model=HEADLINE, **retrieval).low is not None
    matrix = results.filter(task="matrix", model=HEADLINE, latent="valence", target="valence")
    assert [row.paper for row in matrix] == [None]  # published figures do not stand beside synthetic people
    assert "synthetic people" in report.read_text()
    trained = {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")}
    assert all(open_run(out / "runs" / name).finished for name in trained)
    (out / "report.html").unlink()

    reproduce(out, mine, budget=BUDGET)  # nothing is trained again, the figures are the same
    assert {path.parent.name: path.stat().st_mtime for path in (out / "runs").glob("*/run.json")} == trained
    assert list(Results.read(out / "metrics.json")) == list(results)
    with pytest.raises(RunError, match=r"with other settings \(budget.epochs_factor"):
        reproduce(out, mine, budget=BUDGET.model_copy(update={"epochs_factor": 0.5}))


@pytest.mark.usefixtures("headline_only")
@pytest.mark.filterwarnings("default")
def test_text_and_voice_carry_over_to_other_corpora(folders: Folders, tmp_path: Path) -> None:
    """EmoBank to V-reg, RAVDESS to EmoDB: the layouts of the open corpora, the lexicon's floor left out."""
    out = tmp_path / "study"
    reproduce(out, folders.model_copy(update={"out": out}), only=["zero_shot_text", "zero_shot_audio"], budget=BUDGET)
    results = Results.read(out / "metrics.json")
    named = {"task": "axes", "model": HEADLINE, "metric": "r"}
    assert results.get(experiment="zero_shot_text", target="valence", **named).groups == 60
    assert results.get(experiment="zero_shot_audio", target="arousal", **named).groups == 7
    models = results.filter(experiment="zero_shot_text", task="axes", versus="").distinct("model")
    assert models == [HEADLINE, "ridge", "ridge_text"]
    assert results.find(
        experiment="zero_shot_audio", task="within people", target="arousal", model=HEADLINE, metric="r"
    )


@pytest.mark.usefixtures("headline_only")
def test_dialogues_carry_over_to_sentiment(tmp_path: Path) -> None:
    """IEMOCAP to MOSI: the layouts of the paper's corpora."""
    utterances, out = plan(50, 10, turns=5), tmp_path / "study"
    corpora = {"iemocap": tmp_path / "IEMOCAP", "mosi": tmp_path / "MOSI"}
    write_iemocap(utterances, corpora["iemocap"], video=False)
    write_mosi(utterances[:20], corpora["mosi"], video=False)
    mine = Folders(corpora=corpora, features=tmp_path / "features", out=out)
    for name in corpora:
        store_all(mine, name, ("text", "audio"))
    reproduce(out, mine, only=["zero_shot_sentiment"], budget=BUDGET)
    results = Results.read(out / "metrics.json")
    zero_shot = {"experiment": "zero_shot_sentiment", "task": "axes", "target": "sentiment", "condition": "mosi"}
    assert results.get(model=HEADLINE, metric="r", **zero_shot).groups == 8  # videos


def test_a_folder_of_others_is_left_alone(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="holds no study"):
        reproduce(tmp_path, folders.model_copy(update={"out": tmp_path}), only=["trimodal"], budget=BUDGET)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
