"""The batches that run now, and how long what is queued behind them waits."""

from app.engine.batching.entry import Batch


class WaitEstimate:
    """What each executor is busy with. Its scheduler's lock guards the changes, not the reading."""

    def __init__(self, executors: int) -> None:
        self._executors = executors
        # With what their entries would cost, each in a batch of its own; replaced, never changed.
        self._batches: tuple[tuple[Batch, float], ...] = ()

    def started(self, batch: Batch) -> None:
        self._batches = (*self._batches, (batch, batch.seconds_alone))

    def finished(self, batch: Batch) -> None:
        self._batches = tuple(one for one in self._batches if one[0] is not batch)

    def wait_seconds(self, queued_seconds: float, pace: float, now: float) -> float:
        """Return after how long an executor is free that has run its share of the queue.

        Args:
            queued_seconds: what the queue takes, spread over executors as they get free.
            pace: the seconds that batches really take, over those of their entries alone.
            now: on the clock that the batches were sealed by.
        """
        left = [max(0.0, batch.sealed_at + alone * pace - now) for batch, alone in self._batches]
        free_at = sorted([*left, *[0.0] * (self._executors - len(left))])
        wait = free_at[0]
        for free, next_free_at in enumerate(free_at[1:], start=1):
            taken = free * (next_free_at - wait)
            if taken >= queued_seconds:
                return wait + queued_seconds / free
            queued_seconds -= taken
            wait = next_free_at
        return wait + queued_seconds / len(free_at)
