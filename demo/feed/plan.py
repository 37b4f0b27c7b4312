"""What is sent when: a stable mix of topics and opinions, and a surge of negative texts in one."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surge:
    """Negative texts on one topic, beside the mix; seconds count from the start."""

    topic: str
    after: float
    seconds: float
    texts_per_second: float

    def overlap(self, start: float, end: float) -> float:
        """Return how many seconds of it lie between two moments."""
        return max(0.0, min(end, self.after + self.seconds) - max(start, self.after))


@dataclass(frozen=True, slots=True)
class Plan:
    """The mix: every topic as often, and the same share of negative texts in each."""

    topics: Sequence[str]
    texts_per_second: float
    negative_share: float
    surge: Surge | None = None

    def due(self, start: float, end: float, rng: random.Random) -> Iterator[tuple[str, str]]:
        """Yield topic and sentiment of the texts of a span, as many as a Poisson process has."""
        for _ in range(poisson(self.texts_per_second * (end - start), rng)):
            is_negative = rng.random() < self.negative_share
            yield rng.choice(self.topics), "negative" if is_negative else "positive"
        if self.surge is not None:
            expected = self.surge.texts_per_second * self.surge.overlap(start, end)
            for _ in range(poisson(expected, rng)):
                yield self.surge.topic, "negative"


def poisson(mean: float, rng: random.Random) -> int:
    """Draw the number of arrivals in a span that has so many on average."""
    count, time = 0, rng.expovariate(1.0)
    while time < mean:
        count, time = count + 1, time + rng.expovariate(1.0)
    return count
