"""A checkpoint's graph with its linear layers apart, and the int8 graphs made from it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.load import Checkpoint
from export.graphs.convert import Graph, describe, fuse_for_int8
from export.graphs.int8.cls_only_last_layer import compute_first_token_alone
from export.graphs.int8.layers import list_layers
from export.graphs.int8.per_token import quantize_tokenwise


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Makes int8 graphs that differ in the layers they keep in fp32.

    Attributes:
        plain: the fp32 graph whose linear layers are nodes of their own.
        fused: what was fused in it and left out of it, for the recipe.
        layers: names of the linear layers that can be quantized; the head is none of them.
    """

    plain: Path
    fused: str
    layers: tuple[str, ...]

    @classmethod
    def prepare(cls, checkpoint: Checkpoint, source: Path, folder: Path) -> "Quantizer":
        """Fuse what can be fused around the linear layers, and leave out what no head reads.

        Args:
            source: the unfused fp32 graph.
            folder: where the graphs are written.
        """
        plain = folder / "separate.onnx"
        fused = fuse_for_int8(checkpoint, source, plain)
        if compute_first_token_alone(plain):
            fused += "; the last layer for the first token alone"
        return cls(plain, fused, list_layers(plain))

    def quantize(self, kept: Collection[str] = ()) -> Graph:
        """Return the int8 graph with these layers in fp32; raise ValueError for one unknown."""
        if unknown := sorted(set(kept) - set(self.layers)):
            raise ValueError(f"no layers of this graph: {', '.join(unknown)}")
        target = self.plain.with_name(f"int8-{len(self.layers) - len(kept)}.onnx")
        quantize_tokenwise(self.plain, target, kept)
        names = [layer_name(name) for name in self.layers if name in kept]
        count = (
            f"{len(self.layers) - len(names)} of {len(self.layers)}" if names else len(self.layers)
        )
        spared = f", kept in fp32: {', '.join(names)}" if names else ""
        return describe(
            target,
            "int8",
            f"{self.fused}; int8 embedding rows, the head in fp32; int8 weights a channel and "
            f"activations a token in {count} linear layers{spared}",
        )


def layer_name(node: str) -> str:
    """Return the name of a linear layer as PyTorch has it, e.g. `encoder.layer.3.output.dense`."""
    return node.strip("/").removesuffix("/MatMul").replace("/", ".")
