"""Other ways to run packed graphs, should the usual one fail on a device.

The variable GPU_SWITCHES names some, with commas between them, for every process of a run: the
service's processes take them as Python starts, from the folder `switched`.
"""

import os
from collections.abc import Callable
from pathlib import Path

VARIABLE = "GPU_SWITCHES"
FOLDER = Path(__file__).parent / "switched"
# In the order they are tried; the first is the service's own way.
COMBINATIONS = (
    "", "stream-said", "no-stream", "fixed-workspace", "no-flash", "cpu-nodes",
    "no-stream,fixed-workspace,no-flash,cpu-nodes",
)  # fmt: skip


def apply() -> None:
    """Take the switches that the variable names.

    Raises:
        KeyError: there is no such switch.
    """
    for name in filter(None, os.environ.get(VARIABLE, "").split(",")):
        SWITCHES[name]()


def environment() -> dict[str, str]:
    """Return what a process of the service needs to take the same switches; empty without any."""
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return {}
    paths = [str(FOLDER), os.environ.get("PYTHONPATH", ""), str(Path.cwd())]
    return {VARIABLE: chosen, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _copy_by_onnxruntime() -> None:
    """Run on ONNX Runtime's own stream, and let it copy, which blocks."""
    from app.engine.backends.cuda import memory, onnxruntime

    onnxruntime.open_memory = memory.Memory  # type: ignore[attr-defined]


def _say_stream() -> None:
    """Say apart from the stream that there is one, should ONNX Runtime not conclude it."""
    from app.engine.backends.cuda import onnxruntime

    options = onnxruntime._provider_options

    def said(stream: int | None, captures: bool) -> dict[str, str]:
        return options(stream, captures) | {"has_user_compute_stream": str(int(stream is not None))}

    onnxruntime._provider_options = said


def _fix_workspace() -> None:
    """Let cuBLAS take its workspace at the start, and none while a graph is captured."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"


def _multiply_exactly() -> None:
    """Forbid cuBLAS sums in fp16; for a second run, should answers be too far off."""
    os.environ["ORT_CUDA_GEMM_OPTIONS"] = "2"


def _allow_cpu_nodes() -> None:
    """Load a graph even if some nodes run on the CPU; then it can only run eagerly."""
    from app.engine.backends.cuda import onnxruntime

    onnxruntime.SESSION_CONFIG["session.disable_cpu_ep_fallback"] = "0"


def _attend_without_flash() -> None:
    """Attend by the memory-efficient kernel."""
    os.environ["ORT_DISABLE_FLASH_ATTENTION"] = "1"


SWITCHES: dict[str, Callable[[], None]] = {
    "stream-said": _say_stream,
    "fixed-workspace": _fix_workspace,
    "exact-products": _multiply_exactly,
    "no-stream": _copy_by_onnxruntime,
    "cpu-nodes": _allow_cpu_nodes,
    "no-flash": _attend_without_flash,
}
