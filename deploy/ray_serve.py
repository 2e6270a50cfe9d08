"""The service on a Ray cluster: two replicas behind one address. Start it with `serve run deploy.ray_serve:app`.

Needs `pip install 'affectspace[text,audio,video,serve]' 'ray[serve]'` on every machine. Set AFFECTSPACE_API_KEY, as for
`affectspace serve`, where this command runs: replicas get the key from there, and requests must send it.
"""

from typing import Any

from fastapi import FastAPI
from ray import serve

from affectspace.app import Settings, create_app
from affectspace.cli.serve import KEY, read_key


def service() -> FastAPI:
    """Make the service in a replica. Replicas are reached through Ray's proxy, so the host is that of the cluster."""
    return create_app(Settings(host="0.0.0.0", key=read_key(), warm=True))


key = read_key()
actor: dict[str, Any] = {"num_cpus": 1, "runtime_env": {"env_vars": {KEY: key} if key else {}}}


@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options=actor)
@serve.ingress(service)
class Affectspace:
    """One replica. It loads the models once."""


app = Affectspace.bind()
