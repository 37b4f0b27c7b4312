"""A GPU that is none: it reads packed inputs as the real one does, and does what a test wants."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import Mode, Session
from app.engine.backends.cuda.backend import CudaBackend
from app.engine.backends.cuda.buckets import Buckets, plan
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.layout import Layout, Words, words_at_most
from app.engine.backends.cuda.session import CudaSession, open_session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend, OnnxSession
from app.engine.backends.packing import Extent
from app.engine.text.encoding import Encoding, Logits, without_layout
from tests.support.fakes import DEADLY, POISON

INPUTS = (
    *("input_ids", "token_type_ids", "position_ids"),
    *("cumulative_lengths", "token_offset"),
)
# Small, so that all of it is captured in no time.
BUCKETS = plan(max_length=64, budget_tokens=256, most=24)

Answer = Callable[[Sequence[Encoding]], Sequence[Logits]]


def name_text(encodings: Sequence[Encoding]) -> list[Logits]:
    """Answer with what tells texts apart: sums of ids and types, ids by position, the length."""
    return [
        np.array(
            [e.ids.sum(), e.type_ids.sum(), (e.ids * np.arange(e.tokens)).sum(), e.tokens],
            dtype=np.float32,
        )
        for e in encodings
    ]


def name_tokens(encodings: Sequence[Encoding]) -> list[Logits]:
    """Answer for each token with its id and position."""
    return [np.stack([e.ids, np.arange(e.tokens)], axis=1).astype(np.float32) for e in encodings]


class FakeDevice:
    """Computes each text's answer from the packed inputs; rows that belong to none are NaN.

    POISON among the ids raises, DEADLY kills the thread. With `gate`, every run after the loading
    waits until the test opens it; `entered` tells that one is waiting.

    Args:
        breaks_at: the graph that cannot be captured.
        stale: replays answer with the batch that was captured, as if inputs had moved.

    Attributes:
        threads: who touched it.
        runs: extent and graph of every run.
        forgot: whether it runs eagerly although it had captured.
        closed: set when it is.
    """

    def __init__(
        self,
        answer: Answer = name_text,
        *,
        captures: bool = True,
        buckets: Buckets = BUCKETS,
        breaks_at: int | None = None,
        stale: bool = False,
        gate: threading.Event | None = None,
    ) -> None:
        self.per_token = answer is name_tokens
        self.threads = {threading.get_ident()}
        self.captures = captures
        self.forgot = False
        self.runs: list[tuple[Extent, int]] = []
        self.buffers = 0
        self.closed = threading.Event()
        self.entered = threading.Semaphore(0)
        self.gate = gate
        self._answer = answer
        self._limits = buckets.limits
        self._breaks_at, self._stale = breaks_at, stale
        self._captured: dict[int, tuple[Extent, Logits]] = {}

    def make_buffer(self) -> Words:
        self._touch()
        self.buffers += 1
        return np.full(words_at_most(self._limits, INPUTS), -1, np.int32)

    def run(self, words: Words, layout: Layout, graph: int) -> Logits:
        self._touch()
        self.runs.append((layout.extent, graph))
        self.entered.release()
        if self.gate is not None:
            assert self.gate.wait(30)
        if graph == EAGER or self.forgot:
            return self._compute(words, layout)
        return self._replay(words, layout, graph)

    def forget_graphs(self) -> None:
        self.threads = {threading.get_ident()}
        self.forgot = True

    def close(self) -> None:
        self._touch()
        self.closed.set()

    def _touch(self) -> None:
        assert not self.closed.is_set()
        self.threads.add(threading.get_ident())

    def _replay(self, words: Words, layout: Layout, graph: int) -> Logits:
        if not self.captures or graph == self._breaks_at:
            raise RuntimeError("operation not permitted when stream is capturing\nstack")
        logits = self._compute(words, layout)
        extent, captured = self._captured.setdefault(graph, (layout.extent, logits))
        assert extent == layout.extent, "a graph runs the one size it was captured in"
        return captured if self._stale else logits

    def _compute(self, words: Words, layout: Layout) -> Logits:
        texts = list(read_texts(words, layout))
        ids = {int(one) for text in texts for one in text.ids}
        if DEADLY in ids:
            raise SystemExit("the thread is killed")
        if POISON in ids:
            raise ValueError("poison")
        answers = np.stack([row for rows in self._answer(texts) for row in np.atleast_2d(rows)])
        rows = layout.extent.tokens if self.per_token else layout.extent.sequences
        logits = np.full((rows, answers.shape[1]), np.nan, np.float32)
        logits[: len(answers)] = answers
        return logits


def read_texts(words: Words, layout: Layout) -> Iterator[Encoding]:
    """Read the texts back from the buffer, as a kernel would: by their cumulative lengths."""
    inputs = {one.name: one.view(words) for one in layout.slices}
    bounds = inputs["cumulative_lengths"]
    assert bounds[0] == 0
    assert bounds[-1] <= layout.extent.tokens
    for start, end in zip(bounds, bounds[1:], strict=False):
        if start == end:
            assert start < layout.extent.tokens, "an empty sequence has a token to begin at"
            continue
        assert end - start <= layout.extent.longest
        positions = inputs["position_ids"][0, start:end]
        assert np.array_equal(positions, np.arange(end - start))
        types = inputs["token_type_ids"] if "token_type_ids" in inputs else positions[None] * 0
        ids = inputs["input_ids"][0, start:end].astype(np.int64)
        yield without_layout(ids, types[0, start:end].astype(np.int64))


def texts(count: int, longest: int = 40, seed: int = 0) -> list[Encoding]:
    """Texts that differ in ids, types and lengths."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    return [
        without_layout(random.integers(1, 500, length), random.integers(0, 2, length))
        for length in lengths
    ]


