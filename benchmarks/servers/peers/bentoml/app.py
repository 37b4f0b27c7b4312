"""BentoML: its adaptive batching in front of the shared model."""

import os

import bentoml
from model import Model


# At `max_latency_ms` BentoML starts to refuse; it has no other setting for the batching wait.
@bentoml.service(workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": 60})
class BentoMLClassifier:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(
        batchable=True, max_batch_size=int(os.environ["BENCH_BATCH"]), max_latency_ms=60_000
    )
    def classify(self, texts: list[str]) -> list[dict[str, float]]:
        """Answer with the probability of each label, for each text."""
        return self.model.classify(texts)
