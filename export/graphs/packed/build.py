"""Build the packed graph of a checkpoint from its weights: no tracing, no patterns to fuse.

The tokens of each text follow those of the text before, so no product is computed for padding.
Attention is ONNX Runtime's PackedMultiHeadAttention, which only has a kernel for CUDA; all other
nodes work on each token by itself. `app/engine/backends/packing` describes the inputs and the
output.

A text classifier reads only the first token. So the graph takes the first tokens' rows after the
last attention, and computes the rest of the last layer for them alone.

If a text itself contains the padding token, RoBERTa and its relatives give it no position; this
graph does.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.checkpoint.load import Checkpoint
from export.errors import PackingRefused
from export.graphs.convert import Graph, read_graph
from export.graphs.packed.encoder import read_encoder, unsupported_reason
from export.graphs.packed.weights import Embeddings, Encoder, Layer, Linear
from export.graphs.packed.writer import GraphWriter

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
        PackingRefused: no packed graph can be built from this checkpoint.
    """
    reason = unsupported_reason(checkpoint)
    if reason is not None:
        raise PackingRefused(reason)
    onnx.save(build_model(read_encoder(checkpoint)), target)
    return read_graph(target, "fp16", RECIPE, "packed")


def build_model(encoder: Encoder) -> onnx.ModelProto:
    """Return the packed graph of a classifier, or of a tagger if there is no pooler."""
    writer = GraphWriter()
    x = _embed(writer, encoder.embeddings)
    first = None if encoder.pooler is None else _find_first_tokens(writer)
    last = len(encoder.layers) - 1
    for index, layer in enumerate(encoder.layers):
        x = _add_layer(writer, index, layer, encoder, x, first if index == last else None)
    if encoder.pooler is not None:
        x = _pool(writer, *encoder.pooler, x)
    logits = writer.apply(x, encoder.classifier, "logits_fp16")
    writer.add("Cast", [logits], "logits", to=TensorProto.FLOAT)
    names = [n for n in SHAPES if n != "token_type_ids" or encoder.embeddings.types is not None]
    rows = "tokens" if encoder.pooler is None else "sequences"
    shape = (rows, len(encoder.classifier.bias))
    describe = helper.make_tensor_value_info
    inputs = [describe(name, TensorProto.INT32, SHAPES[name]) for name in names]
    return writer.finish(inputs, describe("logits", TensorProto.FLOAT, shape))


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
    # No node reads the second output, but the CUDA kernel writes it.
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

    Empty sequences at the end may begin one row too far, where the tokens end; they get the last
    token of a text. All of this runs on the device, so that it can be captured.
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
    writer: GraphWriter, index: int, layer: Layer, encoder: Encoder, x: str, first: str | None
) -> str:
    """Add an encoder layer; with `first`, only these rows are computed after its attention."""
    at = f"layer.{index}"
    mixed = _attend(writer, at, layer, encoder.heads, x)
    if first is not None:
        mixed = writer.add("Gather", [mixed, first], f"{at}.first.mixed", axis=0)
        x = writer.add("Gather", [x, first], f"{at}.first.skip", axis=0)
    mixed = writer.multiply(mixed, layer.attention, f"{at}.attention.product")
    x = writer.skip_norm(mixed, x, layer.attention, layer.attention_norm, f"{at}.attention")
    inner = writer.multiply(x, layer.inner, f"{at}.inner.product")
    inner = writer.add(encoder.gelu, [inner, writer.bias(layer.inner)], f"{at}.inner")
    outer = writer.multiply(inner, layer.outer, f"{at}.outer.product")
    return writer.skip_norm(outer, x, layer.outer, layer.norm, f"{at}.output")


def _attend(writer: GraphWriter, at: str, layer: Layer, heads: int, x: str) -> str:
    """Add attention among the tokens of each text, [tokens, width]."""
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
