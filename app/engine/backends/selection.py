"""Selects the backend that runs the models, by the settings and the device."""

import logging
from typing import Literal

from app.engine.backends.base import Backend
from app.engine.backends.cuda.backend import CudaBackend
from app.engine.backends.cuda.cudart import finds_no_gpu
from app.engine.backends.onnxruntime import OnnxRuntimeBackend, choose_provider

logger = logging.getLogger(__name__)


def select_backend(device: Literal["auto", "cpu", "cuda"], streams: int) -> Backend:
    """Return the backend for a device; `auto` takes CUDA where there is a GPU.

    Args:
        streams: batches that run at the same time on a CPU.

    Raises:
        ValueError: the device is missing; says how to get it.
    """
    if choose_provider(device) == "CUDAExecutionProvider":
        cuda = CudaBackend()  # loads CUDA's libraries, so it comes first
        if device == "cuda" or not finds_no_gpu():
            return cuda
        remedy = "set CLASSMARK_DEVICE=cuda to fail instead, or =cpu to say so"
        logger.warning("no GPU, models run on the CPU", extra={"remedy": remedy})
        reason = f"this onnxruntime is made for a GPU and there is none: the CPU runs it; {remedy}"
        return OnnxRuntimeBackend(streams, reason)
    return OnnxRuntimeBackend(streams)
