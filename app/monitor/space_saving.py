"""Counts the most frequent of many items in bounded memory.

The algorithm is Space-Saving, with its Stream-Summary of counters by their counts (Metwally,
Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams", ICDT
2005). Sketches of several streams are merged as in "Mergeable summaries" (Agarwal and others, PODS
2012).
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Estimate(NamedTuple):
    """How often an item came: at most `most`, and at least `most - error` times."""

    most: int
    error: int


class Counted(NamedTuple, Generic[Item]):
    """Some of the items of a stream.

    Attributes:
        floor: the most that any other of its items can have come.
    """

    estimates: Mapping[Item, Estimate]
    floor: int


class SpaceSaving(Generic[Item]):
    """The counters of one stream.

    An item that came more than once for every `capacity` items of the stream has a counter, and no
    counter is further off than that.

    Args:
        capacity: counters that there are at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._estimates: dict[Item, Estimate] = {}
        # Items by their counts, the oldest first. A count without items has no entry.
        self._by_count: dict[int, dict[Item, None]] = {}
        self._least = 0

    @property
    def floor(self) -> int:
        """The most that an item without a counter can have come."""
        return self._least if len(self._estimates) == self._capacity else 0

    def items(self) -> Iterator[tuple[Item, Estimate]]:
        """Return all items that have a counter."""
        yield from self._estimates.items()

    def add(self, item: Item) -> Item | None:
        """Count an item; where no counter is left, it takes over the least one.

        Returns:
            The item that has lost its counter.
        """
        known, lost = self._estimates.get(item), None
        if known is not None:
            self._leave(item, known.most)
        elif len(self._estimates) < self._capacity:
            known, self._least = Estimate(0, 0), 1
        else:
            lost = next(iter(self._by_count[self._least]))
            count, _ = self._estimates.pop(lost)
            self._leave(lost, count)
            known = Estimate(count, count)
        count = known.most + 1
        self._estimates[item] = Estimate(count, known.error)
        self._by_count.setdefault(count, {})[item] = None
        if self._least not in self._by_count:
            self._least = count  # the counter that was there alone has moved up by one
        return lost

    def _leave(self, item: Item, count: int) -> None:
        peers = self._by_count[count]
        del peers[item]
        if not peers:
            del self._by_count[count]


def merge(streams: Sequence[Counted[Item]]) -> dict[Item, Estimate]:
    """Return how often items came in several streams together."""
    absent = sum(stream.floor for stream in streams)  # of an item that has no counter anywhere
    merged: dict[Item, Estimate] = {}
    for stream in streams:
        for item, (most, error) in stream.estimates.items():
            known = merged.get(item, Estimate(absent, absent))
            merged[item] = Estimate(
                known.most + most - stream.floor, known.error + error - stream.floor
            )
    return merged
