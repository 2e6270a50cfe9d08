"""The service: its addresses, and what it says where it refuses."""

from collections.abc import Callable

from fastapi.testclient import TestClient

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
