"""The service: its addresses, and what it says where it refuses."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from affectspace.app.service import PREFIX, new_folder

Make = Callable[..., TestClient]


def test_health_models_page_and_description(client: Make) -> None:
    service = client()
    assert service.get("/healthz").json()["status"] == "ok"
    listed = service.get("/v1/models").json()
    assert listed["default"] == "any"
    assert {model["name"] for model in listed["models"]} >= {"text", "voice", "face"}
    page = service.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert service.get("/static/index.html").text == page.text
    assert "/v1/predict" in service.get("/openapi.json").json()["paths"]
    assert service.get("/docs").status_code == 404  # it would load scripts from elsewhere


def test_folders_of_services_that_were_killed_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, others = tmp_path / f"{PREFIX}{ended.pid}-x", [tmp_path / f"{PREFIX}{os.getppid()}-x", tmp_path / "mine-1-x"]
    for folder in (left, *others):
        folder.mkdir()
    (left / "upload000001.wav").touch()
    made = new_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([made, *others])
    assert made.name.startswith(f"{PREFIX}{os.getpid()}-")
