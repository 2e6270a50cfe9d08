"""Splits keep people apart, emotions in proportion, and stay the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectspace.affect import CATEGORIES
from affectspace.corpora import leakage, row_groups, split_table
from affectspace.corpora.grouping import deal_rows
from affectspace.corpora.splits import schemes_of
from affectspace.errors import ConfigError, DataError


def table_of(people: list, emotions: list, **more) -> pd.DataFrame:
    columns = {"valence": np.nan, "arousal": np.nan, "session": None, "dialogue": None} | more
    return pd.DataFrame({"person": people, "emotion": emotions}).assign(**columns)


@pytest.fixture
def table() -> pd.DataFrame:
    """3,000 rows of 60 people of uneven sizes and leanings, 5 uneven emotions."""
    rng = np.random.default_rng(0)
    people = rng.choice(60, 3000, p=rng.dirichlet(np.full(60, 3)))
    leaning = rng.dirichlet([8, 6, 4, 2, 1], 60)
    emotions = [CATEGORIES[rng.choice(5, p=leaning[person])] for person in people]
    return table_of([f"p{person}" for person in people], emotions)


def test_people_apart_and_everything_in_proportion(table: pd.DataFrame) -> None:
    split = split_table(table)
    assert leakage(table, split) == {}
    sizes = split.value_counts(normalize=True)
    assert sizes[["train", "validation", "test"]].to_numpy() == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    shares = pd.crosstab(split, table["emotion"], normalize="index")
    overall = table["emotion"].value_counts(normalize=True)
    assert (shares - overall).abs().to_numpy().max() < 0.02
    people = table.groupby(split)["person"].nunique() / 60
    assert people[["train", "validation", "test"]].to_numpy() == pytest.approx([0.7, 0.1, 0.2], abs=0.06)
    assert split.index.equals(table.index)


def test_the_seed_decides_and_the_order_of_rows_does_not(table: pd.DataFrame) -> None:
    split = split_table(table, seed=3)
    assert split.equals(split_table(table, seed=3))
    assert not split.equals(split_table(table, seed=4))
    shuffled = table.sample(frac=1, random_state=0)
    assert split_table(shuffled, seed=3).sort_index().equals(split)


def test_every_person_is_tested_in_one_fold(table: pd.DataFrame) -> None:
    tested = np.zeros(len(table), dtype=int)
    for fold in range(5):
        split = split_table(table, fold=fold, folds=5)
        assert leakage(table, split) == {}
        assert set(split) == {"train", "validation", "test"}
        assert (split == "validation").mean() == pytest.approx(0.1, abs=0.02)
        tested += (split == "test").to_numpy()
    assert (tested == 1).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([*CATEGORIES[:4], None])), min_size=1, max_size=80),
    seed=st.integers(0, 2**32 - 1),
    fold=st.one_of(st.none(), st.integers(0, 2)),
)
def test_law_no_person_is_shared_and_no_row_is_lost(rows: list, seed: int, fold: int | None) -> None:
    table = table_of([f"p{person}" for person, _ in rows], [emotion for _, emotion in rows])
    if table["person"].nunique() < 3:
        with pytest.raises(DataError, match=r"only 1 person|only 2 people"):
            split_table(table, seed=seed, fold=fold, folds=3)
        return
    split = split_table(table, seed=seed, fold=fold, folds=3)
    assert split.notna().all()
    assert set(split) == {"train", "validation", "test"}
    assert "person" not in leakage(table, split)


def test_random_rows_are_stratified_and_called_leaky(table: pd.DataFrame) -> None:
    split = split_table(table, "random")
    assert split.value_counts()[["train", "validation", "test"]].tolist() == [2100, 300, 600]
    counts = pd.crosstab(split, table["emotion"])
    expected = np.outer([600, 2100, 300], table["emotion"].value_counts(normalize=True).sort_index())
    assert np.abs(counts.to_numpy() - expected).max() <= 5
    assert "leaky" in split.attrs["notes"][0]
    assert len(leakage(table, split)["person"]["train/test"]) > 50


def test_rows_are_dealt_exactly() -> None:
    parts = deal_rows(np.repeat([0, 1], [90, 10]), np.array([0.5, 0.2, 0.3]), np.random.default_rng(0))
    assert np.bincount(parts).tolist() == [50, 20, 30]
    assert np.bincount(parts[90:]).tolist() == [5, 2, 3]


def test_rare_classes_and_parts_without_rows() -> None:
    split = split_table(table_of(list("abcdef"), ["neutral"] * 5 + ["fear"]))
    assert split.attrs["notes"] == ["too few rows to be in every part: fear (1)"]
    table = table_of(list("ab") * 5, ["neutral"] * 10)
    assert set(split_table(table, fractions=(0.5, 0, 0.5))) == {"train", "test"}


def test_without_emotions_the_quadrants_are_the_strata() -> None:
    rng = np.random.default_rng(1)
    va = rng.choice([-0.5, 0.5], (400, 2), p=[0.25, 0.75])
    table = table_of([f"p{i % 40}" for i in range(400)], [None] * 400, valence=va[:, 0], arousal=va[:, 1])
    split = split_table(table)
    assert abs(table.groupby(split)["valence"].mean() - va[:, 0].mean()).max() < 0.08


def test_shared_sessions_are_leakage() -> None:
    table = table_of(list("abc") * 4, ["neutral"] * 12, session=["film"] * 12)
    pairs = ("train/validation", "train/test", "validation/test")
    assert leakage(table, split_table(table))["session"] == {pair: ["film"] for pair in pairs}


def test_shared_texts_documents_and_sentences_are_leakage() -> None:
    texts = ["It’s  HERE!", "its here", "it's here"]
    table = table_of(list("abc"), ["neutral"] * 3, text=texts, document=["x", "y", "x"])
    split = pd.Series(["train", "validation", "test"])
    assert leakage(table, split) == {"document": {"train/test": ["x"]}, "text": {"train/test": ["it s here"]}}
    table["text"] = [None, None, "..."]
    assert leakage(table.assign(sentence=["1", "1", "2"]), split)["sentence"] == {"train/validation": ["1"]}


def test_documents_are_kept_apart() -> None:
    table = table_of([None] * 60, [None] * 60, valence=0.1, arousal=0.1, document=[f"d{i % 12}" for i in range(60)])
    split = split_table(table, "document")
    assert leakage(table, split) == {}
    assert set(split) == {"train", "validation", "test"}
    assert schemes_of(table) == ("person", "random", "document")
    with pytest.raises(DataError, match="needs a column document"):
        split_table(table.drop(columns="document"), "document")
    with pytest.raises(DataError, match="the split 'loso' needs the columns session, scenario, improvised"):
        split_table(table, "loso", fold=0)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (["a"] * 6, "only 1 person, but 3 parts that must not share any; use split 'random'"),
        (["a", "b"] * 3, "only 2 people, but 3 parts"),
        (["a", "b", None, "c", "d", None], "2 rows have no person, the first is row 3; .*notna\\(person\\)"),
        ([None] * 6, "no person is known, .*split 'random'.*--columns person="),
    ],
)
def test_people_who_cannot_be_kept_apart(people: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_table(table_of(people, ["neutral"] * 6))


def test_impossible_settings(table: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="unknown split 'actor'; choose from person, random, published"):
        split_table(table, "actor")
    with pytest.raises(ConfigError, match="fold 5 of 5"):
        split_table(table, fold=5)
    with pytest.raises(ConfigError, match="sum to 1"):
        split_table(table, fractions=(0.5, 0.1, 0.1))
    with pytest.raises(DataError, match="no published split \\(no column split\\)"):
        split_table(table, "published")
    with pytest.raises(DataError, match="the column split holds 'dev'; parts are train"):
        split_table(table.assign(split="dev"), "published")
    published = table.assign(split=np.repeat(["train", "validation", "test"], 1000))
    assert split_table(published, "published").tolist() == published["split"].tolist()


@pytest.mark.parametrize(
    ("person", "document", "unit", "groups"),
    [
        (["a", "a", "b"], [None] * 3, "people", 2),
        ([None] * 3, ["d", "d", "e"], "documents", 2),
        ([None] * 3, [None, None, "e"], "documents and rows", 3),
        (["a", None, None], [None, "d", "d"], "people and documents", 2),
    ],
)
def test_intervals_are_over_people_else_documents_else_rows(
    person: list, document: list, unit: str, groups: int
) -> None:
    table = pd.DataFrame({"id": list("xyz"), "corpus": "c", "person": person, "document": document})
    names, units = row_groups(table)
    assert units == unit
    assert len(set(names)) == groups


def test_groups_of_several_corpora_do_not_meet() -> None:
    table = pd.DataFrame({"id": list("xy"), "corpus": ["c", "d"], "person": ["1", "1"], "document": ["e", "e"]})
    assert row_groups(table)[0].tolist() == ["c: 1", "d: 1"]
    assert row_groups(table.iloc[:1], "document")[0].tolist() == ["e"]


def test_auto_is_the_first_possible_scheme() -> None:
    table = pd.DataFrame({"id": range(40), "person": [f"p{row % 8}" for row in range(40)], "emotion": None})
    table[["valence", "arousal"]] = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    documents = table.assign(person=None, document=table["person"])
    published = table.assign(split=["train", "validation", "test", "train"] * 10)
    for rows, scheme in (
        (table, "person"),
        (documents, "document"),
        (published, "published"),
        (table.assign(person=None), "random"),
    ):
        pd.testing.assert_series_equal(split_table(rows, "auto"), split_table(rows, scheme))
