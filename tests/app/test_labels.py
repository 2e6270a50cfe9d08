"""`/v1/annotate`: both directions on tables of every kind, and clear answers to bad ones."""

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from affectspace import AnnotationTransfer
from affectspace.app import work
from affectspace.app.answers import Refusal
from affectspace.app.labels import DRAWN, SHOWN, Labelling, describe_table, label_upload
from affectspace.tables.reading import read_table

NAMED = "id,feeling,said\n1,happy,=1+1\n2,sad,b\n3,,c\n4,Angry,d\n"
RATED = "id,V,A\n" + "".join(f"{row},{1 + row % 7},{7 - row % 6}\n" for row in range(700))


def post(service, content, name="my table.csv", path="/v1/annotate", **fields):
    content = content.encode() if isinstance(content, str) else content
    return service.post(path, files={"file": (name, content)}, data=fields)


def refused(answer, *words, status=422):
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]["message"]
    assert "/" not in message.replace("n/a", ""), message  # no path of the server
    for word in words:
        assert word in message
    return message


def as_file(frame: pd.DataFrame, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".parquet":
        frame.to_parquet(out)
    elif suffix == ".xlsx":
        frame.to_excel(out, index=False)
    elif suffix == ".jsonl":
        frame.to_json(out, orient="records", lines=True)
    else:
        frame.to_csv(out, index=False, sep="\t" if suffix == ".tsv" else ",")
    return out.getvalue()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_emotions_get_values_from_tables_of_every_kind(client, suffix: str) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "feeling": ["happy", "sad", "Angry"]})
    answer = post(client(), as_file(frame, suffix), f"a{suffix}", direction="to_values", emotion="feeling", seed="3")
    assert answer.status_code == 200, answer.text
    content = answer.json()
    table = pd.read_csv(io.StringIO(content["csv"]))
    assert table["id"].tolist() == [1, 2, 3]
    assert content["columns"] == list(table.columns)
    expected = AnnotationTransfer.reference("affectnet").sample(["happiness", "sadness", "anger"], 3)
    assert table[["valence", "arousal"]].to_numpy() == pytest.approx(expected)
    assert content["counts"]["anger"] == 1
    assert content["count"] == 3
    drawn = [(point["row"], point["emotion"]) for point in content["figure"]["points"]]
    assert drawn == [(1, "happiness"), (2, "sadness"), (3, "anger")]


def test_values_get_emotions_with_the_rows_and_points_that_are_shown(client) -> None:
    answer = post(client(), RATED, direction="to_emotions", valence="V", arousal="A", scale="1:7").json()
    table = pd.read_csv(io.StringIO(answer["csv"]))
    transfer = AnnotationTransfer.reference("affectnet")
    points = (table[["V", "A"]].to_numpy() - 4) / 3
    assert table["emotion"].tolist() == transfer.predict(points).tolist()
    assert table["probability"].to_numpy() == pytest.approx(transfer.predict_proba(points).max(axis=1))
    assert len(answer["rows"]) == SHOWN
    assert 300 < len(answer["figure"]["points"]) <= DRAWN
    some = answer["figure"]["points"][1]
    assert [some["valence"], some["arousal"]] == pytest.approx(points[some["row"] - 1], abs=1e-4)
    assert {one["name"] for one in answer["figure"]["emotions"]} == set(transfer.classes_)


def test_dominance_and_centres_of_the_other_reference(client) -> None:
    table = "v,a,d\n0.8,0.5,0.5\n-0.6,0.6,-0.4\n"
    fields = {"direction": "to_emotions", "valence": "v", "arousal": "a", "dominance": "d"}
    answer = post(client(), table, reference="russell_mehrabian_1977", **fields).json()
    assert [row[-1] for row in answer["rows"]] == ["happiness", "fear"]
    assert answer["figure"]["emotions"][0]["valence_sd"] is None


def test_cells_are_safe_for_spreadsheets_only_on_request(client) -> None:
    service = client()
    plain, safe = (
        post(service, NAMED, direction="to_values", emotion="feeling", safe_csv=flag).json()["csv"]
        for flag in ("false", "true")
    )
    assert ",=1+1," in plain
    assert ",'=1+1," in safe


def test_notes_count_what_is_left_out_and_what_was_read_as_another_encoding(client) -> None:
    content = "emotion,word\nhappy,caf\xe9\n,x\nlove,y\npride,z\n".encode("cp1252")
    words = "love: happiness\npride: skip"
    answer = post(client(), content, direction="to_values", labels=words).json()
    assert answer["counts"]["happiness"] == 2
    assert answer["left_out"] == {"no emotion": 2}
    assert any("Windows-1252" in note and "my table.csv" in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("content", "fields", "words"),
    [
        (NAMED, {"emotion": "feelings"}, ("my table.csv has no column 'feelings'", "the field emotion")),
        ("emotion\nhappy\ngrumpy\n", {}, ("row 2", "'grumpy'", "the field labels")),
        ("emotion\nhappy\n", {"labels": "happy: glee"}, ("unknown emotion 'glee'",)),
        ("emotion\nhappy\n", {"labels": "a: : b"}, ("labels in labels.yaml", "cannot be read")),
        ("emotion,valence\nhappy,1\n", {}, ("already has columns valence", "the field prefix")),
        ("emotion\nhappy\n", {"reference": "nobody"}, ("unknown reference 'nobody'",)),
        ("emotion\nhappy\n", {"reference": "russell_mehrabian_1977"}, ("no deviations", "affectnet")),
        ("emotion\nhappy\n", {"spelling": "klingon"}, ("unknown spelling",)),
        ("emotion\nhappy\n", {"unknown": "guess"}, ("choose error or skip",)),
        ("emotion\nhappy\n", {"seed": "-1"}, ("the field seed is -1",)),
        ("emotion\nhappy\n", {"seed": "0.5"}, ("whole number",)),
        ("emotion\nhappy\n", {"direction": "sideways"}, ("to_values or to_emotions",)),
        ("emotion\nhappy\n", {"safe_csv": "maybe"}, ("true or false",)),
        ("emotion\nhappy\n", {"nonsense": "1"}, ("unknown field 'nonsense'",)),
        ("emotion\n", {}, ("has no rows",)),
        ("", {}, ("it is empty",)),
        ("a,b\n1\n", {}, ("line 2 has 1 fields",)),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, ("no text",)),
    ],
)
def test_bad_tables_with_emotions_are_refused_with_the_place(client, content, fields, words) -> None:
    refused(post(client(), content, **{"direction": "to_values", **fields}), *words)


