"""Refuses at once a request that would wait too long, in any process that knows the wait."""

from app.errors import DeadlineExceeded, Overloaded

TIME_RAN_OUT = (
    "the request's time ran out while it was queued or running; allow more time with "
    "X-Request-Timeout-Seconds or CLASSMARK_REQUEST_TIMEOUT_SECONDS, or add a replica"
)


def check_wait(wait_seconds: float, max_queue_seconds: float, remaining_seconds: float) -> None:
    """Raise for a request that cannot be answered in time.

    Args:
        wait_seconds: expected time before the request runs.
        max_queue_seconds: the longest that a request may wait.
        remaining_seconds: time until its deadline.

    Raises:
        DeadlineExceeded: the deadline has passed.
        Overloaded: the wait is over the limit, or ends after the deadline.
    """
    if remaining_seconds <= 0:
        raise DeadlineExceeded(TIME_RAN_OUT)
    limit = min(max_queue_seconds, remaining_seconds)
    if wait_seconds > limit:
        raise Overloaded(
            f"a request would wait about {wait_seconds:.2f} s and the limit is {limit:.2f} s; "
            "retry later, send fewer requests, or add a replica",
            retry_after_seconds=max(wait_seconds - limit, 1.0),
        )
