"""Ray Serve places servers, checks and scales them; clients reach them without it."""

from dataclasses import dataclass

from ray import cloudpickle, serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

import classmark_ray
from classmark_ray.load import LoadMeter
from classmark_ray.scaling import servers_needed
from classmark_ray.server import OwnServer, ServerOptions

# A dead server is noticed after three checks; Ray's own default would be half a minute.
CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What Ray keeps free on a node for a server, and how many of its threads run batches."""

    cpus: float
    gpus: float
    executors: int


class PlacedServer:
    """A replica: it starts its node's server, and is healthy while that is."""

    def __init__(self, options: ServerOptions, executors: int) -> None:
        self._server = OwnServer(options)
        self._meter = LoadMeter(executors)

    def check_health(self) -> None:
        self._server.ask("/health/live")

    def record_autoscaling_stats(self) -> dict[str, float]:
        return self._meter.read(self._server.ask("/metrics"))

    def __del__(self) -> None:
        if hasattr(self, "_server"):  # else it has never started
            self._server.stop()


def place(options: ServerOptions, resources: Resources, scaling: AutoscalingConfig) -> Application:
    """Return the application for `serve.run(..., route_prefix=None)`, with our policy of scaling.

    Nodes need Ray and the server's Python: this package travels inside the application.
    """
    cloudpickle.register_pickle_by_value(classmark_ray)
    policy = AutoscalingPolicy(policy_function=servers_needed)
    deployment = serve.deployment(
        PlacedServer,
        name="classmark",
        ray_actor_options={"num_cpus": resources.cpus, "num_gpus": resources.gpus},
        max_replicas_per_node=len(options.ports),
        autoscaling_config=scaling.model_copy(update={"policy": policy}),
        health_check_period_s=CHECK_SECONDS,
        graceful_shutdown_timeout_s=options.stop_seconds,
    )
    return deployment.bind(options, resources.executors)
