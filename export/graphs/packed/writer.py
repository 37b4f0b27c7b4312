"""Write an fp16 graph node by node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from export.errors import PackingRefused
from export.graphs.packed.weights import Linear, Norm, Weights

OPSET = 17
IR_VERSION = 10
CONTRIB = "com.microsoft"
CONTRIB_OPERATORS = frozenset(
    {
        "BiasGelu",
        "EmbedLayerNormalization",
        "FastGelu",
        "PackedMultiHeadAttention",
        "SkipLayerNormalization",
    }
)
FP16_MAX = float(np.finfo(np.float16).max)


class GraphWriter:
    """Collects the nodes of a graph; every method that adds one returns its output's name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(
        self, kind: str, inputs: Sequence[str], name: str, *more: str, **attributes: Any
    ) -> str:
        """Add a node.

        Args:
            name: of the node and of its first output.
            more: its other outputs.
        """
        domain = CONTRIB if kind in CONTRIB_OPERATORS else ""
        self._nodes.append(
            helper.make_node(kind, inputs, [name, *more], name, domain=domain, **attributes)
        )
        return name

    def multiply(self, x: str, linear: Linear, name: str) -> str:
        """Add x @ weight; the next node adds the bias."""
        return self.add("MatMul", [x, self.weight(f"{linear.name}.weight", linear.weight)], name)

    def apply(self, x: str, linear: Linear, name: str) -> str:
        """Add a linear layer with its bias."""
        weight = self.weight(f"{linear.name}.weight", linear.weight)
        return self.add("Gemm", [x, weight, self.bias(linear)], name)

    def skip_norm(self, x: str, skip: str, bias: Linear, norm: Norm, name: str) -> str:
        """Add the norm of x + skip and the bias of the layer that made x."""
        inputs = [x, skip, *self.norm(norm), self.bias(bias)]
        return self.add("SkipLayerNormalization", inputs, name, epsilon=norm.epsilon)

    def bias(self, linear: Linear) -> str:
        return self.weight(f"{linear.name}.bias", linear.bias)

    def norm(self, norm: Norm) -> tuple[str, str]:
        gamma = self.weight(f"{norm.name}.gamma", norm.gamma)
        return gamma, self.weight(f"{norm.name}.beta", norm.beta)

    def weight(self, name: str, values: Weights) -> str:
        """Store weights in fp16, once a name.

        Raises:
            PackingRefused: a weight is too large for fp16.
        """
        if name not in self._constants:
            greatest = float(np.abs(values).max())
            if greatest > FP16_MAX:
                raise PackingRefused(
                    f"{name} holds a weight of {greatest:g} and fp16 ends at {FP16_MAX:g}; train "
                    "with weight decay, or leave out --precision fp16"
                )
            self._keep(name, np.ascontiguousarray(values, np.float16))
        return name

    def integers(self, name: str, values: Sequence[int], kind: type[np.integer]) -> str:
        if name not in self._constants:
            self._keep(name, np.array(values, kind))
        return name

    def finish(
        self, inputs: Sequence[onnx.ValueInfoProto], output: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "packed", inputs, [output], constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="classmark"
        )

    def _keep(self, name: str, values: npt.NDArray[np.generic]) -> None:
        self._constants[name] = numpy_helper.from_array(values, name)
