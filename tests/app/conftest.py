"""A service for tests: without models where a test needs none, else with predictors that read what they are sent."""

import warnings
from collections.abc import Callable, Iterator

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that httpx has a successor
    from fastapi.testclient import TestClient

from affectspace.app import Limits, Settings, create_app


@pytest.fixture
def client() -> Iterator[Callable[..., TestClient]]:
    """``client(**settings)``: a client of a service with these settings; limits are given by their names."""
    opened: list[TestClient] = []

    def make(**settings) -> TestClient:
        limits = {name: settings.pop(name) for name in list(settings) if name in Limits.model_fields}
        service = create_app(Settings(limits=Limits(**limits), **settings))
        opened.append(TestClient(service, base_url="http://127.0.0.1:8000", raise_server_exceptions=False))
        return opened[-1].__enter__()

    yield make
    for one in opened:
        one.__exit__(None, None, None)
