"""Measure a graph through the serving code: parity with the checkpoint, invariance, speed."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from app.bundle.measured import Parity
from app.engine.backends.base import Session
from app.engine.backends.onnxruntime import OnnxSession
from app.engine.batching.cpus import available_cpus
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError
from export.checkpoint.config import ModelConfig
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed
from export.graphs.convert import PROVIDER, Graph
from export.graphs.files import read_data
from export.graphs.packed.reference import ReferenceSession
from export.parity.agreement import Agreement, compare_logits
from export.parity.checked_session import CheckedSession
from export.parity.invariance import INVARIANT_SCORE_DIFFERENCE, batch_test
from export.parity.significance import chance_of_loss
from export.reference.evaluation import count_right, headline, headline_value, name_metrics
from export.reference.workload import Workload


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one graph.

    Attributes:
        labelled: inputs that have labels; the metrics are on these.
        metrics: by name; empty without labels.
        expected: the checkpoint's metrics on the same inputs.
        labels: equal labels, of texts or of their tokens.
        chance: how likely the metric loss, or a greater one, is between two equal models.
        texts_per_second: each text alone, by `callers` one-thread callers at once.
    """

    parity: Parity
    labelled: int
    metrics: dict[str, float]
    expected: dict[str, float]
    headline: str
    texts_per_second: float
    mean_tokens: float
    callers: int
    labels: Agreement
    chance: float = 1.0

    @property
    def batch_invariant(self) -> bool:
        """Tell whether an answer is independent of the other texts in its batch."""
        same_labels = self.parity.batch_agreement == 1.0
        return same_labels and (
            self.parity.batch_max_score_difference <= INVARIANT_SCORE_DIFFERENCE
        )

    @property
    def metric_loss(self) -> float:
        """The loss of the headline metric against the checkpoint; negative for a gain."""
        if not self.metrics:
            return 0.0
        return self.expected[self.headline] - self.metrics[self.headline]


def measure(checkpoint: Checkpoint, graph: Graph, workload: Workload) -> Measurement:
    """Run a graph over the workload, alone and in batches, through the serving code.

    A packed graph runs in its reference, because its own kernels need CUDA.

    Raises:
        GateFailed: the graph does not load, or its logits cannot be this checkpoint's.
    """
    config = checkpoint.config
    session = open_session(checkpoint, graph)
    callers = available_cpus()
    logits, seconds = run_alone(session, workload.encodings, callers)
    labels = compare_logits(config, workload.encodings, workload.logits, logits)
    before, after = (count_right(config, workload, rows) for rows in (workload.logits, logits))
    return Measurement(
        parity=_parity(config, session, workload, labels, logits),
        labelled=len(workload.examples),
        metrics=name_metrics(config, after),
        expected=name_metrics(config, before),
        headline=headline(config),
        texts_per_second=len(logits) / seconds,
        mean_tokens=sum(one.tokens for one in workload.encodings) / len(logits),
        callers=callers,
        labels=labels,
        chance=chance_of_loss(before, after, partial(headline_value, config)),
    )


def open_session(checkpoint: Checkpoint, graph: Graph) -> Session:
    """Load a graph as the service does, or a packed one in its reference.

    Raises:
        GateFailed: ONNX Runtime does not load the graph.
    """
    data = read_data(graph.path)
    if graph.kind == "packed":
        return CheckedSession(ReferenceSession(data.model), graph.mode)
    try:
        session = OnnxSession(data, graph.inputs, checkpoint.pad_token_id, PROVIDER)
    except BundleError as exc:
        raise GateFailed(
            f"the {graph.precision} graph of this {checkpoint.config.architecture} cannot be used "
            f"({exc}); try another --opset"
        ) from exc
    return CheckedSession(session, graph.mode)


def run_alone(
    session: Session | Servable, encodings: Sequence[Encoding], callers: int
) -> tuple[list[Logits], float]:
    """Run each encoding by itself, several at a time; return the logits and the seconds taken."""
    session.run(encodings[:1])  # the first run of a session also allocates
    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        logits = [rows[0] for rows in pool.map(lambda one: session.run([one]), encodings)]
    return logits, time.perf_counter() - started


def _parity(
    config: ModelConfig,
    session: Session,
    workload: Workload,
    whole: Agreement,
    logits: Sequence[Logits],
) -> Parity:
    batched = batch_test(config, session, workload, logits)
    golden = compare_logits(
        config,
        [workload.encodings[i] for i in workload.golden],
        [workload.logits[i] for i in workload.golden],
        [logits[i] for i in workload.golden],
    )
    return Parity(
        inputs=len(workload.inputs),
        agreement=whole.share,
        max_score_difference=whole.score_difference,
        batch_agreement=batched.share,
        batch_max_score_difference=batched.score_difference,
        golden_max_score_difference=golden.score_difference,
    )
