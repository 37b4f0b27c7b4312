"""`python -m benchmarks.servers.unmeasured`: the service of `timeless`, which counts nothing.

What requests, batches and tokens do for metrics is replaced by nothing; what the service then saves
is what measuring takes.
"""

from prometheus_client import Gauge

from app.api.inference.job import InferenceJob
from app.engine.local import LocalEngine
from app.engine.text.tokenization import Tokenizer
from app.telemetry.metrics import Metrics
from benchmarks.servers import timeless

MEASURING = (
    (Metrics, "count_request"), (Metrics, "count_key"), (InferenceJob, "end"),
    (LocalEngine, "_observe"), (Gauge, "inc"), (Gauge, "dec"),
)  # fmt: skip


def measure_nothing() -> None:
    """Replace what measures; an AttributeError tells that it has another name by now."""
    for owner, name in MEASURING:
        getattr(owner, name)
        setattr(owner, name, _nothing)
    # Without an id of unknown tokens none are counted; this stands before what instances set.
    Tokenizer._counted_id = property(lambda _: None, _nothing)  # type: ignore[assignment]


def _nothing(*_: object) -> None:
    pass


if __name__ == "__main__":
    measure_nothing()
    timeless.main()
