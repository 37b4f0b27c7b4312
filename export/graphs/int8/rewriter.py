"""Rewrite a graph to int8: replace its linear layers and embeddings node by node.

ONNX Runtime's int8 kernel (MatMulIntegerToFloat) computes the product of a layer. Embedding rows
are stored as int8, one scale each.
"""

from collections.abc import Collection, Mapping

import onnx
from onnx import NodeProto

from export.graphs.int8.activations import Activations
from export.graphs.int8.graph_editor import GraphEditor
from export.graphs.int8.ranges import Range

MIN_EMBEDDING_ROWS = 256
LAYER_NORM_OPSET = 17


class Rewriter:
    """Rebuilds a graph's node list.

    Args:
        layers: names of the MatMul nodes to replace.
        ranges: by activation, its fixed range; the others get one scale a token.
        biases: by layer, the bias that its product adds; only for layers with a fixed range.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        layers: Collection[str],
        ranges: Mapping[str, Range] | None = None,
        biases: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model
        self._layers = frozenset(layers)
        self._biases = biases or {}
        self._editor = GraphEditor(model)
        self._activations = Activations(self._editor, model, ranges or {})

    def rewrite(self) -> None:
        for node in self._model.graph.node:
            if node.name in self._layers:
                self._replace_layer(node)
            elif self._is_embedding(node):
                self._replace_embedding(node)
            elif self._is_slow_norm(node):
                self._replace_slow_norm(node)
            else:
                self._editor.nodes.append(NodeProto.FromString(node.SerializeToString()))
        self._editor.finish()

    def _replace_layer(self, node: NodeProto) -> None:
        editor, (x, weight), out = self._editor, node.input, node.output[0]
        read = self._activations.quantize(x, int(editor.weights[weight].dims[0]))
        editor.store_int8(weight, axis=0)
        inputs = [read.values, f"{weight}_int8", read.step, f"{weight}_scale", read.zero_point]
        if bias := self._biases.get(node.name):
            inputs += ["", bias]
        if not read.scale:
            editor.add("MatMulIntegerToFloat", inputs, out, domain="com.microsoft")
            return
        product = f"{out}_product"
        editor.add("MatMulIntegerToFloat", inputs, product, domain="com.microsoft")
        editor.add("Mul", [product, read.scale], out)

    def _is_embedding(self, node: NodeProto) -> bool:
        table = self._editor.weights.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or table.data_type != onnx.TensorProto.FLOAT:
            return False
        # The scales of rows that are already int8 form a table of one column.
        return int(table.dims[0]) >= MIN_EMBEDDING_ROWS and int(table.dims[1]) > 1

    def _replace_embedding(self, node: NodeProto) -> None:
        table, ids = node.input[:2]
        editor, out = self._editor, node.output[0]
        editor.store_int8(table, axis=1)
        row = editor.add("Gather", [f"{table}_int8", ids], f"{out}_row")
        scale = editor.add("Gather", [f"{table}_scale", ids], f"{out}_row_scale")
        wide = editor.add("Cast", [row], f"{out}_row_float", to=onnx.TensorProto.FLOAT)
        editor.add("Mul", [wide, scale], out)

    def _is_slow_norm(self, node: NodeProto) -> bool:
        single = node.op_type == "SkipLayerNormalization" and not any(node.output[1:])
        return single and self._editor.opset >= LAYER_NORM_OPSET

    def _replace_slow_norm(self, node: NodeProto) -> None:
        """Add, then normalise: on CPU several times as fast as ONNX Runtime's fused node.

        The node is a Sum, because a session would fuse an Add with the norm again.
        """
        x, skip, gamma, beta, *bias = node.input
        editor, out = self._editor, node.output[0]
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-12)
        total = editor.add("Sum", [x, skip, *filter(None, bias)], f"{out}_sum")
        editor.add("LayerNormalization", [total, gamma, beta], out, axis=-1, epsilon=epsilon)
