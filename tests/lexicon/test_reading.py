import numpy as np
import pytest

from affectspace.errors import ConfigError, DataError
from affectspace.lexicon import FORMATS, Lexicon

FILES = {
    "nrc_vad_1": "joyful\t1.0\t0.75\t0.5\nnull\t0.25\t0.25\t0.25\ngive in\t0.0\t0.5\t0.0\n",
    "nrc_vad_2": "term\tvalence\tarousal\tdominance\njoyful\t1.0\t0.5\t0.0\nnull\t-.5\t-.5\t-.5\ngive in\t-1\t0\t-1\n",
    "warriner": ",Word,V.Mean.Sum,V.SD.Sum,A.Mean.Sum,A.SD.Sum,D.Mean.Sum\n"
    "1,joyful,9,1.1,7,2,5\n2,null,3,1,3,1,3\n3,give in,1,1,5,1,1\n",
    "glasgow": "Word,Length,Arousal,ArousalSD,ArousalN,Valence,ValenceSD,ValenceN,Dominance,DominanceSD\n"
    "joyful,6,7,1,30,9,1,30,5,1\nnull,4,3,1,30,3,1,30,3,1\ngive in,7,5,1,30,1,1,30,1,1\n",
    "vader": "joyful\t4\t0.5\t[4, 4]\nnull\t-2.0\t0.5\t[-2, -2]\n:-)\t1\t0.2\t[1, 1]\n",
}


@pytest.mark.parametrize("name", list(FILES))
def test_layouts_are_recognised_by_their_first_lines_and_become_canonical(name, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(FILES[name], encoding="utf-8")
    found, named = Lexicon.read(path), Lexicon.read(path, name)
    assert found.terms == named.terms == ("joyful", "null", ":-)" if name == "vader" else "give in")
    if name == "vader":
        assert found.axes == ("valence",)
        np.testing.assert_allclose(found.values[:, 0], [1, -0.5, 0.25])
    else:
        assert found.axes == ("valence", "arousal", "dominance")
        np.testing.assert_allclose(found.values, [[1, 0.5, 0], [-0.5, -0.5, -0.5], [-1, 0, -1]])
    assert found.report.kept == 3
    assert set(FORMATS) == set(FILES)


def test_words_that_look_like_missing_values_are_words(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("null\t0.1\t0.1\t0.1\nnan\t0.2\t0.2\t0.2\nNA\t0.3\t0.3\t0.3\n", encoding="utf-8")
    assert Lexicon.read(path).terms == ("null", "nan", "NA")


def test_the_first_of_duplicates_counts(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("glad\t0.9\t0.5\t0.5\nglad\t0.1\t0.5\t0.5\nGlad\t0.2\t0.5\t0.5\n", encoding="utf-8")
    lexicon = Lexicon.read(path)
    assert lexicon.report.duplicates == 1
    assert lexicon.index == {"glad": 0}
    assert lexicon.values[0, 0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("glad\tnan\t0.5\t0.5", "line 4: valence of 'glad' is 'nan', not a number"),
        ("glad\t0.5\thigh\t0.5", "line 4: arousal of 'glad' is 'high', not a number"),
        ("glad\t0.5\t0.5\t1.5", "line 4: dominance of 'glad' is 1.5, outside 0..1"),
        ("glad\t0.5\t0.5", "line 4: 3 cells, expected a term and valence, arousal, dominance"),
        (" \t0.5\t0.5\t0.5", "line 4: the term is empty"),
    ],
)
def test_a_bad_row_is_left_out_with_its_message_or_is_an_error(row, message, tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text(FILES["nrc_vad_1"] + row + "\n", encoding="utf-8")
    lexicon = Lexicon.read(path, "nrc_vad_1")
    assert len(lexicon) == 3
    assert lexicon.report.problems == (f"{path}: {message}",)
    assert message in lexicon.report.to_text()
    with pytest.raises(DataError, match="correct the row or remove it"):
        Lexicon.read(path, "nrc_vad_1", strict=True)


def test_a_file_on_another_scale_is_an_error_and_not_an_empty_lexicon(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("w,v\n" + "".join(f"word{i},{i}\n" for i in range(9)), encoding="utf-8")
    with pytest.raises(DataError, match=r"line 4: valence of 'word2' is 2, outside -1\.\.1; 7 of 9 rows are bad"):
        Lexicon.read(path, columns={"term": "w", "valence": "v"})


def test_own_table_with_named_columns_in_any_order(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text('d,w,v\n9,"well, then",1\n5,so,5\n', encoding="utf-8")
    lexicon = Lexicon.read(path, columns={"term": "w", "dominance": "d", "valence": "v"}, scale="sam")
    assert lexicon.axes == ("valence", "dominance")
    assert lexicon.terms == ("well, then", "so")
    np.testing.assert_allclose(lexicon.values, [[-1, 1], [0, 0]])


def test_senses_stand_in_for_a_bare_term_that_is_absent(tmp_path):
    rows = ["Word,Arousal,Valence,ValenceSD,Dominance", "seal (animal),5,7,1,5", "seal (close),5,5,1,5"]
    rows += ["aim (goal),5,9,1,5", "aim,5,6,1,5"]
    path = tmp_path / "norms.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    entries = Lexicon.read(path).entries
    assert entries["seal"][0] == pytest.approx(0.25)  # the mean of 0.5 and 0
    assert entries["aim"][0] == pytest.approx(0.25)  # its own


def test_files_and_options_that_cannot_be_read(tmp_path):
    path = tmp_path / "words.csv"
    with pytest.raises(DataError, match="there is no such file"):
        Lexicon.read(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="is empty"):
        Lexicon.read(path)
    path.write_text("a,b\nglad,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="'a, b', is none of nrc_vad_1"):
        Lexicon.read(path)
    with pytest.raises(DataError, match=r"no column 'Word', 'V\.Mean\.Sum'"):
        Lexicon.read(path, "warriner")
    with pytest.raises(ConfigError, match="unknown format 'anew'"):
        Lexicon.read(path, "anew")
    with pytest.raises(ConfigError, match="columns needs term and axes"):
        Lexicon.read(path, columns={"valence": "b"})
    with pytest.raises(ConfigError, match="not both"):
        Lexicon.read(path, "glasgow", columns={"term": "a", "valence": "b"})
    with pytest.raises(ConfigError, match="unknown scale 'likert'"):
        Lexicon.read(path, columns={"term": "a", "valence": "b"}, scale="likert")
    path.write_bytes(b"w,v\ngl\xff\xfed,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        Lexicon.read(path)


def test_real_lexicons(shared_data):
    glasgow = Lexicon.read(shared_data / "lexicons" / "glasgow2019" / "glasgow_norms.csv")
    vader = Lexicon.read(shared_data / "lexicons" / "vader" / "vader_lexicon.txt")
    assert (len(glasgow), glasgow.report.problems) == (5553, ())
    assert vader.axes == ("valence",)
    assert vader.report.problems == ()
    assert np.abs(glasgow.values).max() <= 1
