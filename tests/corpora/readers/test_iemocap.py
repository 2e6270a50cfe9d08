"""The reader of IEMOCAP's official layout, its traps, and its splits by session."""

from pathlib import Path

import numpy as np
import pytest

from affectspace.corpora import Corpus, leakage, read_corpus
from affectspace.corpora.splits import SESSION_SCHEMES
from affectspace.errors import ConfigError, DataError

HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
RATERS = (
    "C-E1:\tAnger;\t()\nC-E2:\tFrustration; Anger;\t(café)\nC-F1:\tNeutral state;\t()\n"
    "A-E1:\tval 2; act 4; dom  4;\t()\nA-E3:\tval ; act 0; dom  5;\t(no valence)\nA-F1:\tval 1; act 5; dom  5;\t()\n\n"
)


def turn(name: str, code: str = "ang", vad: str = "1.5000, 4.0000, 4.5000", raters: str = "") -> str:
    return f"[140.2250 - 145.6000]\t{name}\t{code}\t[{vad}]\n{raters}"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))


@pytest.fixture
def iemocap(tmp_path: Path) -> Path:
    root = tmp_path / "IEMOCAP_full_release"
    for session in range(1, 6):
        for scenario in ("F_impro01", "M_impro02", "F_script01_1", "M_script02_2", "F_script03_1"):
            dialogue = f"Ses{session:02d}{scenario}"
            names = [f"{dialogue}_F000", f"{dialogue}_M000"]
            dialog = root / f"Session{session}" / "dialog"
            write(
                dialog / "EmoEvaluation" / f"{dialogue}.txt",
                HEAD + turn(names[0], raters=RATERS) + turn(names[1], "xxx", "5.5000, 0.5000, 3.0000"),
            )
            write(dialog / "EmoEvaluation" / f"._{dialogue}.txt", "\x00\x05debris")
            source = scenario[2:] if "script" in scenario else dialogue
            spoken = [f"{name} [006.2901-008.2357]: Café of {source}, {name[-4]}." for name in names]
            unlabelled = [f"{dialogue}_MXX0 [001.0000-002.0000]: Hm.", "M: overheard"]
            write(dialog / "transcriptions" / f"{dialogue}.txt", "\n".join([*spoken, *unlabelled]) + "\n")
            write(root / f"Session{session}" / "sentences" / "wav" / dialogue / f"{names[0]}.wav", "")
            write(root / f"Session{session}" / "sentences" / "wav" / dialogue / f"._{names[1]}.wav", "")
            write(dialog / "avi" / "DivX" / f"{dialogue}.avi", "")
    return root


@pytest.fixture
def corpus(iemocap: Path) -> Corpus:
    return read_corpus("iemocap", iemocap.parent)


def test_utterances(corpus: Corpus, iemocap: Path) -> None:
    table = corpus.table.set_index("id")
    assert len(table) == 50
    woman = table.loc["Ses01M_impro02_F000"]
    assert (woman["person"], woman["gender"], woman["half"]) == ("Ses01F", "female", "right")
    assert table.loc["Ses01M_impro02_M000", "half"] == "left"
    assert table.loc["Ses03F_script01_1_M000", "person"] == "Ses03M"
    assert table["person"].nunique() == 10
    assert (woman["session"], woman["dialogue"], woman["scenario"]) == ("Ses01", "Ses01M_impro02", "impro02")
    assert (woman["start"], woman["end"]) == (140.225, 145.6)
    assert woman["text"] == "Café of Ses01M_impro02, F."
    assert woman["emotion"] == "anger"
    assert woman[["valence", "arousal", "dominance"]].tolist() == [-0.75, 0.5, 0.75]
    man = table.loc["Ses01M_impro02_M000"]
    assert man[["valence", "arousal", "dominance"]].tolist() == [1.25, -1.25, 0]
    assert man["code"] == "xxx"
    assert man["emotion"] != man["emotion"]
    assert woman["audio"] == "Session1/sentences/wav/Ses01M_impro02/Ses01M_impro02_F000.wav"
    assert woman["video"] == "Session1/dialog/avi/DivX/Ses01M_impro02.avi"
    assert woman["cut"] == "video"
    assert table["audio"].notna().sum() == 25
    assert corpus.media == iemocap
    assert corpus.report.left_out == {"a transcript without labels": 25}
    assert "50 values outside the nominal 1..5 (0.5 or 5.5) kept" in corpus.report.notes


