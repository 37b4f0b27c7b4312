"""Observe the activations of a graph on texts, and take fixed ranges from them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from app.engine.text.encoding import Ids
from export.graphs.convert import PROVIDER
from export.graphs.files import save_graph

STEPS = 255

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value that uint8 can hold; values beyond are clipped."""

    least: float
    greatest: float

    @property
    def step(self) -> float:
        return max(self.greatest - self.least, 1e-12) / STEPS

    @property
    def zero_point(self) -> int:
        """The uint8 value of 0, which is always in the range."""
        return round(-self.least / self.step)


@dataclass(frozen=True, slots=True)
class ActivationStats:
    """The extent of an activation's values over the tokens that were observed.

    Attributes:
        least, greatest: of each channel, over all tokens.
        tokens: number of tokens.
        peaks: sum over the tokens of the square of their largest magnitude.
        energy: sum over the tokens of their mean square.
    """

    least: Floats
    greatest: Floats
    tokens: int
    peaks: float
    energy: float

    @classmethod
    def of(cls, values: Floats) -> "ActivationStats":
        """Return the statistics of the values [..., channels] of some tokens."""
        rows = values.reshape(-1, values.shape[-1])
        squares = rows.astype(np.float64) ** 2
        peaks, energy = squares.max(axis=1).sum(), squares.mean(axis=1).sum()
        return cls(rows.min(axis=0), rows.max(axis=0), len(rows), float(peaks), float(energy))

    @property
    def magnitude(self) -> Floats:
        return np.maximum(-self.least, self.greatest)

    @property
    def range(self) -> Range:
        """The smallest range that holds every channel, and 0."""
        return Range(min(float(self.least.min()), 0.0), max(float(self.greatest.max()), 0.0))

    @property
    def loss(self) -> float:
        """The extra noise of one range against one scale a token, as a share of the values' energy.

        The mean square of a rounding error is step ** 2 / 12.
        """
        fixed_steps = self.tokens * self.range.step**2
        token_steps = self.peaks * (2 / STEPS) ** 2
        return (fixed_steps - token_steps) / (12 * max(self.energy, 1e-12))

    def join(self, other: "ActivationStats") -> "ActivationStats":
        return ActivationStats(
            np.minimum(self.least, other.least),
            np.maximum(self.greatest, other.greatest),
            self.tokens + other.tokens,
            self.peaks + other.peaks,
            self.energy + other.energy,
        )


def observe_activations(
    model: onnx.ModelProto, names: Collection[str], feeds: Iterable[Mapping[str, Ids]]
) -> dict[str, ActivationStats]:
    """Run the graph on texts and return the statistics of each named activation.

    Args:
        feeds: inputs [1, tokens] of the graph, one text each.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    with TemporaryDirectory(prefix="classmark-export-") as scratch:
        path = Path(scratch) / "observed.onnx"
        save_graph(observed, path)
        session = ort.InferenceSession(path, providers=[PROVIDER])
    stats: dict[str, ActivationStats] = {}
    for feed in feeds:
        for name, values in zip(names, session.run(list(names), feed), strict=True):
            found = ActivationStats.of(values)
            stats[name] = stats[name].join(found) if name in stats else found
    return stats
