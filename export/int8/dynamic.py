"""Dynamic int8: one scale for all activations of a batch, taken as it runs.

ONNX Runtime's own way, and the fastest. A text's neighbours change the scale, so its answer too:
such a graph is only ever run one text at a time.
"""

import logging

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.graphs.convert import Graph
from export.graphs.int8.quantization_input import Base


def quantize_by_batch(base: Base) -> Graph:
    """Return the graph with dynamic int8 in its linear layers."""
    target = base.target("dynamic")
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        quantize_dynamic(
            base.path,
            target,
            nodes_to_quantize=list(base.layers),
            per_channel=True,
            weight_type=QuantType.QInt8,
            # Fused nodes tell shape inference no types.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        logging.disable(before)
    return base.describe(target, "int8 weights a channel and dynamic int8 activations a batch")
