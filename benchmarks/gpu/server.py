"""`python -m app` on the device, with the bundle of one network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.engine.answers.decoding import label_scores
from benchmarks.gpu.bundles import answer
from benchmarks.gpu.device import library_path
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.runners import Subject
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import PROBE, Server, serving
from benchmarks.subjects import served_model as benchmark_subject


@contextmanager
def running(subject: Subject, plan: Plan, workers: int) -> Iterator[Server]:
    """Run `python -m app` on the device with the subject's store.

    Raises:
        BenchmarkError: it does not start, or answers something else than the checkpoint.
    """
    served = benchmark_subject.Subject(subject.network.title, subject.bundle.path, "fp16")
    settings = {
        "CLASSMARK_DEVICE": plan.device,
        "CLASSMARK_WORKERS": str(workers),
        "CLASSMARK_PRECISION": "auto",
        "CLASSMARK_LOG_LEVEL": "info",
    }
    if plan.device == "cuda":
        settings["LD_LIBRARY_PATH"] = library_path()
    model: Any = subject.checkpoint.model
    model.to("cpu")  # its memory on the device is the service's now
    expected = float(label_scores(answer(subject.checkpoint, PROBE), "single_label").max())
    log = plan.build / "logs" / f"{subject.network.name}-{workers}.log"
    with serving(CLASSMARK, served, Path(sys.executable), log, expected, settings) as server:
        yield server
