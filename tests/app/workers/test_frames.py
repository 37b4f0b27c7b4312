"""What crosses between processes arrives as it left; what is no frame is refused."""

import random
import struct

import numpy as np
import pytest

from app.engine.interface import RunResult, RunTrace
from app.engine.text.encoding import Encoding, without_layout
from app.errors import InferenceFailed, InvalidRequest, NotReady, Overloaded
from app.workers.transport import frames
from app.workers.transport.frames import Frame, Kind, WireError


def encoding(rng: random.Random) -> Encoding:
    tokens = rng.randint(1, 600)
    ids = np.array([rng.randint(0, 2**31 - 1) for _ in range(tokens)], dtype=np.int64)
    type_ids = np.array([rng.randint(0, 1) for _ in range(tokens)], dtype=np.int64)
    return without_layout(ids, type_ids)


@pytest.mark.parametrize("seed", range(10))
def test_a_submission_arrives_as_it_left(seed: int) -> None:
    rng = random.Random(seed)
    sent = [encoding(rng) for _ in range(rng.randint(1, 40))]
    deadline = rng.random() * 1e6
    trace = rng.choice((b"", rng.randbytes(24)))
    got = frames.read_submission(frames.pack_submission(seed, deadline, sent, trace))
    assert (got.servable, got.deadline, len(got.encodings)) == (seed, deadline, len(sent))
    assert got.trace == trace
    for one, other in zip(sent, got.encodings, strict=True):
        assert other.ids.dtype == np.int64
        assert np.array_equal(one.ids, other.ids)
        assert np.array_equal(one.type_ids, other.type_ids)


@pytest.mark.parametrize("seed", range(5))
def test_submissions_to_several_servables_arrive_together(seed: int) -> None:
    rng = random.Random(seed)
    sent = {rng.randrange(2**32): [encoding(rng)] for _ in range(rng.randint(1, 9))}
    packed = {
        number: frames.pack_submission(place, 7.5, encodings)
        for place, (number, encodings) in enumerate(sent.items())
    }
    got = frames.read_together(frames.pack_together(packed))
    assert list(got) == list(sent)
    for place, (number, submission) in enumerate(got.items()):
        assert (submission.servable, submission.deadline) == (place, 7.5)
        assert np.array_equal(submission.encodings[0].ids, sent[number][0].ids)


@pytest.mark.parametrize("seed", range(10))
def test_logits_arrive_bit_for_bit_and_in_their_shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [(3,), (1,), (7, 5), (1, 9), (0, 4), (512, 9)]
    bits = [rng.integers(0, 2**32, shape, dtype=np.uint32) for shape in shapes]
    logits = [one.view(np.float32) for one in bits]  # NaN and infinities among them
    got, wait_seconds = frames.read_run(frames.pack_run(RunResult(logits, 0.25, 0.125, 0.5), 1.5))
    assert (got.queue_seconds, got.run_seconds, wait_seconds) == (0.25, 0.125, 1.5)
    assert [one.shape for one in got.logits] == shapes
    assert all(
        np.array_equal(one.view(np.uint32), b) for one, b in zip(got.logits, bits, strict=True)
    )


@pytest.mark.parametrize("batches", [0, 1, 300])
def test_a_trace_and_failures_arrive_with_the_logits(batches: int) -> None:
    rng = random.Random(batches)
    trace = RunTrace(0.1, 1 / 3, 2e6, 2e6 + 1e-6, tuple(rng.randbytes(24) for _ in range(batches)))
    sent = RunResult([np.ones(3, np.float32)], 0.25, 0.125, 0.5, {0: InferenceFailed("why")}, trace)
    got, _ = frames.read_run(frames.pack_run(sent, 1.5))
    assert got.trace == trace
    assert {at: str(error) for at, error in got.failures.items()} == {0: "why"}
    assert got.logits[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "error", [NotReady("away"), InvalidRequest("no"), Overloaded("full", 2.5), InferenceFailed("x")]
)
def test_an_error_keeps_its_kind_and_its_words(error: Exception) -> None:
    got, wait_seconds = frames.read_error(frames.pack_error(error, 1.5))  # type: ignore[arg-type]
    assert wait_seconds == 1.5
    assert (type(got), str(got)) == (type(error), str(error))
    assert getattr(got, "retry_after_seconds", None) == getattr(error, "retry_after_seconds", None)


@pytest.mark.parametrize("kind", ["Exception", "HTTPStatus", "__name__", "Unheard"])
def test_an_error_of_a_kind_that_is_no_error_of_ours_is_a_failure(kind: str) -> None:
    got, _ = frames.read_error(frames.pack_json({"kind": kind, "message": "m"}))
    assert type(got) is InferenceFailed


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


def test_damaged_payloads_are_refused_and_nothing_else_is_raised() -> None:
    rng = random.Random(11)
    submission = frames.pack_submission(1, 2.0, [encoding(rng) for _ in range(3)])
    logits = [np.zeros((4, 3), np.float32), np.zeros(2, np.float32)]
    run = frames.pack_run(RunResult(logits, 0, 0, 0), 0.0)
    together = frames.pack_together({1: submission, 2: submission})
    for read, whole in (
        (frames.read_submission, submission),
        (frames.read_run, run),
        (frames.read_together, together),
    ):
        for _ in range(300):
            damaged = bytearray(whole[: rng.randint(0, len(whole))])
            for _ in range(rng.randint(0, 4)):
                if damaged:
                    damaged[rng.randrange(min(len(damaged), 48))] = rng.randint(0, 255)
            try:
                read(bytes(damaged))
            except WireError:
                continue
    for cut in range(len(submission) - 1):
        with pytest.raises(WireError):
            frames.read_submission(submission[:cut])
        with pytest.raises(WireError):
            frames.read_together(together[: cut + len(together) // 2 + 1])
    with pytest.raises(WireError):
        frames.read_together(b"")


@pytest.mark.parametrize("payload", [b"", b"\x02\0\0\0[]", b"\x09\0\0\0{}", b"\x01\0\0\0\xff"])
def test_json_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        frames.read_json(payload)
