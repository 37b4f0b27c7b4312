"""The quick plan and the full one: numbers of rounds and texts, and seconds of each measurement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

CONNECTIONS = 64
BATCH_CONNECTIONS = 8
BATCH_TEXTS = 32
OBJECTIVE_SECONDS = 0.1
# Bounds the queue in open loops, so that accepted requests keep the objective.
MAX_QUEUE_SECONDS = 0.04
# The share of the checkpoint's labels that the strict model must keep.
AGREEMENT = 0.995
LOADS = (0.3, 0.6, 0.9, 1.5)
# The share of 512-token texts among short ones, and the load of the short ones.
LONG_SHARE, LONG_LOAD = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds are those of one measurement.

    Attributes:
        limit_seconds: at least, of each batch size.
        closed_seconds, open_seconds: of each closed and each open loop.
        tune: try every setting of a peer first, for `tune_seconds` each.
        strict: measure the model once more with an int8 graph of AGREEMENT.
        base: measure the BERT-base-sized model too.
    """

    name: str
    rounds: int
    texts: int
    limit_seconds: float
    closed_seconds: int
    open_seconds: float
    alone_texts: int
    tune: bool
    tune_seconds: int
    strict: bool
    base: bool


QUICK = Plan("quick", 3, 256, 0.3, 2, 1.5, 60, tune=False, tune_seconds=0, strict=False, base=False)
FULL = Plan("full", 5, 512, 1.0, 5, 6.0, 200, tune=True, tune_seconds=3, strict=True, base=True)


def rotate(items: Sequence[T], round_number: int) -> tuple[T, ...]:
    """Return the items in the order of a round: each round starts with another one."""
    first = round_number % max(1, len(items))
    return (*items[first:], *items[:first])
