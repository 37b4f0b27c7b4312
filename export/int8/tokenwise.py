"""Int8 with one scale a token: a graph rewrite whose answers do not depend on the batch.

ONNX Runtime's dynamic quantization takes one scale for all activations of a batch, so a text's
neighbours change its answer, and one outlier costs every token its resolution. Here each token
(a row of activations) gets its own scale, each output channel of a weight too:

    scale = max|x| / 127                        [..., 1]
    q     = round(x / scale) + 128              uint8
    y     = (q - 128) @ W_int8 * W_scale * scale

The product runs in ONNX Runtime's int8 kernel (MatMulIntegerToFloat). Layers that read the same
activations share their quantization. Embedding rows are stored as int8 with a scale each.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

Array = npt.NDArray[np.generic]

LARGEST = 127
ZERO_POINT = 128
# Narrower layers, most heads among them, have too few weights to gain from int8.
MIN_WIDTH = 32
MIN_EMBEDDING_ROWS = 256
LAYER_NORM_OPSET = 17
REDUCE_AXES_AS_INPUT_OPSET = 18


def list_layers(source: Path) -> tuple[str, ...]:
    """Return the names of the linear layers that can be quantized, in the graph's order."""
    model = onnx.load(source)
    rewriter = _Rewriter(model, kept=())
    return tuple(node.name for node in model.graph.node if rewriter.is_layer(node))


def quantize_tokenwise(source: Path, target: Path, kept: Collection[str] = ()) -> None:
    """Write the graph with its linear layers and embeddings in int8.

    Args:
        kept: names of the layers that stay in fp32.
    """
    model = onnx.load(source)
    _Rewriter(model, kept).rewrite()
    onnx.save(model, target)


