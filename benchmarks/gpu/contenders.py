"""The engines that can run a bundle's network on the device, each as a session of the service."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch

from app.bundle.bundle import Bundle
from app.engine.backends.base import PADDED, Execution, Mode, Session
from app.engine.backends.cuda.backend import BUDGET_TOKENS, MOST_GRAPHS, CudaBackend
from app.engine.backends.cuda.buckets import plan as plan_buckets
from app.engine.backends.cuda.onnxruntime import OnnxCudaDevice
from app.engine.backends.cuda.owner import Owner
from app.engine.backends.cuda.session import CudaSession
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.backends.padding import pad, unpad
from app.engine.text.encoding import Encoding, Logits
from benchmarks.errors import BenchmarkError
from export.checkpoint.load import Checkpoint
from export.graphs.packed.reference import ReferenceBackend

PADDED_FP16, EAGER, CAPTURED = "ONNX Runtime, padded fp16", "packed, eager", "packed, CUDA graphs"
TORCH, COMPILED = "torch SDPA, fp16", "torch.compile, fp16"
PACKED = (EAGER, CAPTURED)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def open_contender(name: str, bundle: Bundle, checkpoint: Checkpoint, device: str) -> Session:
    """Return a contender's session; without a GPU NumPy runs the packed graph, for a trial.

    Raises:
        Exception: whatever a runtime raises as it loads.
    """
    if name in (TORCH, COMPILED):
        return TorchSession(checkpoint, device, compiled=name == COMPILED)
    manifest = bundle.manifest
    mode = Mode("fp16", "packed" if name in PACKED else "padded")
    graph = mode.find_graph(manifest)
    if graph is None:
        raise BenchmarkError(f"the bundle has no {mode} graph")
    data = bundle.read_graph(graph)
    if device == "cpu":
        backend = ReferenceBackend() if name == EAGER else OnnxRuntimeBackend()
        if name == CAPTURED:
            raise BenchmarkError("CUDA graphs need a GPU")
        return backend.load(data, graph, mode, manifest)
    cuda = CudaBackend()
    if name == EAGER:
        buckets = plan_buckets(manifest.max_length, BUDGET_TOKENS, MOST_GRAPHS)
        owner = Owner(lambda: OnnxCudaDevice(data.model, graph.inputs, buckets.limits, False))
        return CudaSession(owner, buckets, graph.inputs, Execution("packed"))
    session = cuda.load(data, graph, mode, manifest)
    if name == CAPTURED and session.execution.kind != "captured":
        raise BenchmarkError(session.execution.reason or "it is not captured")
    return session


class TorchSession:
    """The checkpoint in torch with SDPA, fp16 on CUDA; no mask where no text is padded."""

    execution = PADDED

    def __init__(self, checkpoint: Checkpoint, device: str, *, compiled: bool) -> None:
        self._device, self._pad_id = device, checkpoint.pad_token_id
        model: Any = copy.deepcopy(checkpoint.model)
        model = model.to(device)
        model = model.half() if device == "cuda" else model
        self._typed = hasattr(model.config, "type_vocab_size")
        self._model: Callable[..., Any] = torch.compile(model) if compiled else model

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        feeds = pad(encodings, INPUTS if self._typed else INPUTS[:2], self._pad_id)
        if feeds["attention_mask"].all():
            del feeds["attention_mask"]  # the kernels without a mask are faster
        tensors = {name: torch.from_numpy(one).to(self._device) for name, one in feeds.items()}
        with torch.inference_mode():
            logits = self._model(**tensors).logits
        return unpad(logits.float().cpu().numpy(), encodings)
