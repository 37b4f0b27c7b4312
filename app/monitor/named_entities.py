"""Counts which entities negative texts name, over the current period and the one before."""

import time
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from app.monitor.opinions import Opinion
from app.monitor.space_saving import Counted, Estimate, SpaceSaving

# Of each period. A name that more than one in this many mentions is of has a counter for sure.
COUNTERS = 2048
# Longer names are cut, so that memory is bounded whatever texts come.
LONGEST_NAME = 80
# Stands for texts of any topic.
ANY_TOPIC = ""


class Named(NamedTuple):
    """A name as it is counted, so that spelling does not split it."""

    topic: str
    group: str
    name: str


class Period:
    """The mentions of one hour, or one day."""

    def __init__(self, counters: int) -> None:
        self._sketch = SpaceSaving[Named](counters)
        self._spelled: dict[Named, str] = {}

    def add(self, named: Named, spelled: str) -> None:
        """Count a text that names something."""
        lost = self._sketch.add(named)
        if lost is not None:
            del self._spelled[lost]
        self._spelled[named] = spelled

    def share(self, topic: str) -> dict[str, Any]:
        """Return what is counted of a topic, as JSON has it; `read_share` reads it."""
        rows = [
            (named.group, named.name, self._spelled[named], *estimate)
            for named, estimate in self._sketch.items()
            if named.topic == topic
        ]
        return {"floor": self._sketch.floor, "rows": rows}


class NamedEntities:
    """The mentions of the current period and of the one before.

    Args:
        seconds: of a period; periods begin at multiples of it since 1970, UTC.
        clock: seconds since 1970.
    """

    def __init__(
        self, seconds: int, clock: Callable[[], float] = time.time, counters: int = COUNTERS
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._counters = counters
        self._number = int(clock() // seconds)
        self._previous, self._current = Period(counters), Period(counters)

    @property
    def since(self) -> int:
        """When the period before the current one began, in seconds since 1970."""
        self._turn()
        return (self._number - 1) * self.seconds

    def count(self, opinion: Opinion) -> None:
        """Count a negative text once for each name in it."""
        self._turn()
        spelled = {
            (mention.group, normalise(mention.name)): _squeeze(mention.name)
            for mention in opinion.mentions
        }
        for topic in {ANY_TOPIC, opinion.topic}:
            for (group, name), as_written in spelled.items():
                self._current.add(Named(topic, group, name), as_written)

    def share(self, topic: str) -> list[dict[str, Any]]:
        """Return what is counted of a topic in both periods, as JSON has it."""
        self._turn()
        return [period.share(topic) for period in (self._previous, self._current)]

    def _turn(self) -> None:
        """Begin a new period where it is time; a clock that was set back begins none."""
        number = int(self._clock() // self.seconds)
        if number <= self._number:
            return
        follows = number == self._number + 1
        self._previous = self._current if follows else Period(self._counters)
        self._current = Period(self._counters)
        self._number = number


Key = tuple[str, str]  # group, and name as it is counted


def read_share(share: dict[str, Any], spelled: dict[Key, str]) -> Counted[Key]:
    """Read what `Period.share` gave; note how names are written."""
    estimates = {}
    for group, name, as_written, count, error in share["rows"]:
        estimates[group, name] = Estimate(count, error)
        spelled[group, name] = as_written
    return Counted(estimates, share["floor"])


def normalise(name: str) -> str:
    """Return a name without what spelling may differ in: case, width, and how much is blank."""
    return _squeeze(unicodedata.normalize("NFKC", name).casefold())


def _squeeze(name: str) -> str:
    return " ".join(name.split())[:LONGEST_NAME]