class _Rewriter:
    """Rebuilds a graph's node list, replacing linear layers and embeddings."""

    def __init__(self, model: onnx.ModelProto, kept: Collection[str]) -> None:
        self._graph = model.graph
        self._kept = frozenset(kept)
        self._opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self._weights = {item.name: item for item in model.graph.initializer}
        self._elsewise = _rows_of_no_token(model)
        self._constants: dict[str, onnx.TensorProto] = {}
        self._nodes: list[NodeProto] = []
        self._made: set[str] = set()
        self._activations: dict[str, tuple[str, str]] = {}
        if all(o.domain != "com.microsoft" for o in model.opset_import):
            model.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    def rewrite(self) -> None:
        for node in list(self._graph.node):
            if node.name not in self._kept and self.is_layer(node):
                self._replace_layer(node)
            elif self._is_embedding(node):
                self._replace_embedding(node)
            elif self._is_slow_norm(node):
                self._replace_slow_norm(node)
            else:
                self._nodes.append(node)
        used = {name for node in self._nodes for name in node.input}
        weights = [item for name, item in self._weights.items() if name in used]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(self._nodes)
        self._graph.initializer.extend([*weights, *self._constants.values()])

    def is_layer(self, node: NodeProto) -> bool:
        if node.op_type != "MatMul" or node.input[1] not in self._weights:
            return False
        if node.input[0] in self._elsewise:
            return False
        shape = tuple(self._weights[node.input[1]].dims)
        return len(shape) == 2 and min(shape) >= MIN_WIDTH

    def _is_embedding(self, node: NodeProto) -> bool:
        table = self._weights.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or table.data_type != onnx.TensorProto.FLOAT:
            return False
        return int(table.dims[0]) >= MIN_EMBEDDING_ROWS

    def _replace_layer(self, node: NodeProto) -> None:
        weight = node.input[1]
        width = int(self._weights[weight].dims[0])
        activations, scale = self._quantize_activations(node.input[0], width)
        if f"{weight}_int8" not in self._constants:
            self._store_int8(weight, axis=0)
        product = self._add(
            "MatMulIntegerToFloat",
            [
                activations,
                f"{weight}_int8",
                self._constant("tokenwise_one", np.float32(1.0)),
                f"{weight}_scale",
                self._constant("tokenwise_zero_point", np.uint8(ZERO_POINT)),
            ],
            f"{node.output[0]}_product",
            domain="com.microsoft",
        )
        self._add("Mul", [product, scale], node.output[0])

    def _replace_embedding(self, node: NodeProto) -> None:
        table, ids = node.input[:2]
        if f"{table}_int8" not in self._constants:
            self._store_int8(table, axis=1)
        out = node.output[0]
        row = self._add("Gather", [f"{table}_int8", ids], f"{out}_row")
        scale = self._add("Gather", [f"{table}_scale", ids], f"{out}_row_scale")
        wide = self._add("Cast", [row], f"{out}_row_float", to=onnx.TensorProto.FLOAT)
        self._add("Mul", [wide, scale], out)

    def _is_slow_norm(self, node: NodeProto) -> bool:
        single = node.op_type == "SkipLayerNormalization" and not any(node.output[1:])
        return single and self._opset >= LAYER_NORM_OPSET

    def _replace_slow_norm(self, node: NodeProto) -> None:
        """Add, then normalise: on CPU several times as fast as ONNX Runtime's fused node.

        Sum instead of Add, because a session fuses Add with the norm again.
        """
        x, skip, gamma, beta, *bias = node.input
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-12)
        total = self._add("Sum", [x, skip, *filter(None, bias)], f"{node.output[0]}_sum")
        self._add(
            "LayerNormalization", [total, gamma, beta], node.output[0], axis=-1, epsilon=epsilon
        )

    def _quantize_activations(self, x: str, width: int) -> tuple[str, str]:
        """Return the names of the uint8 activations [batch, tokens, width] and their scales.

        A row of zeros gets the scale 0; whatever its integers are then, its product is 0 again.
        """
        if x in self._activations:
            return self._activations[x]
        magnitude = self._add("Abs", [x], f"{x}_magnitude")
        largest = self._reduce_max(magnitude, f"{x}_largest")
        step = self._constant("tokenwise_step", np.float32(1.0 / LARGEST))
        scale = self._add("Mul", [largest, step], f"{x}_scale")
        # QuantizeLinear knows one scale a row of a matrix, so the tokens of a batch become rows.
        flat = self._constant("tokenwise_flat", np.array([-1], np.int64))
        matrix = self._constant(f"tokenwise_rows_{width}", np.array([-1, width], np.int64))
        scales = self._add("Reshape", [scale, flat], f"{x}_scales")
        rows = self._add("Reshape", [x, matrix], f"{x}_rows")
        quantized = self._add(
            "QuantizeLinear", [rows, scales, self._zero_points(scales)], f"{x}_uint8_rows", axis=0
        )
        quantized = self._add("Reshape", [quantized, self._shape(x, width)], f"{x}_uint8")
        self._activations[x] = quantized, scale
        return quantized, scale

    def _zero_points(self, scales: str) -> str:
        """Return one zero point a token: linear layers in a MatMul all read [batch, tokens, *]."""
        name = "tokenwise_zero_points"
        if name not in self._made:
            count = self._add("Shape", [scales], "tokenwise_count")
            zero = numpy_helper.from_array(np.array([ZERO_POINT], np.uint8))
            self._add("ConstantOfShape", [count], name, value=zero)
        return name

    def _shape(self, x: str, width: int) -> str:
        name = f"tokenwise_shape_{width}"
        return name if name in self._made else self._add("Shape", [x], name)

    def _reduce_max(self, x: str, output: str) -> str:
        if self._opset < REDUCE_AXES_AS_INPUT_OPSET:
            return self._add("ReduceMax", [x], output, axes=[-1], keepdims=1)
        last = self._constant("tokenwise_last_axis", np.array([-1], np.int64))
        return self._add("ReduceMax", [x, last], output, keepdims=1)

    def _store_int8(self, name: str, axis: int) -> None:
        """Store a weight as int8 with a scale for each slice along `axis`, which is reduced."""
        values = numpy_helper.to_array(self._weights[name])
        scale = np.abs(values).max(axis=axis, keepdims=True) / LARGEST
        scale = np.maximum(scale, np.float32(1e-12)).astype(np.float32)
        self._constant(f"{name}_int8", np.round(values / scale).astype(np.int8))
        self._constant(f"{name}_scale", scale[0] if axis == 0 else scale)

    def _constant(self, name: str, value: Array | np.generic) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._made.add(output)
        self._nodes.append(
            helper.make_node(operator, inputs, [output], f"{output}_{operator}", **attributes)
        )
        return output


def _rows_of_no_token(model: onnx.ModelProto) -> set[str]:
    """Name the values known to be no [batch, tokens, width].

    Such as one row a text, which a head reads, or one a relative position, as in DeBERTa.
    """
    shapes = {
        item.name: item.type.tensor_type.shape.dim
        for item in onnx.shape_inference.infer_shapes(model).graph.value_info
        if item.type.tensor_type.HasField("shape")
    }
    return {
        name
        for name, shape in shapes.items()
        if len(shape) != 3 or any(size.HasField("dim_value") for size in shape[:2])
    }
