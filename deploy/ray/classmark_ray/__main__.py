"""`python -m classmark_ray`: place servers on the Ray cluster that RAY_ADDRESS names."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig

from classmark_ray.placement import Resources, place
from classmark_ray.server import ServerOptions

# Every node is reached from elsewhere; the balancer needs some checks to notice that one drains.
SETTINGS = {
    "CLASSMARK_HOST": "0.0.0.0",
    "CLASSMARK_DRAIN_SECONDS": "15",
    "CLASSMARK_REQUEST_TIMEOUT_SECONDS": "30",
}
SPARE_SECONDS = 10.0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m classmark_ray", description=__doc__)
    add = parser.add_argument
    add("settings", nargs="*", metavar="CLASSMARK_NAME=VALUE", help="of the servers")
    add("--python", required=True, metavar="PATH", help="that has Classmark, on every node")
    add("--port", type=int, nargs="+", default=[8000], metavar="PORT", dest="ports",
        help="of a server; several let a node have as many servers (8000)")  # fmt: skip
    add("--cpus", type=int, default=1, metavar="N", help="that a server gets (1)")
    add("--gpus", type=float, default=0.0, metavar="N", help="that a server gets (0)")
    add("--scale", nargs="+", default=[], metavar="NAME=VALUE",
        help="of Ray's AutoscalingConfig, such as min_replicas=2 max_replicas=8")  # fmt: skip
    add("--start-seconds", type=float, default=600.0, metavar="S", help="until ready (600)")
    return parser.parse_args()


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE as a dictionary; raise ValueError for anything else."""
    if wrong := [one for one in given if "=" not in one]:
        raise ValueError(f"{wrong[0]!r} is no NAME=VALUE")
    return dict(one.split("=", 1) for one in given)


def main() -> int:
    given = read_options()
    settings = SETTINGS | pairs(given.settings)
    # On a GPU one batch is prepared while another runs.
    settings.setdefault("CLASSMARK_EXECUTORS", "2" if given.gpus else str(given.cpus))
    stop_seconds = SPARE_SECONDS + sum(
        float(settings[f"CLASSMARK_{name}_SECONDS"]) for name in ("DRAIN", "REQUEST_TIMEOUT")
    )
    server = ServerOptions(given.python, settings, given.ports, given.start_seconds, stop_seconds)
    resources = Resources(given.cpus, given.gpus, int(settings["CLASSMARK_EXECUTORS"]))
    scaling = AutoscalingConfig(**pairs(given.scale))
    ray.init("auto")
    serve.start(proxy_location="Disabled")
    serve.run(place(server, resources, scaling), name="classmark", route_prefix=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
