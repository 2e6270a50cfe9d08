"""`deploy/ray_serve.py`: two replicas on this machine answer, each with its own result. Needs `pip install 'ray[serve]'`."""

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace

import httpx
import pytest
from fastapi.testclient import TestClient

FILE = Path(__file__).resolve().parents[2] / "deploy" / "ray_serve.py"
PORT = 8793


def read_deployment() -> ModuleType:
    """Import the file of the deployment."""
    specification = importlib.util.spec_from_file_location("ray_serve", FILE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("key", "status"), [("open-sesame", 401), ("", 200)])
def test_replicas_have_the_key_of_the_command_that_starts_them(
    monkeypatch: pytest.MonkeyPatch, key: str, status: int
) -> None:
    options = {}

    def declared(**given: object) -> object:
        options.update(given)
        return lambda made: SimpleNamespace(bind=lambda: made)

    ray = SimpleNamespace(serve=SimpleNamespace(deployment=declared, ingress=lambda service: lambda made: made))
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.setenv("AFFECTSPACE_API_KEY", key)
    module = read_deployment()
    assert options["ray_actor_options"]["runtime_env"]["env_vars"] == ({"AFFECTSPACE_API_KEY": key} if key else {})
    service = TestClient(module.service())
    assert service.get("/v1/models").status_code == status
    assert service.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_replicas_answer() -> None:
    ray = pytest.importorskip("ray")
    pytest.importorskip("grpc", reason="ray[serve] is not installed")
    from ray import serve

    module = read_deployment()
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": PORT})
        serve.run(module.app)

        def ask(number: int) -> str:
            body = {"texts": [f"sentence {number}"]}
            return httpx.post(f"http://127.0.0.1:{PORT}/v1/predict", json=body, timeout=120).json()["predictions"][0][
                "id"
            ]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(40))) == [f"sentence {number}" for number in range(40)]
        deployment = serve.status().applications["default"].deployments["Affectspace"]
        assert deployment.replica_states == {"RUNNING": 2}
    finally:
        serve.shutdown()
        ray.shutdown()
