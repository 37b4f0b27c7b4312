"""How each graph of a bundle is run where bundles are made and checked: on any CPU."""

from app.bundle import Manifest
from app.engine.backends.base import Backend, Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from export.graphs.packed.reference import PACKED, ReferenceBackend


def ways_to_run(manifest: Manifest) -> list[tuple[Mode, Backend]]:
    """Return every graph's mode with what runs it here; a packed graph has its reference."""
    runtime = OnnxRuntimeBackend()
    ways: list[tuple[Mode, Backend]] = [(Mode(one), runtime) for one in manifest.graphs]
    if manifest.packed is not None:
        ways.append((PACKED, ReferenceBackend()))
    return ways
