"""The ranges of activations, as seen on texts that calibrate them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from app.engine.encoding import Ids
from export.invariance import PROVIDER

STEPS = 255

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """The values that uint8 stands for, least to greatest; those beyond are cut off."""

    least: float
    greatest: float

    @property
    def step(self) -> float:
        return max(self.greatest - self.least, 1e-12) / STEPS

    @property
    def zero_point(self) -> int:
        """What stands for 0, which is always in the range."""
        return round(-self.least / self.step)


@dataclass(frozen=True, slots=True)
class Reach:
    """The least and the greatest value of each channel, over all tokens."""

    least: Floats
    greatest: Floats

    @property
    def magnitude(self) -> Floats:
        return np.maximum(-self.least, self.greatest)

    @property
    def range(self) -> Range:
        """The range that holds every channel, and 0."""
        return Range(min(float(self.least.min()), 0.0), max(float(self.greatest.max()), 0.0))

    def join(self, other: "Reach") -> "Reach":
        least = np.minimum(self.least, other.least)
        return Reach(least, np.maximum(self.greatest, other.greatest))


def observe(
    model: onnx.ModelProto, names: Collection[str], feeds: Iterable[Mapping[str, Ids]]
) -> dict[str, Reach]:
    """Run the graph on texts and return how far each of the named activations reached.

    Args:
        feeds: inputs [1, tokens] of the graph, one text each.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = ort.InferenceSession(observed.SerializeToString(), providers=[PROVIDER])
    reached: dict[str, Reach] = {}
    for feed in feeds:
        for name, values in zip(names, session.run(list(names), feed), strict=True):
            rows = values.reshape(-1, values.shape[-1])
            reach = Reach(rows.min(axis=0), rows.max(axis=0))
            reached[name] = reached[name].join(reach) if name in reached else reach
    return reached
