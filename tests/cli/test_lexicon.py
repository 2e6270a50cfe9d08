import json
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from affectspace.cli.lexicon import app
from affectspace.errors import AffectspaceError
from affectspace.lexicon import Lexicon, score_texts
from affectspace.lexicon.tables import score_table


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


def fails(*arguments):
    result = run(*arguments)
    assert isinstance(result.exception, AffectspaceError), (result.exception, result.output)
    return str(result.exception)


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text(
        "glad\t0.9\t0.6\t0.7\nsad\t0.1\t0.3\t0.2\nnull\t0.4\t0.4\t0.4\nbad row\tx\t1\t1\n", encoding="utf-8"
    )
    return path


@pytest.fixture
def talk(tmp_path):
    path = tmp_path / "talk.csv"
    rng = np.random.default_rng(0)
    rows = [" ".join(rng.choice(["glad", "sad", "null", "tree"], 4)) for _ in range(30)]
    table = pd.DataFrame({"id": [f"{i:03}" for i in range(30)], "who": ["ann", "bob"] * 15, "said": rows})
    table["turn"], table["v"] = np.arange(30)[::-1], rng.normal(size=30).round(3)
    table.to_csv(path, index=False)
    return path


def test_without_a_lexicon_the_list_of_vader_is_used(tmp_path, monkeypatch):
    package = tmp_path / "vaderSentiment"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('it is never imported')\n")
    rows = ("$:\t-1.5\t0.80623\t[-1, -1]", "good\t1.9\t0.9434\t[2, 1]", "sad\t-2.1\t0.94340\t[-2, -2]")
    (package / "vader_lexicon.txt").write_text("\n".join(rows))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "vaderSentiment", raising=False)
    texts = ["a good day", "sad", "der Lappen liegt auf dem Eisschrank"]
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "texts.csv", index=False)
    result = run("score", tmp_path / "texts.csv", "--text", "text", "--out", tmp_path / "scored.csv")
    assert result.exit_code == 0, result.output
    assert "lexicon: VADER (Hutto & Gilbert 2014, MIT licence), valence only, 3 terms" in result.output
    assert "1 row has few known words (column note); are they in another language?" in result.output
    scored = pd.read_csv(tmp_path / "scored.csv")
    np.testing.assert_allclose(scored["valence"], [1.9 / 4, -2.1 / 4, np.nan])
    assert scored["note"].fillna("").tolist() == ["", "", "few known words; another language?"]
    message = fails("score", tmp_path / "texts.csv", "--text", "text", "--scale", "sam", "--out", tmp_path / "x.csv")
    assert message == "--format, --columns and --scale describe the file of --lexicon; give it too"


def test_without_any_lexicon_the_command_is_named(talk, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = fails("score", talk, "--text", "said", "--out", tmp_path / "scored.csv")
    assert "pip install 'affectspace[lexicon]', or give the file of a lexicon with --lexicon" in message


def test_score_a_csv(talk, words, tmp_path):
    out = tmp_path / "out.csv"
    result = run("score", talk, "--text", "said", "--lexicon", words, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.output)
    table = pd.read_csv(out, dtype={"id": str}, keep_default_na=False, na_values={"valence": [""]})
    lexicon = Lexicon.read(words)
    expected = score_texts(table["said"], lexicon)
    np.testing.assert_allclose(table["valence"].to_numpy(dtype=float), expected["valence"])
    assert table["id"].tolist()[:2] == ["000", "001"]
    assert summary["rows"] == 30
    assert summary["with_hit"] == int((expected["numLexTokens"] > 0).sum())
    assert "1 bad rows left out" in summary["lexicon"]
    assert summary["means"]["valence"] == pytest.approx(expected["valence"].mean())
    assert "exists already; use --force" in fails("score", talk, "--text", "said", "--lexicon", words, "--out", out)


def test_score_parquet_in_pieces_equals_the_whole(tmp_path, words):
    texts = ["glad sad", None, "null", "not glad", "x"] * 5
    path = tmp_path / "talk.parquet"
    pd.DataFrame({"said": texts}).to_parquet(path)
    lexicon = Lexicon.read(words)
    score_table(path, tmp_path / "pieces.parquet", lexicon, text="said", method="contextual", chunk=4)
    result = run(
        "score", path, "--text", "said", "--lexicon", words, "--method", "contextual", "--out", tmp_path / "w.parquet"
    )
    assert result.exit_code == 0, result.output
    assert "15 rows have a word of the lexicon" in result.output
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "pieces.parquet"), pd.read_parquet(tmp_path / "w.parquet"))


