"""Estimates how long the queue waits behind the batches that run now."""

from app.engine.batching.entry import Batch


class WaitEstimate:
    """The batches that run now. Not thread-safe: the scheduler holds the lock."""

    def __init__(self, executors: int) -> None:
        self._executors = executors
        self._costs: dict[Batch, float] = {}  # of a batch's entries alone

    def started(self, batch: Batch) -> None:
        self._costs[batch] = batch.seconds_alone

    def finished(self, batch: Batch) -> None:
        self._costs.pop(batch, None)

    def wait_seconds(self, queued_seconds: float, pace: float, now: float) -> float:
        """Return the time until an executor has run its share of the queue and is free.

        Args:
            queued_seconds: cost of the queue, spread over executors as they become free.
            pace: real seconds of batches over the costs of their entries alone.
            now: time on the clock that the batches were sealed by.
        """
        left = [max(0.0, one.sealed_at + cost * pace - now) for one, cost in self._costs.items()]
        free_at = sorted([*left, *[0.0] * (self._executors - len(left))])
        wait = free_at[0]
        for free, next_free_at in enumerate(free_at[1:], start=1):
            taken = free * (next_free_at - wait)
            if taken >= queued_seconds:
                return wait + queued_seconds / free
            queued_seconds -= taken
            wait = next_free_at
        return wait + queued_seconds / len(free_at)
