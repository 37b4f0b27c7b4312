"""Packs and reads what the engine answers: the logits of a request, or its error."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from app import errors
from app.engine.interface import RunResult, RunTrace
from app.engine.text.encoding import Logits
from app.errors import ClassmarkError, InferenceFailed, Overloaded
from app.workers.transport.frames import WireError, pack_json, read_json

_RESULT = struct.Struct("<ddddII")
VECTOR = -1  # stands for the rows of logits that have one axis


def pack_run(run: RunResult, expected_wait_seconds: float) -> bytes:
    """Pack times, the next request's wait, rows and columns, all logits, failures and trace."""
    shapes = [part for one in run.logits for part in (VECTOR, *one.shape)[-2:]]
    times = (run.queue_seconds, run.run_seconds, run.cost_seconds, expected_wait_seconds)
    data = [np.ascontiguousarray(one, dtype=np.float32).tobytes() for one in run.logits]
    tail = _pack_rare(run) if run.failures or run.trace else b""
    head = _RESULT.pack(*times, len(run.logits), len(tail))
    return b"".join((head, np.array(shapes, dtype=np.int32).tobytes(), *data, tail))


def read_run(payload: bytes) -> tuple[RunResult, float]:
    """Read what `pack_run` made; raise WireError for anything else."""
    try:
        queued, ran, cost, expected_wait_seconds, count, tail = _RESULT.unpack_from(payload)
        shapes = np.frombuffer(payload, np.int32, 2 * count, _RESULT.size).tolist()
        end = len(payload) - tail
        values = np.frombuffer(payload[:end], np.float32, offset=_RESULT.size + 8 * count)
        failures, trace = _read_rare(payload[end:]) if tail else ({}, None)
    except (struct.error, ValueError, TypeError) as exc:
        raise WireError(f"a result of {len(payload)} bytes: {exc}") from None
    run = RunResult(_cut(values, shapes), queued, ran, cost, failures, trace)
    return run, expected_wait_seconds


def _cut(values: Logits, shapes: Sequence[int]) -> list[Logits]:
    """Return the logits of each entry; raise WireError unless they are all the values."""
    logits: list[Logits] = []
    at = 0
    for rows, columns in zip(shapes[::2], shapes[1::2], strict=True):
        size = columns if rows == VECTOR else rows * columns
        if columns < 0 or rows < VECTOR or at + size > len(values):
            raise WireError(f"a result has logits of {rows} x {columns} and too few bytes")
        part = values[at : at + size]
        logits.append(part if rows == VECTOR else part.reshape(rows, columns))
        at += size
    if at != len(values):
        raise WireError(f"a result has {len(values) - at} logits too many")
    return logits


def _pack_rare(run: RunResult) -> bytes:
    """Pack what most results lack: failures, and the trace of what was traced."""
    failed = [(position, str(error)) for position, error in run.failures.items()]
    traced = run.trace and [*run.trace[:4], [place.hex() for place in run.trace.batches]]
    return json.dumps([failed, traced]).encode()


def _read_rare(tail: bytes) -> tuple[dict[int, InferenceFailed], RunTrace | None]:
    failed, traced = json.loads(tail)
    failures = {int(position): InferenceFailed(str(reason)) for position, reason in failed}
    if traced is None:
        return failures, None
    submitted, first, last, ended, batches = traced
    places = tuple(map(bytes.fromhex, batches))
    return failures, RunTrace(submitted, first, last, ended, places)


def pack_error(error: ClassmarkError, expected_wait_seconds: float) -> bytes:
    """Pack an error, and the next request's wait."""
    fields: dict[str, Any] = {
        "kind": type(error).__name__,
        "message": str(error),
        "expected_wait_seconds": expected_wait_seconds,
    }
    if isinstance(error, Overloaded):
        fields["retry_after_seconds"] = error.retry_after_seconds
    return pack_json(fields)


def read_error(payload: bytes) -> tuple[ClassmarkError, float]:
    """Read what `pack_error` made; an error of a kind unknown here is an InferenceFailed."""
    fields = read_json(payload)
    message = str(fields.get("message"))
    kind = getattr(errors, str(fields.get("kind")), None)
    error: ClassmarkError = InferenceFailed(message)
    if kind is Overloaded:
        error = Overloaded(message, float(fields.get("retry_after_seconds", 1.0)))
    elif isinstance(kind, type) and issubclass(kind, ClassmarkError):
        error = kind(message)
    return error, float(fields.get("expected_wait_seconds", 0.0))
