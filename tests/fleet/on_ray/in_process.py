"""Serves inside Ray's replicas, behind Ray's proxy, until its input ends; run where Ray is.

It takes the store and a port.
"""

import sys

import ray
from classmark_ray.in_process import app
from ray import serve


def main() -> None:
    store, port = sys.argv[1:]
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=80_000_000)
    serve.start(http_options={"port": int(port)})
    serve.run(app({"CLASSMARK_MODEL_STORE": store, "CLASSMARK_EXECUTORS": "1"}))
    sys.stdout.write("> ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    serve.shutdown()


if __name__ == "__main__":
    main()
