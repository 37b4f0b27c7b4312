"""Runs graphs with ONNX Runtime on the CPU, and padded ones with any of its providers."""

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import onnxruntime as ort

from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import CPU_WARM_UP_SHAPES, PADDED, Mode, Session
from app.engine.backends.padding import pad, unpad
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError

Provider = Literal["CPUExecutionProvider", "CUDAExecutionProvider"]


class OnnxRuntimeBackend:
    """Sessions on the CPU.

    Args:
        executors: batches that run at the same time, one thread each.
        degraded: why no better device is used.
    """

    provider: Provider = "CPUExecutionProvider"
    # fp16 is slower than fp32 on a CPU.
    modes: tuple[Mode, ...] = (Mode("int8"), Mode("fp32"), Mode("fp16"))
    warm_up_shapes = CPU_WARM_UP_SHAPES

    def __init__(self, executors: int = 1, degraded: str | None = None) -> None:
        self.executors = executors
        self.degraded = degraded

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        return OnnxSession(data, graph.inputs, manifest.pad_token_id, self.provider)


def choose_provider(device: Literal["auto", "cpu", "cuda"]) -> Provider:
    """Return the provider for a device; `auto` takes CUDA where ONNX Runtime has it."""
    has_cuda = "CUDAExecutionProvider" in ort.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise ValueError(
            "device is 'cuda' but this onnxruntime has no CUDA provider; install the extra "
            "serve-gpu instead of serve, or set CLASSMARK_DEVICE=cpu"
        )
    return "CUDAExecutionProvider" if has_cuda and device != "cpu" else "CPUExecutionProvider"


class OnnxSession:
    """A graph with one intra-op thread: parallelism comes from executors, one per core."""

    execution = PADDED

    def __init__(
        self, data: GraphData, inputs: Sequence[str], pad_token_id: int, provider: Provider
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        if provider == "CPUExecutionProvider":
            _share_arena(options)
        _attach_weights(options, data)
        self._inputs = tuple(inputs)
        self._pad_token_id = pad_token_id
        try:
            # Its fallback would start anew on the CPU, and hide the first error by that one's.
            self._session = ort.InferenceSession(
                data.model, options, providers=[provider], enable_fallback=0
            )
        except Exception as exc:  # ONNX Runtime raises a dozen unrelated types
            raise BundleError(f"ONNX Runtime does not load the graph: {first_line(exc)}") from exc
        if self._session.get_providers()[0] != provider:  # it falls back without an error
            raise BundleError(
                f"ONNX Runtime cannot start {provider} here and offers "
                f"{', '.join(self._session.get_providers())}; see that the driver and the CUDA "
                "libraries are there, or set CLASSMARK_DEVICE=cpu"
            )
        found = {item.name for item in self._session.get_inputs()}
        if found != set(self._inputs):
            raise BundleError(
                f"the graph has the inputs {sorted(found)}, the manifest says "
                f"{sorted(self._inputs)}; export the checkpoint again"
            )
        # ONNX Runtime has its own copy of the weights. Its Python class keeps these bytes too, to
        # start again on another provider.
        self._session._model_bytes = None

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        feeds = pad(encodings, self._inputs, self._pad_token_id)
        (logits,) = self._session.run(None, feeds)[:1]
        return unpad(np.asarray(logits, dtype=np.float32), encodings)


def _share_arena(options: ort.SessionOptions) -> None:
    """Let a session's batches take their memory from the one arena of the process.

    An arena keeps what it once took. No more batches run at once than there are executors, however
    many models are loaded, so what the hungriest model needs is enough for all. Weights lie outside
    of it, and go with their session.
    """
    _make_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")


@functools.cache
def _make_arena() -> None:
    memory = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({}))


def _attach_weights(options: ort.SessionOptions, data: GraphData) -> None:
    """Let a session copy its large weights from these files, and from no others."""
    if data.weights:
        files = data.weights.values()
        options.add_external_initializers_from_files_in_memory(
            list(data.weights), list(files), [len(file) for file in files]
        )


def first_line(exc: Exception) -> str:
    """Return an error's first line, without the stack that ONNX Runtime adds."""
    return str(exc).strip().split("\n")[0][:500]
