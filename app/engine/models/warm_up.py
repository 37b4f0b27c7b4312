"""Runs typical batches before any request: it profiles their cost and reserves memory.

The texts are a golden case, cut or repeated. Padding alone would not do: heads such as BART's look
for the special tokens of a real text and fail where there are none.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from app.engine.batching.cost_model import Cost, measure_cost
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding, Ids, TextInput, without_layout

# How long a caller waits for the others; if a thread is late, the rest run without it.
TOGETHER_WITHIN_SECONDS = 10.0
# Callers that reserve memory at once have no more tokens than this, or one of them has: what a text
# takes grows with the square of its length.
RESERVED_TOKENS = 16_384


def profile_cost(
    servable: Servable,
    batches: Sequence[tuple[int, int]],
    predecessor: Servable | None = None,
) -> Cost:
    """Run typical shapes; return the cost of a batch.

    Args:
        batches: (texts, tokens each) to run, the smallest first; those too large for the model
            are cut to its limits.
        predecessor: the version that serves now. If its graph is of the same kind, its cost is
            reused: the device is busy with it, and a measurement would mostly measure that.
    """
    limit = servable.manifest.max_length
    largest = 1 if not servable.batch_invariant else max(count for count, _ in batches)
    shapes = [(min(count, largest), min(tokens, limit)) for count, tokens in batches]
    sample = longest_golden(servable)

    def timed(count: int, tokens: int) -> float:
        texts = [stretch(sample, tokens)] * count
        started = time.perf_counter()
        servable.run(texts)
        return time.perf_counter() - started

    # The first run allocates; its two lengths, where they may share a batch, need padding too.
    lengths = [tokens for _, tokens in shapes[: 2 if servable.batch_invariant else 1]]
    servable.run([stretch(sample, tokens) for tokens in lengths])
    if predecessor is not None and predecessor.cost_key == servable.cost_key:
        timed(*shapes[-1])
        return predecessor.cost
    packed = servable.runtime.kind == "packed"
    return measure_cost(timed, list(dict.fromkeys(shapes)), packed=packed)


def reserve_memory(servable: Servable, callers: int) -> None:
    """Allocate now what the longest texts need when all callers run one at the same time.

    Runtimes keep the memory they once allocated. So the process reaches its size as a model loads,
    when somebody watches, and not on a busy day. Of a model that reads very long texts only some
    callers reserve: it is rare that all run one at once.
    """
    callers = count_reserving(callers, servable.manifest.max_length)
    ready = threading.Barrier(callers)
    longest = stretch(longest_golden(servable), servable.manifest.max_length)

    def run_longest() -> None:
        with suppress(threading.BrokenBarrierError):
            ready.wait(TOGETHER_WITHIN_SECONDS)
        servable.run([longest])

    with ThreadPoolExecutor(callers) as pool:
        try:
            runs = [pool.submit(run_longest) for _ in range(callers)]
        except RuntimeError:  # the system has no thread left
            ready.abort()
            raise
        for run in runs:
            run.result()


def count_reserving(callers: int, max_length: int) -> int:
    """Return how many of the callers reserve memory for a model that reads texts of this length."""
    return max(1, min(callers, RESERVED_TOKENS // max_length))


def longest_golden(servable: Servable) -> Encoding:
    """Encode the text of the golden case with the most tokens."""
    texts = {case.text for case in servable.manifest.golden}
    found = [servable.encode(TextInput(text), "truncate", 1).windows[0] for text in texts]
    return max(found, key=lambda one: one.tokens)


def stretch(text: Encoding, tokens: int) -> Encoding:
    """Cut or repeat the words of a text to this many tokens; special tokens stay around them."""
    return without_layout(
        _stretch(text.ids, text.content, tokens), _stretch(text.type_ids, text.content, tokens)
    )


def _stretch(values: Ids, content: Sequence[int], tokens: int) -> Ids:
    if not content:
        return np.resize(values, tokens)
    start, end = content[0], content[-1] + 1
    room = max(0, tokens - start - len(values[end:]))
    return np.concatenate([values[:start], np.resize(values[start:end], room), values[end:]])
