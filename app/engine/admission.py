"""Refuses at once a request that would wait too long, and says when there will be room for it."""

import math

from app.errors import DeadlineExceeded, Overloaded

TIME_RAN_OUT = (
    "the request's time ran out while it was queued or running; allow more time with "
    "X-Request-Timeout-Seconds or CLASSMARK_REQUEST_TIMEOUT_SECONDS, or add a replica"
)
# The furthest that requests are sent away behind those refused before them: a client that comes
# back earlier than it was told is refused again, and would push the others ever further.
LATEST_SECONDS = 60.0
# Weight of the newest request in the measured cost: about the last 50 count.
COST_SMOOTHING = 0.02


class Admission:
    """The door to one queue; whoever calls it holds the queue's lock, or is on its only thread.

    The refused are told to come back one after another, each when there will be room for it too.
    Told the same, all would come back at once and find room for one.

    Args:
        max_wait_seconds: the longest that a request may wait.
        doors: doors to the same queue, in processes that know nothing of each other's refusals.
    """

    def __init__(self, max_wait_seconds: float, doors: int = 1) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._doors = doors
        self._promised_until = -math.inf

    def check(
        self, wait_seconds: float, remaining_seconds: float, cost_seconds: float, now: float
    ) -> None:
        """Raise for a request that cannot be answered in time.

        Args:
            wait_seconds: expected time before the request runs.
            remaining_seconds: time until its deadline.
            cost_seconds: how much longer the next request will wait for it.

        Raises:
            DeadlineExceeded: the deadline has passed.
            Overloaded: the wait is over the limit, or ends after the deadline.
        """
        if remaining_seconds <= 0:
            raise DeadlineExceeded(TIME_RAN_OUT)
        limit = min(self._max_wait_seconds, remaining_seconds)
        if wait_seconds > limit:
            seconds = self.seconds_until_room(wait_seconds, limit, cost_seconds, now)
            raise Overloaded(
                f"a request would wait about {wait_seconds:.2f} s and the limit is {limit:.2f} s; "
                f"retry in {math.ceil(seconds)} s, send fewer requests, or add a replica",
                seconds,
            )

    def seconds_until_room(
        self, wait_seconds: float, limit_seconds: float, cost_seconds: float, now: float
    ) -> float:
        """Return when the wait, with this request and those refused before it, is in the limit.

        At least a second; an empty queue has room for a request of any cost.
        """
        cost = cost_seconds * self._doors
        alone = now + wait_seconds - limit_seconds + min(cost, limit_seconds)
        behind = min(self._promised_until + cost, now + LATEST_SECONDS)
        self._promised_until = max(alone, behind)
        return max(self._promised_until - now, 1.0)


class RequestCost:
    """What requests cost the device by the bytes of their bodies, learned from those answered.

    A request is refused before its body is parsed, when nothing else of its size is known.
    """

    def __init__(self) -> None:
        self._bytes = self._seconds = 0.0

    def learn(self, body_bytes: int, seconds: float) -> None:
        """Note what a body of this size has cost."""
        self._bytes += COST_SMOOTHING * (body_bytes - self._bytes)
        self._seconds += COST_SMOOTHING * (seconds - self._seconds)

    def seconds(self, body_bytes: int) -> float:
        """Return what a body of this size may cost; nothing is known at the start."""
        return self._seconds / self._bytes * body_bytes if self._bytes else 0.0
