"""Rank the layers of an int8 graph by their share of the error, and find the fewest to exclude.

Each layer is quantized alone, so the error of that graph's logits is the layer's own share. The
search then keeps layers in fp32, from the greatest share down, until the gate is passed. This is
the partial quantization of Wu et al. 2020, "Integer Quantization for Deep Learning Inference",
section 5.2. Like HAWQ (Dong et al. 2019) it assumes that the shares of single layers nearly add up
as long as each is small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from app.engine.batching.cpus import available_cpus
from export.checkpoint.load import Checkpoint
from export.graphs.convert import Graph
from export.graphs.int8.quantize import Quantizer
from export.parity.measure import open_session, run_alone
from export.reference.workload import Workload

# Enough, because shares only order the layers.
SAMPLE_TEXTS = 48


@dataclass(frozen=True, slots=True)
class LayerError:
    """The error of the logits when this layer alone is quantized.

    Attributes:
        layer: name of its node.
        error: mean squared difference from the checkpoint's logits.
        share: of the sum over all layers.
    """

    layer: str
    error: float
    share: float


def measure_layers(
    checkpoint: Checkpoint,
    quantizer: Quantizer,
    workload: Workload,
    notice: Callable[[str], None] = lambda _: None,
) -> list[LayerError]:
    """Quantize each layer alone and return all layers, the one with the greatest error first.

    Args:
        notice: receives the layer before it is measured: a large encoder takes minutes.
    """
    sample = workload.sample(SAMPLE_TEXTS)
    errors = []
    for number, layer in enumerate(quantizer.layers, start=1):
        notice(f"layer {number} of {len(quantizer.layers)}: {layer}")
        others = [other for other in quantizer.layers if other != layer]
        errors.append(_error(checkpoint, quantizer.quantize(others), sample))
    total = sum(errors) or 1.0
    measured = (
        LayerError(layer, error, error / total)
        for layer, error in zip(quantizer.layers, errors, strict=True)
    )
    return sorted(measured, key=lambda one: -one.error)


def find_fewest(most: int, passes: Callable[[int], bool]) -> int | None:
    """Return the least count from 1 to `most` that passes, or None.

    It doubles the count until one passes, then halves the gap: few tries, because each is an int8
    graph measured on every text. It assumes that a greater count passes if a smaller one does.
    """
    tries = [*accumulate(range(64), lambda count, _: count * 2, initial=1)]
    failed = 0
    for count in (*(one for one in tries if one < most), most):
        if passes(count):
            return _bisect(failed, count, passes)
        failed = count
    return None


def _bisect(failed: int, passed: int, passes: Callable[[int], bool]) -> int:
    while passed - failed > 1:
        middle = (failed + passed) // 2
        if passes(middle):
            passed = middle
        else:
            failed = middle
    return passed


def _error(checkpoint: Checkpoint, graph: Graph, sample: Workload) -> float:
    session = open_session(checkpoint, graph)
    logits, _ = run_alone(session, sample.encodings, available_cpus())
    return _mean_square(sample, logits)


def _mean_square(sample: Workload, logits: Sequence[np.ndarray]) -> float:
    squares = [
        float(np.mean((ours - theirs) ** 2))
        for ours, theirs in zip(logits, sample.logits, strict=True)
    ]
    return sum(squares) / len(squares)
