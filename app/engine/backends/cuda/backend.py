"""Runs ONNX Runtime on an NVIDIA GPU: packed graphs by CUDA graphs, padded ones as elsewhere."""

import os
import threading
import weakref
from collections.abc import Sequence

import onnxruntime as ort

from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import PADDED, Mode, Session
from app.engine.backends.cuda.buckets import plan
from app.engine.backends.cuda.cudart import DEVICE_WIDE, CudaError, Cudart, find_cudart
from app.engine.backends.cuda.onnxruntime import PROVIDER, OnnxCudaDevice
from app.engine.backends.cuda.session import open_session
from app.engine.backends.onnxruntime import OnnxSession
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError

# The largest batch that warm-up tries, and so the largest possible budget.
BUDGET_TOKENS = 16_384
# Enough for steps that waste at most an eighth; each graph takes about 1 MB of device memory.
MOST_GRAPHS = 144
# By default ONNX Runtime uses slow attention where the longest text has 512 tokens or fewer.
FLASH_FROM = "ORT_MIN_SEQ_LEN_FLASH_ATTENTION_PACKED_QKV"


class CudaBackend:
    """Sessions on GPU 0."""

    provider = PROVIDER
    degraded: str | None = None
    # int8 is last: most of its operators have no CUDA kernel.
    modes: tuple[Mode, ...] = (Mode("fp16", "packed"), Mode("fp16"), Mode("fp32"), Mode("int8"))
    # One batch runs while the next is laid out; running two at once on a GPU gains nothing.
    executors = 2
    warm_up_shapes = (
        *((1, 8), (1, 32), (1, 128), (8, 32), (8, 128), (32, 64)),
        *((32, 128), (64, 128), (128, 128)),
    )

    def __init__(self) -> None:
        os.environ.setdefault(FLASH_FROM, "0")
        # The loader does not find CUDA libraries that come as Python packages.
        ort.preload_dlls(cudnn=False)
        self._cudart = find_cudart()

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        if mode.kind == "padded":
            return self._load_padded(data, graph, manifest)
        buckets = plan(manifest.max_length, BUDGET_TOKENS, MOST_GRAPHS)
        return open_session(
            lambda captures: OnnxCudaDevice(data.model, graph.inputs, buckets.limits, captures),
            buckets,
            graph.inputs,
        )

    def _load_padded(self, data: GraphData, graph: GraphFile, manifest: Manifest) -> Session:
        try:
            _relax(self._cudart)
        except CudaError as exc:
            raise BundleError(exc.refusal) from exc
        with DEVICE_WIDE:
            session = OnnxSession(data, graph.inputs, manifest.pad_token_id, PROVIDER)
        return PaddedSession(session, self._cudart)


class PaddedSession:
    """A padded graph, which the executors' threads run even while another model is captured.

    They take turns: in ONNX Runtime 1.31 two runs of one session may give each other's memory to
    their kernels (issue 32342), and two at once on a GPU gain nothing.
    """

    execution = PADDED

    def __init__(self, session: OnnxSession, cudart: Cudart | None) -> None:
        self._only = [session]
        self._cudart = cudart
        self._turn = threading.Lock()
        self._threads: set[int] = set()  # those that have run it
        # On a thread of its own: the last reference may be dropped where nothing may wait.
        free = threading.Thread(target=_free, args=(self._only, cudart), name="cuda-free")
        weakref.finalize(self, free.start).atexit = False

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        thread = threading.get_ident()
        if thread in self._threads:
            with self._turn:
                return self._only[0].run(encodings)
        _relax(self._cudart)
        with DEVICE_WIDE, self._turn:
            logits = self._only[0].run(encodings)
        self._threads.add(thread)
        return logits


def _free(only: list[OnnxSession], cudart: Cudart | None) -> None:
    """Drop the last reference to a session."""
    _relax(cudart)
    with DEVICE_WIDE:
        only.clear()


def _relax(cudart: Cudart | None) -> None:
    if cudart is not None:
        cudart.relax_capture_mode()
