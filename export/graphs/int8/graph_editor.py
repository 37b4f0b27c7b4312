"""Replace the nodes of a graph: collect new nodes and constants, then swap them in."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

Array = npt.NDArray[np.generic]

LARGEST = 127


class GraphEditor:
    """Collects new nodes for a graph, in order.

    Attributes:
        nodes: the new nodes.
        weights: its initializers by name.
        opset: the version of ONNX's own operators.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._constants: dict[str, onnx.TensorProto] = {}
        self._made: set[str] = set()
        self.nodes: list[NodeProto] = []
        self.weights = {item.name: item for item in model.graph.initializer}
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        if all(o.domain != "com.microsoft" for o in model.opset_import):
            model.opset_import.append(helper.make_opsetid("com.microsoft", 1))

    def has(self, name: str) -> bool:
        """Tell whether a value or constant of this name was added."""
        return name in self._made or name in self._constants

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self._made.add(output)
        self.nodes.append(
            helper.make_node(operator, inputs, [output], f"{output}_{operator}", **attributes)
        )
        return output

    def constant(self, name: str, value: Array | np.generic) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def store_int8(self, name: str, axis: int) -> None:
        """Store a weight as int8, with the scales that reducing `axis` gives.

        They are called `NAME_int8` and `NAME_scale`. A second call for a weight does nothing.
        """
        if self.has(f"{name}_int8"):
            return
        values = numpy_helper.to_array(self.weights[name])
        scale = np.abs(values).max(axis=axis, keepdims=True) / LARGEST
        scale = np.maximum(scale, np.float32(1e-12)).astype(np.float32)
        self.constant(f"{name}_int8", np.round(values / scale).astype(np.int8))
        self.constant(f"{name}_scale", scale[0] if axis == 0 else scale)

    def finish(self) -> None:
        """Swap the new nodes in, and drop the weights that none of them reads."""
        used = {name for node in self.nodes for name in node.input}
        weights = [item for name, item in self.weights.items() if name in used]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(self.nodes)
        self._graph.initializer.extend([*weights, *self._constants.values()])
