"""Compute the last encoder layer for the first token alone, if the head reads no other token.

A text classifier's head reads only the first token of the last hidden state. So the last layer
needs only that token's query, and only its row goes through the output layer, the feed-forward
layers and the norms. Keys and values are computed for every token, and so are the layers before.
The answer stays the same.

The first token's row is taken twice. For a matrix of one row ONNX Runtime uses another routine,
whose order of addition changes with the padding: a text's last bits would depend on the other texts
in its batch. A second row costs next to nothing, because the weights are read once for both.

A graph is rewritten only if its structure proves this: between the head's Gather and the last
attention every node works on each row by itself, and no other node reads its result.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from export.graphs.files import infer_shapes, save_graph
from export.graphs.int8.biases import ATTENTION

# The indices that gather the first tokens. This name marks a rewritten graph.
FIRST = "first_token"
INDICES = (0, 0)
# Of MultiHeadAttention's inputs: queries, keys, values, their bias, and the padding mask of the
# keys. The others relate tokens to each other or come from an earlier run.
ATTENTION_INPUTS = 5
NORMS = ("LayerNormalization", "SkipLayerNormalization")
ELEMENTWISE = ("Add", "Sum", "Mul", "Div", "Erf", "Tanh", "Relu", "BiasGelu", "Gelu", "FastGelu")


def keep_cls_token_only(path: Path) -> bool:
    """Rewrite the graph file if its structure allows it, and tell whether it did."""
    model = onnx.load(path)
    gathers = [node for node in model.graph.node if node.op_type == "Gather"]
    if not any(map(_Match(model).rewrite, gathers)):
        return False
    save_graph(model, path)
    return True


def find_first_tokens(model: onnx.ModelProto) -> dict[str, str]:
    """Return, by name of the first tokens' rows, the activation they are taken from."""
    return {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[1] == FIRST
    }


def first_token_values(model: onnx.ModelProto) -> frozenset[str]:
    """Name the first tokens' rows and all values computed from them: two rows a text."""
    names = set(find_first_tokens(model))
    for node in model.graph.node:
        if not names.isdisjoint(node.input):
            names.update(node.output)
    return frozenset(names)


class _Match:
    """Proves that a head reads first tokens only, and rewrites the layer in front of it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._graph = model.graph
        self._constants = {item.name: item for item in model.graph.initializer}
        self._makers: dict[str, NodeProto] = {}
        self._readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
            self._makers |= dict.fromkeys(node.output, node)
            for name in node.input:
                self._readers[name].append(node)

    def rewrite(self, head: NodeProto) -> bool:
        """Restrict the layer in front of this Gather to the first token, if that is safe."""
        attention = next((n for n in reversed(self._graph.node) if n.op_type == ATTENTION), None)
        if attention is None or not self._takes_first(head) or not self._is_plain(attention):
            return False
        query = self._makers.get(attention.input[0])
        if query is None or not self._is_layer(query):
            return False
        x = query.input[0]
        between = self._walk(head.input[0], {x, attention.output[0]})
        made = {name for node in between for name in node.output}
        read = {name for node in between for name in node.input}
        if attention.output[0] not in read or not made.isdisjoint(attention.input):
            return False
        inside = [query, attention, *between]
        if any(self._is_read_elsewhere(node, [*inside, head]) for node in inside):
            return False
        self._gather(x, [query, *between])
        return True

    def _takes_first(self, head: NodeProto) -> bool:
        index = self._constants.get(head.input[1])
        if index is None or head.input[0] not in self._makers or _attribute(head, "axis", 0) != 1:
            return False
        values = numpy_helper.to_array(index)
        return values.shape == () and int(values) == 0

    def _is_plain(self, attention: NodeProto) -> bool:
        """Tell whether rows of attention depend on other rows through keys and values alone."""
        first, others = attention.input[:ATTENTION_INPUTS], attention.input[ATTENTION_INPUTS:]
        apart = len(first) >= 3 and all(first[:3]) and len(set(first[:3])) == 3
        mask = first[4] if len(first) > 4 else ""
        return (
            apart
            and not any(others)
            and not any(attention.output[1:])
            and not _attribute(attention, "unidirectional", 0)
            and (not mask or self._ignores_queries(mask))
        )

    def _ignores_queries(self, mask: str) -> bool:
        """Tell whether a mask is the same for every query: one with 3 dimensions may not be."""
        graph = infer_shapes(self._model)
        types = {item.name: item.type.tensor_type for item in [*graph.value_info, *graph.input]}
        known = types.get(mask)
        return known is not None and known.HasField("shape") and len(known.shape.dim) <= 2

    def _walk(self, start: str, ends: set[str]) -> list[NodeProto]:
        """Return the nodes between, or an empty list if one does not work on single rows."""
        found: dict[str, NodeProto] = {}
        pending = [start]
        while pending:
            name = pending.pop()
            if name in ends or name in found or not name or name in self._constants:
                continue
            maker = self._makers.get(name)
            if maker is None or not self._works_on_rows(maker):
                return []
            found[name] = maker
            pending.extend(maker.input)
        return list(found.values())

    def _works_on_rows(self, node: NodeProto) -> bool:
        if node.op_type == "MatMul":
            return self._is_layer(node)
        along_rows = node.op_type in ELEMENTWISE
        if node.op_type in NORMS:
            along_rows = _attribute(node, "axis", -1) == -1
        sizes = [len(self._constants[n].dims) for n in node.input if n in self._constants]
        return along_rows and max(sizes, default=0) <= 1

    def _is_layer(self, node: NodeProto) -> bool:
        if node.op_type != "MatMul" or node.input[0] in self._constants:
            return False
        weight = self._constants.get(node.input[1])
        return weight is not None and len(weight.dims) == 2

    def _is_read_elsewhere(self, node: NodeProto, inside: list[NodeProto]) -> bool:
        results = {item.name for item in self._graph.output}
        return any(
            name in results or any(reader not in inside for reader in self._readers[name])
            for name in filter(None, node.output)
        )

    def _gather(self, x: str, readers: list[NodeProto]) -> None:
        rows = f"{x}_first_token"
        for node in readers:
            node.input[:] = [rows if name == x else name for name in node.input]
        self._graph.initializer.append(numpy_helper.from_array(np.array(INDICES, np.int64), FIRST))
        made = (i for i, node in enumerate(self._graph.node) if x in node.output)
        self._graph.node.insert(
            next(made, -1) + 1, helper.make_node("Gather", [x, FIRST], [rows], rows, axis=1)
        )


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((one.i for one in node.attribute if one.name == name), default)
