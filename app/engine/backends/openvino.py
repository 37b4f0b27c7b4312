"""OpenVINO on the CPU: the bundle's fp32 graph, computed in bf16 or in fp32."""

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.bundle import GraphFile, Manifest, RuntimePrecision
from app.engine.answers.decoding import Logits
from app.engine.backends.base import CPU_WARM_UP_SHAPES, PADDED, Mode, Session
from app.engine.backends.padding import pad, unpad
from app.engine.text.encoding import Encoding
from app.errors import BundleError

HINTS: Mapping[RuntimePrecision, str] = {"bf16": "bf16", "fp32": "f32"}
# OpenVINO prepares a program for each shape it meets and keeps this many for each stream. By
# default it keeps 5,000, and in bf16 memory grows with every new shape for hours.
KEPT_SHAPES = 64


class OpenVinoBackend:
    """Sessions on the CPU.

    Args:
        streams: runs that go on at the same time, one thread each; more callers wait in turn.

    Raises:
        ValueError: OpenVINO cannot be imported; says what to install.
    """

    name = "openvino"
    provider = "OpenVINO"
    warm_up_shapes = CPU_WARM_UP_SHAPES

    def __init__(self, streams: int) -> None:
        self._core = _import_openvino().Core()
        # What OpenVINO would take by itself: bf16 only where the CPU computes in it. (Its list of
        # capabilities names bf16 also where it is emulated, which is slow.)
        native = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
        self.modes: tuple[Mode, ...] = (
            (Mode("bf16"), Mode("fp32")) if native == HINTS["bf16"] else (Mode("fp32"),)
        )
        self.executors = streams
        self._config = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": KEPT_SHAPES,
        }

    def keeps_invariance(self, mode: Mode) -> bool:
        # In bf16 the padding that neighbours bring moves a score by up to 0.0015 (measured).
        return mode.precision != "bf16"

    def load(self, data: bytes, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        config = self._config | {"INFERENCE_PRECISION_HINT": HINTS[mode.precision]}
        try:
            model = self._core.read_model(data)
            found = {item.get_any_name() for item in model.inputs}
            compiled = self._core.compile_model(model, "CPU", config)
        except Exception as exc:  # the frontend raises bare RuntimeErrors, and others
            reason = " ".join(str(exc).split())[:500]
            raise BundleError(f"OpenVINO does not load the graph: {reason}") from exc
        if found != set(graph.inputs):
            raise BundleError(
                f"the graph has the inputs {sorted(found)}, the manifest says "
                f"{sorted(graph.inputs)}; export the checkpoint again"
            )
        return OpenVinoSession(compiled, graph.inputs, manifest.pad_token_id)


class OpenVinoSession:
    """A compiled graph of open shape [batch, tokens], with one request for each calling thread."""

    execution = PADDED

    def __init__(self, compiled: Any, inputs: Sequence[str], pad_token_id: int) -> None:
        self._compiled = compiled
        self._inputs = tuple(inputs)
        self._pad_token_id = pad_token_id
        self._requests = threading.local()

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        # Shared: `infer` returns only when it has read them. The output is the request's own and
        # the next run writes over it, hence the copy.
        request.infer(pad(encodings, self._inputs, self._pad_token_id), share_inputs=True)
        logits = request.get_output_tensor(0).data
        return unpad(np.array(logits, dtype=np.float32), encodings)


def _import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports every import to its maker.

    OpenVINO does without where the package that reports is missing, so here it always is.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as exc:
        raise ValueError(
            f"the backend OpenVINO cannot be imported ({exc}); install the extra serve-openvino, "
            "or set CLASSMARK_BACKEND=onnxruntime"
        ) from exc
    return openvino
