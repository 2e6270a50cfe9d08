"""Dataset: corpora joined with their stores, masks, labels, parts, and what cannot be used."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from affectspace.data.dataset import Dataset
from affectspace.errors import ConfigError, DataError
from affectspace.features.items import text_mark
from affectspace.features.store import FeatureStore, Shard
from affectspace.lexicon import Lexicon, score_texts
from affectspace.training.configuration import TrainConfig, build_config
from affectspace.training.fit import ModelTraining

from .conftest import PAD, make_store, union_fields


@pytest.fixture
def fields(sentences: Path, voices: Path) -> dict:
    return union_fields(sentences, voices)


def test_corpora_are_joined_with_their_stores(union: TrainConfig) -> None:
    data = Dataset.of_config(union)
    table, batch = data.table, data.features
    assert len(table) == len(batch) == 160
    assert data.modalities == {"text": 8, "audio": 6, "face": 4}
    spoken = torch.tensor((table["corpus"] == "voices").tolist())
    assert torch.equal(batch.present["text"], ~spoken)
    assert torch.equal(batch.present["audio"], spoken)
    assert int(batch.present["face"].sum()) == 40
    assert (batch.features["face"][~batch.present["face"]] == 0).all()
    assert torch.equal(batch.corpus, spoken.long())
    assert set(table["person"]) == {f"{name}:p{number}" for name in ("sentences", "voices") for number in range(10)}


def test_vectors_stand_in_the_row_of_their_id(union: TrainConfig, sentences: Path) -> None:
    data = Dataset.of_config(union)
    rows = np.flatnonzero(data.table["corpus"] == "sentences")
    expected, _ = FeatureStore(sentences / "text").read(data.table["id"].iloc[rows])
    np.testing.assert_array_equal(data.features.features["text"][rows].numpy(), expected)


@pytest.mark.parametrize("texts", ["own", "another table's"])
def test_vectors_of_other_texts_under_the_same_ids_are_refused(
    fields: dict, sentences: Path, tmp_path: Path, texts: str
) -> None:
    table = pd.read_csv(sentences / "index.csv")
    vectors, _ = FeatureStore(sentences / "text").read(table["id"])
    written = table["text"] if texts == "own" else "about " + table["text"]
    store = FeatureStore.create(tmp_path / "store", FeatureStore(sentences / "text").backbone)
    store.add(Shard(list(table["id"]), [text_mark(text) for text in written], vectors, []))
    fields["data"]["corpora"]["sentences"]["features"]["text"] = str(tmp_path / "store")
    if texts == "own":
        Dataset.of_config(build_config(fields))
        return
    with pytest.raises(DataError, match=r"the vectors of 100 rows of data.corpora.sentences were made of other texts"):
        Dataset.of_config(build_config(fields))


def test_labels_are_ratings_or_those_of_the_emotion(union: TrainConfig) -> None:
    data = Dataset.of_config(union)
    table, affect = data.table, data.features.affect.numpy()
    assert data.categories == ("happiness", "sadness", "anger")
    assert table.groupby("corpus")["label_kind"].unique().map(list).to_dict() == {
        "sentences": ["rated"], "voices": ["transferred"],
    }  # fmt: skip
    angry = np.flatnonzero(table["emotion"] == "anger")
    np.testing.assert_allclose(affect[angry], [[-0.51, 0.59, 0.25]] * len(angry), atol=1e-6)
    assert (data.features.category[angry] == 2).all()
    assert (data.features.category[np.flatnonzero(table["corpus"] == "sentences")] == -1).all()


def test_the_lexicon_scores_the_texts_of_corpora_with_text_features(
    union: TrainConfig, fields: dict, sentences: Path
) -> None:
    data = Dataset.of_config(union)
    texts = data.table["text"]
    expected = score_texts(texts, Lexicon.read(sentences / "lexicon.tsv"), "contextual")[["valence", "dominance"]]
    np.testing.assert_allclose(data.features.lexicon[:, [0, 2]].numpy(), expected, atol=1e-6)
    scored = torch.isfinite(data.features.lexicon[:, 0]).numpy()
    np.testing.assert_array_equal(scored, texts.str.contains("lovely|awful").fillna(False))
    fields["data"]["corpora"]["sentences"]["lexicon"] = False
    assert torch.isnan(Dataset.of_config(build_config(fields)).features.lexicon).all()


def test_a_lexicon_of_an_unknown_layout(fields: dict, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("w,p\nawful,1\n")
    fields["data"]["lexicon"] = str(tmp_path / "own.csv")
    with pytest.raises(
        DataError, match=r"data\.lexicon: .*own\.csv: the first line, 'w, ?p', .* save another lexicon with tabs"
    ):
        Dataset.of_config(build_config(fields))


def test_parts_are_views_and_keep_people_apart(union: TrainConfig) -> None:
    data = Dataset.of_config(union)
    parts = {part: set(data.table["person"].iloc[data.rows(part)]) for part in ("train", "validation", "test")}
    assert not parts["train"] & parts["validation"]
    assert not parts["train"] & parts["test"]
    assert sum(len(data.batch(part)) for part in parts) == 160
    assert data.batch("test").affect.untyped_storage().data_ptr() == data.features.affect.untyped_storage().data_ptr()
    assert list(data.table["part"]) == sorted(data.table["part"], key=["train", "validation", "test"].index)


def test_transferred_labels_are_drawn_for_training_alone(fields: dict) -> None:
    labels = {"reference": "affectnet", "distribution": "gaussian"}
    fields["data"]["corpora"]["voices"]["labels"] = labels
    data = Dataset.of_config(build_config(fields))
    first, second = data.training_affect(0), data.training_affect(1)
    spoken = data.corpus_index == 1
    assert (first[spoken, :2] != second[spoken, :2]).all()
    assert np.isnan(first[spoken, 2]).all()  # AffectNet has no dominance
    np.testing.assert_array_equal(first[~spoken], data.affect[~spoken])
    np.testing.assert_array_equal(first, data.training_affect(0))
    assert len(np.unique(data.affect[spoken, 0])) == 3
    alone = data.only("audio")
    np.testing.assert_array_equal(alone.training_affect(0), first[data.features.present["audio"].numpy()])
    labels["redraw"] = False
    fixed = Dataset.of_config(build_config(fields))
    np.testing.assert_array_equal(fixed.training_affect(0), fixed.training_affect(1))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({"source": "rated"}, DataError, "voices.labels.source: rated, but no row has a rating"),
        ({"distribution": "gaussian"}, DataError, "publishes? only|centres"),
    ],
)
def test_labels_that_cannot_be_had(fields: dict, labels: dict, error: type[Exception], message: str) -> None:
    fields["data"]["corpora"]["voices"]["labels"] = labels
    with pytest.raises((error, ConfigError), match=message):
        Dataset.of_config(build_config(fields))


def test_a_corpus_may_go_without_labels_and_rows_of_unknown_emotions_are_told(fields: dict, tmp_path: Path) -> None:
    fields["data"]["corpora"]["voices"]["labels"] = {"source": "none"}
    data = Dataset.of_config(build_config(fields))
    assert torch.isnan(data.features.affect[data.features.corpus == 1]).all()
    fields["data"]["corpora"]["voices"]["labels"] = {"reference": "affectnet"}
    table = pd.read_csv(fields["data"]["corpora"]["voices"]["path"])
    table.loc[::6, "emotion"] = "boredom"
    table.to_csv(tmp_path / "index.csv", index=False)
    fields["data"]["corpora"]["voices"]["path"] = str(tmp_path / "index.csv")
    facts = Dataset.of_config(build_config(fields)).run_facts()["corpora"]["voices"]
    assert "no labels for 10 rows of boredom: affectnet does not know it" in facts["notes"]


def test_rows_without_any_vector_are_left_out_and_counted(fields: dict) -> None:
    del fields["data"]["corpora"]["voices"]["features"]["audio"]
    data = Dataset.of_config(build_config(fields))
    assert (data.table["corpus"] == "voices").sum() == 40
    facts = data.run_facts()["corpora"]
    assert facts["voices"]["left_out"]["without features"] == 20
    assert facts["voices"]["with"] == {"text": 0, "face": 40}
    assert facts["sentences"]["with"] == {"text": 100, "face": 0}


def test_features_larger_than_memory_lie_in_a_file(fields: dict, tmp_path: Path) -> None:
    inside = Dataset.of_config(build_config(fields))
    fields["data"]["cache"] = str(tmp_path / "cache")
    outside = Dataset.of_config(build_config(fields))
    for name, values in inside.features.features.items():
        assert torch.equal(values, outside.features.features[name])


def test_a_store_of_another_corpus_is_named(fields: dict, tmp_path: Path) -> None:
    ids = pd.Series([f"v{row:03d}" for row in range(60)])
    make_store(tmp_path / "other", "text", ids, np.ones((60, 6)), columns=list("abcdef"))
    fields["data"]["corpora"]["sentences"]["features"] = {"text": str(tmp_path / "other")}
    fields["data"]["corpora"].pop("voices")
    with pytest.raises(
        DataError, match=r"other: none of the 100 rows of data.corpora.sentences \('s000'.*'v000'.*extract"
    ):
        Dataset.of_config(build_config(fields))


def test_a_vector_with_nan_is_named(fields: dict, tmp_path: Path) -> None:
    values = np.ones((60, 6))
    values[5, 2] = np.nan
    ids = pd.Series([f"v{row:03d}" for row in range(60)])
    make_store(tmp_path / "audio", "audio", ids, values, columns=list("abcdef"))
    fields["data"]["corpora"]["voices"]["features"]["audio"] = str(tmp_path / "audio")
    with pytest.raises(
        DataError, match=r"audio: the vector of 'v005' is nan in dimension 2 \(c\) \(1 such rows\); extract"
    ):
        Dataset.of_config(build_config(fields))


def test_a_modality_that_no_training_row_has(fields: dict, tmp_path: Path) -> None:
    tested = Dataset.of_config(build_config(fields))
    ids = tested.table["id"].iloc[tested.rows("test")]
    shutil.rmtree(tmp_path / "face", ignore_errors=True)
    make_store(tmp_path / "face", "face", ids[ids.str.startswith("v")], np.ones((ids.str.startswith("v").sum(), 4)))
    fields["data"]["corpora"]["voices"]["features"]["face"] = str(tmp_path / "face")
    with pytest.raises(DataError, match="modality 'face' is in no row of train"):
        Dataset.of_config(build_config(fields))


def test_a_width_that_is_not_the_stores(fields: dict) -> None:
    fields["model"]["modalities"] = {"text": 9}
    with pytest.raises(ConfigError, match=r"model.modalities.text is 9, its vectors have 8 numbers"):
        Dataset.of_config(build_config(fields))
    fields["model"]["modalities"] = {"eyes": 9}
    with pytest.raises(ConfigError, match="which no corpus has features of"):
        Dataset.of_config(build_config(fields))
    fields["model"]["modalities"] = {"audio": 6}
    with pytest.raises(ConfigError, match=r"sentences has no features of the model's modalities \(it has text\)"):
        Dataset.of_config(build_config(fields))
    del fields["data"]["corpora"]["sentences"]
    assert len(Dataset.of_config(build_config(fields)).table) == 60


def test_a_model_that_needs_emotions_where_there_are_none(fields: dict) -> None:
    del fields["data"]["corpora"]["voices"]
    fields["model"]["prototypes"] = {"weight": 1.0}
    config = build_config(fields)
    with pytest.raises(ConfigError, match=r"prototypes.weight needs at least two names.*emotions in the corpora: none"):
        ModelTraining(config, Dataset.of_config(config))


def arrays(n: int = 30, **changes: object) -> dict:
    random = np.random.default_rng(0)
    part = np.array(["train", "validation", "test"])[np.arange(n) % 3]
    made = {"features": {"text": random.normal(size=(n, 4)), "audio": random.normal(size=(n, 2))}, "part": part}
    return {**made, "affect": random.uniform(-1, 1, (n, 3)), **changes}


def test_a_set_of_arrays() -> None:
    given = arrays(emotion=list(PAD) * 10, person=["p"] * 30, ids=np.arange(30), columns={"gender": ["f"] * 30})
    given["features"]["audio"][:15] = np.nan
    data = Dataset.from_arrays(**given)
    assert len(data.rows("train")) == 10
    assert list(data.table["id"].iloc[:3]) == [0, 3, 6]
    assert data.batch("train").present["audio"].tolist() == [False] * 5 + [True] * 5
    assert (data.batch("train").features["audio"][:5] == 0).all()
    np.testing.assert_allclose(data.batch("train").affect.numpy(), given["affect"][::3], atol=1e-6)
    assert data.categories == ("happiness", "sadness", "anger")
    assert set(data.table["gender"]) == {"f"}
    alone = data.only("audio")
    assert len(alone.table) == len(alone.features) == 15
    assert alone.modalities == {"audio": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"text": np.ones((4, 2))}}, r"matrices of 30 rows.*text \(4, 2\)"),
        ({"features": {}}, "there are none"),
        ({"part": ["train"] * 30}, "the validation part is empty"),
        ({"part": ["trained"] * 30}, "part holds 'trained'"),
        ({"affect": None}, "no row of train has valence, arousal or dominance"),
        ({"features": {"text": np.array([[1.0, np.nan]] * 30)}}, r"vector of 'row 0' has NaN"),
        ({"features": {"text": np.full((30, 2), np.nan)}}, "modality 'text' is in no row of train"),
    ],
)
def test_arrays_that_cannot_be_used(changes: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(**arrays(**changes))


def test_images_have_pixels_labels_and_parts(config: TrainConfig) -> None:
    data = Dataset.of_config(config)
    rows = data.rows("test")
    batch = data.take(rows[:3])
    assert batch.image.shape == (3, 3, 32, 32)
    np.testing.assert_allclose(batch.image[0].permute(1, 2, 0).numpy() * 255, data.images(rows[:1])[0], atol=1e-4)
    assert data.label_kind == "transferred"
    assert (data.name, data.drawn, data.image_size) == ("table", False, 32)
    assert torch.isnan(batch.affect[:, 2]).all()
    people = [set(data.table["person"].iloc[data.rows(part)]) for part in ("train", "validation", "test")]
    assert not people[0] & people[1]
    assert not people[0] & people[2]


def test_other_labels_for_the_same_images(config: TrainConfig) -> None:
    data = Dataset.of_config(config)
    other = data.for_config(build_config(config.model_dump(), overrides=["labels.permute=1"]))
    assert other.pixels is data.pixels
    assert (other.part == data.part).all()
    assert (other.affect[:, 0] != data.affect[:, 0]).all()
    assert sorted(set(other.affect[:, 0])) == sorted(set(data.affect[:, 0]))


def test_images_of_two_corpora_train_as_one(config: TrainConfig, union: TrainConfig) -> None:
    fields = config.model_dump()
    [corpus] = fields["data"]["corpora"].values()
    fields["data"]["corpora"] = {"one": corpus, "two": {**corpus, "limit": 30}}
    data = Dataset.of_config(build_config(fields))
    assert len(data.table) == 150
    assert set(data.table["person"].str.partition(":")[0]) == {"one", "two"}
    two = np.flatnonzero(data.corpus_index == 1)[:5]
    same = [data.table.query("corpus == 'one' and id == @name").index[0] for name in data.table["id"].iloc[two]]
    np.testing.assert_array_equal(data.images(two), data.images(np.array(same)))
    with pytest.raises(ConfigError, match="levasa is trained on images, and a Dataset of features was passed"):
        Dataset.of_config(union).for_config(config)
