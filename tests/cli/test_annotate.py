import errno
import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from affectspace.affect import scale
from affectspace.annotation import AnnotationTransfer
from affectspace.annotation.tables import fit_table, label_table, sample_table
from affectspace.cli import app as program
from affectspace.cli.annotate import app
from affectspace.errors import AffectspaceError, DataWarning
from affectspace.tables import blocks as tables


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


def fails(*arguments):
    """The message of the error that the command line prints."""
    result = run(*arguments)
    assert isinstance(result.exception, AffectspaceError), (result.exception, result.output)
    return str(result.exception)


@pytest.fixture
def names(tmp_path) -> Path:
    path = tmp_path / "names.csv"
    rows = ["id,emotion,note", '007,Happy,"a, ""quoted"" cell"', "008,anger,1.50", "009,,NA", "010,SAD,"]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def rated(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    emotions = rng.choice(["happy", "sad", "fear"], 500)
    centre = pd.Series(emotions).map({"happy": 7, "sad": 3, "fear": 4.5}).to_numpy()
    table = pd.DataFrame({"emotion": emotions, "v": centre + rng.normal(size=500) * 0.4, "a": rng.uniform(1, 9, 500)})
    path = tmp_path / "rated.csv"
    table.to_csv(path, index=False)
    return path


def test_sample_keeps_rows_and_cells_as_they_were(names, tmp_path):
    out = tmp_path / "out.csv"
    result = run("sample", names, "--out", out, "--levels", "--seed", 3)
    assert result.exit_code == 0, result.output
    old = names.read_text().splitlines()
    new = out.read_text().splitlines()
    assert [line.startswith(before) for line, before in zip(new, old, strict=True)] == [True] * 5
    table = pd.read_csv(out)
    assert list(table.columns[3:]) == ["valence", "arousal", "valence_level", "arousal_level", "label_kind"]
    assert table["label_kind"].isna().tolist() == [False, False, True, False]
    assert table["valence"].isna().tolist() == [False, False, True, False]
    expected = AnnotationTransfer.reference("affectnet").sample(["happiness", "anger", None, "sadness"], 3)
    np.testing.assert_allclose(table[["valence", "arousal"]].to_numpy(), expected)
    assert "happiness" in result.output
    assert "(no emotion)" in result.output
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("distribution", ["uniform", "gaussian"])
def test_the_size_of_the_pieces_does_not_matter(tmp_path, kind, distribution):
    emotions = np.random.default_rng(0).choice(["fear", "anger", "happy"], 1_000)
    source = tmp_path / f"in.{kind}"
    table = pd.DataFrame({"emotion": emotions, "n": np.arange(1_000)})
    table.to_parquet(source) if kind == "parquet" else table.to_csv(source, index=False)
    transfer = AnnotationTransfer.reference("affectnet", distribution=distribution)
    read = pd.read_parquet if kind == "parquet" else pd.read_csv
    results = []
    for chunk in (70, 400, 10_000):
        sampled, labelled = tmp_path / f"s{chunk}.{kind}", tmp_path / f"l{chunk}.{kind}"
        sample_table(source, sampled, transfer, seed=5, chunk=chunk)
        columns = {"valence": "valence", "arousal": "arousal"}
        label_table(sampled, labelled, transfer, columns=columns, prefix="new_", chunk=chunk)
        fitted, _ = fit_table(sampled, columns=columns, chunk=chunk)
        results.append((read(labelled), fitted))
    for frame, fitted in results[1:]:
        pd.testing.assert_frame_equal(results[0][0], frame)
        np.testing.assert_allclose(results[0][1].covariances_, fitted.covariances_, rtol=1e-9)
    np.testing.assert_array_equal(results[0][0]["n"], np.arange(1_000))


def test_parquet_keeps_its_types(tmp_path):
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pd.DataFrame({"emotion": pd.Categorical(["fear", None]), "n": np.array([1, 2], dtype=np.int8)})
    table.to_parquet(source)
    assert run("sample", source, "--out", out, "--levels").exit_code == 0
    back = pd.read_parquet(out)
    assert back["n"].dtype == np.int8
    assert back["valence"].isna().tolist() == [False, True]
    assert back["label_kind"].isna().tolist() == [False, True]
    assert back["valence_level"].isna().tolist() == [False, True]


def test_fit_then_use(rated, tmp_path):
    transfer, out = tmp_path / "t.json", tmp_path / "out.csv"
    result = run("fit", rated, "--valence", "v", "--arousal", "a", "--scale", "sam", "--out", transfer, "--json")
    assert result.exit_code == 0, result.output
    assert sum(json.loads(result.output)["counts"].values()) == 500
    table = pd.read_csv(rated)
    fitted = AnnotationTransfer.from_json(transfer)
    native = scale("sam").select(("valence", "arousal")).to_canonical(table[["v", "a"]])
    names = table["emotion"].map({"happy": "happiness", "sad": "sadness", "fear": "fear"})
    direct = AnnotationTransfer().fit(native, names.to_numpy(dtype=object))
    np.testing.assert_allclose(fitted.covariances_, direct.covariances_)
    arguments = ("--valence", "v", "--arousal", "a", "--scale", "sam", "--transfer", transfer, "--prefix", "p_")
    result = run("label", rated, *arguments, "--assignment", "mahalanobis", "--abstain", 0.6, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    labelled = pd.read_csv(out, keep_default_na=False)
    assert (labelled["p_emotion"] == names).mean() > 0.8
    assert (labelled["p_emotion"] == "").sum() == json.loads(result.output)["left_out"]["abstained"] > 0
    assert "exists already; use --force" in fails("label", rated, *arguments, "--out", out)
    assert run("label", rated, *arguments, "--out", out, "--force").exit_code == 0
    assert "exists already" in fails("fit", rated, "--valence", "v", "--arousal", "a", "--out", transfer)


def test_fit_leaves_out_and_counts(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("emotion,valence,arousal\nfear,0.1,0.2\n,0.1,0.2\nfear,,0.3\nfear,0.3,0.1\njoy,0.5,0.5\n")
    transfer, summary = fit_table(path, columns={"valence": "valence", "arousal": "arousal"})
    assert summary.left_out == {"no emotion": 1, "no value": 1}
    assert summary.counts == {"fear": 2, "happiness": 1}
    assert "cannot be sampled" in " ".join(summary.notes)
    assert np.isnan(transfer.deviations_[1]).all()
    kept, _ = fit_table(path, columns={"valence": "valence", "arousal": "arousal"}, as_is=True)
    assert kept.classes_.tolist() == ["fear", "joy"]
    document = tmp_path / "t.json"
    kept.to_json(document)
    assert "had a single row in the fit" in fails(
        "sample", path, "--transfer", document, "--prefix", "p_", "--out", tmp_path / "o.csv"
    )
    assert not (tmp_path / "o.csv.partial").exists()


def test_labels_file(tmp_path):
    path, out = tmp_path / "labels.json", tmp_path / "out.csv"
    path.write_text(json.dumps({"001_00000": [7, 1], "001_00001": [-6, -3], "002_00000": [0, 0]}))
    assert run("label", path, "--scale", "afew_va", "--out", out).exit_code == 0
    table = pd.read_csv(out)
    assert table["id"].tolist() == ["001_00000", "001_00001", "002_00000"]
    assert table["valence"].tolist() == [7, -6, 0]
    assert table["emotion"].tolist() == ["happiness", "sadness", "neutral"]
    assert table["probability"].between(1 / 7, 1).all()
    path.write_text(json.dumps({"001_00000": [7, 11]}))
    assert "row 1: arousal is 11, outside -10..10" in fails(
        "label", path, "--scale", "afew_va", "--out", out, "--force"
    )
    for content, message in (
        ("[1]", "expected an object"),
        ('{"a": 1}', "for every key"),
        ('{"a": [1, "b"]}', "'a': expected"),
    ):
        path.write_text(content)
        assert message in fails("label", path, "--out", tmp_path / "o.csv")


def test_labels_file_in_another_order(tmp_path):
    (tmp_path / "va.json").write_text('{"x": [7, -3]}')
    (tmp_path / "av.json").write_text('{"x": [-3, 7]}')
    outs = [tmp_path / "va.csv", tmp_path / "av.csv"]
    assert run("label", tmp_path / "va.json", "--scale=-10:10", "--out", outs[0]).exit_code == 0
    assert (
        run("label", tmp_path / "av.json", "--scale=-10:10", "--axes", "arousal,valence", "--out", outs[1]).exit_code
        == 0
    )
    emotions = [pd.read_csv(out)[["emotion", "probability"]] for out in outs]
    pd.testing.assert_frame_equal(*emotions)


def test_centres_only_have_no_probability(tmp_path):
    path, out = tmp_path / "x.csv", tmp_path / "o.csv"
    path.write_text("valence,arousal,dominance\n0.8,0.5,0.5\n")
    reference = ("--reference", "russell_mehrabian_1977")
    assert run("label", path, *reference, "--dominance", "dominance", "--out", out).exit_code == 0
    assert list(pd.read_csv(out).columns) == ["valence", "arousal", "dominance", "emotion"]
    two = run("label", path, *reference, "--out", tmp_path / "two.csv")
    assert two.exit_code == 0, two.output
    assert pd.read_csv(tmp_path / "two.csv")["emotion"].tolist() == ["happiness"]
    assert "dominance of the transfer is not used; if the table has it, name its column with --dominance" in two.stderr
    assert "These centres describe words" in two.stderr
    affectnet = ("label", path, "--dominance", "dominance", "--out", tmp_path / "p.csv")
    assert "leave out dominance, or use another transfer" in fails(*affectnet)


@pytest.fixture
def people(tmp_path) -> Path:
    """Ratings of 40 people with four overlapping emotions of unequal frequency, and outliers."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(40), 20)
    emotions = rng.choice(["happy", "sad", "fear", "neutral"], 800, p=[0.3, 0.15, 0.1, 0.45])
    centres = pd.DataFrame({"happy": (0.5, 0.2), "sad": (-0.4, -0.2), "fear": (-0.4, 0.5), "neutral": (0, 0)})
    values = centres[emotions].T.to_numpy() + rng.normal(size=(40, 2))[who] * 0.2 + rng.standard_t(3, (800, 2)) * 0.15
    table = pd.DataFrame(values.clip(-1, 1), columns=["valence", "arousal"])
    path = tmp_path / "people.csv"
    table.assign(emotion=emotions, speaker=[f"p{number}" for number in who]).to_csv(path, index=False)
    return path


def test_probabilities_are_right_as_often_as_they_say(people, tmp_path):
    judged = {}
    for name, arguments in {"reference": (), "folds": ("--folds",)}.items():
        result = run("evaluate", people, *arguments, "--out", tmp_path / name, "--json")
        assert result.exit_code == 0, result.output
        judged[name] = json.loads(result.stdout)["reliability"]
        assert {file.name for file in (tmp_path / name).iterdir()} == {
            f"reliability.{kind}" for kind in ("png", "pdf", "json")
        }
    assert judged["reference"]["stated"] - judged["reference"]["accuracy"] > 0.2
    assert abs(judged["folds"]["stated"] - judged["folds"]["accuracy"]) < 0.04
    assert judged["folds"]["error"] < 0.06 < judged["reference"]["error"]
    assert judged["folds"]["accuracy"] > judged["reference"]["accuracy"]
    assert judged["folds"]["people"] == 40
    assert judged["folds"]["accuracy_low"] < judged["folds"]["accuracy"] < judged["folds"]["accuracy_high"]
    transfer = tmp_path / "t.json"
    shown = run("fit", people, "--out", transfer).output
    assert "stated probabilities, out of fold: 800 rows" in shown
    fitted = AnnotationTransfer.from_json(transfer)
    assert (fitted.priors, fitted.note_) == ("counts", "")
    assert (
        "another corpus"
        not in run("label", people, "--transfer", transfer, "--prefix", "p_", "--out", tmp_path / "o.csv").stderr
    )
    assert run("fit", people, "--no-calibrate", "--out", transfer, "--force").exit_code == 0
    plain = AnnotationTransfer.from_json(transfer)
    assert (plain.assignment, plain.priors, plain.temperature) == ("euclidean", None, 1.0)
    assert "not calibrated" in plain.note_
    assert "leave out --transfer, or --folds" in fails("evaluate", people, "--folds", "--transfer", transfer)
    assert "the column" not in fails("evaluate", people, "--person", "nobody")
    assert "has no column 'nobody'" in fails("evaluate", people, "--person", "nobody")


def test_a_scale_of_which_half_is_never_used_is_named(people, tmp_path):
    table = pd.read_csv(people)
    table["arousal"] = (table["arousal"] + 1) / 2
    table.to_csv(people, index=False)
    shown = run("label", people, "--prefix", "p_", "--out", tmp_path / "o.csv").stderr
    assert "arousal uses only the upper half of the scale 'canonical' (-1:1)" in shown
    assert "use --scale omg" in shown
    fitting = run("label", people, "--scale", "omg", "--prefix", "p_", "--out", tmp_path / "p.csv")
    assert "half" not in fitting.stderr
    assert fitting.stderr.count("another corpus") == 1
    table["arousal"] = 1 - 3 * table["arousal"]  # 1 is the highest value, -2 the lowest
    table.to_csv(people, index=False)
    shown = run("evaluate", people, "--scale=-1:1,-2:4").stderr
    assert "uses only the lower half" in shown
    assert "use --axes valence,arousal --scale=-1:1,-2:1" in shown


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("a,b\n1,2\n", (), "has no column 'emotion'; it has a, b: choose one with --emotion"),
        ("emotion\n", (), "has no rows"),
        ("", (), "cannot be read: it is empty"),
        ("emotion\nfear\nhapy\n", (), "row 2: unknown emotion 'hapy'; did you mean 'happy'"),
        ("emotion\nfear\nbored\n", (), "row 2: the transfer has no ellipse for 'boredom' (written 'bored')"),
        ("emotion,valence\nfear,1\n", (), "already has columns valence; give"),
        (
            "emotion,x\nfear,1,2\n",
            (),
            "in.csv: line 2 has 3 fields, the first line 2; give every row the same number of fields",
        ),
        ("emotion,x\nfear,1,2\nfear,1\n", (), "in.csv: line 2 has 3 fields, the first line 2; give"),
        (
            "emotion,x\nfear,1\nfear,1,2\n",
            (),
            "in.csv: line 3 has 3 fields, the first line 2",
        ),
        ("emotion,x\nfear,1\nfear\n", (), "line 3 has 1 fields, the first line 2; give every row"),
        ("emotion,x,x\nfear,1,2\n", (), "two columns are called 'x'; rename one"),
        ("x,emotion,emotion\n1,fear,joy\n", (), "two columns are called 'emotion'; rename one"),
        ("\0" * 9_000, (), "this is no text"),
        ("emotion\n" + "z" * 900 + "\n", (), "row 1: unknown emotion '" + "z" * 59 + "...; known are"),
        ("emotion\nfear\n", ("--reference", "x"), "unknown reference 'x'"),
        (
            "emotion\nfear\n",
            ("--reference", "russell_mehrabian_1977"),
            "reference russell_mehrabian_1977 has no deviations, so",
        ),
        ("emotion\nfear\n", ("--spelling", "x"), "unknown spelling of emotions 'x'"),
        ("emotion\nfear\n", ("--distribution", "x"), "distribution is 'x'"),
    ],
)
def test_bad_tables_to_sample(tmp_path, content, arguments, message):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(content)
    message_shown = fails("sample", path, "--out", out, *arguments)
    assert message in message_shown
    assert "\n" not in message_shown
    assert len(message_shown) < 500
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv"]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (
            "valence,arousal\n0,0\n0,1.5\n",
            (),
            "row 2: arousal is 1.5, outside -1..1, the range of the scale 'canonical'",
        ),
        (
            "v,a\n0,0\n0,1.5\n",
            ("--valence", "v", "--arousal", "a"),
            "row 2: a is 1.5, outside -1..1, the range of the scale 'canonical'",
        ),
        ("v,a\n0,0\n0,high\n", ("--valence", "v", "--arousal", "a"), "row 2: a is 'high', which is not a number"),
        ("valence,arousal\n0,0\n0,high\n", (), "row 2: arousal is 'high', which is not a number"),
        ("valence,arousal\n0," + "h" * 900 + "\n", (), "row 1: arousal is '" + "h" * 59 + "..., which is not a number"),
        ("valence,arousal\n0,True\n", (), "row 1: arousal is 'True', which is not a number"),
        ("valence\n0\n", (), "has no column 'arousal'; it has valence: choose one with --arousal"),
        ("valence,arousal\n0,0\n", ("--scale", "x"), "unknown scale 'x'; give"),
        ("valence,arousal\n0,0\n", ("--scale", "mosi"), "scale 'mosi' has no valence, arousal"),
    ],
)
def test_bad_tables_to_label(tmp_path, content, arguments, message):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text(content)
    assert message in fails("label", path, "--out", out, *arguments)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv"]


def test_row_numbers_count_on_over_the_pieces(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("emotion\n" + "fear\n" * 10 + "feer\n")
    with pytest.raises(AffectspaceError, match="row 11: unknown emotion 'feer'"):
        sample_table(path, tmp_path / "o.csv", AnnotationTransfer.reference("affectnet"), chunk=3)


def test_files_that_cannot_be(names, tmp_path):
    assert "there is no such file" in fails("sample", tmp_path / "none.csv", "--out", tmp_path / "o.csv")
    assert "the same kind as the input" in fails("sample", names, "--out", tmp_path / "o.parquet")
    assert "write the table as .csv" in fails("sample", names, "--out", tmp_path / "o.xlsx")
    odd = shutil.copy(names, tmp_path / "names.doc")
    assert "a table is a .csv" in fails("sample", odd, "--out", tmp_path / "o.csv")
    (tmp_path / "bad.parquet").write_text("x")
    assert "bad.parquet: cannot be read" in fails("sample", tmp_path / "bad.parquet", "--out", tmp_path / "o.parquet")


def test_a_table_below_a_file_is_one_error(names):
    before = names.read_bytes()
    outputs = fails("sample", names, "--out", names / "x.csv")
    assert "cannot write" in outputs
    assert "Not a directory" in outputs
    assert names.read_bytes() == before


def test_other_encodings_become_utf8(tmp_path):
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        (tmp_path / "in.csv").write_bytes("emotion;x\nfear;\u00e9\n".encode(encoding))
        with pytest.warns(DataWarning) if encoding == "latin-1" else nullcontext():
            result = run("sample", tmp_path / "in.csv", "--out", tmp_path / "o.csv", "--force")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()[1].startswith("fear,\u00e9,-0.")


def test_flags_and_times_are_no_numbers(tmp_path):
    for values, message in (
        ([True, False], "column 'valence' holds true and false, not numbers"),
        (pd.to_datetime(["2001-01-01", "2001-01-02"]), "column 'valence' does not hold numbers"),
    ):
        pd.DataFrame({"valence": values, "arousal": [0.0, 0.5]}).to_parquet(tmp_path / "in.parquet")
        assert message in fails("label", tmp_path / "in.parquet", "--out", tmp_path / "o.parquet")


def test_help_keeps_its_brackets(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(program, ["annotate", "label", "--help"]).output
    assert "key -> [valence, arousal]." in " ".join(shown.split())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_full_disk_leaves_nothing(names, tmp_path, monkeypatch, kind):
    source, out = names, tmp_path / f"out.{kind}"
    if kind == "parquet":
        source = tmp_path / "names.parquet"
        pd.read_csv(names).to_parquet(source)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tables.pq.ParquetWriter if kind == "parquet" else pd.DataFrame
    monkeypatch.setattr(target, "write_table" if kind == "parquet" else "to_csv", full)
    assert "cannot write" in (message := fails("sample", source, "--out", out))
    assert "No space left on device; the partial file has been removed" in message
    assert not out.exists()
    assert not Path(f"{out}.partial").exists()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot(tmp_path, suffix):
    out = tmp_path / f"figure.{suffix}"
    assert run("plot", "--out", out).exit_code == 0
    assert out.stat().st_size > 5_000
    assert "exists already" in fails("plot", "--out", out)


def test_figures_that_cannot_be(tmp_path):
    assert "as .png, .svg or .pdf" in fails("plot", "--out", tmp_path / "figure.txt")
    (tmp_path / "file").write_text("")
    assert "cannot write" in fails("plot", "--out", tmp_path / "file" / "figure.svg")


def test_imfdb_to_points(shared_data, tmp_path):
    out = tmp_path / "imfdb.csv"
    result = run(
        "sample", shared_data / "imfdb" / "index.csv", "--spelling", "imfdb", "--levels", "--out", out, "--json"
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.output)
    assert summary["rows"] == sum(summary["counts"].values()) == 29_671
    table = pd.read_csv(out, keep_default_na=False)
    transfer = AnnotationTransfer.reference("affectnet")
    points = table[["valence", "arousal"]].to_numpy(dtype=float)
    for name, rows in table.groupby(table["emotion"].str.lower()).indices.items():
        k = transfer.classes_.tolist().index(name)
        unit = (points[rows] - transfer.centres_[k]) / transfer.deviations_[k]
        assert (unit**2).sum(axis=1).max() <= 1
    assert (table["valence_level"].astype(int) - 10 * points[:, 0]).abs().max() <= 0.5


def test_afew_va_to_emotions(shared_data, tmp_path):
    out = tmp_path / "afew.parquet"
    result = run("label", shared_data / "afew_va" / "labels.json", "--scale", "afew_va", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    assert sum(json.loads(result.stdout)["counts"].values()) == 30_051
    table = pd.read_parquet(out)
    transfer = AnnotationTransfer.reference("affectnet")
    points = table[["valence", "arousal"]].to_numpy() / 10
    distance = np.linalg.norm(points[:, None] - transfer.centres_, axis=2)
    np.testing.assert_array_equal(table["emotion"], transfer.classes_[distance.argmin(axis=1)])


def test_labels_and_unknown_words(tmp_path: Path) -> None:
    table, labels, out = tmp_path / "t.csv", tmp_path / "map.yaml", tmp_path / "out.csv"
    table.write_text("emotion\nlove\njoy\npride\nawe\nawe\n")
    labels.write_text("love: happiness\npride: skip\n")
    refused = run("sample", table, "--out", out, "--labels", labels)
    assert "row 4: unknown emotion 'awe'" in str(refused.exception)
    ended = run("sample", table, "--out", out, "--labels", labels, "--unknown", "skip")
    assert ended.exit_code == 0
    assert "unknown emotions that were skipped: awe (2): 2" in ended.output
    assert [line.split(",")[-1] for line in out.read_text().splitlines()[1:]] == [
        "transferred",
        "transferred",
        "",
        "",
        "",
    ]


def test_rows_that_are_not_selected_get_empty_cells(tmp_path: Path) -> None:
    table, out, all_rows = tmp_path / "t.csv", tmp_path / "out.csv", tmp_path / "all.csv"
    table.write_text("emotion,split,age\njoy,train,30\nno word,test,30\nanger,train,60\n,train,20\n")
    ended = run("sample", table, "--out", out, "--where", "split == 'train' and age < 50")
    assert ended.exit_code == 0, ended.output
    assert "(not selected)" in ended.output
    values = [line.split(",")[3:] for line in out.read_text().splitlines()[1:]]
    assert [row[-1] for row in values] == ["transferred", "", "", ""]
    table.write_text("emotion,split,age\njoy,train,30\n,test,30\nanger,train,60\n,train,20\n")
    assert run("sample", table, "--out", all_rows).exit_code == 0
    assert (
        all_rows.read_text().splitlines()[1].split(",")[3:] == values[0]
    )  # a row's point does not depend on the others
    assert "spilt" in fails("sample", table, "--out", tmp_path / "x.csv", "--where", "spilt == 'a'")


def test_own_labels_come_before_the_classes_of_the_ellipses(tmp_path: Path) -> None:
    table, labels, out = tmp_path / "t.csv", tmp_path / "map.yaml", tmp_path / "out.csv"
    table.write_text("emotion\nneutral\nHappy\nanger\n")
    labels.write_text("neutral: skip\nanger: skip\n")
    assert run("sample", table, "--out", out, "--labels", labels).exit_code == 0
    assert [line.split(",")[-1] for line in out.read_text().splitlines()[1:]] == ["", "transferred", ""]


def test_rows_are_selected_by_our_names_of_emotions(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out.csv"
    table.write_text("emotion\nneutral\nHappy\nanger\n")
    assert run("sample", table, "--out", out, "--where", "emotion == 'happiness'").exit_code == 0
    assert [line.split(",")[-1] for line in out.read_text().splitlines()[1:]] == ["", "transferred", ""]
