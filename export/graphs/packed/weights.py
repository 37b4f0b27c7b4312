"""Define the parts of an encoder with its classifier, the same for every family."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import nn

Weights = npt.NDArray[np.float32]
# The GELU after a layer's first feed-forward product, with its bias: exact, or by tanh.
Gelu = Literal["BiasGelu", "FastGelu"]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """y = x @ weight + bias.

    Attributes:
        name: in the graph; the same weights have the same name.
        weight: [in, out].
        bias: [out].
    """

    name: str
    weight: Weights
    bias: Weights


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer norm over the last dimension; gamma and beta are [width]."""

    name: str
    gamma: Weights
    beta: Weights
    epsilon: float


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Words, positions and token types, added and normed.

    Attributes:
        words: [vocabulary, width].
        positions: [positions, width], of which the first row is the first token's.
        types: [types, width], or None if there are fewer than two.
        projection: from a narrower width to the width of the layers, if they differ.
    """

    words: Weights
    positions: Weights
    types: Weights | None
    norm: Norm
    projection: Linear | None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of the encoder.

    Attributes:
        qkv: queries, keys and values in one: columns are [heads, 3, head size], but the bias is
            [3, heads, head size], as PackedMultiHeadAttention reads them.
    """

    qkv: Linear
    attention: Linear
    attention_norm: Norm
    inner: Linear
    outer: Linear
    norm: Norm


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """An encoder with its classifier.

    Attributes:
        layers: in the order they run; a layer with shared weights is the same object each time.
        pooler: the layer between the first token and the classifier, and its activation; None for
            a tagger, which classifies every token directly.
    """

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    heads: int
    gelu: Gelu
    pooler: tuple[Linear, str] | None
    classifier: Linear


def read_linear(name: str, module: nn.Module) -> Linear:
    """Read a torch layer and transpose its weight, which is [out, in]."""
    return Linear(name, _read(module, "weight").T, _read(module, "bias"))


def read_norm(name: str, module: nn.Module) -> Norm:
    epsilon = module.eps
    assert isinstance(epsilon, float)
    return Norm(name, _read(module, "weight"), _read(module, "bias"), epsilon)


def read_table(module: nn.Module) -> Weights:
    """Return the rows of an embedding."""
    return _read(module, "weight")


def join_qkv(name: str, parts: tuple[Linear, Linear, Linear], heads: int) -> Linear:
    """Join queries, keys and values, each [width, width], into one [width, 3 x width].

    Source: ONNX Runtime's contrib operators, PackedMultiHeadAttention: a packed query is
    [tokens, heads, 3, head size], its bias all queries', then all keys', then all values'.
    """
    width = len(parts[0].weight)
    split = [part.weight.reshape(width, heads, -1) for part in parts]
    return Linear(
        name,
        np.stack(split, axis=2).reshape(width, -1),
        np.concatenate([part.bias for part in parts]),
    )


def _read(module: nn.Module, name: str) -> Weights:
    values: Weights = module.get_parameter(name).detach().numpy()
    return values
