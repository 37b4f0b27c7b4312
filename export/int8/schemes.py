"""The schemes of int8 that there are, each a way from the same base to a graph."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from onnxruntime.quantization import CalibrationMethod

from export.graphs.convert import Graph
from export.graphs.int8.hybrid import quantize_mixed
from export.graphs.int8.per_block import BLOCK, quantize_blockwise
from export.graphs.int8.per_token import quantize_tokenwise
from export.graphs.int8.quantization_input import Base
from export.graphs.int8.smoothing import ALPHA, smooth
from export.int8.dynamic import quantize_by_batch
from export.int8.static import PERCENTILE, quantize_statically


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to make an int8 graph.

    Attributes:
        what: what is special about it, for people.
        make: returns its graph, or raises what the library raises.
    """

    name: str
    what: str
    make: Callable[[Base], Graph]


def _smoothed_tokenwise(base: Base) -> Graph:
    source, target = base.target("smoothed"), base.target("tokenwise-smoothed")
    smooth(base.path, source, base.layers, base.feeds)
    quantize_tokenwise(source, target)
    return base.describe(target, "smoothed, int8 weights a channel and activations a token")


SCHEMES = (
    Scheme(
        "per token",
        "a scale for each token's activations, found as it runs; nothing to calibrate",
        lambda base: base.quantizer.quantize(),
    ),
    Scheme(
        "per token, smoothed",
        f"the same over a graph smoothed with alpha {ALPHA:g} (SmoothQuant)",
        _smoothed_tokenwise,
    ),
    Scheme(
        "mixed",
        "one fixed range, smoothed as above, for each layer that reads a norm or attention; a "
        "scale a token for the others",
        quantize_mixed,
    ),
    Scheme(
        "static",
        "QDQ: one fixed range for each layer's activations, the least to the greatest value seen",
        partial(quantize_statically, smoothed=False),
    ),
    Scheme(
        "static, smoothed",
        f"the same over a graph smoothed with alpha {ALPHA:g}",
        quantize_statically,
    ),
    Scheme(
        "static, smoothed, percentile",
        f"the same with ranges that hold {PERCENTILE:g} % of the values",
        partial(quantize_statically, method=CalibrationMethod.Percentile),
    ),
    Scheme(
        "by block",
        f"MatMulNBits with 8 bits: a scale for each {BLOCK} weights of a channel, activations "
        "rounded as it runs; nothing to calibrate",
        quantize_blockwise,
    ),
    Scheme(
        "dynamic",
        "ONNX Runtime's own: one scale for all of a batch, so only ever run one text at a time",
        quantize_by_batch,
    ),
)
