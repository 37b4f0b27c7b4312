"""Mixed int8: a fixed range where texts foretell one well, a scale a token elsewhere.

What a layer norm or attention makes stays within much the same range for any text, once it is
smoothed. Its layers get that range at export, from texts that calibrate it: nothing is left to be
found as it runs, and the product needs no scaling but its own, so it adds the layer's bias too.
GELU's few large values come and go with the text, and one range for all of them costs the others
their steps: such a layer, and whatever else reads neither, keeps a scale a token.

Fixed ranges know nothing of a batch, and a token's scale nothing of other tokens, so neither do
the answers.
"""

from collections import Counter

import onnx

from export.convert import Graph
from export.int8.base import Base
from export.int8.biases import ATTENTION, Biases
from export.int8.first_token import find_first_tokens
from export.int8.ranges import observe
from export.int8.rewriter import Rewriter
from export.int8.smoothing import smooth

STEADY = ("LayerNormalization", ATTENTION)


def quantize_mixed(base: Base) -> Graph:
    """Return the graph with fixed ranges for its steady layers.

    Raises:
        ValueError: there are no texts to calibrate on.
    """
    if not base.feeds:
        raise ValueError("no texts to calibrate on; give at least one")
    steady = steady_layers(base)
    source, target = base.target("mixed-smoothed"), base.target("mixed")
    smooth(base.path, source, steady, base.feeds)
    model = onnx.load(source)
    whole = find_first_tokens(model)
    read = [node.input[0] for node in model.graph.node if node.name in steady]
    read = list(dict.fromkeys(whole.get(name, name) for name in read))
    reached = observe(model, read, base.feeds)
    ranges = {name: reach.range for name, reach in reached.items()}
    biases = Biases(model, steady).take()
    Rewriter(model, base.layers, ranges, biases).rewrite()
    onnx.save(model, target)
    return base.describe(
        target,
        f"smoothed, int8 weights a channel and activations in fixed ranges ({len(steady)} layers, "
        f"ranges of {len(base.feeds)} texts) or a token ({len(base.layers) - len(steady)} layers)",
    )


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
