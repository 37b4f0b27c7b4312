"""Caches answers to texts that repeat exactly, while their version serves."""

import weakref
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache
from prometheus_client import Counter

from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput

# Memory of an answer besides its text and its parts: the key and the objects that hold it.
OVERHEAD_BYTES = 600

Version = weakref.ref[Servable]


# What an API writes of an input, to be joined with that of others: JSON, or bytes of tensors.
Parts = tuple[str, ...] | tuple[bytes, ...]


class InputAnswer(NamedTuple):
    """One input's result, and what it counts as: a text's label, or a text's entities.

    Attributes:
        scores: of these, from 0 to 1; none where they are no such scores.
    """

    parts: Parts
    labels: tuple[str, ...]
    scores: tuple[float, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(map(len, self.parts)) + 8 * len(self.labels) + 32 * len(self.scores)


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """An input with everything that decides its answer, except the servable.

    Attributes:
        options: the request's options for decoding; equal options give equal answers.
    """

    source: TextInput
    options: Hashable

    @property
    def bytes(self) -> int:
        return 4 * self.source.characters  # the most that Python takes


class AnswerCache:
    """The most recently used answers, up to a number of bytes; event loop only.

    Answers are kept under a weak reference to their servable, so a version that was swapped out is
    not kept alive and gives no more answers. It may be freed on any thread; that thread only queues
    the reference, and the next use of the cache drops its answers.

    Args:
        max_bytes: 0 keeps nothing.
        lookups: counts hits and misses, by model and outcome.
    """

    def __init__(self, max_bytes: int, lookups: Counter) -> None:
        self._max_bytes = max_bytes
        self._lookups = lookups
        self._answers: LRUCache[tuple[Version, AnswerKey], tuple[int, InputAnswer]] = LRUCache(
            max(1, max_bytes), getsizeof=lambda kept: kept[0]
        )
        self._known: set[Version] = set()
        self._dead: deque[Version] = deque()

    @property
    def enabled(self) -> bool:
        return self._max_bytes > 0

    @property
    def bytes(self) -> float:
        """Estimated memory of the kept answers."""
        self._drop_dead()
        return float(self._answers.currsize)

    def get(self, servable: Servable, key: AnswerKey) -> InputAnswer | None:
        """Return the answer, or None."""
        self._drop_dead()
        kept = self._answers.get((weakref.ref(servable), key))
        self._lookups.labels(servable.name, "miss" if kept is None else "hit").inc()
        return None if kept is None else kept[1]

    def put(self, servable: Servable, key: AnswerKey, answer: InputAnswer) -> None:
        """Keep an answer, unless it alone exceeds the limit; evict the least recently used."""
        self._drop_dead()
        size = key.bytes + answer.bytes + OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        version = weakref.ref(servable)
        if version not in self._known:
            self._known.add(version)
            weakref.finalize(servable, self._dead.append, version).atexit = False
        self._answers[version, key] = size, answer

    def _drop_dead(self) -> None:
        while self._dead:
            version = self._dead.popleft()
            self._known.discard(version)
            for key in [key for key in self._answers if key[0] is version]:
                del self._answers[key]
