"""Compare a graph, run by the serving code, with the checkpoint: parity, invariance, speed."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from app.bundle import Parity
from app.engine.answers.decoding import label_scores
from app.engine.backends.base import Session
from app.engine.backends.onnxruntime import OnnxSession
from app.engine.batching.executors import available_cpus
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError
from export.checkpoint.config import ModelConfig
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed
from export.graphs.convert import Graph
from export.graphs.packed.reference import ReferenceSession
from export.parity.invariance import INVARIANT_SCORE_DIFFERENCE, PROVIDER, compositions
from export.reference.evaluation import choose, evaluate, headline
from export.reference.workload import Workload, spread

# Texts in the batch test: as many as keep each composition under this many padded tokens.
MAX_BATCH_TEST_TEXTS = 32
BATCH_TEST_TOKENS = 4_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counted comparisons of labels, and the largest difference of any score."""

    equal: int
    compared: int
    score_difference: float

    @property
    def share(self) -> float:
        return self.equal / max(1, self.compared)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of one graph.

    Attributes:
        labelled: inputs that have labels; the metrics are on these.
        metrics: by name; empty without labels.
        expected: the checkpoint's metrics on the same inputs.
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

    @property
    def batch_invariant(self) -> bool:
        """Tell whether an answer does not depend on its neighbours."""
        same_labels = self.parity.batch_agreement == 1.0
        return same_labels and (
            self.parity.batch_max_score_difference <= INVARIANT_SCORE_DIFFERENCE
        )

    @property
    def metric_loss(self) -> float:
        """What the headline metric lost against the checkpoint; negative for a gain."""
        if not self.metrics:
            return 0.0
        return self.expected[self.headline] - self.metrics[self.headline]


def measure(checkpoint: Checkpoint, graph: Graph, workload: Workload) -> Measurement:
    """Run a graph over the workload, alone and in batches, through the serving code.

    A packed graph is run by its reference: what runs it in service is on CUDA.

    Raises:
        GateFailed: the graph does not load, or its logits are none of this checkpoint.
    """
    config = checkpoint.config
    session = _load(checkpoint, graph)
    callers = available_cpus()
    logits, seconds = run_alone(session, workload.encodings, callers)
    return Measurement(
        parity=_parity(config, session, workload, logits),
        labelled=len(workload.examples),
        metrics=evaluate(config, workload, logits),
        expected=evaluate(config, workload, workload.logits),
        headline=headline(config),
        texts_per_second=len(logits) / seconds,
        mean_tokens=sum(one.tokens for one in workload.encodings) / len(logits),
        callers=callers,
    )


def _load(checkpoint: Checkpoint, graph: Graph) -> Session:
    data = graph.path.read_bytes()
    if graph.kind == "packed":
        return ReferenceSession(data)
    try:
        return OnnxSession(data, graph.inputs, checkpoint.pad_token_id, PROVIDER)
    except BundleError as exc:
        raise GateFailed(
            f"the {graph.precision} graph of this {checkpoint.config.architecture} cannot be used "
            f"({exc}); try another --opset"
        ) from exc


def _parity(
    config: ModelConfig, session: Session, workload: Workload, logits: Sequence[Logits]
) -> Parity:
    whole = compare(config, workload.encodings, workload.logits, logits)
    batched = batch_test(config, session, workload, logits)
    golden = compare(
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


def run_alone(
    session: Session, encodings: Sequence[Encoding], callers: int
) -> tuple[list[Logits], float]:
    """Run each encoding by itself, several at a time; return the logits and the seconds taken."""
    session.run(encodings[:1])  # the first run of a session also allocates
    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        logits = [rows[0] for rows in pool.map(lambda one: session.run([one]), encodings)]
    return logits, time.perf_counter() - started


def batch_test(
    config: ModelConfig, session: Session, workload: Workload, alone: Sequence[Logits]
) -> Agreement:
    """Compare answers in batches of several compositions with those given alone."""
    encodings = workload.encodings
    longest = encodings[workload.by_length[-1]].tokens
    count = max(4, min(MAX_BATCH_TEST_TEXTS, BATCH_TEST_TOKENS // longest))
    batches = list(compositions(spread(workload.by_length, count)))
    with ThreadPoolExecutor(available_cpus()) as pool:
        answers = pool.map(lambda batch: session.run([encodings[i] for i in batch]), batches)
        rows = [row for answer in answers for row in answer]
    order = [i for batch in batches for i in batch]
    return compare(config, [encodings[i] for i in order], [alone[i] for i in order], rows)


def compare(
    config: ModelConfig,
    encodings: Sequence[Encoding],
    expected: Sequence[Logits],
    actual: Sequence[Logits],
) -> Agreement:
    """Count equal labels, a text's or those of its content tokens, and compare all scores."""
    equal = compared = 0
    difference = 0.0
    for encoding, left, right in zip(encodings, expected, actual, strict=True):
        if left.shape != right.shape or not np.isfinite(right).all():
            raise GateFailed(
                f"logits have the shape {right.shape} where the checkpoint gives {left.shape}, or "
                "are not finite; try another --opset or precision"
            )
        scores = [label_scores(rows, config.problem_type) for rows in (left, right)]
        if config.task == "token-classification":
            left, right = left[encoding.content], right[encoding.content]
            scores = [rows[encoding.content] for rows in scores]
            equal += int((left.argmax(axis=-1) == right.argmax(axis=-1)).sum())
            compared += len(encoding.content)
        else:
            equal += choose(config, left) == choose(config, right)
            compared += 1
        if scores[0].size:
            difference = max(difference, float(np.abs(scores[0] - scores[1]).max()))
    return Agreement(equal, compared, difference)
