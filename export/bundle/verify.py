"""Verify a bundle as the service would load it: checksums, golden cases, batch invariance."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.bundle.base import ProblemType
from app.bundle.bundle import Bundle, open_bundle
from app.bundle.manifest import Manifest
from app.engine.answers.decoding import score_differences
from app.engine.backends.base import Backend, Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.loader import load_graph
from app.engine.models.servable import Servable
from app.engine.text.encoding import Logits, TextInput
from app.errors import BundleError
from export.errors import GateFailed
from export.graphs.packed.reference import PACKED, ReferenceBackend
from export.parity.invariance import INVARIANT_SCORE_DIFFERENCE, compositions, shareable


def verify_bundle(path: Path, console: Console) -> int:
    """Check every graph of a bundle and return 0, or 1 if one of them differs from the manifest.

    Raises:
        BundleError: the manifest itself cannot be trusted.
    """
    bundle = open_bundle(path.resolve())
    broken = 0
    for mode, backend in cpu_backends(bundle.manifest):
        try:
            verdict = _check_graph(bundle, backend, mode)
        except (BundleError, GateFailed) as exc:
            broken += 1
            verdict = f"FAILED: {exc}"
        console.print(f"{mode}: {verdict}", markup=False, highlight=False, soft_wrap=True)
    return 1 if broken else 0


def cpu_backends(manifest: Manifest) -> list[tuple[Mode, Backend]]:
    """Return each graph's mode with a backend that runs it on any CPU; packed in its reference."""
    runtime = OnnxRuntimeBackend()
    found: list[tuple[Mode, Backend]] = [(Mode(one), runtime) for one in manifest.graphs]
    if manifest.packed is not None:
        found.append((PACKED, ReferenceBackend()))
    return found


def _check_graph(bundle: Bundle, backend: Backend, mode: Mode) -> str:
    servable = load_graph(bundle, backend, mode)
    checked = f"ok: checksums, {len(bundle.manifest.golden)} golden cases"
    if not servable.batch_invariant:
        return f"{checked}, runs one text at a time"
    difference = _batch_difference(servable)
    if difference > INVARIANT_SCORE_DIFFERENCE:
        raise GateFailed(
            f"the manifest says batch_invariant, but a score changes by {difference:.6f} in a "
            f"batch, more than {INVARIANT_SCORE_DIFFERENCE:g}; export the checkpoint again"
        )
    return f"{checked}, score difference in batches {difference:.6f} (batch-invariant)"


def _batch_difference(servable: Servable) -> float:
    """Return the largest change of a score between a golden case alone and in batches."""
    manifest = servable.manifest
    sources = [TextInput(case.text, case.text_pair) for case in manifest.golden]
    encodings = [servable.encode(source, "truncate", 1).windows[0] for source in sources]
    alone = [servable.run([encoding])[0] for encoding in encodings]
    difference = 0.0
    tokens = [one.tokens for one in encodings]
    for batch in compositions(shareable(range(len(encodings)), tokens), tokens):
        rows = servable.run([encodings[i] for i in batch])
        change = _largest_change(manifest.problem_type, [alone[i] for i in batch], rows)
        difference = max(difference, change)
    return difference


def _largest_change(
    problem_type: ProblemType, expected: Sequence[Logits], actual: Sequence[Logits]
) -> float:
    return max(
        float(score_differences(left, right, problem_type).max())
        for left, right in zip(expected, actual, strict=True)
    )
