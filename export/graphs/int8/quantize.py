"""Quantize a checkpoint's graph to int8 with one scale a token.

ONNX Runtime's dynamic quantization takes one scale for all activations of a batch. So the other
texts of the batch change an answer, and one outlier makes the steps coarse for every token. Here
each token (a row of activations) has its own scale, and so has each output channel of a weight:

    scale = max|x| / 127                        [..., 1]
    q     = round(x / scale) + 128              uint8
    y     = (q - 128) @ W_int8 * W_scale * scale

Layers that read the same activations share their quantization.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import onnx

from export.checkpoint.load import Checkpoint
from export.graphs.convert import Graph, fuse_for_int8, read_graph
from export.graphs.files import save_graph
from export.graphs.int8.cls_only_last_layer import keep_cls_token_only
from export.graphs.int8.layers import find_layers
from export.graphs.int8.rewriter import Rewriter


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Makes int8 graphs that differ in the layers they keep in fp32.

    Attributes:
        plain: the fp32 graph, in which each linear layer is a node of its own.
        fused: the beginning of the recipe: the fused nodes, and whether the last layer is cut.
        layers: names of the linear layers that can be quantized; the head is not among them.
    """

    plain: Path
    fused: str
    layers: tuple[str, ...]

    @classmethod
    def prepare(cls, checkpoint: Checkpoint, source: Path, folder: Path) -> "Quantizer":
        """Fuse the nodes around the linear layers, and cut the last layer to the first token.

        Args:
            source: the unfused fp32 graph.
            folder: where the graphs are written.
        """
        plain = folder / "separate.onnx"
        fused = fuse_for_int8(checkpoint, source, plain)
        if keep_cls_token_only(plain):
            fused += "; the last layer for the first token alone"
        return cls(plain, fused, find_layers(onnx.load(plain)))

    def quantize(self, kept_fp32: Collection[str] = ()) -> Graph:
        """Return the int8 graph with these layers in fp32; raise ValueError for one unknown."""
        if unknown := sorted(set(kept_fp32) - set(self.layers)):
            raise ValueError(f"not layers of this graph: {', '.join(unknown)}")
        total, names = len(self.layers), [n for n in self.layers if n in kept_fp32]
        target = self.plain.with_name(f"int8-{total - len(names)}.onnx")
        quantize_per_token(self.plain, target, kept_fp32)
        count = f"{total - len(names)} of {total}" if names else f"{total}"
        kept = f", kept in fp32: {', '.join(map(layer_name, names))}" if names else ""
        return read_graph(
            target,
            "int8",
            f"{self.fused}; int8 embedding rows, the head in fp32; int8 weights a channel and "
            f"activations a token in {count} linear layers{kept}",
        )


def quantize_per_token(source: Path, target: Path, kept_fp32: Collection[str] = ()) -> None:
    """Write the graph with its linear layers and embeddings in int8.

    Args:
        kept_fp32: names of the layers that stay in fp32.
    """
    model = onnx.load(source)
    Rewriter(model, set(find_layers(model)) - set(kept_fp32)).rewrite()
    save_graph(model, target)


def layer_name(node: str) -> str:
    """Return the name of a linear layer as PyTorch has it, e.g. `encoder.layer.3.output.dense`."""
    return node.strip("/").removesuffix("/MatMul").replace("/", ".")
