"""Mixed int8: a fixed range where texts foretell one well, a scale a token elsewhere.

What a layer norm or attention makes stays within much the same range for any text, once it is
smoothed. Its layers get that range at export, from texts that calibrate it: nothing is left to be
found as it runs, and the product needs no scaling but its own, so it adds the layer's bias too.
GELU's few large values come and go with the text, and one range for all of them costs the others
their steps: such a layer, and whatever else reads neither, keeps a scale a token.

Where a few tokens reach far beyond the others, such a range costs those their steps as well. If
answers change too much, the activations that lose most by it get a scale a token again.

Fixed ranges know nothing of a batch, and a token's scale nothing of other tokens, so neither do
the answers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from export.graphs.convert import Graph
from export.graphs.int8.biases import ATTENTION, Biases
from export.graphs.int8.cls_only_last_layer import find_first_tokens
from export.graphs.int8.quantization_input import Base
from export.graphs.int8.ranges import Reach, observe
from export.graphs.int8.rewriter import Rewriter
from export.graphs.int8.smoothing import smooth

STEADY = ("LayerNormalization", ATTENTION)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A base that is smoothed for its steady layers, and how far what they read reaches.

    Attributes:
        path: the smoothed graph.
        reads: by layer, the activation: of all tokens where it reads the first ones' rows.
        reached: by activation, first those that a range of their own costs most.
    """

    base: Base
    path: Path
    reads: Mapping[str, str]
    reached: Mapping[str, Reach] = field(repr=False)

    @classmethod
    def prepare(cls, base: Base) -> "Calibrated":
        """Raise ValueError where there are no texts to calibrate on."""
        if not base.feeds:
            raise ValueError("no texts to calibrate on; give at least one")
        steady, path = steady_layers(base), base.target("mixed-smoothed")
        smooth(base.path, path, steady, base.feeds)
        model = onnx.load(path)
        whole = find_first_tokens(model)
        reads = {
            node.name: whole.get(node.input[0], node.input[0])
            for node in model.graph.node
            if node.name in steady
        }
        reached = observe(model, list(dict.fromkeys(reads.values())), base.feeds)
        ordered = sorted(reached.items(), key=lambda item: -item[1].loss)
        return cls(base, path, reads, dict(ordered))

    def quantize(self, spared: int = 0) -> Graph:
        """Return the graph with a fixed range for all of the activations but so many.

        Args:
            spared: of those that it costs most: a few tokens reach so far in them that all others
                get coarse steps. They have a scale a token.
        """
        base, target = self.base, self.base.target(f"mixed-{spared}")
        ranges = {name: self.reached[name].range for name in [*self.reached][spared:]}
        ranged = frozenset(layer for layer, name in self.reads.items() if name in ranges)
        model = onnx.load(self.path)
        Rewriter(model, base.layers, ranges, Biases(model, ranged).take()).rewrite()
        onnx.save(model, target)
        return base.describe(
            target,
            f"smoothed, int8 weights a channel and activations in fixed ranges ({len(ranged)} "
            f"layers, ranges of {len(base.feeds)} texts) or a token "
            f"({len(base.layers) - len(ranged)} layers)",
        )


def quantize_mixed(base: Base) -> Graph:
    """Return the graph with fixed ranges for all that its steady layers read.

    Raises:
        ValueError: there are no texts to calibrate on.
    """
    return Calibrated.prepare(base).quantize()


def steady_layers(base: Base) -> frozenset[str]:
    """Name the layers that read a norm or attention.

    Those that share their weight, as in ALBERT, are none: it cannot be smoothed for one of them.
    """
    model = onnx.load(base.path)
    nodes, whole = model.graph.node, find_first_tokens(model)
    makers = {name: node.op_type for node in nodes for name in node.output}
    uses = Counter(name for node in nodes for name in node.input)
    return frozenset(
        node.name
        for node in nodes
        if node.name in base.layers
        and makers.get(whole.get(node.input[0], node.input[0])) in STEADY
        and uses[node.input[1]] == 1
    )
