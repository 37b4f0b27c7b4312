"""Run a packed graph in NumPy, on a machine without a CUDA device."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import Execution, Mode, Session
from app.engine.backends.packing import Extent, pack, unpack
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError
from export.graphs.packed.operators import OPERATORS

PACKED = Mode("fp16", "packed")


class ReferenceBackend:
    """Loads packed graphs when a bundle is made or verified; it is far too slow to serve."""

    provider = "NumPy"
    degraded: str | None = None
    modes = (PACKED,)
    executors = 1
    warm_up_shapes = ((1, 8), (1, 16))

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        try:
            return ReferenceSession(data.model)
        except Exception as exc:  # protobuf and onnx raise types of their own
            raise BundleError(
                f"{graph.file} is not a packed graph: {str(exc)[:200]}; export the checkpoint again"
            ) from exc


class ReferenceSession:
    """Runs a packed graph, rounding where the CUDA kernels do: exact enough for a gate."""

    execution = Execution("packed")

    def __init__(self, data: bytes) -> None:
        model = onnx.load_model_from_string(data)
        self._evaluator = ReferenceEvaluator(model, new_ops=list(OPERATORS))
        self._inputs = [item.name for item in model.graph.input]
        rows = model.graph.output[0].type.tensor_type.shape.dim[0].dim_param
        self._per_token = rows == "tokens"

    def run(self, encodings: Sequence[Encoding], extent: Extent | None = None) -> list[Logits]:
        """Return fp32 logits in the order given: [labels], or [tokens, labels] for NER.

        Args:
            extent: sizes to fill the batch up to, as `pack` takes them.
        """
        feeds = pack(encodings, self._inputs, extent)
        (logits,) = self._evaluator.run(None, feeds)
        return unpack(np.asarray(logits, np.float32), encodings, per_token=self._per_token)
