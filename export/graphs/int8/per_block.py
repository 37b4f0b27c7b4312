"""Quantize weights by blocks of a channel: ONNX Runtime's MatMulNBits with 8 bits.

Weights are stored in int8, one scale for each BLOCK inputs of an output channel. With accuracy
level 4 the kernel rounds the activations to int8 at run time, with one scale for each block of
each token, so it needs no texts. The layers of queries, keys and values are quantized too.

8 bits need no packing, so this module writes the weights itself: ONNX Runtime's own quantizer
would need one more package.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from export.graphs.convert import Graph
from export.graphs.int8.graph_editor import LARGEST, replace_nodes
from export.graphs.int8.quantization_input import QuantizationInput
from export.graphs.int8.ranges import Floats

# The fastest of 32, 64 and 128 whose kernel is batch-invariant.
BLOCK = 64
# 4: activations in int8.
ACCURACY_LEVEL = 4
ZERO_POINT = 128


def quantize_per_block(source: QuantizationInput) -> Graph:
    """Return the graph with its linear layers as MatMulNBits."""
    model = onnx.load(source.path)
    weights = {item.name: item for item in model.graph.initializer}
    layers = frozenset(source.layers)
    stored: set[str] = set()
    nodes = []
    for node in model.graph.node:
        if node.name not in layers:
            nodes.append(node)
            continue
        name = node.input[1]
        values = numpy_helper.to_array(weights[name])
        if name not in stored:
            stored.add(name)
            packed, scales = pack_blocks(values)
            model.graph.initializer.append(numpy_helper.from_array(packed, f"{name}_blocks"))
            model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        nodes.append(_layer(node, *values.shape))
    replace_nodes(model, nodes)
    target = source.target("per-block")
    onnx.save(model, target)
    return source.read_graph(target, f"int8 weights a block of {BLOCK} and activations as they run")


def pack_blocks(weight: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Convert a weight [inputs, outputs] to the layout of MatMulNBits.

    Returns:
        uint8 [outputs, blocks, BLOCK] around 128, and its scales [outputs, blocks].
    """
    inputs, outputs = weight.shape
    blocks = -(-inputs // BLOCK)
    padded = np.pad(weight, ((0, blocks * BLOCK - inputs), (0, 0)))
    values = padded.T.reshape(outputs, blocks, BLOCK)
    scales = np.maximum(np.abs(values).max(axis=-1) / LARGEST, 1e-12).astype(np.float32)
    packed = np.round(values / scales[..., None]) + ZERO_POINT
    return packed.astype(np.uint8), scales


def _layer(node: onnx.NodeProto, inputs: int, outputs: int) -> onnx.NodeProto:
    activations, weight = node.input
    return helper.make_node(
        "MatMulNBits",
        [activations, f"{weight}_blocks", f"{weight}_scales"],
        list(node.output),
        node.name,
        domain="com.microsoft",
        K=inputs,
        N=outputs,
        bits=8,
        block_size=BLOCK,
        accuracy_level=ACCURACY_LEVEL,
    )
