"""Which backends may run the models, by the settings and the device."""

import logging
from typing import Literal

from app.bundle import Precision, graph_precision
from app.engine.backends.base import Backend
from app.engine.backends.cuda.backend import CudaBackend
from app.engine.backends.cuda.cudart import finds_no_gpu
from app.engine.backends.onnxruntime import OnnxRuntimeBackend, choose_provider
from app.engine.backends.openvino import OpenVinoBackend

logger = logging.getLogger(__name__)


def select_backends(
    wanted: Literal["onnxruntime", "openvino", "auto"],
    device: Literal["auto", "cpu", "cuda"],
    precision: Precision | None,
    streams: int,
) -> tuple[Backend, ...]:
    """Return the backends that compete for each model, the preferred first; mostly it is one.

    Args:
        precision: the one graph wanted; None: any.
        streams: batches that run at the same time on a CPU.

    Raises:
        ValueError: what is wanted is not there; says how to get it.
    """
    backends = _backends(wanted, device, streams)
    able = tuple(b for b in backends if precision in (None, *(mode.precision for mode in b.modes)))
    if not able:
        offered = {graph_precision(mode.precision) for b in backends for mode in b.modes}
        raise ValueError(
            f"precision is {precision!r}, and the backend {wanted!r} runs {', '.join(offered)} "
            "graphs; set CLASSMARK_PRECISION=auto, or CLASSMARK_BACKEND=onnxruntime"
        )
    return able


def _backends(wanted: str, device: Literal["auto", "cpu", "cuda"], streams: int) -> list[Backend]:
    if wanted == "openvino":
        if device == "cuda":
            raise ValueError(
                "backend is 'openvino', which runs on CPUs, and device is 'cuda'; set "
                "CLASSMARK_DEVICE=cpu, or CLASSMARK_BACKEND=onnxruntime"
            )
        return [OpenVinoBackend(streams)]
    if choose_provider(device) == "CUDAExecutionProvider":
        cuda = CudaBackend()  # finds CUDA's libraries, so it comes first
        if device == "cuda" or not finds_no_gpu():
            return [cuda]
        remedy = "set CLASSMARK_DEVICE=cuda to fail instead, or =cpu to say so"
        logger.warning("no GPU, models run on the CPU", extra={"remedy": remedy})
    onnxruntime = OnnxRuntimeBackend(streams)
    return [onnxruntime, OpenVinoBackend(streams)] if wanted == "auto" else [onnxruntime]
