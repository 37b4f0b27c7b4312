"""Int8 graphs for CPU: an ordered ladder of recipes, the fastest first."""

from dataclasses import dataclass
from pathlib import Path

from export.checkpoint import Checkpoint
from export.convert import Graph, describe, fuse_for_int8
from export.int8.tokenwise import quantize_tokenwise


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an int8 graph keeps in fp32 besides its head.

    Attributes:
        kept: for people, e.g. `the feed-forward output layers`.
    """

    kept: str
    keeps_narrowing: bool = False
    keeps_widening: bool = False

    def keep(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a layer with a weight of (inputs, outputs) stays in fp32."""
        inputs, outputs = shape
        narrows, widens = inputs > outputs, inputs < outputs
        return (self.keeps_narrowing and narrows) or (self.keeps_widening and widens)


# The feed-forward output layers read GELU's outliers, so they are the first to be spared.
LADDER = (
    Recipe("the head"),
    Recipe("the head and the feed-forward output layers", keeps_narrowing=True),
    Recipe("the head and all feed-forward layers", keeps_narrowing=True, keeps_widening=True),
)


def quantize_graph(checkpoint: Checkpoint, source: Path, folder: Path, recipe: Recipe) -> Graph:
    """Make an int8 graph by one recipe.

    Args:
        source: the unfused fp32 graph.
    """
    plain, target = folder / "separate.onnx", folder / "int8.onnx"
    fused = fuse_for_int8(checkpoint, source, plain)
    layers = quantize_tokenwise(plain, target, recipe.keep)
    return describe(
        target,
        "int8",
        f"{fused}; int8 weights a channel and activations a token in {layers} linear layers, "
        f"int8 embedding rows; fp32 kept in {recipe.kept}",
    )
