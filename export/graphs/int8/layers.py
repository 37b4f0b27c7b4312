"""The linear layers of a graph that int8 is for: wide enough, and read by tokens."""

from pathlib import Path

import onnx

from export.graphs.int8.cls_only_last_layer import values_of_first_tokens

# Narrower layers, most heads among them, have too few weights to gain from int8.
MIN_WIDTH = 32


def list_layers(source: Path) -> tuple[str, ...]:
    """Return the names of the linear layers that can be quantized, in the graph's order."""
    return find_layers(onnx.load(source))


def find_layers(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of the MatMul nodes that can be quantized, in the graph's order."""
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    elsewise = _rows_of_no_token(model)
    return tuple(
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul"
        and node.input[0] not in elsewise
        and len(shapes.get(node.input[1], ())) == 2
        and min(shapes[node.input[1]]) >= MIN_WIDTH
    )


def _rows_of_no_token(model: onnx.ModelProto) -> set[str]:
    """Name the values known to be no [batch, tokens, width].

    Such as one row a text, which a head reads, or one a relative position, as in DeBERTa. The first
    tokens, which the last layer may be for alone, are tokens, however many rows a text they have.
    """
    shapes = {
        item.name: item.type.tensor_type.shape.dim
        for item in onnx.shape_inference.infer_shapes(model).graph.value_info
        if item.type.tensor_type.HasField("shape")
    }
    first_tokens = values_of_first_tokens(model)
    return {
        name
        for name, shape in shapes.items()
        if len(shape) != 3
        or (name not in first_tokens and any(size.HasField("dim_value") for size in shape[:2]))
    }
