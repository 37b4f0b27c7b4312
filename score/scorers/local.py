"""Answers on the service's engine in this process, without HTTP and without a queue.

Rows of a chunk are encoded on one thread, sorted by length and cut into batches, which an executor
a core runs, while the next chunk is encoded.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from app.bundle.base import LongText, Task
from app.engine.batching.entry import Batch, Entry, Outcome
from app.engine.batching.executors import run_batch
from app.engine.batching.partition import cheapest_partition
from app.engine.models.servable import Servable
from app.engine.text.checks import check_kind, check_tokens
from app.engine.text.encoding import EncodedInput, TextInput
from app.errors import ClassmarkError, InvalidRequest
from score.options import AnswerOptions
from score.readers.rows import Row
from score.scorers.base import Answer, Answers
from score.scorers.decoding import make_decode

# What a batch costs besides its tokens, in tokens. Measured costs would differ from run to run, and
# with them the batches and the last digit of scores; over thousands of sorted texts the cheapest
# batches hardly depend on it.
OVERHEAD_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Running:
    """Rows whose batches run.

    Attributes:
        encoded: of each row, or why it cannot be encoded.
        windows: rows' windows, each once, as (batch, place in it); in the rows' order.
    """

    encoded: list[EncodedInput | InvalidRequest]
    batches: list[Future[Sequence[Outcome]]]
    windows: list[tuple[int, int]]


class LocalScorer:
    """One servable, and the threads that run it.

    Args:
        executors: batches that run at the same time.
        budget_tokens: padded tokens that a batch may have.
        max_windows: of one text.
    """

    def __init__(
        self,
        servable: Servable,
        options: AnswerOptions,
        executors: int,
        budget_tokens: int,
        max_windows: int,
    ) -> None:
        self._servable = servable
        self._budget_tokens = budget_tokens
        self._max_windows = max_windows
        self._long_text: LongText = options.long_text or servable.manifest.defaults.long_text
        self._decode = make_decode(servable, options)
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._executors = ThreadPoolExecutor(executors, "executor")

    @property
    def task(self) -> Task:
        return self._servable.manifest.task

    @property
    def identity(self) -> dict[str, Any]:
        servable = self._servable
        return {
            "model": f"{servable.name}/{servable.version}",
            "graph": f"{servable.runtime} {servable.graph.sha256[:16]}",
        }

    def start(self, rows: Sequence[Row]) -> Answers:
        running = self._encoder.submit(self._start, rows)
        return lambda: self._finish(running.result())

    def close(self) -> None:
        for pool in (self._encoder, self._executors):
            pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, rows: Sequence[Row]) -> Running:
        encoded = [self._encode(row) for row in rows]
        entries = [
            Entry(self._servable, window, 0.0, _ignore)
            for one in encoded
            if isinstance(one, EncodedInput)
            for window in one.windows
        ]
        windows = [(0, 0)] * len(entries)
        batches = []
        for number, batch in enumerate(self._cut(entries)):
            for place, position in enumerate(batch):
                windows[position] = (number, place)
            together = Batch(self._servable, tuple(entries[i] for i in batch), (), 0.0)
            batches.append(self._executors.submit(_outcomes, together))
        return Running(encoded, batches, windows)

    def _cut(self, entries: Sequence[Entry]) -> list[list[int]]:
        """Return positions of entries that run together, the longest first."""
        by_length = sorted(range(len(entries)), key=lambda i: entries[i].tokens)
        if not self._servable.batch_invariant:
            return [[i] for i in reversed(by_length)]
        lengths = [entries[i].tokens for i in by_length]
        parts = cheapest_partition(lengths, OVERHEAD_TOKENS, self._budget_tokens)
        return [[by_length[i] for i in part] for part in reversed(parts)]

    def _encode(self, row: Row) -> EncodedInput | InvalidRequest:
        source = TextInput(row.text, row.text_pair)
        try:
            check_kind(source, self._servable.manifest.input)
            encoded = self._servable.encode(source, self._long_text, self._max_windows)
            check_tokens(encoded)
        except InvalidRequest as exc:
            return exc
        return encoded

    def _finish(self, running: Running) -> list[Answer]:
        outcomes = [batch.result() for batch in running.batches]
        windows = (outcomes[batch][place] for batch, place in running.windows)
        return [
            {"error": str(one)}
            if isinstance(one, InvalidRequest)
            else self._answer(one, [next(windows) for _ in one.windows])
            for one in running.encoded
        ]

    def _answer(self, encoded: EncodedInput, outcomes: list[Outcome]) -> Answer:
        logits = []
        for outcome in outcomes:
            if isinstance(outcome, ClassmarkError):
                return {"error": str(outcome)}
            logits.append(outcome)
        return self._decode(encoded, logits)


def _outcomes(batch: Batch) -> Sequence[Outcome]:
    return run_batch(batch)[0]


def _ignore(entry: Entry) -> None:
    """Listen to no entry's end: batches are waited for as a whole."""
