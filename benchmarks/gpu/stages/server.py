"""Runs `python -m app` on the device with the bundle of one network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.engine.answers.decoding import label_scores
from benchmarks.gpu.device import library_path
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.subjects.bundles import LoadedNetwork, answer_in_torch
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import PROBE, Server, serving
from benchmarks.subjects.served_model import ServedModel


@contextmanager
def running(loaded: LoadedNetwork, plan: GpuPlan, workers: int) -> Iterator[Server]:
    """Run the service with the network's store until the block ends.

    Raises:
        BenchmarkError: it does not start, or its answer differs from the checkpoint's.
    """
    served = ServedModel(loaded.network.title, loaded.bundle.path, "fp16")
    settings = {
        "CLASSMARK_DEVICE": plan.device,
        "CLASSMARK_WORKERS": str(workers),
        "CLASSMARK_PRECISION": "auto",
        "CLASSMARK_LOG_LEVEL": "info",
    }
    if plan.device == "cuda":
        settings["LD_LIBRARY_PATH"] = library_path()
    model: Any = loaded.checkpoint.model
    model.to("cpu")  # frees its device memory for the service
    expected = float(label_scores(answer_in_torch(loaded.checkpoint, PROBE), "single_label").max())
    log = plan.build / "logs" / f"{loaded.network.name}-{workers}.log"
    with serving(CLASSMARK, served, Path(sys.executable), log, expected, settings) as server:
        yield server