def test_raters(corpus: Corpus) -> None:
    ratings = corpus.ratings
    assert ratings is not None
    one = ratings[ratings["id"] == "Ses01F_impro01_F000"].set_index("rater")
    assert list(one.index) == ["E1", "E2", "F1", "E3"]
    assert one["own"].tolist() == [False, False, True, False]
    assert one.loc["E1", ["emotion", "valence", "arousal", "dominance"]].tolist() == ["anger", -0.5, 0.5, 0.5]
    assert one.loc["E2", ["emotion", "vote"]].tolist() == ["frustration", "Frustration; Anger"]
    assert np.isnan(one.loc["E2", "valence"])
    assert np.isnan(one.loc["E3", "valence"])
    assert one.loc["E3", "arousal"] == -1.5
    assert len(ratings) == 25 * 4
    assert "25 values of single raters outside the nominal 1..5 kept" in corpus.report.notes


def test_sessions_are_tested(corpus: Corpus) -> None:
    split = corpus.split("session5")
    sessions = corpus.table["session"]
    assert set(sessions[split == "test"]) == {"Ses05"}
    assert set(sessions[split == "validation"]) == {"Ses04"}
    assert split.equals(corpus.split("loso", fold=4))
    assert set(corpus.split("session5", fractions=(0.8, 0, 0.2))) == {"train", "test"}
    for fold in range(5):
        split = corpus.split("loso", fold=fold)
        assert set(sessions[split == "test"]) == {f"Ses0{fold + 1}"}
        assert set(leakage(corpus.table, split)) == {"text"}  # scripts are spoken in every session
        improvised = corpus.split("loso_improvised", fold=fold)
        assert improvised.isna().equals(~corpus.table["improvised"])
        assert leakage(corpus.table, improvised) == {}
    assert "30 scripted rows are in no part" in improvised.attrs["notes"]


def test_no_script_is_in_two_parts(corpus: Corpus) -> None:
    tested = set()
    for fold in range(5):
        split = corpus.split("script_independent", fold=fold)
        assert leakage(corpus.table, split) == {}
        scripts = corpus.table["scenario"].where(~corpus.table["improvised"])
        assert scripts[split == "validation"].isna().all()
        assert scripts[split == "train"].nunique() == 2
        tested |= set(scripts[split == "test"].dropna())
    assert tested == {"script01_1", "script02_2", "script03_1"}


def test_impossible_splits(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="'loso' needs fold=, the session that is tested, from 0 to 4; it is None"):
        corpus.split("loso")
    with pytest.raises(ConfigError, match="'session5' takes no fold"):
        corpus.split("session5", fold=1)
    with pytest.raises(DataError, match="2 sessions are too few for 'session5'; it needs 3"):
        corpus.where("session in ('Ses01', 'Ses02')").split("session5")
    with pytest.raises(DataError, match="has 0 scripts"):
        corpus.where("scenario == 'impro01'").split("script_independent", fold=0)
    described = corpus.describe()["splits"]
    assert set(described) == {"person", "random", *SESSION_SCHEMES} - {"loso"}
    assert described["script_independent"]["shared"] == {}
    assert described["session5"]["shared"]["text"]["train/test"] == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (turn("Ses01F_impro01_F000", vad="6.0, 3.0, 3.0"), "row Ses01F_impro01_F000: valence is 6, outside 0.5..5.5"),
        (turn("Ses01F_impro01_F000", "joy"), "row Ses01F_impro01_F000: unknown emotion 'joy'"),
        (turn("Ses01F_impro07_F000"), "line 3: 'Ses01F_impro07_F000' is not an utterance of Ses01F_impro01"),
        (turn("Ses01F_impro01_F000").replace("\t", " "), r"line 3: .* is not \[START - END\]"),
        (turn("Ses01F_impro01_F000", vad="a, b, c"), "line 3: could not convert"),
        ("C-E1:\tAnger;\t()\n", "line 3: a rating before any utterance"),
        (turn("Ses01F_impro01_F000", raters="A-E1:\tval two;\n"), "line 4: .* is neither C-<rater>"),
        ("", "no utterance in 1 files"),
    ],
)
def test_wrong_lines(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt", HEAD + text)
    with pytest.raises(DataError, match=message):
        read_corpus("iemocap", tmp_path)
