"""Runs typical batches before any request: it profiles their cost and reserves memory."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from app.engine.batching.cost_model import Cost, measure_cost
from app.engine.models.servable import Servable

# How long a caller waits for the others; if a thread is late, the rest run without it.
TOGETHER_WITHIN_SECONDS = 10.0


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

    def timed(count: int, tokens: int) -> float:
        started = time.perf_counter()
        servable.run_blank(count, tokens)
        return time.perf_counter() - started

    timed(*shapes[0])
    if predecessor is not None and predecessor.cost_key == servable.cost_key:
        timed(*shapes[-1])
        return predecessor.cost
    packed = servable.runtime.kind == "packed"
    return measure_cost(timed, list(dict.fromkeys(shapes)), packed=packed)


def reserve_memory(servable: Servable, callers: int) -> None:
    """Allocate now what the longest texts need when all callers run one at the same time.

    Runtimes keep the memory they once allocated. So the process reaches its size as a model loads,
    when somebody watches, and not on a busy day.
    """
    ready = threading.Barrier(callers)

    def run_longest() -> None:
        with suppress(threading.BrokenBarrierError):
            ready.wait(TOGETHER_WITHIN_SECONDS)
        servable.run_blank(1, servable.manifest.max_length)

    with ThreadPoolExecutor(callers) as pool:
        try:
            runs = [pool.submit(run_longest) for _ in range(callers)]
        except RuntimeError:  # the system has no thread left
            ready.abort()
            raise
        for run in runs:
            run.result()
