"""Packs and reads what a front end submits: the entries of a request, for one servable or several.

Both ends run on one machine, so numbers need no conversion and a deadline on the monotonic clock
means the same on both.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from app.engine.text.encoding import Encoding, without_layout
from app.workers.transport.frames import WireError

_SUBMIT = struct.Struct("<IdII")
_PART = struct.Struct("<II")


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
