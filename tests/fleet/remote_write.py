"""Writes samples of any moment into a real Prometheus, so that hours need not be waited for."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A series' value at a moment, in seconds since the epoch."""

    labels: Mapping[str, str]
    at: float
    value: float


def write_request(samples: Iterable[Sample]) -> bytes:
    """Encode samples as remote write takes them: protocol buffers, in snappy's block format."""
    series = b"".join(_field(1, _series(sample)) for sample in samples)
    # All of it is one literal with a length of four bytes: nothing is compressed.
    return _varint(len(series)) + b"\xfc" + struct.pack("<I", len(series) - 1) + series


def _series(sample: Sample) -> bytes:
    labels = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in sorted(sample.labels.items())
    )
    moment = b"\x10" + _varint(round(sample.at * 1000))
    return labels + _field(2, b"\x09" + struct.pack("<d", sample.value) + moment)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])
