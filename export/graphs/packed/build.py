"""The packed graph of a checkpoint, from its weights: no tracing, no patterns to fuse.

Every text's tokens follow those of the text before, so no product is spent on padding. Attention is
ONNX Runtime's PackedMultiHeadAttention, which has a kernel for CUDA alone; all other nodes work on
each token by itself. Inputs and output are as `app/engine/backends/packing` says.

A text classifier reads no token but the first. So after the last attention the first tokens' rows
are taken, and the rest of the last layer is for them alone.

RoBERTa and its kin count no position for a padding token that the text itself spells out, which is
not done here: such a text's positions go on.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.checkpoint.load import Checkpoint
from export.errors import PackingRefused
from export.graphs.convert import Graph, describe
from export.graphs.packed.network import read_network, unsupported_reason
from export.graphs.packed.weights import Embeddings, Layer, Linear, Network
from export.graphs.packed.writer import GraphWriter, describe_input

SHAPES: dict[str, tuple[int | str, ...]] = {
    "input_ids": (1, "tokens"),
    "token_type_ids": (1, "tokens"),
    "position_ids": (1, "tokens"),
    "cumulative_lengths": ("sequences+1",),
    "token_offset": ("sequences", "longest"),
}
RECIPE = "packed: no padding, built from the weights for CUDA; weights and activations in fp16"


def build_packed(checkpoint: Checkpoint, target: Path) -> Graph:
    """Write the packed graph.

    Raises:
        PackingRefused: the checkpoint has what no packed graph can be made of.
    """
    reason = unsupported_reason(checkpoint)
    if reason is not None:
        raise PackingRefused(reason)
    onnx.save(build_model(read_network(checkpoint)), target)
    return describe(target, "fp16", RECIPE, "packed")


def build_model(network: Network) -> onnx.ModelProto:
    """Return the packed graph of a classifier, or where it has no pooler of a tagger."""
    writer = GraphWriter()
    x = _embed(writer, network.embeddings)
    first = None if network.pooler is None else _find_first_tokens(writer)
    last = len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        x = _add_layer(writer, index, layer, network, x, first if index == last else None)
    if network.pooler is not None:
        x = _pool(writer, *network.pooler, x)
    logits = writer.apply(x, network.classifier, "logits_fp16")
    writer.add("Cast", [logits], "logits", to=TensorProto.FLOAT)
    names = [n for n in SHAPES if n != "token_type_ids" or network.embeddings.types is not None]
    rows = "tokens" if network.pooler is None else "sequences"
    shape = (rows, len(network.classifier.bias))
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
    return writer.finish([describe_input(name, SHAPES[name]) for name in names], output)


def _embed(writer: GraphWriter, embeddings: Embeddings) -> str:
    """Add the embeddings, [tokens, width]."""
    typed = embeddings.types is not None
    inputs = [
        "input_ids",
        "token_type_ids" if typed else "",
        writer.weight("embeddings.words", embeddings.words),
        writer.weight("embeddings.positions", embeddings.positions),
        "" if embeddings.types is None else writer.weight("embeddings.types", embeddings.types),
        *writer.norm(embeddings.norm),
        "",  # no mask: there is no padding
        "position_ids",
    ]
    # The second output is read by none, but the kernel for CUDA writes it.
    embedded = writer.add(
        "EmbedLayerNormalization", inputs, "embedded", "mask_index", epsilon=embeddings.norm.epsilon
    )
    shape = writer.integers("embedded.shape", [-1, embeddings.words.shape[1]], np.int64)
    rows = writer.add("Reshape", [embedded, shape], "embeddings")
    if embeddings.projection is None:
        return rows
    return writer.apply(rows, embeddings.projection, "projected")


def _find_first_tokens(writer: GraphWriter) -> str:
    """Add the rows of the first tokens, int32 [sequences].

    Empty sequences at the end begin where the tokens do, which may be one row too far; they get the
    last token that a text has. All of it stays on the device, so that it can be captured.
    """
    lengths = "cumulative_lengths"
    zero, end, far = (
        writer.integers(name, [value], np.int64)
        for name, value in (("zero", 0), ("minus_one", -1), ("far", np.iinfo(np.int64).max))
    )
    starts = writer.add("Slice", [lengths, zero, end], "starts")
    total = writer.add("Slice", [lengths, end, far], "total")
    one = writer.integers("one", [1], np.int32)
    last = writer.add("Sub", [total, one], "last_token")
    return writer.add("Min", [starts, last], "first_tokens")


def _add_layer(
    writer: GraphWriter, index: int, layer: Layer, network: Network, x: str, first: str | None
) -> str:
    """Add an encoder layer; with `first`, what follows its attention is for these rows alone."""
    at = f"layer.{index}"
    mixed = _attend(writer, at, layer, network.heads, x)
    if first is not None:
        mixed = writer.add("Gather", [mixed, first], f"{at}.first.mixed", axis=0)
        x = writer.add("Gather", [x, first], f"{at}.first.skip", axis=0)
    mixed = writer.multiply(mixed, layer.attention, f"{at}.attention.product")
    x = writer.skip_norm(mixed, x, layer.attention, layer.attention_norm, f"{at}.attention")
    inner = writer.multiply(x, layer.inner, f"{at}.inner.product")
    inner = writer.add(network.gelu, [inner, writer.bias(layer.inner)], f"{at}.inner")
    outer = writer.multiply(inner, layer.outer, f"{at}.outer.product")
    return writer.skip_norm(outer, x, layer.outer, layer.norm, f"{at}.output")


def _attend(writer: GraphWriter, at: str, layer: Layer, heads: int, x: str) -> str:
    """Add attention of each text's tokens to each other, [tokens, width]."""
    size = len(layer.qkv.bias) // 3 // heads
    product = writer.multiply(x, layer.qkv, f"{at}.qkv.product")
    shape = writer.integers("qkv.shape", [-1, heads, 3, size], np.int64)
    qkv = writer.add("Reshape", [product, shape], f"{at}.qkv")
    inputs = [qkv, "", "", writer.bias(layer.qkv), "token_offset", "cumulative_lengths"]
    return writer.add("PackedMultiHeadAttention", inputs, f"{at}.mixed", num_heads=heads)


def _pool(writer: GraphWriter, linear: Linear, activation: str, x: str) -> str:
    if activation == "BiasGelu":
        product = writer.multiply(x, linear, "pooler.product")
        return writer.add(activation, [product, writer.bias(linear)], "pooled")
    return writer.add(activation, [writer.apply(x, linear, "pooler")], "pooled")
