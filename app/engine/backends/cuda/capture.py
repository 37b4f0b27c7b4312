"""Captures every bucket as a model loads, and checks that replays answer like plain runs."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from app.engine.backends.cuda.buckets import Buckets
from app.engine.backends.cuda.cudart import DEVICE_WIDE
from app.engine.backends.cuda.device import EAGER, Device
from app.engine.backends.cuda.layout import Layout, Words, lay_out
from app.engine.backends.packing import Extent, pack, unpack
from app.engine.text.encoding import Encoding, without_layout

logger = logging.getLogger(__name__)

# The first run allocates memory, a later one captures, those after it replay.
RUNS_TO_CAPTURE = 3
# Replay and plain run start the same kernels on the same sizes: logits are equal, or differ by a
# few of fp16's steps, 0.004 each above 4. Inputs that a replay does not read change them by more.
TOLERANCE = 2e-2
# Ids that every vocabulary has.
CHECK_IDS = 4
LOG_EACH = 32


class CaptureFailed(RuntimeError):
    """Graphs cannot be captured here, or answer wrongly; says which, and by how much."""


def graph_numbers(buckets: Buckets) -> dict[Extent, int]:
    """Return the number that each bucket's graph is captured and replayed by."""
    return {extent: number for number, extent in enumerate(buckets.extents, start=1)}


def capture_all(device: Device, buckets: Buckets, inputs: Sequence[str], words: Words) -> None:
    """Capture and check every bucket; runs on the device's thread.

    Raises:
        CaptureFailed: what failed.
    """
    started, numbers = time.perf_counter(), graph_numbers(buckets)
    count = len(numbers)
    for extent, number in numbers.items():
        with DEVICE_WIDE, _refusing(extent):  # size by size: other models load between two
            layout = lay_out(extent, inputs)
            _capture(device, layout, number, words)
            _check(device, layout, number, words)
        if number % LOG_EACH == 0 or number == count:
            seconds = round(time.perf_counter() - started, 1)
            extra = {"captured": number, "of": count, "seconds": seconds}
            logger.info("capturing CUDA graphs", extra=extra)
    # Those that followed may have taken what the first ones use.
    for extent in (buckets.extents[0], buckets.extents[-1]):
        with _refusing(extent):
            _check(device, lay_out(extent, inputs), numbers[extent], words)


@contextmanager
def _refusing(extent: Extent) -> Iterator[None]:
    """Turn whatever the block raises into CaptureFailed."""
    try:
        yield
    except CaptureFailed:
        raise
    except Exception as exc:  # ONNX Runtime raises a dozen unrelated types
        reason = str(exc).strip().split("\n")[0][:300]
        raise CaptureFailed(f"{extent} cannot be captured: {reason}") from exc


def _capture(device: Device, layout: Layout, number: int, words: Words) -> None:
    """Capture one bucket."""
    names = [one.name for one in layout.slices]
    layout.write(pack(check_batch(layout.extent, full=True), names, layout.extent), words)
    device.run(words, layout, EAGER)
    for _ in range(RUNS_TO_CAPTURE):
        device.run(words, layout, number)


def _check(device: Device, layout: Layout, number: int, words: Words) -> None:
    """Compare a replay with a plain run, of other lengths and ids than in the capture.

    Raises:
        CaptureFailed: their logits differ.
    """
    extent = layout.extent
    check = check_batch(extent, full=False)
    layout.write(pack(check, [one.name for one in layout.slices], extent), words)
    replayed, plain = (
        unpack(device.run(words, layout, graph), check, per_token=device.per_token)
        for graph in (number, EAGER)
    )
    # NumPy's maximum, because it returns NaN if there is any.
    differences = [np.abs(one - other).max() for one, other in zip(replayed, plain, strict=True)]
    if not np.max(differences) <= TOLERANCE:
        raise CaptureFailed(
            f"captured, {extent} answers otherwise than plainly run: logits differ by "
            f"{np.max(differences):.2g}, the tolerance is {TOLERANCE:.2g}"
        )


def check_batch(extent: Extent, *, full: bool) -> list[Encoding]:
    """Return texts that fill an extent, or about half of it with one text of the longest.

    They leave one token unused, like batches that have empty sequences.
    """
    tokens = extent.tokens - 1 if extent.sequences > 1 else extent.tokens
    count = extent.sequences if full else max(1, extent.sequences // 2)
    if not full and extent.sequences > 1:
        tokens = max(tokens // 2, min(extent.longest, tokens))
    lengths = _spread(tokens, min(count, tokens), extent.longest)
    ids = [np.arange(length, dtype=np.int64) % CHECK_IDS for length in lengths]
    return [without_layout((one + row) % CHECK_IDS, one * 0) for row, one in enumerate(ids)]


def _spread(tokens: int, count: int, longest: int) -> list[int]:
    """Return `count` lengths of `tokens` in all, none over `longest`, the first the longest."""
    lengths = []
    for left in range(count, 0, -1):
        length = min(longest, max(1, tokens - (left - 1)))
        lengths.append(length)
        tokens -= length
    return lengths
