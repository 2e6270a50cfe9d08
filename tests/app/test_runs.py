"""`/v1/runs` and the files of reports: what is listed, and that nothing else of the disk can be read."""

import json
import os
from pathlib import Path

import pytest

from affectspace.app.runs import finished_runs, key_figures_of, list_runs, report_file
from affectspace.evaluation.results import Result, Results

RESULTS = Results(
    [
        Result(study="run", experiment="test", task="axes", target="mean", metric="ccc", value=0.5, low=0.4, high=0.6, n=25),
        Result(study="run", experiment="test", task="axes", target="mean", metric="r", value=0.7),
    ]
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a measured run, a training, a study with its runs, and a secret beside it."""
    runs = tmp_path / "runs"
    for name in ("mine", "other", "study/runs/member", "mine/figures", ".hidden"):
        (runs / name).mkdir(parents=True)
    (runs / "mine/run.json").write_text(json.dumps({"kind": "manifold", "state": "finished"}))
    RESULTS.write(runs / "mine/metrics.json")
    (runs / "mine/report.html").write_text("<p>a report</p><script>alert(1)</script>")
    (runs / "mine/figures/a.png").write_bytes(b"png")
    (runs / "mine/figures/a.svg").write_text("<svg onload='alert(1)'/>")
    (runs / "other/run.json").write_text("{not json")
    (runs / "study/study.json").write_text("{}")
    (runs / "study/runs/member/run.json").write_text("{}")
    (runs / ".hidden/run.json").write_text("{}")
    (tmp_path / "report.html").write_text("outside")
    (tmp_path / "secret.png").write_text("outside")
    return runs


def test_runs_are_listed_with_their_key_figures(client, folder: Path) -> None:
    answer = client(runs=folder).get("/v1/runs").json()
    runs = {run["name"]: run for run in answer["runs"]}
    assert set(runs) == {"mine", "other", "study"}
    assert answer["folder"] == str(folder)
    mine = runs["mine"]
    assert (mine["kind"], mine["state"], mine["report"]) == ("manifold", "finished", "/reports/open/mine/report.html")
    [figure] = mine["key_figures"]
    assert figure | {"name": ""} == {"name": "", "value": 0.5, "low": 0.4, "high": 0.6, "n": 25, "protocol": ""}
    assert "CCC" in figure["name"]
    assert "cannot be read" in runs["other"]["note"]
    assert runs["study"]["report"] is None


def test_finished_runs_of_a_kind_are_found_without_their_measurements(folder: Path) -> None:
    (folder / "mine/metrics.json").write_text("{damaged")
    (folder / "started").mkdir()
    (folder / "started/run.json").write_text(json.dumps({"kind": "manifold", "state": "running"}))
    assert finished_runs(folder, "manifold") == {"mine": folder / "mine"}
    assert finished_runs(folder, "levasa") == finished_runs(folder / "nowhere", "manifold") == {}


def test_a_changed_measurement_is_read_again_and_a_damaged_one_is_noted(folder: Path) -> None:
    def mine() -> dict:
        return next(run for run in list_runs(folder)["runs"] if run["name"] == "mine")

    assert mine()["key_figures"][0]["value"] == 0.5
    metrics = folder / "mine/metrics.json"
    metrics.write_text(metrics.read_text().replace("0.5,", "0.25,"))
    assert mine()["key_figures"][0]["value"] == 0.25
    metrics.write_text("{")
    assert mine()["key_figures"] == []
    assert mine()["note"].startswith("metrics.json is not JSON")


def test_a_study_shows_the_figures_at_the_top_of_its_report() -> None:
    row = Result(study="levasa", experiment="probes", model="continuous", latent="va", metric="uar", value=0.4)
    assert list(key_figures_of(Results([row])).values()) == [row]
    assert key_figures_of(Results()) == {}


def test_a_folder_that_does_not_exist_has_no_runs_and_says_so(client, tmp_path: Path) -> None:
    answer = client(runs=tmp_path / "none").get("/v1/runs").json()
    assert answer["runs"] == []
    assert "--runs" in answer["notes"][0]


def test_reports_and_their_figures_are_served_in_a_sandbox(client, folder: Path) -> None:
    service = client(runs=folder)
    types = {"report.html": "text/html; charset=utf-8", "figures/a.png": "image/png", "figures/a.svg": "image/svg+xml"}
    for name, media in types.items():
        answer = service.get(f"/reports/open/mine/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox;")
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "..%2Freport.html", "%2e%2e/report.html", "%2e%2e%2freport.html",
        "..%5creport.html", "mine/%2e%2e/mine/report.html", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
        "mine/run.json", "mine/metrics.json", "mine/figures/../run.json", "mine", "mine/", "", "report.html",
        "mine//report.html", "mine/report.html/", "mine/report.html%00.png", ".hidden/report.html",
        "mine/figures/report.html.txt", f"{'a' * 5000}/report.html", "mine/figures/%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.png",
        "link.html/report.html", "away/report.html", "mine/figures/away.png", "pictures/figures/secret.png",
        "mine/loop/report.html",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client, folder: Path, name: str) -> None:
    (folder / "away").symlink_to(folder.parent)
    (folder / "pictures").mkdir()
    (folder / "pictures/figures").symlink_to(folder.parent)
    (folder / "mine/figures/away.png").symlink_to(folder.parent / "secret.png")
    (folder / "mine/loop").symlink_to(folder / "mine/loop")
    answer = client(runs=folder).get(f"/reports/open/{name}")
    assert answer.status_code == 404, answer.text
    assert "outside" not in answer.text
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../report.html",
        "mine/../mine/report.html",
        "./mine/report.html",
        "mine/\0/report.html",
        "mine\\..\\report.html",
        "\udc80/report.html",
    ],
)
def test_names_that_no_client_can_send_are_refused_too(folder: Path, name: str) -> None:
    with pytest.raises((FileNotFoundError, OSError)):
        report_file(folder, name)


def test_a_folder_of_runs_that_is_a_link_itself_is_read(client, folder: Path) -> None:
    (folder.parent / "runs_here").symlink_to(folder)
    service = client(runs=folder.parent / "runs_here")
    assert service.get("/reports/open/mine/report.html").text.startswith("<p>a report")


def test_a_report_needs_the_ticket_of_the_key(client, folder: Path) -> None:
    service = client(runs=folder, key="secret key")
    assert service.get("/v1/runs").status_code == 401
    runs = service.get("/v1/runs", headers={"X-API-Key": "secret key"}).json()["runs"]
    address = next(run["report"] for run in runs if run["name"] == "mine")
    assert "secret" not in address
    assert service.get(address).status_code == 200
    ticket = address.split("/")[2]
    for wrong in ("open", ticket[:-1], ticket.upper() + "x"):
        answer = service.get(address.replace(ticket, wrong))
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "no_key"


def test_names_with_odd_letters_have_an_address(client, folder: Path) -> None:
    place = folder / "a b#?é"
    place.mkdir()
    (place / "report.html").write_text("odd")
    service = client(runs=folder)
    address = next(run["report"] for run in service.get("/v1/runs").json()["runs"] if run["name"] == "a b#?é")
    assert service.get(address).text == "odd"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_left_out(folder: Path) -> None:
    (folder / "mine").chmod(0)
    assert {run["name"] for run in list_runs(folder)["runs"]} == {"other", "study"}
    (folder / "mine").chmod(0o755)
