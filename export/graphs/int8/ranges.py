"""The ranges of activations, as seen on texts that calibrate them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from app.engine.text.encoding import Ids
from export.parity.invariance import PROVIDER

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
    """How far an activation's values go.

    Attributes:
        least, greatest: of each channel, over all tokens.
        tokens: how many there were.
        peaks: sum over the tokens of the square of their largest magnitude.
        energy: sum over the tokens of their mean square.
    """

    least: Floats
    greatest: Floats
    tokens: int
    peaks: float
    energy: float

    @classmethod
    def of(cls, values: Floats) -> "Reach":
        """Return that of the values [..., channels] of some tokens."""
        rows = values.reshape(-1, values.shape[-1])
        squares = rows.astype(np.float64) ** 2
        peaks, energy = squares.max(axis=1).sum(), squares.mean(axis=1).sum()
        return cls(rows.min(axis=0), rows.max(axis=0), len(rows), float(peaks), float(energy))

    @property
    def magnitude(self) -> Floats:
        return np.maximum(-self.least, self.greatest)

    @property
    def range(self) -> Range:
        """The range that holds every channel, and 0."""
        return Range(min(float(self.least.min()), 0.0), max(float(self.greatest.max()), 0.0))

    @property
    def loss(self) -> float:
        """The noise of one range beyond that of a scale a token, as a share of the values' energy.

        Rounding to steps makes an error whose mean square is step ** 2 / 12.
        """
        fixed_steps = self.tokens * self.range.step**2
        token_steps = self.peaks * (2 / STEPS) ** 2
        return (fixed_steps - token_steps) / (12 * max(self.energy, 1e-12))

    def join(self, other: "Reach") -> "Reach":
        return Reach(
            np.minimum(self.least, other.least),
            np.maximum(self.greatest, other.greatest),
            self.tokens + other.tokens,
            self.peaks + other.peaks,
            self.energy + other.energy,
        )


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
            reach = Reach.of(values)
            reached[name] = reached[name].join(reach) if name in reached else reach
    return reached