def test_score_with_own_columns_and_errors(talk, tmp_path, words):
    own = tmp_path / "own.csv"
    own.write_text("w,p\nglad,9\nsad,1\n", encoding="utf-8")
    out = tmp_path / "o.csv"
    given = ("score", talk, "--text", "said", "--lexicon", own, "--out", out)
    assert "none of nrc_vad_1" in fails(*given)
    assert "give the columns and the scale: --columns term=word,valence=v,arousal=a --scale sam" in fails(*given)
    outputs = fails(*given, "--format", "glasgow")
    assert (
        "its columns are w, p: choose the right --format (format=), or give the columns: --columns term=word" in outputs
    )
    assert "write it as term=NAME" in fails(*given, "--columns", "w")
    result = run(*given, "--columns", "term=w,valence=p", "--scale", "sam", "--prefix", "own_")
    assert result.exit_code == 0, result.output
    assert "own_valence" in pd.read_csv(out).columns
    assert "has no column 'text'" in fails("score", talk, "--text", "text", "--lexicon", words, "--out", out)
    again = ("score", out, "--text", "said", "--lexicon", own, "--columns", "term=w,valence=p", "--scale", "sam")
    assert "has columns own_valence" in fails(*again, "--prefix", "own_", "--out", tmp_path / "p.csv")
    assert "line 4: valence" in fails("score", talk, "--text", "said", "--lexicon", words, "--out", out, "--strict")
    number = tmp_path / "n.parquet"
    pd.DataFrame({"said": [1, 2]}).to_parquet(number)
    assert "row 1: 1 is of type int, not a text" in fails(
        "score", number, "--text", "said", "--lexicon", words, "--out", tmp_path / "m.parquet"
    )


def test_dynamics_of_words(talk, words, tmp_path):
    out, stop = tmp_path / "out", tmp_path / "stop.txt"
    stop.write_text("null\n", encoding="utf-8")
    given = ("dynamics", talk, "--text", "said", "--speaker", "who", "--lexicon", words, "--out", out, "--time", "turn")
    result = run(*given, "--window", 3, "--stop-words", stop, "--id", "id")
    assert result.exit_code == 0, result.output
    assert "ann      valence" in result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "left_out.csv",
        "states.csv",
        "summary.csv",
        "trajectory.png",
    ]
    states = pd.read_csv(out / "states.csv", dtype={"utterance": str})
    assert set(states["word"]) == {"glad", "sad"}
    ann = states[(states["speaker"] == "ann") & (states["axis"] == "valence")]
    assert ann["time"].is_monotonic_increasing
    assert "exists already" in fails(*given)
    result = run(*given, "--force", "--json", "--draw", "bob")
    assert {row["speaker"] for row in json.loads(result.output)["speakers"]} == {"ann", "bob"}
    assert "no lexicon" not in result.output


def test_dynamics_of_predictions(talk, tmp_path):
    result = run("dynamics", talk, "--values", "v", "--speaker", "who", "--out", tmp_path / "o", "--home-base", "t")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "o" / "summary.csv")) == 2


def test_dynamics_errors(talk, words, tmp_path):
    given = ("dynamics", talk, "--speaker", "who", "--out", tmp_path / "o")
    assert "give either --text with --lexicon, or --values" in fails(*given)
    assert "give either --text with --lexicon, or --values" in fails(*given, "--lexicon", words)
    assert "has no column 'x'" in fails(*given, "--values", "x")
    assert "unknown home base 'box'" in fails(*given, "--values", "v", "--home-base", "box")
    missing = fails(*given, "--text", "said", "--lexicon", words, "--stop-words", tmp_path / "none.txt")
    assert "cannot be read" in missing
    talk.write_text("who,said\n,glad\n", encoding="utf-8")
    assert "row 1: who is empty" in fails(*given, "--text", "said", "--lexicon", words)
