"""Manages host and device memory and their copies: one int32 buffer in, fp32 logits out.

Not run on a GPU yet. With the CUDA runtime's own functions, buffers are pinned and copies wait only
for their stream. Without them, ONNX Runtime copies, which is slower and blocks.
"""

import ctypes
import logging
from typing import Any

import numpy as np
import onnxruntime as ort

from app.engine.backends.cuda.cudart import DEVICE_TO_HOST, HOST_TO_DEVICE, Cudart
from app.engine.backends.cuda.layout import Words
from app.engine.text.encoding import Logits

logger = logging.getLogger(__name__)

WORD_BYTES = 4  # of an int32 and of an fp32
DEVICE, DEVICE_ID = "cuda", 0


class Memory:
    """Memory that ONNX Runtime copies: whole buffers, and the caller waits.

    Attributes:
        stream: the stream that a session must run on, to keep copies in order; None: any.
    """

    stream: int | None = None

    def enter_thread(self) -> None:
        """Prepare the thread that calls, before it uses the device."""

    def end_capture(self) -> None:
        """End a capture that failed midway: what is freed during one ends the process."""

    def reserve(self, words: int, values: int) -> None:
        """Allocate memory on the device, at addresses that stay the same until `close`.

        Args:
            words: int32 words of the inputs.
            values: fp32 values of the logits.
        """
        self._words = words
        self._inputs = _on_device(words, np.int32)
        self._logits = _on_device(values, np.float32)
        self.inputs_address: int = self._inputs.data_ptr()
        self.logits_address: int = self._logits.data_ptr()

    def make_buffer(self) -> Words:
        return np.zeros(self._words, np.int32)

    def upload(self, buffer: Words, words: int) -> None:
        """Copy the first words of a buffer to the device."""
        self._inputs.update_inplace(buffer)

    def download(self, values: int) -> Logits:
        """Return a copy of the first logits, once all earlier work has run."""
        copied: Logits = self._logits.numpy()
        return copied[:values]

    def close(self) -> None:
        del self._inputs, self._logits


class PinnedMemory(Memory):
    """Memory copied on a stream of its own, to and from pinned memory of the host."""

    stream: int

    def __init__(self, cudart: Cudart) -> None:
        self._cudart = cudart
        self._pinned: list[int] = []
        self.enter_thread()
        self.stream = cudart.make_stream()

    def enter_thread(self) -> None:
        self._cudart.relax_capture_mode()

    def end_capture(self) -> None:
        self._cudart.end_capture(self.stream)

    def reserve(self, words: int, values: int) -> None:
        super().reserve(words, values)
        self._landing = self._pin(values, ctypes.c_float)

    def make_buffer(self) -> Words:
        buffer: Words = self._pin(self._words, ctypes.c_int32)
        return buffer

    def upload(self, buffer: Words, words: int) -> None:
        source, size = buffer.ctypes.data, words * WORD_BYTES
        self._cudart.copy(self.inputs_address, source, size, HOST_TO_DEVICE, self.stream)

    def download(self, values: int) -> Logits:
        target, size = self._landing.ctypes.data, values * WORD_BYTES
        self._cudart.copy(target, self.logits_address, size, DEVICE_TO_HOST, self.stream)
        self._cudart.synchronize(self.stream)
        copied: Logits = self._landing[:values].copy()
        return copied

    def close(self) -> None:
        super().close()
        for address in self._pinned:
            self._cudart.free_pinned(address)
        self._cudart.destroy_stream(self.stream)
        self._cudart.trim_graphs(DEVICE_ID)

    def _pin(self, count: int, kind: Any) -> Any:
        address = self._cudart.allocate_pinned(count * WORD_BYTES)
        self._pinned.append(address)
        return np.ctypeslib.as_array((kind * count).from_address(address))


def open_memory() -> Memory:
    """Return memory with pinned buffers where the CUDA runtime's functions are found."""
    try:
        cudart = Cudart()
    except (OSError, AttributeError) as exc:
        logger.warning("batches are copied without pinned memory", extra={"reason": str(exc)})
        return Memory()
    return PinnedMemory(cudart)


def _on_device(count: int, kind: type) -> Any:
    return ort.OrtValue.ortvalue_from_shape_and_type([count], kind, DEVICE, DEVICE_ID)
