"""Move biases into the products in front of them: the int8 kernel adds them as it writes.

A product with one scale a token takes no bias, because the bias comes after the scales.
"""

from collections import defaultdict
from collections.abc import Collection

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

ATTENTION = "MultiHeadAttention"
ATTENTION_BIAS = 3


class Biases:
    """Takes biases out of the nodes that follow linear layers."""

    def __init__(self, model: onnx.ModelProto, layers: Collection[str]) -> None:
        """Prepare for the named MatMul nodes; the biases of others stay where they are."""
        self._graph = model.graph
        self._weights = {item.name: item for item in model.graph.initializer}
        self._layers = [node for node in model.graph.node if node.name in layers]
        self._results = {item.name for item in model.graph.output}
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self._readers[name].append(node)

    def take(self) -> dict[str, str]:
        """Return the biases that were taken, by layer; the caller must add them to the products."""
        taken = {}
        for layer in self._layers:
            reader = self._only_reader(layer)
            if reader is not None and (bias := self._take(layer, reader)):
                taken[layer.name] = bias
        return taken | self._take_from_attention()

    def _only_reader(self, layer: NodeProto) -> NodeProto | None:
        out = layer.output[0]
        readers = self._readers[out]
        return readers[0] if len(readers) == 1 and out not in self._results else None

    def _take(self, layer: NodeProto, reader: NodeProto) -> str:
        (width,) = self._weights[layer.input[1]].dims[1:]
        bias = next((name for name in reader.input if self._is_vector(name, width)), "")
        if not bias:
            return ""
        if reader.op_type == "BiasGelu":
            reader.op_type = "Gelu"
        elif reader.op_type == "Add":
            self._graph.node.remove(reader)
            layer.output[0] = reader.output[0]
            return bias
        elif reader.op_type != "Sum" or len(reader.input) < 3:
            return ""
        reader.input.remove(bias)
        return bias

    def _take_from_attention(self) -> dict[str, str]:
        """Split attention's bias among queries, keys and values, if all three are layers here."""
        makers = {layer.output[0]: layer for layer in self._layers}
        taken = {}
        for node in self._graph.node:
            if node.op_type != ATTENTION or node.input[ATTENTION_BIAS] not in self._weights:
                continue
            layers = [makers[name] for name in node.input[:3] if name in makers]
            if len(layers) < 3 or not all(map(self._only_reader, layers)):
                continue
            whole = numpy_helper.to_array(self._weights[node.input[ATTENTION_BIAS]])
            for layer, part in zip(layers, np.split(whole, 3), strict=True):
                taken[layer.name] = f"{layer.name}_bias"
                self._graph.initializer.append(
                    numpy_helper.from_array(part.copy(), taken[layer.name])
                )
            node.input[ATTENTION_BIAS] = ""
        return taken

    def _is_vector(self, name: str, width: int) -> bool:
        return name in self._weights and list(self._weights[name].dims) == [width]
