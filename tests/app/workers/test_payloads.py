"""What requests send between processes arrives as it left; what is damaged is refused."""

import random

import numpy as np
import pytest

from app.engine.interface import RunResult, RunTrace
from app.engine.text.encoding import Encoding, without_layout
from app.errors import InferenceFailed, InvalidRequest, NotReady, Overloaded
from app.workers.transport import frames, results, submissions
from app.workers.transport.frames import WireError


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
    got = submissions.read_submission(submissions.pack_submission(seed, deadline, sent, trace))
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
        number: submissions.pack_submission(place, 7.5, encodings)
        for place, (number, encodings) in enumerate(sent.items())
    }
    got = submissions.read_together(submissions.pack_together(packed))
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
    got, wait_seconds = results.read_run(results.pack_run(RunResult(logits, 0.25, 0.125, 0.5), 1.5))
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
    got, _ = results.read_run(results.pack_run(sent, 1.5))
    assert got.trace == trace
    assert {at: str(error) for at, error in got.failures.items()} == {0: "why"}
    assert got.logits[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "error", [NotReady("away"), InvalidRequest("no"), Overloaded("full", 2.5), InferenceFailed("x")]
)
def test_an_error_keeps_its_kind_and_its_words(error: Exception) -> None:
    got, wait_seconds = results.read_error(results.pack_error(error, 1.5))  # type: ignore[arg-type]
    assert wait_seconds == 1.5
    assert (type(got), str(got)) == (type(error), str(error))
    assert getattr(got, "retry_after_seconds", None) == getattr(error, "retry_after_seconds", None)


@pytest.mark.parametrize("kind", ["Exception", "HTTPStatus", "__name__", "Unheard"])
def test_an_error_of_a_kind_that_is_no_error_of_ours_is_a_failure(kind: str) -> None:
    got, _ = results.read_error(frames.pack_json({"kind": kind, "message": "m"}))
    assert type(got) is InferenceFailed


def test_damaged_payloads_are_refused_and_nothing_else_is_raised() -> None:
    rng = random.Random(11)
    submission = submissions.pack_submission(1, 2.0, [encoding(rng) for _ in range(3)])
    logits = [np.zeros((4, 3), np.float32), np.zeros(2, np.float32)]
    run = results.pack_run(RunResult(logits, 0, 0, 0), 0.0)
    together = submissions.pack_together({1: submission, 2: submission})
    for read, whole in (
        (submissions.read_submission, submission),
        (results.read_run, run),
        (submissions.read_together, together),
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
            submissions.read_submission(submission[:cut])
        with pytest.raises(WireError):
            submissions.read_together(together[: cut + len(together) // 2 + 1])
    with pytest.raises(WireError):
        submissions.read_together(b"")
