"""The int8 graphs that are tried, the fastest kind first, until one passes its gate."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from export.graphs.int8.hybrid import Calibrated, steady_layers
from export.graphs.int8.per_block import quantize_blockwise
from export.graphs.int8.quantization_input import Base
from export.graphs.int8.quantize import Quantizer, layer_name
from export.parity.candidate import Attempt, Gate, best
from export.search.calibration_split import CALIBRATION_TEXTS, split_workload
from export.search.sensitivity import LayerError, fewest, measure_layers

# With more than half of its layers in fp32 a graph has lost most of what int8 gains.
MOST_KEPT = 0.5
# With a scale a token in the place of more than half of the ranges it may as well be for all.
MOST_SPARED = 0.5


def try_int8(gate: Gate, source: Path, folder: Path) -> list[Attempt]:
    """Return what was tried, up to the first that passes.

    Fixed ranges, if there are labelled texts enough to foretell them; the same without the fewest
    of them; one scale a token in every layer; the same with the fewest layers in fp32; a scale for
    each block of weights, slower and closer to fp32. `python -m export schemes` measures this
    order.

    Args:
        source: the unfused fp32 graph.
        folder: where the graphs are written.
    """
    quantizer = Quantizer.prepare(gate.checkpoint, source, folder)
    mixed = _try_mixed(gate, quantizer)
    if best(mixed):
        return mixed
    return [*mixed, *_try_tokenwise(gate, quantizer)]


def _try_mixed(gate: Gate, quantizer: Quantizer) -> list[Attempt]:
    """Hold the graph against its gate on texts that did not calibrate it.

    If it fails, without the fewest ranges that make it pass. What passes is measured on every
    text, as the graphs beside it are. A few texts foretell no ranges, nor do the built-in
    ones: they are not what the model is going to read.
    """
    calibration, apart = split_workload(gate.workload)
    if not gate.workload.examples or len(calibration) < CALIBRATION_TEXTS:
        return []
    base = Base.prepare(quantizer, calibration, gate.checkpoint.pad_token_id)
    if not steady_layers(base):
        return []
    calibrated = Calibrated.prepare(base)
    ranges = len(calibrated.reached)
    tried: dict[int, Attempt] = {}

    def passes(spared: int) -> bool:
        title = f"int8 mixed with {ranges - spared} of {ranges} ranges" if spared else "int8 mixed"
        make = partial(calibrated.quantize, spared)
        tried[spared] = replace(gate, workload=apart).try_graph(title, make)
        return best([tried[spared]]) is not None

    spared = 0 if passes(0) else fewest(max(1, int(ranges * MOST_SPARED)), passes)
    if spared is None:
        return list(tried.values())
    if apart is gate.workload:
        return [tried[spared]]
    return [gate.try_graph("int8 mixed, on every text", lambda: tried[spared].graph)]


def _try_tokenwise(gate: Gate, quantizer: Quantizer) -> list[Attempt]:
    whole = gate.try_graph("int8", quantizer.quantize)
    if best([whole]) or not quantizer.layers:
        return [whole]
    spared = _spare_layers(gate, quantizer, whole)
    if best(spared):
        return [whole, *spared]
    base = Base.prepare(quantizer, (), gate.checkpoint.pad_token_id)
    return [whole, *spared, gate.try_graph("int8 by block", partial(quantize_blockwise, base))]


def _spare_layers(gate: Gate, quantizer: Quantizer, whole: Attempt) -> list[Attempt]:
    """Search the fewest layers to keep in fp32; return that graph, or all that failed."""
    with gate.progress.step("int8: measure each layer's share of the error"):
        ranked = measure_layers(gate.checkpoint, quantizer, gate.workload, gate.progress.now)
        gate.progress.found(_show(ranked[:3]))
    tried: dict[int, Attempt] = {}

    def passes(count: int) -> bool:
        kept = [one.layer for one in ranked[:count]]
        title = f"int8 with {count} of {len(ranked)} layers in fp32"
        attempt = gate.try_graph(title, partial(quantizer.quantize, kept))
        tried[count] = _note(attempt, whole, ranked[:count])
        return best([attempt]) is not None

    count = fewest(max(1, int(len(ranked) * MOST_KEPT)), passes)
    return list(tried.values()) if count is None else [tried[count]]


def _note(attempt: Attempt, whole: Attempt, kept: list[LayerError]) -> Attempt:
    """Say what was kept, why, and what that costs."""
    size, before = attempt.graph.bytes / 1e6, whole.graph.bytes / 1e6
    speed, full = attempt.measured.texts_per_second, whole.measured.texts_per_second
    note = (
        f"with every layer in int8: {', '.join(whole.problems)}. Kept in fp32, with each layer's "
        f"share of the error: {_show(kept)}. That cost {size - before:.1f} MB ({before:.1f} to "
        f"{size:.1f}) and changed the speed from {full:.0f} to {speed:.0f} texts/s"
    )
    return Attempt(attempt.graph, attempt.measured, attempt.tolerance, note)


def _show(layers: list[LayerError]) -> str:
    return ", ".join(f"{layer_name(one.layer)} {one.share:.0%}" for one in layers)
