"""Encodes and decodes long texts on threads beside the event loop, a bounded number at a time."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from app.engine.admission import Admission
from app.errors import Overloaded

Work = Literal["encode", "decode"]

# Seconds to encode a character and to decode a token, until runs here have been measured.
FIRST_PACES: dict[Work, float] = {"encode": 1.5e-6, "decode": 8e-6}
# Weight of the newest run in the measured paces: about the last five runs count.
PACE_SMOOTHING = 0.2


class TextPool:
    """Threads for long texts; used on the event loop only.

    Args:
        threads: texts processed at the same time; others wait.
        max_wait_seconds: expected wait above which a text is refused.
    """

    def __init__(
        self,
        threads: int,
        max_wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.threads = threads
        self._max_wait_seconds = max_wait_seconds
        self._admission = Admission(max_wait_seconds)
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="long-text")
        self._lock = threading.Lock()  # guards the two below, which worker threads change
        self._outstanding_seconds = 0.0
        self._paces = dict(FIRST_PACES)

    @property
    def expected_wait_seconds(self) -> float:
        """How long a text submitted now waits before its work begins."""
        with self._lock:
            return self._outstanding_seconds / self.threads

    def check_admission(self, kind: Work, size: int, deadline: float) -> None:
        """Raise Overloaded for work that would wait too long, or past its deadline."""
        wait, now = self.expected_wait_seconds, self._clock()
        own = self._paces[kind] * size
        limit = max(0.0, min(self._max_wait_seconds, deadline - now - own))
        if wait > limit:
            seconds = self._admission.seconds_until_room(wait, limit, own / self.threads, now)
            raise Overloaded(
                f"a text of this length would be read in about {wait + own:.2f} s and the limit is "
                f"{limit + own:.2f} s; retry in {math.ceil(seconds)} s, send shorter texts, or add "
                "a replica",
                seconds,
            )

    def run(self, kind: Work, size: int, work: Callable[[], None]) -> asyncio.Future[None]:
        """Start the work when a thread is free; cancel the future to drop work that has not begun.

        Args:
            size: characters to encode, or tokens to decode.
        """
        seconds = self._paces[kind] * size
        with self._lock:
            self._outstanding_seconds += seconds

        def timed() -> None:
            started = time.perf_counter()
            work()
            self._learn(kind, (time.perf_counter() - started) / size)

        def ended(_: Future[None]) -> None:
            with self._lock:
                self._outstanding_seconds = max(0.0, self._outstanding_seconds - seconds)

        running = self._pool.submit(timed)
        running.add_done_callback(ended)
        return asyncio.wrap_future(running)

    def close(self) -> None:
        """Start no more work; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _learn(self, kind: Work, pace: float) -> None:
        with self._lock:
            self._paces[kind] += PACE_SMOOTHING * (pace - self._paces[kind])
