"""Int8 with one scale a token: a graph rewrite whose answers do not depend on the batch.

ONNX Runtime's dynamic quantization takes one scale for all activations of a batch, so a text's
neighbours change its answer, and one outlier costs every token its resolution. Here each token
(a row of activations) gets its own scale, each output channel of a weight too:

    scale = max|x| / 127                        [..., 1]
    q     = round(x / scale) + 128              uint8
    y     = (q - 128) @ W_int8 * W_scale * scale

Layers that read the same activations share their quantization.
"""

from collections.abc import Collection
from pathlib import Path

import onnx

from export.graphs.int8.layers import find_layers
from export.graphs.int8.rewriter import Rewriter


def quantize_tokenwise(source: Path, target: Path, kept: Collection[str] = ()) -> None:
    """Write the graph with its linear layers and embeddings in int8.

    Args:
        kept: names of the layers that stay in fp32.
    """
    model = onnx.load(source)
    Rewriter(model, set(find_layers(model)) - set(kept)).rewrite()
    onnx.save(model, target)
