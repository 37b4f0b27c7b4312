"""Activations as uint8: in a range that was fixed at export, or with a scale found for each token.

    fixed       q = round(x / step) + zero_point                    step, zero_point: of a Range
    a token     q = round(x / scale) + zero_point                   scale [..., 1]

The scale of a token lets its largest magnitude reach the last step. GELU's output never falls
below LEAST_OF_GELU, so there the steps that others need for negative values go to positive ones:

    scale = max|x| / 127                                            zero_point = 128
    scale = max(max(x) / (255 - 24), -LEAST_OF_GELU / 24)           zero_point = 24
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import numpy_helper

from export.graphs.int8.cls_only_last_layer import FIRST
from export.graphs.int8.graph_editor import LARGEST, Draft
from export.graphs.int8.ranges import STEPS, Range

ZERO_POINT = 128
GELUS = ("Gelu", "BiasGelu", "FastGelu")
LEAST_OF_GELU = -0.1701
# Of 8 to 48 on the demos all do much the same. The higher, the finer the steps of tokens that stay
# small, and the coarser those of the others.
GELU_ZERO_POINT = 24
REDUCE_AXES_AS_INPUT_OPSET = 18


@dataclass(frozen=True, slots=True)
class Quantized:
    """Names of uint8 activations [batch, tokens, width] and of what they mean.

    Attributes:
        step: the one scale of all tokens; 1 where each has its own.
        scale: each token's own [batch, tokens, 1]; empty where the range is fixed.
    """

    values: str
    step: str
    zero_point: str
    scale: str = ""


class Activations:
    """Quantizes what layers read, once for all layers that read the same.

    Args:
        first_tokens: by name, rows of first tokens, and what they are rows of.
        made_of_them: they and what is made of them: all of as many rows, which are fewer than
            the tokens that all others have a row of.
    """

    def __init__(
        self,
        draft: Draft,
        ranges: Mapping[str, Range],
        made_by_gelu: Collection[str],
        first_tokens: Mapping[str, str],
        made_of_them: Collection[str],
    ) -> None:
        self._draft = draft
        self._ranges = ranges
        self._made_by_gelu = made_by_gelu
        self._first_tokens = first_tokens
        self._made_of_first_tokens = made_of_them
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
        """Take the first tokens' integers: no two kinds of the same rows."""
        values = self._draft.add("Gather", [whole.values, FIRST], f"{x}_uint8", axis=1)
        scale = whole.scale
        if scale:
            scale = self._draft.add("Gather", [scale, FIRST], f"{x}_scale", axis=1)
        return Quantized(values, whole.step, whole.zero_point, scale)

    def _fix(self, x: str, fixed: Range) -> Quantized:
        draft = self._draft
        step = draft.constant(f"{x}_step", np.float32(fixed.step))
        zero = draft.constant(f"{x}_zero_point", np.uint8(fixed.zero_point))
        return Quantized(draft.add("QuantizeLinear", [x, step, zero], f"{x}_uint8"), step, zero)

    def _scale(self, x: str, width: int) -> Quantized:
        """Quantize each token by its own scale.

        A row of zeros gets the scale 0; whatever its integers are then, its product is 0 again.
        """
        draft = self._draft
        zero = GELU_ZERO_POINT if x in self._made_by_gelu else ZERO_POINT
        scale = self._scale_of_gelu(x) if x in self._made_by_gelu else self._scale_of_any(x)
        # QuantizeLinear knows one scale a row of a matrix, so the tokens of a batch become rows.
        flat = draft.constant("tokenwise_flat", np.array([-1], np.int64))
        matrix = draft.constant(f"tokenwise_rows_{width}", np.array([-1, width], np.int64))
        scales = draft.add("Reshape", [scale, flat], f"{x}_scales")
        rows = draft.add("Reshape", [x, matrix], f"{x}_rows")
        inputs = [rows, scales, self._zero_points(x, scales, zero)]
        values = draft.add("QuantizeLinear", inputs, f"{x}_uint8_rows", axis=0)
        values = draft.add("Reshape", [values, self._shape(x, width)], f"{x}_uint8")
        one = draft.constant("tokenwise_one", np.float32(1.0))
        return Quantized(
            values, one, draft.constant(f"tokenwise_zero_point_{zero}", np.uint8(zero)), scale
        )

    def _scale_of_any(self, x: str) -> str:
        magnitude = self._draft.add("Abs", [x], f"{x}_magnitude")
        largest = self._reduce_max(magnitude, f"{x}_largest")
        step = self._draft.constant("tokenwise_step", np.float32(1.0 / LARGEST))
        return self._draft.add("Mul", [largest, step], f"{x}_scale")

    def _scale_of_gelu(self, x: str) -> str:
        draft = self._draft
        largest = self._reduce_max(x, f"{x}_largest")
        step = draft.constant("tokenwise_gelu_step", np.float32(1.0 / (STEPS - GELU_ZERO_POINT)))
        least = np.float32(-LEAST_OF_GELU / GELU_ZERO_POINT)
        scale = draft.add("Mul", [largest, step], f"{x}_wanted_scale")
        least_scale = draft.constant("tokenwise_gelu_least", least)
        return draft.add("Max", [scale, least_scale], f"{x}_scale")

    def _reduce_max(self, x: str, output: str) -> str:
        if self._draft.opset < REDUCE_AXES_AS_INPUT_OPSET:
            return self._draft.add("ReduceMax", [x], output, axes=[-1], keepdims=1)
        last = self._draft.constant("tokenwise_last_axis", np.array([-1], np.int64))
        return self._draft.add("ReduceMax", [x, last], output, keepdims=1)

    def _rows(self, x: str) -> str:
        """Return what names of values are to say that go with as many rows as x has."""
        return "first_token" if x in self._made_of_first_tokens else "tokenwise"

    def _zero_points(self, x: str, scales: str, zero: int) -> str:
        """Return one zero point a row: layers all read [batch, tokens, *] or first tokens."""
        name = f"{self._rows(x)}_zero_points_{zero}"
        if not self._draft.has(name):
            count = self._draft.add("Shape", [scales], f"{self._rows(x)}_count_{zero}")
            value = numpy_helper.from_array(np.array([zero], np.uint8))
            self._draft.add("ConstantOfShape", [count], name, value=value)
        return name

    def _shape(self, x: str, width: int) -> str:
        name = f"{self._rows(x)}_shape_{width}"
        return name if self._draft.has(name) else self._draft.add("Shape", [x], name)