@pytest.mark.parametrize(
    ("content", "fields", "words"),
    [
        ("v,a\n1,x\n", {}, ("row 1", "a is 'x'", "not a number")),
        ("v,a\n1,9\n", {"scale": "1:7"}, ("row 1", "a is 9", "outside 1..7")),
        ("v,a\n1,1\n", {"scale": "7:1"}, ("low must be below high",)),
        ("v,a\n1,1\n", {"scale": "mars"}, ("unknown scale 'mars'",)),
        ("v,a\n1,1\n", {"valence": "", "arousal": ""}, ("none of them",)),
        ("v,a,d\n1,1,1\n", {"dominance": "d"}, ("leave out dominance",)),
    ],
)
def test_bad_tables_with_values_are_refused_with_the_place(client, content, fields, words) -> None:
    columns = {"valence": "v", "arousal": "a", **fields}
    refused(post(client(), content, direction="to_emotions", **columns), *words)


@pytest.mark.parametrize("path", ["/v1/annotate", "/v1/annotate/columns"])
def test_one_table_is_needed(client, path: str) -> None:
    service = client()
    fields = {"direction": "to_values"} if path == "/v1/annotate" else {}
    refused(service.post(path, data={**fields}, files={"other": ("a.csv", b"a")}), "unknown field 'other'")
    two = [("file", ("a.csv", b"emotion\nhappy\n")), ("file", ("b.csv", b"emotion\nsad\n"))]
    refused(service.post(path, data=fields, files=two), "one table as the field file", "2 files")
    answer = service.post(path, json={"file": "x"})
    assert answer.status_code == 415
    assert "form" in answer.json()["error"]["message"]
    refused(post(service, "emotion\nhappy\n", "../../etc/x.exe", path, **fields), "x.exe: a table is")


def test_names_of_files_show_neither_folders_nor_scripts(client) -> None:
    answer = post(client(), "a\n1\n", "../../<script>.csv", direction="to_values")
    assert re.match(r"<?script>?\.csv|<script>\.csv", refused(answer, "no column 'emotion'"))


def test_choices_name_scales_spellings_and_directions(client) -> None:
    choices = client().get("/v1/annotate").json()
    assert {"canonical", "sam", "afew_va"} <= {scale["name"] for scale in choices["scales"]}
    assert "sentiment" not in json.dumps(choices["scales"])
    assert "fer2013" in choices["spellings"]
    directions = {one["name"]: one["directions"] for one in choices["references"]}
    assert directions["russell_mehrabian_1977"] == ["to_emotions"]
    assert len(directions["affectnet"]) == 2


@pytest.mark.parametrize(
    ("table", "guess"),
    [
        (NAMED, {"emotion": "feeling", "spelling": "", "direction": "to_values"}),
        (RATED, {"valence": "V", "arousal": "A", "scale": "1:7", "direction": "to_emotions"}),
        ("Pleasure,Activation\n-0.5,1\n", {"valence": "Pleasure", "arousal": "Activation", "scale": "canonical"}),
        ("label,valence\nW,9\nL,2\nE,1\n", {"emotion": "label", "spelling": "emodb", "valence": "valence", "scale": "1:9"}),
        ("a,b\nx,y\n", {"direction": "to_emotions"}),
    ],
)  # fmt: skip
def test_columns_scale_and_spelling_are_guessed(tmp_path: Path, table: str, guess: dict) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table)
    described = describe_table(path)
    assert guess.items() <= described["guess"].items()
    assert [column["name"] for column in described["columns"]] == list(read_table(path).columns)


def test_columns_are_described(client) -> None:
    table = "n,w,e,i\n1,red,,inf\n2.5,,,1\n"
    columns = post(client(), table, path="/v1/annotate/columns").json()["columns"]
    assert columns[0] == {"name": "n", "kind": "numbers", "low": 1.0, "high": 2.5, "examples": ["1", "2.5"]}
    assert [column["kind"] for column in columns[1:]] == ["words", "empty", "words"]


@pytest.mark.parametrize(("content", "direction"), [(NAMED, "to_values"), (RATED, "to_emotions")])
def test_labelling_stops_when_nobody_waits(tmp_path: Path, monkeypatch, content: str, direction: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    monkeypatch.setattr(work, "given_up", lambda: True)
    with pytest.raises(Refusal, match="no longer computes"):
        label_upload(
            tmp_path / "table.csv", Labelling(direction, emotion="feeling", valence="V", arousal="A", scale="1:7")
        )
