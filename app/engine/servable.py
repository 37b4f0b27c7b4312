"""One loaded bundle version: everything needed to answer with it."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from app.bundle import (
    Bundle,
    GoldenCase,
    GraphFile,
    GraphKind,
    LongText,
    Manifest,
    RuntimePrecision,
)
from app.engine.backends.base import Backend, Execution, Mode, Session
from app.engine.contest import Choice
from app.engine.cost import Cost, measure_cost
from app.engine.decoding import Logits, label_scores
from app.engine.tags import read_tags
from app.engine.tokenization import EncodedInput, Encoding, TextInput, Tokenizer, blank
from app.errors import BundleError

logger = logging.getLogger(__name__)

# A graph differs from the checkpoint on the golden cases by what export measured; another
# processor's kernels may add this much to any score.
GOLDEN_SLACK = 0.05
WINDOW_STRIDE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs a graph.

    Attributes:
        backend, provider: its names, as CLASSMARK_BACKEND has it and as shown to users.
        keeps_invariance: whether a batch-invariant graph is so too when it runs on it.
    """

    backend: str
    provider: str
    precision: RuntimePrecision
    keeps_invariance: bool
    kind: GraphKind = "padded"

    @property
    def mode(self) -> Mode:
        return Mode(self.precision, self.kind)


