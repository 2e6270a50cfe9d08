"""Lexicon statistics as a modality: equal to the statistics themselves, and the same lexicon when they are made again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError, UnreadableItem
from affectspace.features import FeatureStore, Item, extract, make_backbone, remake_backbone
from affectspace.lexicon import Lexicon, lexicon_statistics

NORMS = "term\tvalence\tarousal\tdominance\nbad\t-.8\t.2\t-.3\ndeed\t.1\t.1\t.3\ncab\t.3\t-.2\t.1\nage\t-.2\t-.4\t.0\n"
POLAR = "w,v\nbad,-3\ngood,3\n"


@pytest.fixture
def lexicons(tmp_path: Path) -> dict:
    (tmp_path / "norms.txt").write_text(NORMS)
    (tmp_path / "polar.csv").write_text(POLAR)
    own = {"path": str(tmp_path / "polar.csv"), "columns": {"term": "w", "valence": "v"}, "scale": "vader"}
    return {"norms": str(tmp_path / "norms.txt"), "polar": own}


def test_a_store_of_words_holds_the_statistics(tmp_path: Path, text_corpus, lexicons: dict) -> None:
    corpus = text_corpus(30)
    texts = corpus.table["text"].mask(corpus.table.index == 3, "a bad deed").mask(corpus.table.index == 4, "good cab")
    corpus = replace(corpus, table=corpus.table.assign(text=texts.mask(corpus.table.index == 5)))
    done = extract(corpus, make_backbone("words", lexicons=lexicons), tmp_path / "s", batch_size=4)
    assert (done.made, done.without) == (29, 1)
    vectors, present = done.store.read(corpus.table["id"])
    read = {
        "norms": Lexicon.read(lexicons["norms"]),
        "polar": Lexicon.read(lexicons["polar"]["path"], columns=lexicons["polar"]["columns"], scale="vader"),
    }
    expected = lexicon_statistics(corpus.table["text"], read)
    assert done.store.modality == "words"
    assert done.store.columns == tuple(expected.columns)
    np.testing.assert_array_equal(vectors, expected.to_numpy(np.float32))
    assert present.sum() == 29
    assert vectors[3, done.store.columns.index("norms_valence_low")] == pytest.approx(-0.8)


def test_only_texts_without_a_word_are_unreadable(lexicons: dict) -> None:
    backbone = make_backbone("words", lexicons=lexicons)
    assert not backbone.encode([backbone.load(Item("x", text="zzz"))]).any()
    assert np.isfinite(backbone.encode([backbone.load(Item("x", text="bad deed " * 50_000))])).all()
    for text in ("", "  ", None):
        with pytest.raises(UnreadableItem, match="the text is empty"):
            backbone.load(Item("x", text=text))


def test_the_same_backbone_comes_back_from_the_store(tmp_path: Path, text_corpus, lexicons: dict) -> None:
    backbone = make_backbone("words", lexicons=lexicons, contextual={"neutral_band": 0.25})
    store = extract(text_corpus(5), backbone, tmp_path / "s").store
    written = FeatureStore(store.folder).backbone
    again = remake_backbone(written)
    batch = ["a bad deed", "not good"]
    np.testing.assert_array_equal(again.encode(batch), backbone.encode(batch))
    assert again.settings["contextual"]["neutral_band"] == 0.25
    moved = Path(lexicons["norms"]).rename(tmp_path / "moved.txt")
    with pytest.raises(
        ConfigError, match=r"words:lexicon .* cannot run here: .*norms cannot be read at .*norms.txt .*put it back"
    ):
        remake_backbone(written)
    result = remake_backbone(written, lexicons={"norms": moved, "polar": lexicons["polar"]})
    np.testing.assert_array_equal(result.encode(batch), backbone.encode(batch))
    Path(lexicons["norms"]).write_text(NORMS.replace("-.8", "-.7"))
    with pytest.raises(ConfigError, match="is not the lexicon norms that was used before"):
        remake_backbone(written)
    with pytest.raises(ConfigError, match="computes other vectors now"):
        remake_backbone(written, lexicons={"norms": lexicons["norms"], "polar": lexicons["polar"]})


def test_where_a_lexicon_lies_does_not_matter_but_what_it_holds_does(
    tmp_path: Path, text_corpus, lexicons: dict
) -> None:
    extract(text_corpus(5), make_backbone("words", lexicons=lexicons), tmp_path / "s")
    moved = Path(lexicons["norms"]).rename(tmp_path / "moved.txt")
    again = make_backbone("words", lexicons={**lexicons, "norms": moved})
    assert extract(text_corpus(5), again, tmp_path / "s").kept == 5
    assert "norms.txt" not in json.dumps(again.settings)


def test_wrong_settings(tmp_path: Path, lexicons: dict) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    for settings, message in (
        ({}, "name at least one lexicon: --lexicon glasgow=norms.csv"),
        ({"lexicons": {"my norms": lexicons["norms"]}}, "a lexicon called 'my norms'"),
        ({"lexicons": {"n": {"path": lexicons["norms"], "colour": 1}}}, "lexicon n: unknown colour"),
        ({"lexicons": {"n": {"format": "vader"}}}, "lexicon n: no path"),
        ({"lexicons": {"n": tmp_path / "gone.txt"}}, r"the lexicon n cannot be read at .*gone.txt \(No such file"),
        ({"lexicons": {"n": tmp_path / "bad.csv"}}, "lexicon n: .*'a, b', is none of nrc_vad_1"),
        ({"lexicons": lexicons, "contextual": {"mood": 1}}, "unexpected keyword argument 'mood'"),
        ({"lexicons": lexicons, "mood": 1}, "has no setting 'mood'; its settings are lexicons, contextual"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_backbone("words", **settings)
    with pytest.raises(ConfigError, match="no backbone 'x' for 'words'; 'words' has lexicon"):
        make_backbone("words", "x")


def test_a_corpus_without_texts(tmp_path: Path, media_corpus, lexicons: dict) -> None:
    with pytest.raises(DataError, match="has no words: its column text is empty"):
        extract(media_corpus(tmp_path, audio=["a.wav"]), make_backbone("words", lexicons=lexicons), tmp_path / "s")


def test_words_stand_behind_a_texts_vector(tmp_path: Path, text_corpus, lexicons: dict, tiny_text: Path) -> None:
    plain = make_backbone("text", str(tiny_text))
    both = make_backbone("text", str(tiny_text), lexicons=lexicons, contextual={"neutral_band": 0.25})
    words = make_backbone("words", lexicons=lexicons, contextual={"neutral_band": 0.25})
    assert both.dimension == plain.dimension + words.dimension
    texts = ["a bad deed", "good"]
    facts = both.encode([both.load(Item("x", text=text)) for text in texts])
    alone = plain.encode([plain.load(Item("x", text=text)) for text in texts])
    np.testing.assert_allclose(facts[:, : plain.dimension], alone, atol=1e-6)
    np.testing.assert_array_equal(facts[:, plain.dimension :], words.encode(texts))
    with pytest.raises(UnreadableItem, match="the text is empty"):
        both.load(Item("x", text=" "))
    store = extract(text_corpus(5), both, tmp_path / "s").store
    again = remake_backbone(FeatureStore(store.folder).backbone)
    np.testing.assert_array_equal(again.encode([again.load(Item("x", text="good"))]), facts[1:])
    Path(lexicons["norms"]).write_text(NORMS.replace("-.8", "-.7"))
    with pytest.raises(ConfigError, match="is not the lexicon norms that was used before"):
        remake_backbone(FeatureStore(store.folder).backbone)
