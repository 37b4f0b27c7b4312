"""Waits for what one request submitted to several servables."""

from collections.abc import Callable, Sequence
from functools import partial

from app.engine.interface import Engine, PendingRun, RunRequest, RunResult
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding


class JointRun:
    """The runs of one request, queued together; it ends with the last of them.

    An error that concerns a whole run ends it at once: the request is answered with that.

    Args:
        wanted: the encodings of each servable.
        on_done: called once when `result` can return or raise, unless `close` came first.

    Raises:
        Overloaded, NotReady, DeadlineExceeded: nothing was taken.
    """

    def __init__(
        self,
        engine: Engine,
        wanted: Sequence[tuple[Servable, Sequence[Encoding]]],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes = b"",
    ) -> None:
        self._on_done: Callable[[], None] | None = on_done
        self._results: list[RunResult | None] = [None] * len(wanted)
        self._error: Exception | None = None
        requests = [
            RunRequest(servable, encodings, partial(self._run_ended, place))
            for place, (servable, encodings) in enumerate(wanted)
        ]
        self._runs: Sequence[PendingRun] = engine.submit_together(requests, deadline, trace)

    def result(self) -> list[RunResult]:
        """Return the result of each run; raise the error that ended one of them."""
        if self._error is not None:
            raise self._error
        return [result for result in self._results if result is not None]

    def close(self) -> None:
        """Stop waiting, and drop what is still queued."""
        self._on_done = None
        for run in self._runs:
            run.close()

    def _run_ended(self, place: int) -> None:
        try:
            self._results[place] = self._runs[place].result()
        except Exception as exc:  # whatever it is, `result` raises it
            self._error = exc
        if self._error is None and None in self._results:
            return
        on_done, self._on_done = self._on_done, None
        if on_done is not None:
            on_done()