class Servable:
    """A loaded model version, immutable once it serves.

    Requests, entries and batches hold it by reference: after a swap the old version lives exactly
    as long as something in flight still needs it, and its session is freed with the last of them.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: Runtime,
        tokenizer: Tokenizer,
        session: Session,
    ) -> None:
        self.bundle = bundle
        self.runs_on = runtime
        self.execution: Execution = session.execution  # as it was when the model loaded
        self.choice: Choice | None = None  # where several backends competed
        self.tokenizer = tokenizer
        self.tags = read_tags(bundle.manifest.labels, bundle.manifest.tag_scheme)
        self.cost = Cost(0.0, 1e-6, tokenizer.max_length, packed=runtime.kind == "packed")
        self.batch_invariant = self.graph.batch_invariant and runtime.keeps_invariance
        self._session = session
        weakref.finalize(self, logger.info, "model closed", extra=self.identity)

    @classmethod
    def load(cls, bundle: Bundle, backend: Backend, mode: Mode | None = None) -> "Servable":
        """Load one graph of a bundle; raise BundleError saying what is wrong with it.

        Args:
            mode: how it is run; None for the best of those that the bundle has a graph for.
        """
        manifest = bundle.manifest
        if mode is None:
            mode = next(one for one in backend.modes if one.find_graph(manifest) is not None)
        graph = mode.find_graph(manifest)
        if graph is None:
            needed = mode.precision
            raise BundleError(
                f"{bundle.path} has no {mode} graph, only {', '.join(manifest.graphs)}; set "
                f"CLASSMARK_PRECISION=auto, or export with --precision {needed}"
            )
        tokenizer = make_tokenizer(bundle.read_tokenizer(), manifest)
        session = backend.load(bundle.read_graph(graph), graph, mode, manifest)
        runtime = Runtime(
            backend.name,
            backend.provider,
            mode.precision,
            keeps_invariance=backend.keeps_invariance(mode),
            kind=mode.kind,
        )
        return cls(bundle, runtime, tokenizer, session)

    @property
    def precision(self) -> RuntimePrecision:
        return self.runs_on.precision

    @property
    def provider(self) -> str:
        return self.runs_on.provider

    @property
    def runtime(self) -> str:
        return f"{self.runs_on.backend} {self.runs_on.mode}"

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest

    @property
    def graph(self) -> GraphFile:
        graph = self.runs_on.mode.find_graph(self.manifest)
        assert graph is not None  # it was loaded
        return graph

    @property
    def identity(self) -> dict[str, str | int]:
        """Fields that tell this servable from others in a log line."""
        return {
            "model": self.name,
            "version": self.version,
            "runtime": self.runtime,
            "execution": self.execution.kind,
        }

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> int:
        return self.manifest.version

    def encode(self, source: TextInput, long_text: LongText, max_windows: int) -> EncodedInput:
        return self.tokenizer.encode(source, long_text, max_windows)

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        return self._session.run(encodings)

    def warm_up(
        self,
        batches: Sequence[tuple[int, int]],
        predecessor: "Servable | None" = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Run the shapes a service meets, and learn from them what a batch costs.

        Args:
            batches: (texts, tokens each) to run, the smallest first; those too large for the model
                are cut to what it takes.
            predecessor: what serves now. If it is a graph of the same kind its cost is taken over:
                the device is busy with it, and a measurement would mostly measure that.
        """
        limit = self.manifest.max_length
        largest = 1 if not self.batch_invariant else max(count for count, _ in batches)
        shapes = [(min(count, largest), min(tokens, limit)) for count, tokens in batches]

        def timed(count: int, tokens: int) -> float:
            started = clock()
            self.run_blank(count, tokens)
            return clock() - started

        timed(*shapes[0])
        if predecessor is not None and predecessor._kind == self._kind:
            timed(*shapes[-1])
            self.cost = predecessor.cost
        else:
            packed = self.runs_on.kind == "packed"
            self.cost = measure_cost(timed, list(dict.fromkeys(shapes)), packed=packed)

    def claim_memory(self, callers: int) -> None:
        """Take now what the longest texts need when all callers run one at the same time.

        Runtimes keep what they once took. So the process reaches its size as a model loads, where
        there is someone to see it, and not on a busy day.
        """
        ready = threading.Barrier(callers)

        def run_longest() -> None:
            ready.wait()
            self.run_blank(1, self.manifest.max_length)

        with ThreadPoolExecutor(callers) as pool:
            for run in [pool.submit(run_longest) for _ in range(callers)]:
                run.result()

    def run_blank(self, count: int, tokens: int) -> None:
        """Run texts of padding alone: together, or one by one where none may share a batch."""
        together = count if self.batch_invariant else 1
        for _ in range(count // together):
            self.run([blank(tokens, self.manifest.pad_token_id)] * together)

    def check_golden(self) -> None:
        """Run the golden cases on this device; raise BundleError where an answer is another."""
        tolerance = self.graph.parity.golden_max_score_difference + GOLDEN_SLACK
        for number, case in enumerate(self.manifest.golden):
            difference = self.golden_difference(case)
            if not difference <= tolerance:
                raise BundleError(
                    f"golden case {number} of {self.name}/{self.version} differs from the "
                    f"checkpoint by {difference:.4f} in a score, the tolerance is {tolerance:.4f}: "
                    f"{self.runtime} gives wrong answers on this device; export again, "
                    "or choose another precision"
                )

    def golden_difference(self, case: GoldenCase) -> float:
        """Return the largest difference of any score between the checkpoint and this graph."""
        encoded = self.encode(TextInput(case.text, case.text_pair), "truncate", 1)
        (actual,) = self.run(encoded.windows)
        expected = np.array(case.logits, dtype=np.float32)
        if actual.shape != expected.shape:
            raise BundleError(
                f"the graph's logits have the shape {actual.shape}, the checkpoint's "
                f"{expected.shape}; tokenizer or graph belong to another checkpoint"
            )
        problem_type = self.manifest.problem_type
        scores, wanted = label_scores(actual, problem_type), label_scores(expected, problem_type)
        return float(np.abs(scores - wanted).max())

    @property
    def _kind(self) -> tuple[object, ...]:
        """What decides the cost of a run: the network's shape and how its graph was made."""
        source, graph = self.manifest.source, self.graph
        return (source.architecture, source.parameters, self.runtime, graph.recipe)


def make_tokenizer(data: bytes, manifest: Manifest) -> Tokenizer:
    """Return a bundle's tokenizer; entities alone need to know where tokens lie in the text."""
    words = manifest.task == "sequence-classification"
    return Tokenizer(data, manifest.max_length, WINDOW_STRIDE_TOKENS, words=words)
