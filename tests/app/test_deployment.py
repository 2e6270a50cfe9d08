"""`deploy/ray_serve.py`: two replicas on this machine answer, each with its own result. Needs `pip install 'ray[serve]'`."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow
FILE = Path(__file__).resolve().parents[2] / "deploy" / "ray_serve.py"
PORT = 8793


@pytest.mark.filterwarnings("ignore")
def test_two_replicas_answer() -> None:
    ray = pytest.importorskip("ray")
    pytest.importorskip("grpc", reason="ray[serve] is not installed")
    from ray import serve

    specification = importlib.util.spec_from_file_location("ray_serve", FILE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
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
