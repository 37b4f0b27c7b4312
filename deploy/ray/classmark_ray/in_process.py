"""The service inside Serve's replicas: every request passes Ray's proxy. The simple, slow variant.

`serve run classmark_ray.in_process:app CLASSMARK_MODEL_STORE=/models`, where Ray has Classmark too.
"""

import os
from collections.abc import Mapping

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from app.main import create_app
from app.settings.settings import Settings
from classmark_ray.asgi import InferenceApp

# More than the queue of any replica holds: what to refuse is decided there.
MANY = 100_000


@serve.ingress()
class InProcess:
    """A replica with an engine of its own.

    Args:
        settings: CLASSMARK_* variables.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        os.environ.update(settings)
        self._app: FastAPI = create_app(Settings())

    def __serve_build_asgi_app__(self) -> InferenceApp:
        return InferenceApp(self._app)

    def check_health(self) -> None:
        if reason := self._app.state.service.unready_reason():
            raise RuntimeError(reason)


def app(settings: dict[str, str]) -> Application:
    """Return the application; its arguments are the settings."""
    deployment = serve.deployment(InProcess, name="classmark", max_ongoing_requests=MANY)
    return deployment.bind(settings)
