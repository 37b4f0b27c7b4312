"""Packs and reads frames between a front end and the engine: a header, then arrays or JSON.

    header: bytes of the payload (uint32), kind (uint8), request number (uint32); little-endian

Payloads of every request are packed arrays (`submissions`, `results`); rare ones are JSON.
"""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from app.errors import InvalidRequest

MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
HEADER = struct.Struct("<IBI")
_SIZE = struct.Struct("<I")


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
