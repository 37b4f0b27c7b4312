"""Frames come out as they went in; what is no frame is refused."""

import random
import struct

import pytest

from app.errors import InvalidRequest
from app.workers.transport import frames
from app.workers.transport.frames import Frame, Kind, WireError


def test_frames_come_out_whole_however_the_bytes_are_cut() -> None:
    rng = random.Random(5)
    sent = [
        Frame(Kind(rng.randint(1, len(Kind))), n, rng.randbytes(rng.randint(0, 50)))
        for n in range(60)
    ]
    stream = b"".join(frame.pack() for frame in sent)
    buffer, got = bytearray(), []
    while stream:
        cut = rng.randint(1, 70)
        buffer += stream[:cut]
        stream = stream[cut:]
        got += frames.take_frames(buffer)
    assert got == sent
    assert not buffer


def test_a_frame_over_the_limit_is_refused_on_both_sides() -> None:
    header = struct.pack("<IBI", frames.MAX_PAYLOAD_BYTES + 1, Kind.SUBMIT, 1)
    with pytest.raises(WireError, match="the limit is"):
        frames.take_frames(bytearray(header))
    with pytest.raises(InvalidRequest, match="send fewer"):
        Frame(Kind.SUBMIT, 1, bytes(frames.MAX_PAYLOAD_BYTES + 1)).pack()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(WireError, match="kind 99"):
        frames.take_frames(bytearray(struct.pack("<IBI", 0, 99, 1)))


@pytest.mark.parametrize("payload", [b"", b"\x02\0\0\0[]", b"\x09\0\0\0{}", b"\x01\0\0\0\xff"])
def test_json_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        frames.read_json(payload)
