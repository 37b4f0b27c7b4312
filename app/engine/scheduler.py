"""What runs next: one queue for a device, from which executors pull when they are free.

A batch is sealed only when an executor asks for one ("seal late"), so there is no linger timer: an
idle device takes an entry at once, and under load batches grow because devices are busy.
"""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.engine.cost import Cost
from app.engine.decoding import Logits
from app.engine.tokenization import Encoding
from app.errors import ClassmarkError, NotReady, Overloaded

Clock = Callable[[], float]
Outcome = Logits | ClassmarkError

# How fast the measured pace follows the machine: about the last 20 batches count.
PACE_SMOOTHING = 0.05


class Runnable(Protocol):
    """What the scheduler needs to know of a servable."""

    @property
    def name(self) -> str: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def batch_invariant(self) -> bool: ...

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]: ...


class Entry:
    """One queued encoding, which ends exactly once: result, error, expired or cancelled."""

    __slots__ = (
        "_on_end", "deadline", "encoding", "ended_at", "outcome", "seconds_alone", "servable",
        "started_at", "submitted_at", "tokens",
    )  # fmt: skip

    def __init__(
        self,
        servable: Runnable,
        encoding: Encoding,
        deadline: float,
        on_end: Callable[["Entry"], None],
    ) -> None:
        self.servable = servable
        self.encoding = encoding
        self.deadline = deadline
        self.tokens = encoding.tokens
        # What the entry would cost in a batch of its own.
        self.seconds_alone = servable.cost.seconds(self.tokens)
        self.outcome: Outcome | None = None
        self.submitted_at = self.started_at = self.ended_at = 0.0
        self._on_end = on_end

    def end(self, outcome: Outcome, now: float) -> bool:
        """Settle the entry; return False, and change nothing, if it had ended before."""
        if self.outcome is not None:
            return False
        self.outcome, self.ended_at = outcome, now
        # Let go of the listener, which knows the entry too: no cycle is left to the collector.
        on_end, self._on_end = self._on_end, _nobody
        on_end(self)
        return True


def _nobody(entry: Entry) -> None:
    """Hear of an end that was told already."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Entries of one servable that run together, and those found expired on the way."""

    servable: Runnable
    entries: tuple[Entry, ...]
    expired: tuple[Entry, ...]
    sealed_at: float

    @property
    def real_tokens(self) -> int:
        return sum(entry.tokens for entry in self.entries)

    @property
    def padded_tokens(self) -> int:
        return max((e.tokens for e in self.entries), default=0) * len(self.entries)


# The entries of one servable by their length in tokens, oldest first within a length.
Lengths = defaultdict[int, "OrderedDict[Entry, None]"]


class Scheduler:
    """The queue. Every method may be called from any thread."""

    def __init__(
        self, executors: int, max_queue_seconds: float, clock: Clock = time.monotonic
    ) -> None:
        self._executors = executors
        self._max_queue_seconds = max_queue_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: OrderedDict[Entry, None] = OrderedDict()
        self._lengths: dict[Runnable, Lengths] = {}
        self._queued_seconds = 0.0
        self._pace = 1.0
        self._closed = False

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def expected_wait_seconds(self) -> float:
        """What an entry submitted now waits: the queue's cost, at the pace batches really run."""
        return self._queued_seconds * self._pace / self._executors

    def submit(self, entries: Sequence[Entry]) -> None:
        """Queue the entries of one request, all or none; raise Overloaded or NotReady."""
        now = self._clock()
        with self._changed:
            self._check_admission(min(entry.deadline for entry in entries) - now)
            for entry in entries:
                entry.submitted_at = now
                self._queue[entry] = None
                lengths = self._lengths.setdefault(entry.servable, defaultdict(OrderedDict))
                lengths[entry.tokens][entry] = None
                self._queued_seconds += entry.seconds_alone
            self._changed.notify(len(entries))

    def check_admission(self, deadline: float) -> None:
        """Raise Overloaded or NotReady if an entry with this deadline would not be queued now."""
        with self._changed:
            self._check_admission(deadline - self._clock())

    def _check_admission(self, remaining_seconds: float) -> None:
        if self._closed:
            raise NotReady("the service is shutting down; send the request to another replica")
        wait = self.expected_wait_seconds
        limit = min(self._max_queue_seconds, remaining_seconds)
        if wait > limit:
            raise Overloaded(
                f"a request would wait about {wait:.2f} s and the limit is {limit:.2f} s; retry "
                "later, send fewer requests, or add a replica",
                retry_after_seconds=max(wait - limit, 1.0),
            )

    def discard(self, entries: Iterable[Entry]) -> None:
        """Take entries nobody waits for any more out of the queue."""
        with self._changed:
            for entry in entries:
                if entry in self._queue:
                    self._remove(entry)

    def take(self) -> Batch | None:
        """Wait for work and seal a batch; return None once closed and empty."""
        with self._changed:
            while not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            return self._seal(self._clock())

    def record(self, batch: Batch, seconds: float) -> None:
        """Learn the pace from a finished batch: real time over the entries' costs alone."""
        alone = sum(entry.seconds_alone for entry in batch.entries)
        if alone > 0:
            self._pace += PACE_SMOOTHING * (seconds / alone - self._pace)

    def close(self) -> None:
        """Refuse new entries; executors finish what is queued."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _seal(self, now: float) -> Batch:
        """Take the oldest entry and those nearest to it in length, as far as the cost admits."""
        expired: list[Entry] = []
        oldest = self._pop_live(self._queue, now, expired)
        if oldest is None:
            return Batch(expired[0].servable, (), tuple(expired), now)
        entries, longest = [oldest], oldest.tokens
        if oldest.servable.batch_invariant:
            cost = oldest.servable.cost
            lengths = self._lengths.get(oldest.servable, Lengths())
            for tokens in sorted(lengths, key=lambda n: abs(n - oldest.tokens)):
                while tokens in lengths and cost.admits(longest, len(entries), tokens):
                    entry = self._pop_live(lengths[tokens], now, expired)
                    if entry is not None:
                        entries.append(entry)
                        longest = max(longest, tokens)
        for entry in entries:
            entry.started_at = now
        return Batch(oldest.servable, tuple(entries), tuple(expired), now)

    def _pop_live(
        self, oldest_first: OrderedDict[Entry, None], now: float, expired: list[Entry]
    ) -> Entry | None:
        """Remove and return the first entry that still has time; set expired ones aside."""
        while oldest_first:
            entry = next(iter(oldest_first))
            self._remove(entry)
            if entry.deadline > now:
                return entry
            expired.append(entry)
        return None

    def _remove(self, entry: Entry) -> None:
        del self._queue[entry]
        lengths = self._lengths[entry.servable]
        del lengths[entry.tokens][entry]
        if not lengths[entry.tokens]:
            del lengths[entry.tokens]
            if not lengths:
                del self._lengths[entry.servable]
        self._queued_seconds = self._queued_seconds - entry.seconds_alone if self._queue else 0.0
