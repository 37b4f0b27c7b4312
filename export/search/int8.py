"""Search the int8 graph: try candidates, the fastest kind first, until one passes its gate.

1. hybrid: fixed ranges where texts predict them, one scale a token elsewhere; needs labelled texts
2. hybrid with the fewest ranges dropped
3. one scale a token in every layer
4. one scale a token, with the fewest layers kept in fp32
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.engine.text.encoding import Encoding
from export.errors import GateFailed
from export.graphs.int8.hybrid import HybridQuantizer, QuantizationInput, static_layers
from export.graphs.int8.quantize import Quantizer, layer_name
from export.parity.candidate import Candidate, Verifier, best
from export.reference.workload import Workload, spread
from export.search.sensitivity import LayerError, find_fewest, measure_layers

RANGE_TEXTS = 64
# From this many texts on, those for the ranges can be left out of the measurement.
ENOUGH_TEXTS = 4 * RANGE_TEXTS
# With more than half of its layers in fp32 a graph has lost most of the gain of int8.
MOST_KEPT_FP32 = 0.5
# With more than half of its ranges dropped a graph is little faster than one scale a token.
MOST_DROPPED = 0.5


def try_int8(verifier: Verifier, source: Path, folder: Path) -> list[Candidate]:
    """Return all candidates that were tried, up to the first that passes.

    Args:
        source: the unfused fp32 graph.
        folder: where the graphs are written.

    Raises:
        GateFailed: there is no layer to quantize.
    """
    quantizer = Quantizer.prepare(verifier.checkpoint, source, folder)
    if not quantizer.layers:
        family = verifier.checkpoint.config.family
        raise GateFailed(f"{family} has no linear layer for it, so nothing would be faster")
    hybrid = _try_hybrid(verifier, quantizer)
    if best(hybrid):
        return hybrid
    return [*hybrid, *_try_per_token(verifier, quantizer)]


def split_range_texts(workload: Workload) -> tuple[list[Encoding], Workload]:
    """Return texts to take ranges from, spread over the lengths, and the rest to measure on.

    Golden cases are always measured. With few texts all of them are measured, including those for
    the ranges.
    """
    golden = set(workload.golden)
    free = [position for position in workload.by_length if position not in golden]
    chosen = spread(free, RANGE_TEXTS)
    texts = [workload.encodings[i] for i in chosen]
    if len(workload.inputs) < ENOUGH_TEXTS:
        return texts, workload
    return texts, workload.select(sorted(set(range(len(workload.inputs))) - set(chosen)))


def _try_hybrid(verifier: Verifier, quantizer: Quantizer) -> list[Candidate]:
    """Try fixed ranges, and then without the fewest ranges that make the graph pass.

    The graph is measured on texts that its ranges were not taken from. The one that passes is
    measured again on every text, as the other precisions are. Few texts predict no ranges, nor do
    the built-in ones, which differ from what the model is going to read.
    """
    texts, held_out = split_range_texts(verifier.workload)
    if not verifier.workload.examples or len(texts) < RANGE_TEXTS:
        return []
    source = QuantizationInput.prepare(quantizer, texts, verifier.checkpoint.pad_token_id)
    if not static_layers(source):
        return []
    hybrid = HybridQuantizer.prepare(source)
    ranges = len(hybrid.stats)
    tried: dict[int, Candidate] = {}

    def passes(dropped: int) -> bool:
        shown = f" with {ranges - dropped} of {ranges} ranges" if dropped else ""
        make = partial(hybrid.quantize, dropped)
        tried[dropped] = replace(verifier, workload=held_out).verify(f"int8 hybrid{shown}", make)
        return best([tried[dropped]]) is not None

    dropped = 0 if passes(0) else find_fewest(max(1, int(ranges * MOST_DROPPED)), passes)
    if dropped is None:
        return list(tried.values())
    if held_out is verifier.workload:
        return [tried[dropped]]
    return [verifier.verify("int8 hybrid, on every text", lambda: tried[dropped].graph)]


def _try_per_token(verifier: Verifier, quantizer: Quantizer) -> list[Candidate]:
    whole = verifier.verify("int8", quantizer.quantize)
    if best([whole]) or not quantizer.layers:
        return [whole]
    return [whole, *_keep_layers_fp32(verifier, quantizer, whole)]


def _keep_layers_fp32(
    verifier: Verifier, quantizer: Quantizer, whole: Candidate
) -> list[Candidate]:
    """Search the fewest layers to keep in fp32; return that graph, or all that failed."""
    with verifier.progress.step("int8: measure each layer's share of the error"):
        ranked = measure_layers(
            verifier.checkpoint, quantizer, verifier.workload, verifier.progress.now
        )
        verifier.progress.found(_show(ranked[:3]))
    tried: dict[int, Candidate] = {}

    def passes(count: int) -> bool:
        kept_fp32 = [one.layer for one in ranked[:count]]
        title = f"int8 with {count} of {len(ranked)} layers in fp32"
        candidate = verifier.verify(title, partial(quantizer.quantize, kept_fp32))
        tried[count] = _note(candidate, whole, ranked[:count])
        return best([candidate]) is not None

    count = find_fewest(max(1, int(len(ranked) * MOST_KEPT_FP32)), passes)
    return list(tried.values()) if count is None else [tried[count]]


def _note(candidate: Candidate, whole: Candidate, kept_fp32: Sequence[LayerError]) -> Candidate:
    """Add to a candidate which layers were kept, why, and what that costs."""
    size, before = candidate.graph.bytes / 1e6, whole.graph.bytes / 1e6
    speed, full = candidate.measured.texts_per_second, whole.measured.texts_per_second
    note = (
        f"with every layer in int8: {', '.join(whole.problems)}. Kept in fp32, with each layer's "
        f"share of the error: {_show(kept_fp32)}. That cost {size - before:.1f} MB ({before:.1f} "
        f"to {size:.1f}) and changed the speed from {full:.0f} to {speed:.0f} texts/s"
    )
    return replace(candidate, note=note)


def _show(layers: Sequence[LayerError]) -> str:
    return ", ".join(f"{layer_name(one.layer)} {one.share:.0%}" for one in layers)
