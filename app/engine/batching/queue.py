"""Orders queued entries: by age, and those of each servable by their length in tokens."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from app.engine.batching.entry import Entry, Runnable
from app.engine.batching.partition import cheapest_batch

# Neighbours considered when the batch of an entry is chosen; more of them gain nothing. Where a
# single batch holds more, its edges matter little.
LOOKAHEAD = 32
# The entries of one servable by their length in tokens, oldest first within a length.
EntriesByLength = defaultdict[int, "OrderedDict[Entry, None]"]


class Queue:
    """Entries in order of arrival. Not thread-safe: the scheduler holds the lock.

    Attributes:
        seconds: cost of the entries, each in a batch of its own.
        long_seconds: the part of it for long entries.
    """

    def __init__(self) -> None:
        self.seconds = self.long_seconds = 0.0
        self._entries: OrderedDict[Entry, None] = OrderedDict()
        self._long: OrderedDict[Entry, None] = OrderedDict()
        self._lengths: dict[Runnable, EntriesByLength] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def has_short(self) -> bool:
        return len(self._entries) > len(self._long)

    @property
    def oldest_long(self) -> Entry | None:
        return next(iter(self._long), None)

    def add(self, entry: Entry) -> None:
        self._entries[entry] = None
        if entry.long:
            self._long[entry] = None
        lengths = self._lengths.setdefault(entry.servable, defaultdict(OrderedDict))
        lengths[entry.tokens][entry] = None
        self._count(entry, entry.seconds_alone)

    def remove(self, entry: Entry) -> None:
        del self._entries[entry]
        self._long.pop(entry, None)
        lengths = self._lengths[entry.servable]
        del lengths[entry.tokens][entry]
        if not lengths[entry.tokens]:
            del lengths[entry.tokens]
            if not lengths:
                del self._lengths[entry.servable]
        self._count(entry, -entry.seconds_alone)
        if not self._entries:
            self.seconds = self.long_seconds = 0.0  # drops accumulated rounding errors

    def _count(self, entry: Entry, seconds: float) -> None:
        self.seconds += seconds
        if entry.long:
            self.long_seconds += seconds

    def pop_live(
        self, oldest_first: Iterable[Entry], now: float, expired: list[Entry]
    ) -> Entry | None:
        """Remove and return the first that still has time; move expired ones to `expired`."""
        passed: list[Entry] = []
        live = None
        for entry in oldest_first:
            passed.append(entry)
            if entry.deadline > now:
                live = entry
                break
            expired.append(entry)
        for entry in passed:  # only now: the iterable must not change while it is read
            self.remove(entry)
        return live

    def pop_neighbours(self, first: Entry, now: float, expired: list[Entry]) -> list[Entry]:
        """Remove and return the entries that should share a batch with `first`, already popped."""
        cost = first.servable.cost
        if cost.packed or cost.budget_tokens > LOOKAHEAD * first.tokens:
            return self._pop_nearest(first, now, expired)
        near = sorted([first, *self._near(first, now)], key=lambda entry: entry.tokens)
        at, lengths = near.index(first), [entry.tokens for entry in near]
        batch = cheapest_batch(lengths, at, round(cost.overhead_tokens), cost.budget_tokens)
        neighbours = [near[i] for i in batch if i != at]
        for entry in neighbours:
            self.remove(entry)
        return neighbours

    def _near(self, first: Entry, now: float) -> Iterator[Entry]:
        """Yield the LOOKAHEAD entries nearest to `first` in length that still have time."""
        lengths = self._lengths.get(first.servable, EntriesByLength())
        nearest_first = sorted(lengths, key=lambda tokens: abs(tokens - first.tokens))
        entries = (entry for tokens in nearest_first for entry in lengths[tokens])
        return islice((entry for entry in entries if entry.deadline > now), LOOKAHEAD)

    def _pop_nearest(self, first: Entry, now: float, expired: list[Entry]) -> list[Entry]:
        """Remove and return the entries nearest in length, as long as the cost admits them."""
        cost, entries = first.servable.cost, [first]
        longest = total = first.tokens
        lengths = self._lengths.get(first.servable, EntriesByLength())
        for tokens in sorted(lengths, key=lambda n: abs(n - first.tokens)):
            while tokens in lengths and cost.admits(longest, len(entries), total, tokens):
                entry = self.pop_live(lengths[tokens], now, expired)
                if entry is not None:
                    entries.append(entry)
                    longest, total = max(longest, tokens), total + tokens
        return entries[1:]
