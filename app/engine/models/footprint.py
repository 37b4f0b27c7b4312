"""Predicts the memory that a version takes on a CPU, from its manifest, before it is loaded.

The factors were measured with ONNX Runtime 1.31 on MiniLM in three precisions, and on the
tokenizers of the demo models; `python -m benchmarks.measures.many_models` compares.
"""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.bundle.manifest import Manifest
from app.engine.backends.base import Backend, Mode
from app.engine.models.loader import list_candidates
from app.engine.models.warm_up import count_reserving
from app.memory import read_memory

logger = logging.getLogger(__name__)

# By precision, bytes in memory for each byte of the graph's file: a CPU computes fp16 in fp32.
WEIGHTS: dict[Precision, float] = {"int8": 1.05, "fp32": 1.0, "fp16": 2.0}
# While a graph is loaded, its file and what is parsed of it lie there too.
LOADING = 2
TOKENIZER = 14
WORD_CACHE_BYTES = 5_000_000
# Of an encoder with `parameters`: its width, roughly, and what a token and a pair of tokens take.
PARAMETERS_A_WIDTH = 12
TOKEN_BYTES_A_WIDTH, PAIR_BYTES = 56, 48
# The largest batch that warms a model up.
WARM_UP_TOKENS = 1024
# Code of the runtime that lies on disk until the first batch.
RUNTIME_BYTES = 15_000_000


class Footprint(NamedTuple):
    """Bytes of one version.

    Attributes:
        own: of its weights and tokenizer; they go with it.
        shared: of the arena for batches. All models share one, as large as the hungriest needs it.
        loading: beside these, while it loads.
    """

    own: int
    shared: int
    loading: int


def predict_footprint(manifest: Manifest, mode: Mode, callers: int) -> Footprint:
    """Return what a graph of a bundle takes, if so many threads run batches of it."""
    graph = mode.find_graph(manifest)
    assert graph is not None  # it is a candidate
    words = WORD_CACHE_BYTES if manifest.task == "sequence-classification" else 0
    own = graph.total_bytes * WEIGHTS[mode.precision] + manifest.tokenizer.bytes * TOKENIZER + words
    token = TOKEN_BYTES_A_WIDTH * math.sqrt(manifest.source.parameters) / PARAMETERS_A_WIDTH
    longest = manifest.max_length * (token + PAIR_BYTES * manifest.max_length)
    reserved = count_reserving(callers, manifest.max_length) * longest
    shared = max(WARM_UP_TOKENS * token, reserved)
    return Footprint(int(own), int(shared), LOADING * graph.total_bytes)


def predict_version(
    store: Path,
    name: str,
    version: int,
    backend: Backend,
    precision: Precision | None,
    callers: int,
) -> Footprint | None:
    """Return what a version of the store takes, or None where that is not known: on a GPU.

    Raises:
        BundleError: its manifest cannot be read.
    """
    bundle = open_bundle(store / name / str(version))
    modes = [
        mode
        for mode in list_candidates(bundle.manifest, backend, precision)
        if mode.find_graph(bundle.manifest) is not None
    ]
    if backend.provider != "CPUExecutionProvider" or not modes:
        return None
    return predict_footprint(bundle.manifest, modes[0], callers)


def predict_process(base_bytes: int | None, models: Sequence[Footprint]) -> int | None:
    """Return what a process with these models takes; None where that is not known.

    Args:
        base_bytes: what it took before it loaded any.
    """
    if base_bytes is None or not models:
        return None
    shared = max(one.shared for one in models)
    return base_bytes + RUNTIME_BYTES + shared + sum(one.own for one in models)


def warn_if_short(name: str, version: int, footprint: Footprint) -> None:
    """Warn in the log, before a version is loaded, if memory may not be enough."""
    memory, needed = read_memory(), sum(footprint)
    if memory is None or needed <= memory.available:
        return
    logger.warning(
        "memory may be too short for a version, loading it anyway",
        extra={
            "model": name,
            "version": version,
            "needed_bytes": needed,
            "available_bytes": memory.available,
            "limit_bytes": memory.limit or memory.total,
            "remedy": "give the service more memory, or serve fewer models or executors",
        },
    )
