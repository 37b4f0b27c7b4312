"""What the schemes of int8 start from: int8 embedding rows, linear layers still in fp32."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from app.engine.backends.padding import pad
from app.engine.text.encoding import Encoding, Ids
from export.graphs.convert import Graph, describe
from export.graphs.int8.quantize import Quantizer


@dataclass(frozen=True, slots=True)
class Base:
    """A graph with its linear layers apart, and texts to calibrate them on.

    Attributes:
        path: the graph; its norms are those that run fast on a CPU.
        feeds: inputs [1, tokens] of the graph, one text each.
    """

    quantizer: Quantizer
    path: Path
    feeds: tuple[dict[str, Ids], ...] = field(repr=False)

    @classmethod
    def prepare(cls, quantizer: Quantizer, texts: Iterable[Encoding], pad_token_id: int) -> "Base":
        """Write the graph beside the quantizer's own.

        Args:
            texts: what a scheme with fixed ranges takes them from; none of those measured, if
                there are enough.
        """
        graph = quantizer.quantize(kept=quantizer.layers)
        path = graph.path.rename(graph.path.with_name("base.onnx"))
        return cls(
            quantizer, path, tuple(pad([text], graph.inputs, pad_token_id) for text in texts)
        )

    @property
    def layers(self) -> tuple[str, ...]:
        return self.quantizer.layers

    def target(self, name: str) -> Path:
        """Return where the graph of a scheme is written."""
        return self.path.with_name(f"{name}.onnx")

    def describe(self, path: Path, how: str) -> Graph:
        """Return the graph of a scheme with its recipe."""
        return describe(
            path,
            "int8",
            f"{self.quantizer.fused}; {how} in {len(self.layers)} linear layers, int8 embedding "
            "rows; fp32 kept in the head",
        )


def replace_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Give a graph these nodes, and drop the weights that none of them reads."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    used = {name for node in copies for name in node.input}
    weights = [item for item in model.graph.initializer if item.name in used]
    kept = [onnx.TensorProto.FromString(item.SerializeToString()) for item in weights]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(copies)
    model.graph.initializer.extend(kept)
