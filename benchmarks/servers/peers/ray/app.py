"""Ray Serve: `@serve.batch` in front of the shared model, one replica for each core."""

import os
import time
from typing import Any

import ray
from model import Model
from ray import serve
from starlette.requests import Request

WORKERS = int(os.environ["BENCH_WORKERS"])


@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class RayClassifier:
    def __init__(self) -> None:
        self.model = Model()

    @serve.batch(
        max_batch_size=int(os.environ["BENCH_BATCH"]),
        batch_wait_timeout_s=float(os.environ["BENCH_WAIT_SECONDS"]),
    )
    async def classify(self, texts: list[str]) -> list[dict[str, float]]:
        return self.model.classify(texts)

    async def __call__(self, request: Request) -> Any:
        return await self.classify((await request.json())["text"])


if __name__ == "__main__":
    ray.init(
        num_cpus=WORKERS + 2,  # logical; proxy and controller need their own
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
    )
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])},
    )
    serve.run(RayClassifier.bind(), name="classify", route_prefix="/classify")
    while True:
        time.sleep(3600)
