"""Implements the HTTP side's engine by calls to the engine process."""

import time
from collections.abc import Callable, Sequence

from app.engine.admission import Admission
from app.engine.batching.scheduler import Clock
from app.engine.interface import Engine, PendingRun, RunRequest, RunResult
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding
from app.errors import NotReady
from app.workers.front_end.engine_client import ENGINE_AWAY, EngineClient, PendingCall
from app.workers.front_end.remote_registry import RemoteRegistry
from app.workers.transport.frames import Kind
from app.workers.transport.submissions import pack_submission

# An engine that says nothing for this long hangs, or its machine is stopped.
SILENT_SECONDS = 3.0


class RemoteRun(PendingRun):
    """The encodings of one request, submitted to the engine process."""

    def __init__(self, call: PendingCall, seconds: float, on_done: Callable[[], None]) -> None:
        super().__init__(seconds, on_done)
        self._call = call
        call.answer.add_done_callback(lambda _: self._finish())

    def _read(self) -> RunResult:
        run: RunResult = self._call.answer.result()
        return run

    def _drop(self) -> None:
        self._call.end()


class RemoteEngine(Engine):
    """Runs encodings in the engine process, in batches with those of all front ends."""

    def __init__(
        self, client: EngineClient, registry: RemoteRegistry, admission: Admission
    ) -> None:
        self._client = client
        self._registry = registry
        self._admission = admission

    @property
    def clock(self) -> Clock:
        """The engine's: on one machine all processes share the monotonic clock."""
        return time.monotonic

    @property
    def expected_wait_seconds(self) -> float:
        return self._client.expected_wait_seconds

    def check_admission(self, deadline: float, cost_seconds: float) -> None:
        """Refuse by the wait last reported; if the queue has grown since, the engine refuses."""
        if not self._client.is_connected:
            raise NotReady(ENGINE_AWAY)
        now = self.clock()
        self._admission.check(self.expected_wait_seconds, deadline - now, cost_seconds, now)

    def unready_reason(self) -> str | None:
        silent = self._client.silent_seconds
        if silent > SILENT_SECONDS:
            return f"the engine process has not answered for {silent:.0f} s"
        return self._registry.trouble

    def submit(
        self,
        servable: Servable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes = b"",
    ) -> RemoteRun:
        call = self._client.call(Kind.SUBMIT, self._pack(servable, deadline, encodings, trace))
        return RemoteRun(call, deadline - self.clock(), on_done)

    def submit_together(
        self, requests: Sequence[RunRequest], deadline: float, trace: bytes = b""
    ) -> list[RemoteRun]:
        packed = [self._pack(one.servable, deadline, one.encodings, trace) for one in requests]
        calls = self._client.submit_together(packed)
        seconds = deadline - self.clock()
        return [
            RemoteRun(call, seconds, one.on_done) for call, one in zip(calls, requests, strict=True)
        ]

    def _pack(
        self, servable: Servable, deadline: float, encodings: Sequence[Encoding], trace: bytes
    ) -> bytes:
        number = self._registry.number(servable)
        if number is None:
            raise NotReady(ENGINE_AWAY)
        return pack_submission(number, deadline, encodings, trace)
