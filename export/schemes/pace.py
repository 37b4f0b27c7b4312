"""How fast graphs are beside one another: in turn, in rounds, so that noise meets them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.engine.backends.base import Session
from app.engine.batching.executors import available_cpus
from app.engine.text.encoding import Encoding
from export.parity.measure import run_alone
from export.reference.workload import Workload, spread

ROUNDS = 5
# A round of one graph: a second of fp32 at most, with an encoder of the demo models.
ROUND_TEXTS = 128
ROUND_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The median round of a graph.

    Attributes:
        texts_per_second: each text alone, by one-thread callers on every CPU at once.
        ratio: to the base in the same round.
    """

    texts_per_second: float
    ratio: float


def choose_texts(workload: Workload) -> list[Encoding]:
    """Return the texts of a round, spread over the lengths."""
    mean = sum(one.tokens for one in workload.encodings) / len(workload.encodings)
    count = max(8, min(ROUND_TEXTS, int(ROUND_TOKENS / mean)))
    return [workload.encodings[i] for i in spread(workload.by_length, count)]


def race(sessions: Mapping[str, Session], base: str, texts: Sequence[Encoding]) -> dict[str, Pace]:
    """Run the texts through each graph in turn, several times over.

    Args:
        base: the name of the one that the others are held against.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    order = list(sessions)
    for round_number in range(ROUNDS):
        # Each round starts with another, so that none always follows the same one.
        first = round_number % len(order)
        for name in order[first:] + order[:first]:
            _, taken = run_alone(sessions[name], texts, available_cpus())
            seconds[name].append(taken)
    return {
        name: Pace(
            texts_per_second=len(texts) / median(taken),
            ratio=median(b / own for b, own in zip(seconds[base], taken, strict=True)),
        )
        for name, taken in seconds.items()
    }
