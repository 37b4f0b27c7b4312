"""Packs and reads frames between a front end and the engine: a header, then arrays or JSON.

    header: bytes of the payload (uint32), kind (uint8), request number (uint32); little-endian

Frames of every request are packed arrays; rare ones are JSON. Both ends run on one machine, so
numbers need no conversion and a deadline on the monotonic clock means the same on both.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Any

import numpy as np

from app import errors
from app.engine.interface import RunResult, RunTrace
from app.engine.text.encoding import Encoding, Logits, without_layout
from app.errors import ClassmarkError, InferenceFailed, InvalidRequest, Overloaded

MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
HEADER = struct.Struct("<IBI")
_SUBMIT = struct.Struct("<IdII")
_RESULT = struct.Struct("<ddddII")
_SIZE = struct.Struct("<I")
_PART = struct.Struct("<II")
VECTOR = -1  # stands for the rows of logits that have one axis


class WireError(Exception):
    """Bytes that are not a frame: the other end is broken, and the connection is useless."""


class Kind(IntEnum):
    SUBMIT = 1  # front end: entries of a request
    CANCEL = 2  # front end: nobody waits for them any more
    RELEASE = 3  # front end: the servable with this number is not used any more
    RELOAD = 4  # front end: swap in a version
    SCAN = 5  # front end: look into the store
    APPLIED = 6  # front end: the state with this number is in force
    RESULT = 7  # engine: logits of a request
    ERROR = 8  # engine: error of a request or a reload
    SERVABLE = 9  # engine: what encoding and decoding need of a servable
    STATE = 10  # engine: which models there are
    DONE = 11  # engine: a reload or a scan has ended
    TICK = 12  # engine: it lives
    SUBMIT_TOGETHER = 13  # front end: entries of a request to several servables, all or none


@dataclass(frozen=True, slots=True)
class Frame:
    kind: Kind
    number: int
    payload: bytes = b""

    def pack(self) -> bytes:
        """Return header and payload; raise InvalidRequest if that is over the limit."""
        size = len(self.payload)
        if size > MAX_PAYLOAD_BYTES:
            raise InvalidRequest(
                f"the request, or its answer, takes {size} bytes between processes and the limit "
                f"is {MAX_PAYLOAD_BYTES}; send fewer or shorter inputs a request"
            )
        return HEADER.pack(size, self.kind, self.number) + self.payload


def take_frames(buffer: bytearray) -> list[Frame]:
    """Remove and return a buffer's complete frames; raise WireError for invalid bytes."""
    frames, at = [], 0
    while len(buffer) - at >= HEADER.size:
        size, kind, number = HEADER.unpack_from(buffer, at)
        if size > MAX_PAYLOAD_BYTES:
            raise WireError(f"a frame of {size} bytes, the limit is {MAX_PAYLOAD_BYTES}")
        start = at + HEADER.size
        if len(buffer) < start + size:
            break
        try:
            frames.append(Frame(Kind(kind), number, bytes(buffer[start : start + size])))
        except ValueError:
            raise WireError(f"a frame of the unknown kind {kind}") from None
        at = start + size
    del buffer[:at]
    return frames


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """The entries of one request, as the engine sees them.

    Attributes:
        servable: its number on this connection.
        deadline: on the monotonic clock, which all processes of a machine share.
        trace: the request's place in its trace; empty if it is not traced.
    """

    servable: int
    deadline: float
    encodings: list[Encoding]
    trace: bytes = b""


def pack_submission(
    servable: int, deadline: float, encodings: Sequence[Encoding], trace: bytes = b""
) -> bytes:
    """Pack the trace, lengths, then all ids, then all type ids, as int32."""
    lengths = np.array([encoding.tokens for encoding in encodings], dtype=np.int32)
    ids = np.concatenate([encoding.ids for encoding in encodings]).astype(np.int32)
    type_ids = np.concatenate([encoding.type_ids for encoding in encodings]).astype(np.int32)
    head = _SUBMIT.pack(servable, deadline, len(encodings), len(trace))
    return b"".join((head, trace, lengths.tobytes(), ids.tobytes(), type_ids.tobytes()))


def read_submission(payload: bytes) -> Submission:
    """Read what `pack_submission` made; raise WireError for anything else."""
    try:
        servable, deadline, count, traced = _SUBMIT.unpack_from(payload)
        start = _SUBMIT.size + traced
        lengths = np.frombuffer(payload, np.int32, count, start).tolist()
        values = np.frombuffer(payload, np.int32, offset=start + 4 * count)
    except (struct.error, ValueError) as exc:
        raise WireError(f"a submission of {len(payload)} bytes: {exc}") from None
    tokens = sum(lengths)
    if count == 0 or min(lengths) < 0 or len(values) != 2 * tokens:
        raise WireError(f"a submission of {count} entries with {tokens} tokens is inconsistent")
    ids, type_ids = values.astype(np.int64).reshape(2, tokens)
    # Offsets and words stay with the text: the engine does not need them.
    encodings = [
        without_layout(ids[end - length : end], type_ids[end - length : end])
        for length, end in zip(lengths, accumulate(lengths), strict=True)
    ]
    return Submission(servable, deadline, encodings, payload[_SUBMIT.size : start])


def pack_together(submissions: Mapping[int, bytes]) -> bytes:
    """Pack submissions by their request numbers: of each its number, its size, itself."""
    parts = [(_PART.pack(number, len(one)), one) for number, one in submissions.items()]
    return b"".join([piece for part in parts for piece in part])


def read_together(payload: bytes) -> dict[int, Submission]:
    """Read what `pack_together` made; raise WireError for anything else."""
    submissions: dict[int, Submission] = {}
    at = 0
    while at < len(payload):
        try:
            number, size = _PART.unpack_from(payload, at)
        except struct.error as exc:
            raise WireError(f"submissions of {len(payload)} bytes: {exc}") from None
        start = at + _PART.size
        at = start + size
        submissions[number] = read_submission(payload[start:at])
    if not submissions:
        raise WireError("submissions that are none")
    return submissions


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


def pack_json(fields: dict[str, Any], data: bytes = b"") -> bytes:
    """Pack the length of some JSON, the JSON, and bytes that go with it."""
    text = json.dumps(fields).encode()
    return _SIZE.pack(len(text)) + text + data


def read_json(payload: bytes) -> dict[str, Any]:
    """Read the JSON of `pack_json`; raise WireError for anything else."""
    return read_json_and_data(payload)[0]


def read_json_and_data(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Read the JSON of `pack_json` and the bytes that go with it; raise WireError if invalid."""
    try:
        (size,) = _SIZE.unpack_from(payload)
        end = _SIZE.size + size
        if len(payload) < end:
            raise WireError(f"a message of {len(payload)} bytes ends within its JSON")
        fields = json.loads(payload[_SIZE.size : end])
    except (struct.error, ValueError) as exc:
        raise WireError(f"a message of {len(payload)} bytes is no JSON: {exc}") from None
    if not isinstance(fields, dict):
        raise WireError("a message is JSON, but no object")
    return fields, payload[end:]
