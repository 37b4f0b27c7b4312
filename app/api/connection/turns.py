"""Shares the event loop: a flood of requests is worked on a few milliseconds at a time.

Between two turns the loop accepts connections and answers probes. What waits for its turn counts
as overload like what waits in the queue: encoding may be the bottleneck, and not the device.
"""

import asyncio
import time
from collections import deque

from app.api.inference.direct import DirectRequest
from app.engine.admission import Admission
from app.errors import ClassmarkError

# How long requests may take the loop before others get it.
TURN_SECONDS = 0.005
# How fast the measured cost of a request follows: about the last 50 count.
COST_SMOOTHING = 0.02


class Turns:
    """Requests that wait for the event loop of this process.

    Args:
        max_wait_seconds: expected wait above which a request is refused.
    """

    def __init__(self, max_wait_seconds: float) -> None:
        self._admission = Admission(max_wait_seconds)
        self._waiting: deque[DirectRequest] = deque()
        self._spent_seconds = 0.0
        self._cost_seconds = 0.0
        self._scheduled = False

    def take(self, request: DirectRequest) -> None:
        """Answer the request now, or in its turn, or refuse it."""
        if self._spent_seconds < TURN_SECONDS and not self._waiting:
            self._answer(request)
            return
        try:
            wait = len(self._waiting) * self._cost_seconds
            now, cost = time.monotonic(), self._cost_seconds
            self._admission.check(wait, request.remaining_seconds, cost, now)
        except ClassmarkError as exc:
            request.fail(exc)
        else:
            self._waiting.append(request)

    def _answer(self, request: DirectRequest) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._next_turn)
        started = time.perf_counter()
        request.answer()
        seconds = time.perf_counter() - started
        self._spent_seconds += seconds
        self._cost_seconds += COST_SMOOTHING * (seconds - self._cost_seconds)

    def _next_turn(self) -> None:
        self._scheduled, self._spent_seconds = False, 0.0
        while self._waiting and self._spent_seconds < TURN_SECONDS:
            self._answer(self._waiting.popleft())
