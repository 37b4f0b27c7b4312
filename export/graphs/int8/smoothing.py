"""Smooth a graph before quantization: move the outliers of activations into the weights.

SmoothQuant (Xiao et al. 2022, section 4). A linear layer y = x @ W equals (x / s) @ (s * W) with
a factor s for each input channel. A channel with large activations makes the steps coarse for the
others. These factors balance activations and weights:

    s = max|x| ** alpha / max|W| ** (1 - alpha)        [inputs]

If a layer norm makes x, its gain and bias are divided by s, and other readers of x, such as the
residual of a BERT, get x times s. If attention makes x, each channel is a mean over the same
channel of the values, so the layer that makes the values is divided. Otherwise x itself is divided.
Layers that read the first tokens of x get the same factors as layers that read all of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from app.engine.text.encoding import Ids
from export.graphs.files import save_graph
from export.graphs.int8.biases import ATTENTION, ATTENTION_BIAS
from export.graphs.int8.cls_only_last_layer import find_first_tokens
from export.graphs.int8.ranges import Floats, observe_activations

# The authors take 0.5 to 0.75. On the sentiment demo, of 0.3 to 0.8, fixed ranges need 0.7 or more,
# and one scale a token does much the same from 0.5 to 0.8.
ALPHA = 0.7
# Least magnitude of a channel: one that is always 0 would divide by 0.
SMALLEST = 1e-5


def smooth(
    source: Path, target: Path, layers: Collection[str], feeds: Iterable[Mapping[str, Ids]]
) -> None:
    """Write the graph with its linear layers smoothed; its fp32 answers stay the same.

    Args:
        layers: names of the MatMul nodes to smooth; each has a weight of its own.
        feeds: inputs [1, tokens] on which the largest magnitudes of activations are observed.
    """
    model = onnx.load(source)
    first_tokens = find_first_tokens(model)
    readers: dict[str, list[NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        if node.name in layers:
            readers[first_tokens.get(node.input[0], node.input[0])].append(node)
    smoother = _Smoother(model, first_tokens)
    stats = observe_activations(model, list(readers), feeds)
    for x, nodes in readers.items():
        smoother.smooth(x, nodes, stats[x].magnitude)
    save_graph(model, target)


class _Smoother:
    """Rewrites weights and norms, and adds the products that other readers need."""

    def __init__(self, model: onnx.ModelProto, first_tokens: Mapping[str, str]) -> None:
        self._graph = model.graph
        self._first_tokens = first_tokens
        self._weights = {item.name: item for item in model.graph.initializer}
        self._uses: dict[str, int] = defaultdict(int)
        self._makers: dict[str, NodeProto] = {}
        for node in model.graph.node:
            self._makers |= dict.fromkeys(node.output, node)
            for name in node.input:
                self._uses[name] += 1

    def smooth(self, x: str, layers: list[NodeProto], largest: Floats) -> None:
        weights = [self._load(node.input[1]) for node in layers]
        widest = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
        factor = np.maximum(largest, SMALLEST) ** ALPHA
        factor = (factor / np.maximum(widest, SMALLEST) ** (1 - ALPHA)).astype(np.float32)
        for node, weight in zip(layers, weights, strict=True):
            self._store(node.input[1], weight * factor[:, None])
        maker = self._makers.get(x)
        if maker is not None and self._is_own_norm(maker):
            for name in maker.input[1:]:
                self._store(name, self._load(name) / factor)
            self._multiply(x, "restored", factor, [n for n in self._graph.node if n not in layers])
        elif maker is not None and self._has_own_values(maker, x):
            self._divide_values(maker, factor)
        else:
            self._multiply(x, "smoothed", 1 / factor, layers)

    def _is_own_norm(self, node: NodeProto) -> bool:
        return node.op_type == "LayerNormalization" and all(map(self._is_owned, node.input[1:]))

    def _has_own_values(self, node: NodeProto, x: str) -> bool:
        """Tell whether only this attention reads the layer's values, and only one layer reads x."""
        if node.op_type != ATTENTION or self._uses[x] != 1 or self._uses[node.input[2]] != 1:
            return False
        layer = self._makers.get(node.input[2])
        owned = layer is not None and layer.op_type == "MatMul" and self._is_owned(layer.input[1])
        return owned and (not node.input[ATTENTION_BIAS] or self._is_owned(node.input[3]))

    def _divide_values(self, attention: NodeProto, factor: Floats) -> None:
        weight = self._makers[attention.input[2]].input[1]
        self._store(weight, self._load(weight) / factor)
        if name := attention.input[ATTENTION_BIAS]:
            queries, keys, values = np.split(self._load(name), 3)
            self._store(name, np.concatenate([queries, keys, values / factor]))

    def _is_owned(self, name: str) -> bool:
        return name in self._weights and self._uses[name] == 1

    def _multiply(self, x: str, what: str, factor: Floats, nodes: Collection[NodeProto]) -> None:
        """Multiply x, or its first tokens, by the factor for those of the nodes that read it."""
        rows = [name for name, whole in self._first_tokens.items() if whole == x]
        for name in (x, *rows):
            readers = [n for n in nodes if name in n.input and n.output[0] not in rows]
            if readers:
                self._insert_product(name, f"{name}_{what}", factor, readers)

    def _insert_product(
        self, x: str, output: str, factor: Floats, readers: Collection[NodeProto]
    ) -> None:
        for node in readers:
            node.input[:] = [output if name == x else name for name in node.input]
        self._graph.initializer.append(numpy_helper.from_array(factor, f"{output}_factor"))
        maker = next(i for i, node in enumerate(self._graph.node) if x in node.output)
        self._graph.node.insert(
            maker + 1, helper.make_node("Mul", [x, f"{output}_factor"], [output], output)
        )

    def _load(self, name: str) -> Floats:
        return numpy_helper.to_array(self._weights[name])

    def _store(self, name: str, values: Floats) -> None:
        self._weights[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
