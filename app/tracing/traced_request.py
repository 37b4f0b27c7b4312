"""An inference request that is traced: the same steps, and when each was taken."""

from collections.abc import Mapping

from app.api.inference.direct import DirectRequest
from app.api.inference.exchange import Connection
from app.api.inference.routes import Target
from app.api.inference.steps import Job
from app.api.inference.writer import Headers
from app.service import Service
from app.telemetry.series import ModelLabels
from app.tracing.context import RESPONSE_HEADER, write_response
from app.tracing.request_trace import RequestTrace


class TracedRequest(DirectRequest):
    """An inference request that is sampled."""

    __slots__ = ("_trace",)

    def __init__(
        self,
        trace: RequestTrace,
        service: Service,
        connection: Connection,
        target: Target,
        headers: Mapping[bytes, bytes],
        **flags: bool,
    ) -> None:
        super().__init__(service, connection, target, headers, **flags)
        self._trace = self._log.trace = trace

    @property
    def trace_place(self) -> bytes:
        return self._trace.place

    def _validate(self) -> None:
        self._trace.enter("validate")
        super()._validate()

    def _encode(self, job: Job) -> None:
        self._trace.enter("encode")
        super()._encode(job)

    def _submit(self) -> None:
        self._trace.leave()
        before = self._pending
        super()._submit()
        if self._pending is not before:  # else there was nothing to run, or no room for it
            self._trace.enter("queue")

    def _decode(self) -> None:
        assert self._pending is not None  # what ended here was submitted
        assert self._job is not None
        for one in self._job.runs_of(self._pending.result()):
            if one.run.trace is not None:
                self._trace.ran(one.run.trace, one.labels, one.tokens, len(one.run.logits))
        self._trace.enter("decode")
        super()._decode()

    def _decoded(self) -> None:
        self._trace.leave()
        super()._decoded()

    def _respond(self) -> None:
        self._trace.leave()
        super()._respond()
        log = self._log
        if log.version:  # one model has answered
            series = self._service.metrics.of(ModelLabels(log.model or "", log.version))
            for stage, seconds in log.stages.items():
                series.stage_seconds[stage].keep_exemplar(seconds, self._trace.trace_id)

    def _end(self, status: int, headers: Headers, body: bytes) -> None:
        response = (RESPONSE_HEADER, write_response(self._trace.context))
        super()._end(status, [*headers, response], body)
