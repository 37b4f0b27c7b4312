"""A registry on a store of tiny bundles, and what is done to their versions."""

import shutil
from pathlib import Path

from app.bundle.base import Precision
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.registry import LocalRegistry
from app.telemetry.metrics import Metrics


def make_registry(store: Path, precision: Precision | None = None) -> tuple[LocalRegistry, Metrics]:
    metrics = Metrics()
    backend = OnnxRuntimeBackend()
    return LocalRegistry(store, backend, precision, metrics), metrics


def reloads(metrics: Metrics, outcome: str) -> float:
    labels = {"model": "mood", "outcome": outcome}
    return metrics.registry.get_sample_value("classmark_reloads_total", labels) or 0.0


def add_version(tiny_store: Path, store: Path, version: int = 2) -> Path:
    return Path(shutil.copytree(tiny_store / "mood" / str(version), store / "mood" / str(version)))


def corrupt(folder: Path) -> None:
    graph = folder / "model.fp32.onnx"
    graph.write_bytes(graph.read_bytes()[::-1])


def behind(metrics: Metrics, model: str) -> float | None:
    return metrics.registry.get_sample_value("classmark_model_behind", {"model": model})
