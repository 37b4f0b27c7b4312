"""Static int8: the ranges of activations are fixed at export, from texts that calibrate them.

ONNX Runtime's QDQ format, with a scale for each output channel of a weight, over a smoothed graph.
Only what goes into the linear layers is int8; what comes out is fp32, so attention, norms and the
head are as they were. Fixed ranges know nothing of a batch, so neither do the answers.
"""

import io
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from app.engine.text.encoding import Ids
from export.graphs.convert import Graph
from export.graphs.int8.quantization_input import Base, replace_nodes
from export.graphs.int8.smoothing import smooth

# Of all values, in percent: the few beyond are cut off.
PERCENTILE = 99.999


def quantize_statically(
    base: Base, method: CalibrationMethod = CalibrationMethod.MinMax, *, smoothed: bool = True
) -> Graph:
    """Return the graph with static int8 in its linear layers.

    Args:
        method: how a range is taken from the values that were seen; MinMax cuts nothing off.

    Raises:
        ValueError: there are no texts to calibrate on.
    """
    if not base.feeds:
        raise ValueError("no texts to calibrate on; give at least one")
    name = f"static-{method.name.lower()}{'-smoothed' if smoothed else ''}"
    source, target = base.path, base.target(name)
    if smoothed:
        source = base.target("smoothed")
        smooth(base.path, source, base.layers, base.feeds)
    with _quiet():
        quantize_static(
            _set_apart(source, base.layers),
            target,
            _Texts(base.feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=list(base.layers),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=method,
            extra_options={
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
                "CalibPercentile": PERCENTILE,
                # A text at a time: histograms of texts of unlike lengths can only be merged.
                "CalibStridedMinMax": 1,
            },
        )
    ranges = f"{method.name} ranges of {len(base.feeds)} texts"
    how = f"int8 weights a channel and static int8 activations ({ranges})"
    return base.describe(target, f"smoothed, {how}" if smoothed else how)


def _set_apart(source: Path, layers: Collection[str]) -> onnx.ModelProto:
    """Return the graph with what each layer reads as a value of its own that has a type.

    A quantized value is quantized for all its readers, so a residual would lose its precision too.
    And shape inference knows nothing of what comes out of a fused node, while the quantizer leaves
    in fp32, without a word, whatever has no type.
    """
    model = onnx.load(source)
    nodes: list[onnx.NodeProto] = []
    read: set[str] = set()
    for node in model.graph.node:
        if node.name in layers:
            x = node.input[0]
            if x not in read:
                read.add(x)
                nodes.append(helper.make_node("Identity", [x], [f"{x}_read"], f"{x}_read"))
            node.input[0] = f"{x}_read"
        nodes.append(node)
    replace_nodes(model, nodes)
    known = {item.name for item in model.graph.value_info}
    made = {name for node in nodes if node.name in layers for name in node.output}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in sorted(({f"{x}_read" for x in read} | made) - known)
    )
    return model


class _Texts(CalibrationDataReader):  # type: ignore[misc]
    """The texts as ONNX Runtime asks for them."""

    def __init__(self, feeds: Sequence[Mapping[str, Ids]]) -> None:
        self._feeds = feeds
        self.set_range(0, len(feeds))

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._pending = iter(self._feeds[start_index:end_index])

    def get_next(self) -> Mapping[str, Ids] | None:
        return next(self._pending, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what calibration prints and logs off the terminal and out of a page."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
