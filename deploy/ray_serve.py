"""The service on a Ray cluster: two replicas behind one address. Start it with `serve run deploy.ray_serve:app`.

Needs `pip install 'affectspace[text,audio,video,serve]' 'ray[serve]'` on every machine.
"""

from fastapi import FastAPI
from ray import serve

from affectspace.app import Settings, create_app


def service() -> FastAPI:
    """Make the service in a replica. Replicas are reached through Ray's proxy, so the host is that of the cluster."""
    return create_app(Settings(host="0.0.0.0", warm=True))


@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
@serve.ingress(service)
class Affectspace:
    """One replica. It loads the models once."""


app = Affectspace.bind()
