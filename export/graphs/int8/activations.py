"""Quantize activations to uint8: in a range fixed at export, or with one scale a token.

    fixed       q = round(x / step) + zero_point                    step, zero_point: of a Range
    per token   q = round(x / scale) + zero_point                   scale [..., 1]

With one scale a token, the token's largest magnitude takes the last step. GELU's output is never
below LEAST_OF_GELU, so it needs few negative steps, and positive values get the others:

    scale = max|x| / 127                                            zero_point = 128
    scale = max(max(x) / (255 - 24), -LEAST_OF_GELU / 24)           zero_point = 24
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from export.graphs.int8.cls_only_last_layer import FIRST, find_first_tokens, first_token_values
from export.graphs.int8.graph_editor import LARGEST, GraphEditor
from export.graphs.int8.ranges import STEPS, Range

ZERO_POINT = 128
GELUS = ("Gelu", "BiasGelu", "FastGelu")
LEAST_OF_GELU = -0.1701
# On the demos 8 to 48 do much the same. A higher one makes the steps finer for tokens that stay
# small, and coarser for the others.
GELU_ZERO_POINT = 24
REDUCE_AXES_AS_INPUT_OPSET = 18


@dataclass(frozen=True, slots=True)
class Quantized:
    """Names of uint8 activations [batch, tokens, width], and of their scale and zero point.

    Attributes:
        step: the one scale of all tokens; 1 if each token has its own.
        scale: each token's own [batch, tokens, 1]; empty if the range is fixed.
    """

    values: str
    step: str
    zero_point: str
    scale: str = ""


class Activations:
    """Quantizes the activations that layers read, once for all layers that read the same.

    Args:
        model: the graph that is edited.
        ranges: by activation, its fixed range; the others get one scale a token.
    """

    def __init__(
        self, editor: GraphEditor, model: onnx.ModelProto, ranges: Mapping[str, Range]
    ) -> None:
        self._editor = editor
        self._ranges = ranges
        gelus = (node for node in model.graph.node if node.op_type in GELUS)
        self._made_by_gelu = {name for node in gelus for name in node.output}
        self._first_tokens = find_first_tokens(model)
        # They have fewer rows than the other values.
        self._first_token_values = first_token_values(model)
        self._quantized: dict[str, Quantized] = {}

    def quantize(self, x: str, width: int) -> Quantized:
        if x not in self._quantized:
            self._quantized[x] = self._make(x, width)
        return self._quantized[x]

    def _make(self, x: str, width: int) -> Quantized:
        if whole := self._first_tokens.get(x):
            return self._gather(x, self.quantize(whole, width))
        fixed = self._ranges.get(x)
        return self._fix(x, fixed) if fixed else self._scale(x, width)

    def _gather(self, x: str, whole: Quantized) -> Quantized:
        """Take the first tokens' rows of integers that exist already."""
        values = self._editor.add("Gather", [whole.values, FIRST], f"{x}_uint8", axis=1)
        scale = whole.scale
        if scale:
            scale = self._editor.add("Gather", [scale, FIRST], f"{x}_scale", axis=1)
        return Quantized(values, whole.step, whole.zero_point, scale)

    def _fix(self, x: str, fixed: Range) -> Quantized:
        editor = self._editor
        step = editor.constant(f"{x}_step", np.float32(fixed.step))
        zero = editor.constant(f"{x}_zero_point", np.uint8(fixed.zero_point))
        return Quantized(editor.add("QuantizeLinear", [x, step, zero], f"{x}_uint8"), step, zero)

    def _scale(self, x: str, width: int) -> Quantized:
        """Quantize each token with its own scale.

        A row of zeros has the scale 0, so its product is 0 whatever its integers are.
        """
        editor = self._editor
        zero = GELU_ZERO_POINT if x in self._made_by_gelu else ZERO_POINT
        scale = self._scale_of_gelu(x) if x in self._made_by_gelu else self._scale_of_any(x)
        # QuantizeLinear takes one scale a row of a matrix, so the tokens of a batch become rows.
        flat = editor.constant("tokenwise_flat", np.array([-1], np.int64))
        matrix = editor.constant(f"tokenwise_rows_{width}", np.array([-1, width], np.int64))
        scales = editor.add("Reshape", [scale, flat], f"{x}_scales")
        rows = editor.add("Reshape", [x, matrix], f"{x}_rows")
        inputs = [rows, scales, self._zero_points(x, scales, zero)]
        values = editor.add("QuantizeLinear", inputs, f"{x}_uint8_rows", axis=0)
        values = editor.add("Reshape", [values, self._shape(x, width)], f"{x}_uint8")
        one = editor.constant("tokenwise_one", np.float32(1.0))
        return Quantized(
            values, one, editor.constant(f"tokenwise_zero_point_{zero}", np.uint8(zero)), scale
        )

    def _scale_of_any(self, x: str) -> str:
        magnitude = self._editor.add("Abs", [x], f"{x}_magnitude")
        largest = self._reduce_max(magnitude, f"{x}_largest")
        step = self._editor.constant("tokenwise_step", np.float32(1.0 / LARGEST))
        return self._editor.add("Mul", [largest, step], f"{x}_scale")

    def _scale_of_gelu(self, x: str) -> str:
        editor = self._editor
        largest = self._reduce_max(x, f"{x}_largest")
        step = editor.constant("tokenwise_gelu_step", np.float32(1.0 / (STEPS - GELU_ZERO_POINT)))
        least = np.float32(-LEAST_OF_GELU / GELU_ZERO_POINT)
        scale = editor.add("Mul", [largest, step], f"{x}_wanted_scale")
        least_scale = editor.constant("tokenwise_gelu_least", least)
        return editor.add("Max", [scale, least_scale], f"{x}_scale")

    def _reduce_max(self, x: str, output: str) -> str:
        if self._editor.opset < REDUCE_AXES_AS_INPUT_OPSET:
            return self._editor.add("ReduceMax", [x], output, axes=[-1], keepdims=1)
        last = self._editor.constant("tokenwise_last_axis", np.array([-1], np.int64))
        return self._editor.add("ReduceMax", [x, last], output, keepdims=1)

    def _rows(self, x: str) -> str:
        """Return the beginning of names for values that have as many rows as x."""
        return "first_token" if x in self._first_token_values else "tokenwise"

    def _zero_points(self, x: str, scales: str, zero: int) -> str:
        """Return one zero point a row, shared by all values with as many rows."""
        name = f"{self._rows(x)}_zero_points_{zero}"
        if not self._editor.has(name):
            count = self._editor.add("Shape", [scales], f"{self._rows(x)}_count_{zero}")
            value = numpy_helper.from_array(np.array([zero], np.uint8))
            self._editor.add("ConstantOfShape", [count], name, value=value)
        return name

    def _shape(self, x: str, width: int) -> str:
        name = f"{self._rows(x)}_shape_{width}"
        return name if self._editor.has(name) else self._editor.add("Shape", [x], name)
