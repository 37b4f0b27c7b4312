"""Quantize with fixed ranges where texts predict them well, and one scale a token elsewhere.

The output of a layer norm or of attention has much the same range for any text, once it is
smoothed. The layers that read it get that range at export, from a sample of texts: nothing is
computed at run time, and the product can also add the layer's bias. GELU has a few large values
that come and go with the text. One range for all of them would make the steps coarse for the
others, so a layer behind GELU keeps one scale a token, and so does any other layer.

In some activations a few tokens reach far beyond the others, and one range makes the steps of all
others coarse. If the answers change too much, the ranges with the greatest loss are dropped, and
those activations get one scale a token again.

A fixed range depends on no text, and a token's scale on no other token, so the answers are
independent of the batch.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from app.engine.backends.padding import pad
from app.engine.text.encoding import Encoding, Ids
from export.graphs.convert import Graph, read_graph
from export.graphs.files import save_graph
from export.graphs.int8.biases import ATTENTION, Biases
from export.graphs.int8.cls_only_last_layer import find_first_tokens
from export.graphs.int8.quantize import Quantizer
from export.graphs.int8.ranges import ActivationStats, observe_activations
from export.graphs.int8.rewriter import Rewriter
from export.graphs.int8.smoothing import smooth

STATIC_MAKERS = ("LayerNormalization", ATTENTION)


@dataclass(frozen=True, slots=True)
class QuantizationInput:
    """A graph with int8 embedding rows and fp32 layers, and texts to observe its activations on.

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


@dataclass(frozen=True, slots=True)
class HybridQuantizer:
    """A graph smoothed for its static layers, with the statistics of what these layers read.

    Attributes:
        path: the smoothed graph.
        reads: by layer, the activation; that of all tokens if the layer reads the first token.
        stats: by activation, the one with the greatest loss by a fixed range first.
    """

    source: QuantizationInput
    path: Path
    reads: Mapping[str, str]
    stats: Mapping[str, ActivationStats] = field(repr=False)

    @classmethod
    def prepare(cls, source: QuantizationInput) -> "HybridQuantizer":
        """Smooth the graph and observe its activations; raise ValueError if there are no texts."""
        if not source.feeds:
            raise ValueError("no texts to take ranges from; give at least one")
        layers, path = static_layers(source), source.path.with_name("smoothed.onnx")
        smooth(source.path, path, layers, source.feeds)
        model = onnx.load(path)
        whole = find_first_tokens(model)
        reads = {
            node.name: whole.get(node.input[0], node.input[0])
            for node in model.graph.node
            if node.name in layers
        }
        stats = observe_activations(model, list(dict.fromkeys(reads.values())), source.feeds)
        ordered = sorted(stats.items(), key=lambda item: -item[1].loss)
        return cls(source, path, reads, dict(ordered))

    def quantize(self, dropped: int = 0) -> Graph:
        """Return the int8 graph.

        Args:
            dropped: ranges to drop, those with the greatest loss first; their activations have
                one scale a token.
        """
        source, target = self.source, self.path.with_name(f"hybrid-{dropped}.onnx")
        ranges = {name: self.stats[name].range for name in [*self.stats][dropped:]}
        ranged = frozenset(layer for layer, name in self.reads.items() if name in ranges)
        model = onnx.load(self.path)
        Rewriter(model, source.layers, ranges, Biases(model, ranged).take()).rewrite()
        save_graph(model, target)
        return read_graph(
            target,
            "int8",
            f"{source.quantizer.fused}; smoothed, int8 weights a channel and activations in fixed "
            f"ranges ({len(ranged)} layers, ranges of {len(source.feeds)} texts) or a token "
            f"({len(source.layers) - len(ranged)} layers) in {len(source.layers)} linear layers, "
            "int8 embedding rows; fp32 kept in the head",
        )


def static_layers(source: QuantizationInput) -> frozenset[str]:
    """Name the layers that read a norm or attention.

    Layers that share their weight, as in ALBERT, are left out: a weight can be smoothed for one
    layer only.
    """
    model = onnx.load(source.path)
    nodes, whole = model.graph.node, find_first_tokens(model)
    makers = {name: node.op_type for node in nodes for name in node.output}
    uses = Counter(name for node in nodes for name in node.input)
    return frozenset(
        node.name
        for node in nodes
        if node.name in source.layers
        and makers.get(whole.get(node.input[0], node.input[0])) in STATIC_MAKERS
        and uses[node.input[1]] == 1
    )
