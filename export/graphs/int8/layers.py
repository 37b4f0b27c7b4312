"""Find the linear layers to quantize: those that are wide enough and read tokens."""

import onnx

from export.graphs.files import infer_shapes
from export.graphs.int8.cls_only_last_layer import first_token_values

# Narrower layers, such as most heads, have too few weights to gain from int8.
MIN_WIDTH = 32


def find_layers(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of the MatMul nodes that can be quantized, in the graph's order."""
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    other = _values_without_tokens(model)
    return tuple(
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul"
        and node.input[0] not in other
        and len(shapes.get(node.input[1], ())) == 2
        and min(shapes[node.input[1]]) >= MIN_WIDTH
    )


def _values_without_tokens(model: onnx.ModelProto) -> set[str]:
    """Name the values whose shape is known to differ from [batch, tokens, width].

    Examples are one row a text, which a head reads, and one row a relative position, as in DeBERTa.
    The first tokens of a last layer that is computed for them alone do count as tokens.
    """
    shapes = {
        item.name: item.type.tensor_type.shape.dim
        for item in infer_shapes(model).value_info
        if item.type.tensor_type.HasField("shape")
    }
    of_first_tokens = first_token_values(model)
    return {
        name
        for name, shape in shapes.items()
        if len(shape) != 3
        or (name not in of_first_tokens and any(size.HasField("dim_value") for size in shape[:2]))
    }
