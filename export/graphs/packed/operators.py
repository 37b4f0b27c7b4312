"""Compute the operators of a packed graph in NumPy as tensor cores do: in fp32, with fp16 between.

An operator rounds its output to the type of its input, so a graph whose weights are fp32 rounds
nothing.

A row gets the same values to the last bit whatever the other rows are. The order in which BLAS adds
may depend on a matrix's shape and on a row's place in it, differently on each kind of CPU. So
products are summed in fp64, where that difference is too small to survive the rounding. If a text's
answers alone and in a batch still differ, the graph mixes texts.

Source: ONNX Runtime's contrib operators (docs/ContribOperators.md), and for attention its CUDA
kernels, which never write the rows outside all sequences. Those rows are NaN here, which reveals a
graph whose answers depend on them.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from onnx.reference.op_run import OpRun
from scipy.special import erf

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int32]


class EmbedLayerNormalization(OpRun):
    op_domain = "com.microsoft"

    def _run(
        self,
        input_ids: Whole,
        segment_ids: Whole | None,
        words: Half,
        positions: Half,
        segments: Half | None,
        gamma: Half,
        beta: Half,
        mask: None,
        position_ids: Whole,
        epsilon: float,
    ) -> tuple[Half, Whole]:
        total = _widen(words[input_ids]) + _widen(positions[position_ids])
        if segments is not None:
            total += _widen(segments[segment_ids])
        return _norm(total, gamma, beta, epsilon), np.zeros(len(input_ids), np.int32)


class SkipLayerNormalization(OpRun):
    op_domain = "com.microsoft"

    def _run(
        self, x: Half, skip: Half, gamma: Half, beta: Half, bias: Half, epsilon: float
    ) -> tuple[Half]:
        return (_norm(_widen(x) + _widen(skip) + _widen(bias), gamma, beta, epsilon),)


class BiasGelu(OpRun):
    op_domain = "com.microsoft"

    def _run(self, x: Half, bias: Half) -> tuple[Half]:
        whole = _widen(x) + _widen(bias)
        return (_round(0.5 * whole * (1 + erf(whole * np.float32(0.5**0.5))), x),)


class FastGelu(OpRun):
    op_domain = "com.microsoft"

    def _run(self, x: Half, bias: Half) -> tuple[Half]:
        whole = _widen(x) + _widen(bias)
        inside = np.float32(0.797885) * whole + np.float32(0.035677) * whole**3
        return (_round(0.5 * whole * (1 + np.tanh(inside)), x),)


class PackedMultiHeadAttention(OpRun):
    op_domain = "com.microsoft"

    def _run(
        self,
        query: Half,
        key: None,
        value: None,
        bias: Half,
        token_offset: Whole,
        cumulative: Whole,
        num_heads: int,
    ) -> tuple[Half]:
        tokens, heads, _, size = query.shape
        _check(token_offset, cumulative, tokens)
        added = _widen(query) + _widen(bias).reshape(3, heads, size).transpose(1, 0, 2)
        qkv = _widen(_round(added, query)).transpose(2, 1, 0, 3)
        mixed = np.full((heads, tokens, size), np.nan, np.float32)
        for start, end in pairwise(cumulative):
            if start < end:
                mixed[:, start:end] = _attend(*qkv[:, :, start:end])
        return (_round(mixed.transpose(1, 0, 2).reshape(tokens, heads * size), query),)


class MatMul(OpRun):
    """By BLAS: NumPy multiplies fp16 matrices one number at a time."""

    def _run(self, x: Half, weight: Half) -> tuple[Half]:
        return (_round(_multiply(x, weight), x),)


class Gemm(OpRun):
    def _run(self, x: Half, weight: Half, bias: Half, **_: object) -> tuple[Half]:
        return (_round(_multiply(x, weight) + _widen(bias), x),)


OPERATORS = (
    EmbedLayerNormalization,
    SkipLayerNormalization,
    BiasGelu,
    FastGelu,
    PackedMultiHeadAttention,
    MatMul,
    Gemm,
)


def _attend(query: Single, key: Single, value: Single) -> Single:
    """Mix the values of one text; all are [heads, tokens, head size]."""
    scores = query @ key.transpose(0, 2, 1) / np.float32(query.shape[-1] ** 0.5)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed: Single = weights @ value / weights.sum(axis=-1, keepdims=True)
    return mixed


def _check(token_offset: Whole, cumulative: Whole, tokens: int) -> None:
    """Refuse sizes that the kernels refuse or that would make them read out of bounds."""
    sequences, longest = token_offset.shape
    lengths = np.diff(cumulative)
    if len(lengths) != sequences or tokens > token_offset.size:
        raise ValueError(
            f"{len(lengths)} sequences of {tokens} tokens where token_offset is {sequences} x "
            f"{longest}; lay the tokens out with packing.pack"
        )
    if lengths.min() < 0 or lengths.max() > longest or cumulative[-1] > tokens:
        raise ValueError(
            f"sequences of {lengths.min()} to {lengths.max()} tokens, {cumulative[-1]} in all, "
            f"where {longest} and {tokens} are the most; lay the tokens out with packing.pack"
        )


def _norm(x: Single, gamma: Half, beta: Half, epsilon: float) -> Half:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(variance + np.float32(epsilon))
    return _round(scaled * _widen(gamma) + _widen(beta), gamma)


def _multiply(x: Half, weight: Half) -> Single:
    product: Single = (x.astype(np.float64) @ weight.astype(np.float64)).astype(np.float32)
    return product


def _widen(x: Half) -> Single:
    return x.astype(np.float32)


def _round(x: Single, like: Half) -> Half:
    """Round to that type; values beyond its range become infinite, as on the device."""
    with np.errstate(over="ignore"):
        return x.astype(like.dtype)
