"""LitServe: its own batching in front of the shared model."""

import os
from typing import Any

import litserve
from model import Model


class LitServeClassifier(litserve.LitAPI):
    def setup(self, device: Any) -> None:
        self.model = Model()

    def decode_request(self, request):  # LitServe would parse by an annotation
        return request["text"]

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: Any) -> Any:
        batched = isinstance(x, list)
        answers = self.model.classify(x if batched else [x])
        return answers if batched else answers[0]

    def unbatch(self, output: Any) -> Any:
        return output

    def encode_response(self, output: Any) -> Any:
        return output


if __name__ == "__main__":
    api = LitServeClassifier(
        max_batch_size=int(os.environ["BENCH_BATCH"]),
        batch_timeout=float(os.environ["BENCH_WAIT_SECONDS"]),
        api_path="/classify",
    )
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=int(os.environ["BENCH_WORKERS"])
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        log_level="warning",
        generate_client_file=False,
    )