def open_on(*devices: FakeDevice, inputs: Sequence[str] = INPUTS) -> CudaSession:
    """Return a session on the first device; the others take its place where it fails."""
    left = list(devices)

    def make(captures: bool) -> FakeDevice:
        device = left.pop(0)
        device.captures = captures
        device.threads = {threading.get_ident()}
        return device

    return open_session(make, BUCKETS, inputs)


def assert_same(rows: Sequence[Logits], wanted: Sequence[Logits]) -> None:
    assert len(rows) == len(wanted)
    assert all(np.array_equal(one, other) for one, other in zip(rows, wanted, strict=True))


class FakeCudaBackend(OnnxRuntimeBackend):
    """Runs padded graphs on the CPU, and packed ones on a device that is none.

    Args:
        wrong: whether the packed graph gives wrong answers, else those of its own weights.

    Attributes:
        devices: those that were made, in turn.
    """

    modes = CudaBackend.modes
    warm_up_shapes = ((1, 8), (4, 32))

    def __init__(self, *, wrong: bool = False, breaks_at: int | None = None) -> None:
        super().__init__(executors=2)
        self.devices: list[FakeDevice] = []
        self._wrong, self._breaks_at = wrong, breaks_at

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        if mode.kind == "padded":
            return super().load(data, graph, mode, manifest)
        inputs = manifest.graphs["fp32"].inputs
        answer = OnnxSession(data, inputs, manifest.pad_token_id, self.provider).run

        def make(captures: bool) -> FakeDevice:
            device = FakeDevice(
                name_text if self._wrong else answer,
                captures=captures,
                breaks_at=self._breaks_at if captures else None,
            )
            self.devices.append(device)
            return device

        return open_session(make, BUCKETS, graph.inputs)


def add_packed_graph(folder: Path) -> None:
    """Give a bundle a packed graph, which is none: its fp32 graph under that name."""
    manifest = json.loads((folder / "manifest.json").read_text())
    padded = manifest["graphs"]["fp32"]
    file = "model.fp16.packed.onnx"
    (folder / file).write_bytes((folder / padded["file"]).read_bytes())
    manifest["packed"] = {**padded, "file": file, "kind": "packed", "inputs": INPUTS}
    (folder / "manifest.json").write_text(json.dumps(manifest))
