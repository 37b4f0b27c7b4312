"""Runs a packed graph in ONNX Runtime's CUDA provider, inputs and logits at fixed addresses.

Not run on a GPU yet. Known from reading alone: `gpu_graph_id` -1 runs without capturing, a run
returns when the device is done, and captured graphs work with a stream of ours.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from app.engine.backends.cuda.buckets import Limits
from app.engine.backends.cuda.cudart import DEVICE_WIDE, CudaError
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.layout import Layout, Words, words_at_most
from app.engine.backends.cuda.memory import DEVICE, DEVICE_ID, WORD_BYTES, Memory, open_memory
from app.engine.backends.onnxruntime import first_line
from app.engine.text.encoding import Logits
from app.errors import BundleError

PROVIDER: Final = "CUDAExecutionProvider"
SESSION_CONFIG = {
    "session.intra_op.allow_spinning": "0",
    # Keep weights out of the arena, which otherwise grows to twice their size.
    "session.use_device_allocator_for_initializers": "1",
    # Fail rather than run a node on the CPU.
    "session.disable_cpu_ep_fallback": "1",
}


class OnnxCudaDevice:
    """One packed graph on GPU 0; made, used and closed on one thread.

    Args:
        data: the graph.
        inputs: names of its inputs, as in the manifest.
        limits: limits of one run; they decide the memory that inputs and logits take.
        captures: whether runs may capture and replay CUDA graphs.

    Raises:
        BundleError: the graph does not load, or CUDA does not start.
    """

    def __init__(self, data: bytes, inputs: Sequence[str], limits: Limits, captures: bool) -> None:
        self._captures, self._ran = captures, False
        self._captured: dict[int, tuple[Any, ort.RunOptions]] = {}
        with DEVICE_WIDE:
            self._memory = _open_memory()
            self._session: Any = _load(data, inputs, self._memory.stream, captures)
            rows, self._labels = self._session.get_outputs()[0].shape
            # The exporter names the axes alike if logits have a row per token, not per text.
            self.per_token = rows == self._session.get_inputs()[0].shape[1]
            most_rows = limits.tokens if self.per_token else limits.sequences
            self._memory.reserve(words_at_most(limits, inputs), most_rows * self._labels)

    def make_buffer(self) -> Words:
        return self._memory.make_buffer()

    def run(self, words: Words, layout: Layout, graph: int) -> Logits:
        graph = graph if self._captures else EAGER
        if graph in self._captured:
            binding, options = self._captured[graph]
        else:
            binding, options = self._bind(layout), _options(graph)
            if graph != EAGER:
                self._captured[graph] = binding, options
        with nullcontext() if self._ran else DEVICE_WIDE:
            self._memory.upload(words, layout.words)
            self._session.run_with_iobinding(binding, options)
        self._ran = True
        rows = self._rows(layout)
        return self._memory.download(rows * self._labels).reshape(rows, self._labels)

    def forget_graphs(self) -> None:
        self._memory.enter_thread()
        self._captures, self._ran = False, False
        self._captured.clear()

    def close(self) -> None:
        self._captured.clear()
        with DEVICE_WIDE:
            self._memory.end_capture()
            self._session = None  # before the stream that it runs on
            self._memory.close()

    def _bind(self, layout: Layout) -> Any:
        binding, memory = self._session.io_binding(), self._memory
        for name, start, shape in layout.slices:
            address = memory.inputs_address + start * WORD_BYTES
            binding.bind_input(name, DEVICE, DEVICE_ID, np.int32, list(shape), address)
        name = self._session.get_outputs()[0].name
        rows = [self._rows(layout), self._labels]
        binding.bind_output(name, DEVICE, DEVICE_ID, np.float32, rows, memory.logits_address)
        return binding

    def _rows(self, layout: Layout) -> int:
        return layout.extent.tokens if self.per_token else layout.extent.sequences


def _open_memory() -> Memory:
    try:
        return open_memory()
    except CudaError as exc:
        raise BundleError(exc.refusal) from exc


def _load(data: bytes, inputs: Sequence[str], stream: int | None, captures: bool) -> Any:
    try:
        providers = [(PROVIDER, _provider_options(stream, captures))]
        # Its fallback would start anew on the CPU, and hide the first error by that one's.
        session = ort.InferenceSession(
            data, _session_options(), providers=providers, enable_fallback=0
        )
    except Exception as exc:  # ONNX Runtime raises a dozen unrelated types
        reason = first_line(exc)
        raise BundleError(f"ONNX Runtime does not load the packed graph: {reason}") from exc
    if session.get_providers()[0] != PROVIDER:
        raise BundleError(
            f"ONNX Runtime cannot start {PROVIDER} here; see that the driver and the CUDA "
            "libraries are there, or set CLASSMARK_DEVICE=cpu"
        )
    found = [item.name for item in session.get_inputs()]
    if set(found) != set(inputs):
        raise BundleError(
            f"the packed graph has the inputs {sorted(found)}, the manifest says "
            f"{sorted(inputs)}; export the checkpoint again"
        )
    return session


def _session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # It would keep a memory plan for each new size, and eager batches have any number of sizes.
    options.enable_mem_pattern = False
    for key, value in SESSION_CONFIG.items():
        options.add_session_config_entry(key, value)
    return options


def _provider_options(stream: int | None, captures: bool) -> dict[str, str]:
    options = {
        "device_id": str(DEVICE_ID),
        "arena_extend_strategy": "kSameAsRequested",
        "enable_cuda_graph": "1" if captures else "0",
        "enable_cudnn": "0",  # no encoder needs it, and it takes time and memory
    }
    return options if stream is None else {**options, "user_compute_stream": str(stream)}


def _options(graph: int) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(graph))
    return options
