"""Texts that calibrate a graph, apart from those it is measured on."""

from collections.abc import Sequence

from app.engine.tokenization import Encoding
from export.workload import Workload, spread

CALIBRATION_TEXTS = 64
# Of so many texts enough are left to measure on.
PLENTY = 4 * CALIBRATION_TEXTS


def split_workload(workload: Workload) -> tuple[list[Encoding], Workload]:
    """Return what to calibrate on, spread over the lengths, and the rest to measure on.

    Golden cases are always measured. With few texts all are measured, those too that calibrate.
    """
    golden = set(workload.golden)
    free = [position for position in workload.by_length if position not in golden]
    chosen = spread(free, CALIBRATION_TEXTS)
    calibration = [workload.encodings[i] for i in chosen]
    if len(workload.inputs) < PLENTY:
        return calibration, workload
    return calibration, _without(workload, chosen)


def _without(workload: Workload, positions: Sequence[int]) -> Workload:
    left_out = set(positions)
    kept = [i for i in range(len(workload.inputs)) if i not in left_out]
    place = {position: index for index, position in enumerate(kept)}
    return Workload(
        inputs=tuple(workload.inputs[i] for i in kept),
        examples=tuple(workload.examples[i] for i in kept if i < len(workload.examples)),
        encoded=tuple(workload.encoded[i] for i in kept),
        logits=tuple(workload.logits[i] for i in kept),
        golden=tuple(place[i] for i in workload.golden),
    )
