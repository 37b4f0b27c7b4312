"""One family tried for one task: every precision exported and compared, or the reason why not."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from app.bundle import Precision, Task
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.convert import Graph, export_graph, fuse_graph, halve_graph
from export.graphs.int8.quantize import Quantizer
from export.parity.measure import Measurement, measure
from export.reference.workload import Workload, prepare_workload
from export.support.checkpoints import make_checkpoint
from export.support.families import Family

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LONGEST_REASON = 240


@dataclass(frozen=True, slots=True)
class Trial:
    """How a family fared in one task and precision.

    Attributes:
        recipe: how the graph was made.
        reason: why there are no figures: the library's own error.
    """

    family: Family
    task: Task
    precision: Precision
    recipe: str = ""
    measured: Measurement | None = None
    reason: str = ""

    @property
    def fused(self) -> str:
        """The fused nodes, counted; `nothing` where the graph stayed as it was exported."""
        head, _, nodes = self.recipe.split(";")[0].partition(": ")
        return nodes if head == "fused" else "nothing"

    @property
    def int8_layers(self) -> str:
        """The number of linear layers with int8 weights, if any."""
        counted = re.search(r"(\d+) linear layers", self.recipe)
        return counted[1] if counted else ""


def try_family(family: Family, task: Task) -> list[Trial]:
    """Export a tiny random checkpoint and measure its graphs; what fails is named, never raised."""
    with TemporaryDirectory(prefix="classmark-support-") as scratch:
        folder = Path(scratch)
        try:
            checkpoint = load_checkpoint(make_checkpoint(family, task, folder / family.name))
            workload = prepare_workload(checkpoint, [])
            source = export_graph(checkpoint, folder, None)
        except Exception as exc:  # whatever a library raises is this table's answer
            reason = _reason(exc, folder)
            return [Trial(family, task, precision, reason=reason) for precision in PRECISIONS]
        makers = _makers(checkpoint, source, folder)
        return [
            _try_precision(Trial(family, task, precision), make, checkpoint, workload, folder)
            for precision, make in makers.items()
        ]


def _makers(
    checkpoint: Checkpoint, source: Path, folder: Path
) -> dict[Precision, Callable[[], Graph]]:
    """Return how each precision is made, each on its own: one that fails takes no other along."""
    fuse = partial(fuse_graph, checkpoint, source, folder / "fp32.onnx")
    return {
        "fp32": fuse,
        "fp16": lambda: halve_graph(fuse(), folder / "fp16.onnx"),
        "int8": lambda: Quantizer.prepare(checkpoint, source, folder).quantize(),
    }


def _try_precision(
    blank: Trial,
    make: Callable[[], Graph],
    checkpoint: Checkpoint,
    workload: Workload,
    folder: Path,
) -> Trial:
    try:
        graph = make()
        measured = measure(checkpoint, graph, workload)
    except Exception as exc:  # as above
        return replace(blank, reason=_reason(exc, folder))
    return replace(blank, recipe=graph.recipe, measured=measured)


def _reason(exc: BaseException, folder: Path) -> str:
    """Return the first line of the error that started it, without the scratch folder's name."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    return " ".join(lines[0].replace(f"{folder}/", "").split())[:LONGEST_REASON]
