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
COMBINATIONS = ("", "no-stream", "cpu-nodes", "no-flash", "no-stream,cpu-nodes,no-flash")


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


def _allow_cpu_nodes() -> None:
    """Load a graph even if some nodes run on the CPU; such a graph is not captured."""
    from app.engine.backends.cuda import onnxruntime

    onnxruntime.SESSION_CONFIG["session.disable_cpu_ep_fallback"] = "0"


def _attend_without_flash() -> None:
    """Attend by the memory-efficient kernel."""
    os.environ["ORT_DISABLE_FLASH_ATTENTION"] = "1"


SWITCHES: dict[str, Callable[[], None]] = {
    "no-stream": _copy_by_onnxruntime,
    "cpu-nodes": _allow_cpu_nodes,
    "no-flash": _attend_without_flash,
}
