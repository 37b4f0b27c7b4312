"""Runs a packed graph on a GPU: many threads prepare batches, and one runs them."""

import logging
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from app.engine.backends.base import Execution
from app.engine.backends.cuda.buckets import Buckets, Limits
from app.engine.backends.cuda.capture import CaptureFailed, capture_all, graph_numbers
from app.engine.backends.cuda.device import EAGER, Device
from app.engine.backends.cuda.layout import Words, lay_out
from app.engine.backends.cuda.owner import Owner, OwnerDied
from app.engine.backends.packing import Extent, measure, pack, unpack
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError

logger = logging.getLogger(__name__)

# One that runs, one that is ready, one that is being filled.
BUFFERS = 3
CAPTURED = Execution("captured")


class CudaSession:
    """A session on one device, which is freed on its own thread with the last reference.

    `run` lays a batch out on the caller's thread, while the batch before runs on the device's, and
    then waits for its turn. A batch that is too large for one run is split into several.
    """

    def __init__(
        self, owner: Owner, buckets: Buckets, inputs: Sequence[str], execution: Execution
    ) -> None:
        self.execution = execution
        self._owner = owner
        self._buckets = buckets
        self._inputs = tuple(inputs)
        self._numbers = graph_numbers(buckets) if execution.kind == "captured" else {}
        self._per_token = owner.call(lambda device: device.per_token)
        self._free: SimpleQueue[Words] = SimpleQueue()
        for _ in range(BUFFERS):
            self._free.put(owner.call(lambda device: device.make_buffer()))
        # The end of the process frees all that the device holds.
        weakref.finalize(self, owner.close).atexit = False

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        parts = split(encodings, self._buckets.limits)
        return [rows for part in parts for rows in self._run(part)]

    def _run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        extent, graph = self._choose(measure(encodings))
        layout = lay_out(extent, self._inputs)
        words = self._free.get()
        try:
            layout.write(pack(encodings, self._inputs, extent), words)
            logits = self._owner.call(lambda device: device.run(words, layout, graph))
        finally:
            self._free.put(words)
        return unpack(logits, encodings, per_token=self._per_token)

    def _choose(self, least: Extent) -> tuple[Extent, int]:
        """Return the sizes a batch is laid out in, and the graph that runs it."""
        extent = self._buckets.choose(least) if self._numbers else None
        return (least, EAGER) if extent is None else (extent, self._numbers[extent])


def open_session(
    make: Callable[[bool], Device], buckets: Buckets, inputs: Sequence[str]
) -> CudaSession:
    """Load a packed graph and capture it; if capturing fails it runs eagerly, and says why.

    Args:
        make: makes the device, on the device's thread; its argument says whether to capture.

    Raises:
        BundleError: the graph does not load.
    """
    try:
        return CudaSession(_capture(make, buckets, inputs), buckets, inputs, CAPTURED)
    except (BundleError, CaptureFailed, OwnerDied) as exc:
        reason = str(exc)
    owner = Owner(lambda: make(False))
    logger.warning("CUDA graphs not used", extra={"reason": reason})
    execution = Execution("packed", f"kernels are started one by one: {reason}")
    return CudaSession(owner, buckets, inputs, execution)


def _capture(make: Callable[[bool], Device], buckets: Buckets, inputs: Sequence[str]) -> Owner:
    owner = Owner(lambda: make(True))
    try:
        owner.call(lambda device: capture_all(device, buckets, inputs, device.make_buffer()))
    except (CaptureFailed, OwnerDied):
        # The failure may have left the stream in any state: another starts once its memory is free.
        owner.close()
        owner.join()
        raise
    return owner


def split(encodings: Sequence[Encoding], limits: Limits) -> list[Sequence[Encoding]]:
    """Return the encodings in order, in as few parts as the limits of one run allow."""
    parts, start, whole = [], 0, None
    for position, encoding in enumerate(encodings):
        alone = Extent(encoding.tokens, 1, encoding.tokens)
        joined = alone if whole is None else _join(whole, alone)
        if not limits.hold(joined):
            parts.append(encodings[start:position])
            start, joined = position, alone
        whole = joined
    return [*parts, encodings[start:]]


def _join(one: Extent, other: Extent) -> Extent:
    return Extent(
        one.tokens + other.tokens,
        one.sequences + other.sequences,
        max(one.longest, other.longest),
    )
