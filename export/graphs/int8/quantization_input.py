"""Prepare a graph for hybrid int8: int8 embedding rows, linear layers in fp32."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.backends.padding import pad
from app.engine.text.encoding import Encoding, Ids
from export.graphs.convert import Graph, read_graph
from export.graphs.int8.quantize import Quantizer


@dataclass(frozen=True, slots=True)
class QuantizationInput:
    """A graph whose linear layers are still in fp32, and texts to observe its activations on.

    Attributes:
        path: the graph; its norms are those that run fast on a CPU.
        feeds: inputs [1, tokens] of the graph, one text each.
    """

    quantizer: Quantizer
    path: Path
    feeds: tuple[dict[str, Ids], ...] = field(repr=False)

    @classmethod
    def prepare(
        cls, quantizer: Quantizer, texts: Iterable[Encoding], pad_token_id: int
    ) -> "QuantizationInput":
        """Write the graph beside the quantizer's own; its ranges are taken from the texts."""
        graph = quantizer.quantize(kept_fp32=quantizer.layers)
        return cls(
            quantizer, graph.path, tuple(pad([text], graph.inputs, pad_token_id) for text in texts)
        )

    @property
    def layers(self) -> tuple[str, ...]:
        return self.quantizer.layers

    def target(self, name: str) -> Path:
        """Return the path for a graph that is made from this one."""
        return self.path.with_name(f"{name}.onnx")

    def read_graph(self, path: Path, how: str) -> Graph:
        """Return a graph that was made from this one, with its recipe."""
        return read_graph(
            path,
            "int8",
            f"{self.quantizer.fused}; {how} in {len(self.layers)} linear layers, int8 embedding "
            "rows; fp32 kept in the head",
        )
