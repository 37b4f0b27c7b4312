"""Answers kept for texts that come again exactly as they came, while their version serves."""

import weakref
from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache
from prometheus_client import Counter

from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput

# What an answer takes besides its text and its JSON: the key and the objects that hold it.
OVERHEAD_BYTES = 600


@dataclass(frozen=True, slots=True)
class Question:
    """An input with all that decides its answer besides the servable.

    Attributes:
        options: what the request asks of decoding; equal options give equal answers.
    """

    source: TextInput
    options: Hashable

    @property
    def bytes(self) -> int:
        return 4 * self.source.characters  # what Python takes at most


class ResultCache:
    """The latest answers as JSON, up to a number of bytes; used on the event loop only.

    Keys hold a servable's id, not the servable, and its answers go when it does: a version that was
    swapped out is neither kept alive nor ever answered from.

    Args:
        max_bytes: 0 keeps nothing.
        lookups: counts what was found and what was not, by model and outcome.
    """

    def __init__(self, max_bytes: int, lookups: Counter) -> None:
        self._max_bytes = max_bytes
        self._lookups = lookups
        self._answers: LRUCache[tuple[int, Question], tuple[int, str]] = LRUCache(
            max(1, max_bytes), getsizeof=lambda kept: kept[0]
        )
        self._known: set[int] = set()

    @property
    def enabled(self) -> bool:
        return self._max_bytes > 0

    @property
    def bytes(self) -> float:
        """What the kept answers take, by estimate."""
        return float(self._answers.currsize)

    def get(self, servable: Servable, question: Question) -> str | None:
        """Return the answer's JSON, or None."""
        kept = self._answers.get((id(servable), question))
        self._lookups.labels(servable.name, "miss" if kept is None else "hit").inc()
        return None if kept is None else kept[1]

    def put(self, servable: Servable, question: Question, answer: str) -> None:
        """Keep an answer, unless it alone is over the limit; the longest unused ones go."""
        size = question.bytes + len(answer) + OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        key = id(servable)
        if key not in self._known:
            self._known.add(key)
            weakref.finalize(servable, self._drop, key)
        self._answers[key, question] = size, answer

    def _drop(self, servable_id: int) -> None:
        self._known.discard(servable_id)
        for key in [key for key in self._answers if key[0] == servable_id]:
            del self._answers[key]
