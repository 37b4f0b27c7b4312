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
# Of each setting of a peer that is tried.
TUNE_SECONDS = 3
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
        whole: with all peers, every setting of each tried first; and two more models, one with an
            int8 graph of AGREEMENT and one of BERT-base's size.
    """

    name: str
    rounds: int
    texts: int
    limit_seconds: float
    closed_seconds: int
    open_seconds: float
    alone_texts: int
    whole: bool


QUICK = Plan("quick", 3, 256, 0.3, 2, 1.5, 60, whole=False)
FULL = Plan("full", 5, 512, 1.0, 5, 6.0, 200, whole=True)


def rotate(items: Sequence[T], round_number: int) -> tuple[T, ...]:
    """Return the items in the order of a round: each round starts with another one."""
    first = round_number % max(1, len(items))
    return (*items[first:], *items[:first])
